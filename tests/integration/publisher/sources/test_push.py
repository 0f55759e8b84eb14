"""Figures that others bring: by the command's own client, by HTTP as curl sends it, and by InfluxDB's writers."""

import gzip
import http.client
import os
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from publisher.sources.push import PushSettings, PushSource, pushed, send, written
from publisher.sources.reading import Reading, SourceError
from publisher.sources.source import Context
from rigwatch.figures import Gpu
from rigwatch.settings.loader import Secret
from rigwatch.topics import NodeId
from tests.fake_clock import FakeClock
from tests.ports import free_port

# As NerdQAxe+ writes of itself, by its field names.
NERDQAXE = b"mainnet_stats,hostname=nerd temperature=54.75,hashing_speed=4756.291,shares_accepted=348i,pwr=78.2 17000\n"


def _source(clock: FakeClock, **settings: Any) -> tuple[PushSource, PushSettings]:  # noqa: ANN401 - as TOML has them
    made = PushSettings(**{"listen": f"127.0.0.1:{free_port()}", **settings})
    source = PushSource(made, Context(NodeId("main", "rig07"), clock))
    with pytest.raises(SourceError, match="nothing was pushed for 180 s"):
        source.read()
    return source, made


def _post(settings: PushSettings, path: str, body: bytes, **headers: str) -> tuple[int, bytes]:
    with closing(http.client.HTTPConnection(settings.listen, timeout=10)) as connection:
        connection.request("POST", path, body=body, headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.read()


def test_what_is_pushed_is_read_until_it_is_too_old() -> None:
    clock = FakeClock()
    source, settings = _source(clock)
    assert send(settings, "POST", "/push", b'{"hashrate":"61.2MH","temperature":"140 F","accepted":7}') == (204, b"")
    clock.move(100)
    assert send(settings, "POST", "/", b'{"power":"1.2kW"}')[0] == 204
    assert source.read() == Reading(hashrate=61.2e6, temperature=60.0, accepted=7, power=1200.0)
    clock.move(100)
    assert source.read() == Reading(power=1200.0), "each figure grows old by itself"
    clock.move(100)
    with pytest.raises(SourceError, match="nothing was pushed"):
        source.read()


def test_another_process_asks_the_publisher_what_it_was_brought() -> None:
    clock = FakeClock()
    source, settings = _source(clock)
    send(settings, "POST", "/push", b'{"hashrate": 5, "gpus": [{"id": "0000:01:00.0", "power": 120}]}')
    beside = PushSource(settings, Context(NodeId("main", "rig07"), clock))
    assert beside.read() == source.read() == Reading(hashrate=5.0, gpus=(Gpu("0000:01:00.0", power=120.0),))


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b'{"hashrat": 5}', "there is no figure 'hashrat'; known: accepted"),
        (b'{"hashrate": "61 parsecs"}', "hashrate: '61 parsecs' is no amount of it; write a number"),
        (b'{"power": -5}', "power"),
        (b'{"temperature": 511}', "temperature: 511 cannot be"),
        (b"[]", "should be one JSON object"),
        (b"hello", "the answer is not JSON"),
    ],
)
def test_what_is_none_is_refused_in_words(body: bytes, text: str) -> None:
    _, settings = _source(FakeClock())
    status, said = send(settings, "POST", "/push", body)
    assert status == 400
    assert text in said.decode()


def test_influx_writers_are_told_what_they_ask_and_their_fields_are_read() -> None:
    figures = {
        "hashrate": "mainnet_stats.hashing_speed GH/s",
        "temperature": "mainnet_stats.temperature",
        "accepted": "mainnet_stats.shares_accepted",
        "power": "mainnet_stats.pwr W",
    }
    source, settings = _source(FakeClock(), figures=figures)
    assert send(settings, "GET", "/ping", b"")[0] == 204
    assert b'"status": "pass"' in send(settings, "GET", "/health", b"")[1]
    assert b'"results"' in send(settings, "POST", "/query?q=CREATE%20DATABASE%20x", b"")[1]
    assert _post(settings, "/write?db=x", NERDQAXE)[0] == 204
    assert source.read() == Reading(hashrate=4756.291e9, temperature=54.75, accepted=348, power=78.2)
    assert (
        _post(settings, "/api/v2/write?org=a&bucket=b", gzip.compress(NERDQAXE), **{"Content-Encoding": "gzip"})[0]
        == 204
    )
    assert _post(settings, "/write", b"nothing like it")[0] == 400


def test_fields_that_are_called_as_figures_need_no_chart() -> None:
    line = b'miner,host=a\\ b hashrate=61.5e6,accepted=7i,pool="pool.example:3333",syncing=false\n# a comment\n'
    assert written(line, {}) == Reading(hashrate=61.5e6, accepted=7, pool="pool.example:3333", syncing=False)


def test_with_a_token_only_who_has_it_may_push_or_read() -> None:
    source, settings = _source(FakeClock(), token=Secret("sesame"))
    assert _post(settings, "/push", b'{"hashrate":5}')[0] == 401
    for kind in ("Bearer sesame", "Token sesame", "Basic OnNlc2FtZQ=="):
        assert _post(settings, "/push", b'{"hashrate":5}', Authorization=kind)[0] == 204
    assert _post(settings, "/push", b'{"hashrate":5}', Authorization="Basic !!")[0] == 401
    assert source.read().hashrate == 5


def test_a_body_without_end_is_refused() -> None:
    _, settings = _source(FakeClock())
    with closing(http.client.HTTPConnection(settings.listen, timeout=10)) as connection:
        connection.putrequest("POST", "/push")
        connection.putheader("Content-Length", str(10**9))
        connection.endheaders()
        with connection.getresponse() as answer:
            assert answer.status == 413


@pytest.mark.skipif(os.name != "posix", reason="Unix sockets")
def test_a_unix_socket_will_do_and_that_of_a_dead_process_is_taken_over(tmp_path: Path) -> None:
    path = tmp_path / "push.sock"
    for _ in range(2):
        source, settings = _source(FakeClock(), listen=f"unix:{path}")
        send(settings, "POST", "/push", b'{"hashrate":5}')
        assert source.read().hashrate == 5
        server = source._server
        assert server is not None
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize(
    ("listen", "text"),
    [("0.0.0.0:8095", "token should be set where other machines may push"), ("8095", "listen should look like")],
)
def test_a_place_to_listen_that_cannot_be_is_refused_in_words(listen: str, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        PushSettings(listen=listen)


def test_nobody_who_listens_is_an_error_that_says_what_is_missing() -> None:
    settings = PushSettings(listen=f"127.0.0.1:{free_port()}")
    with pytest.raises(SourceError, match="is the publisher running, with a source of kind 'push'"):
        send(settings, "POST", "/push", b"{}")


def test_amounts_may_have_units() -> None:
    assert pushed(b'{"uptime":"90min","fan":"55%","hashrate":"1.5kSol/s"}') == Reading(
        uptime=5400.0, fan=55.0, hashrate=1500.0
    )
