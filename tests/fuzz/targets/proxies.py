"""What a proxy, or somebody who pretends to be one, may write of whom it speaks for."""

import ipaddress
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NamedTuple

from flask import request
from hypothesis import strategies as st

from alerts.facts import User, UserRole
from rigwatch.home import Home
from rigwatch.settings import ServerSettings, WebSettings
from store import open_store, users
from tests.fake_clock import START, FakeClock
from tests.fuzz.target import Take, Target
from tests.integration.web.conftest import HASH, basic
from web.app import create_app

TRUSTED, STRANGER = "10.0.0.7", "203.0.113.9"


class Said(NamedTuple):
    """By which neighbour, and its headers."""

    peer: str
    headers: dict[str, str]


_TEXT = st.text(st.characters(codec="latin-1", exclude_characters="\r\n\0"), max_size=60)
_ADDRESS = st.one_of(
    st.ip_addresses().map(str),
    st.ip_addresses(v=4).map("{}:80".format),
    st.ip_addresses(v=6).map("[{}]:80".format),
    st.ip_addresses(v=6).map("[{}".format),
    st.sampled_from([TRUSTED, "unknown", "_hidden", "::ffff:10.0.0.7", "fe80::1%eth0", "1" * 400, "", "10.0.0.7,"]),
    _TEXT,
)
_CHAIN = st.lists(_ADDRESS, max_size=5).map(", ".join)
_HOST = st.one_of(st.sampled_from(["rigs.example", "rigs.example:443", "[::1]:80", "a b", "x@y", "[", ":", "é"]), _TEXT)
_SAID = st.fixed_dictionaries(
    {},
    optional={
        "X-Forwarded-For": _CHAIN,
        "X-Forwarded-Proto": st.one_of(st.sampled_from(["https", "http", "javascript", "https, http"]), _TEXT),
        "X-Forwarded-Host": st.one_of(_HOST, st.lists(_HOST, max_size=3).map(",".join)),
        "X-Forwarded-Port": st.one_of(st.integers().map(str), _TEXT),
        "X-Forwarded-Prefix": st.one_of(st.sampled_from(["/rigs", "//evil.example", "/../", "rigs"]), _TEXT),
        "Forwarded": st.one_of(_TEXT, _CHAIN.map("for={}".format), _CHAIN.map('for="{}";proto=https'.format)),
        "Host": _HOST,
    },
)
_INPUTS = st.builds(Said, st.sampled_from([TRUSTED, STRANGER]), _SAID)


@contextmanager
def _dashboard() -> Iterator[Take]:
    """Whoever it was, is an address; nobody but a proxy changes it; and the page is shown or refused, never broken."""
    with tempfile.TemporaryDirectory() as folder:
        home = Home(Path(folder))
        with closing(open_store("sqlite:///rigwatch.db", home)) as store:
            with store.write() as tx:
                users.add(tx, User("ada", UserRole.VIEWER, HASH), START)
            settings = ServerSettings(web=WebSettings(trusted_proxies=("10.0.0.0/8", "fd00::/8")))
            app = create_app(settings, store, clock=FakeClock(), home=home)
            seen: list[str] = []
            app.before_request_funcs[None].insert(0, lambda: seen.append(request.remote_addr or ""))
            client = app.test_client()

            def take(said: Said) -> None:
                seen.clear()
                headers = {**said.headers, **basic()}
                answer = client.get("/", headers=headers, environ_overrides={"REMOTE_ADDR": said.peer})
                assert answer.status_code < 500, answer.text[:200]
                for address in seen:
                    ipaddress.ip_address(address)
                    assert said.peer == TRUSTED or address == STRANGER
                location = answer.headers.get("Location", "")
                assert "evil.example" not in location + answer.text
                assert "javascript:" not in answer.text

            yield take


TARGETS = (Target("proxy-headers", _INPUTS, _dashboard),)
