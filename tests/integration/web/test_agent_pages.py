"""What a rig asks of its server before it is a node, and what a stranger gets of it: nothing."""

import hashlib
from collections.abc import Callable, Mapping
from typing import Final

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from rigwatch.codes import LIFE, Invitation, JoinCodes
from rigwatch.home import Home
from rigwatch.keys import MasterKey
from rigwatch.messages import Sample
from rigwatch.registry import Registry
from rigwatch.settings import ServerSettings
from rigwatch.settings.server import WebSettings
from rigwatch.tokens import JoinToken
from rigwatch.topics import NodeId
from store import Store, audit
from tests.fake_clock import FakeClock
from tests.rigs import birth, report, rig
from web.agent.files import NAME, WINDOWS
from web.agent.line import NoLine, Origin, join_lines, origin_asked, origin_of
from web.agent.page import DOWNLOADS
from web.app import create_app

RIG, OTHER = NodeId("main", "rig-7"), NodeId("main", "rig-8")
FILE: Final = f"/agent/{NAME}"
SAFE: Final = "https://rigs.example"


@pytest.fixture(autouse=True)
def _server(home: Home, clock: FakeClock) -> None:
    MasterKey(bytes(range(32))).save(home.secret_key)
    for node in (RIG, OTHER):
        Registry(home.nodes_json).enroll(node, clock.now())


@pytest.fixture
def agent(home: Home) -> bytes:
    content = b"#!/bin/sh\n" + bytes(200_000)
    folder = home.path / "agent"
    folder.mkdir()
    (folder / NAME).write_bytes(content)
    return content


@pytest.fixture
def code(home: Home, clock: FakeClock) -> str:
    return code_of(home, clock)


def code_of(home: Home, clock: FakeClock, node: NodeId = RIG) -> str:
    return JoinCodes(home.join_codes).make(node, 0, clock.now())


def with_code(code: str) -> Mapping[str, str]:
    return {"X-Rigwatch-Code": code}


def join(client: FlaskClient, code: str, *, source: str = "203.0.113.7") -> TestResponse:
    return client.post("/agent/join", base_url=SAFE, headers=with_code(code), environ_overrides={"REMOTE_ADDR": source})


def test_a_right_code_gives_its_node_s_token_once(stranger: FlaskClient, home: Home, clock: FakeClock) -> None:
    code = code_of(home, clock)
    given = join(stranger, code)
    assert given.status_code == 200
    assert JoinToken.decode(given.text).node == RIG
    assert given.headers["Cache-Control"] == "no-store"
    again = join(stranger, code)
    assert again.status_code == 409
    assert "rw2." not in again.text


def test_the_code_of_another_node_gives_the_token_of_that_one_alone(
    stranger: FlaskClient, home: Home, clock: FakeClock
) -> None:
    code_of(home, clock)
    given = JoinToken.decode(join(stranger, code_of(home, clock, OTHER)).text)
    assert given.node == OTHER
    assert given.key == MasterKey(bytes(range(32))).node_key(OTHER)


@pytest.mark.parametrize("wrong", ["", "wrong-code", "x" * 5000, "aaaaa-aaaaa-aaaaa-aaaaa"])
@pytest.mark.usefixtures("agent")
def test_a_wrong_code_gives_nothing(stranger: FlaskClient, code: str, wrong: str) -> None:
    assert join(stranger, wrong).status_code == 403
    for path in (FILE, "/agent/reported"):
        answer = stranger.get(path, base_url=SAFE, headers=with_code(wrong))
        assert answer.status_code == 403
        assert b"\0" not in answer.data
    # And has changed nothing.
    assert join(stranger, code).status_code == 200


def test_a_code_is_over_after_an_hour(stranger: FlaskClient, home: Home, clock: FakeClock) -> None:
    code = code_of(home, clock)
    clock.move(LIFE / 1000)
    assert join(stranger, code).status_code == 403


def test_a_code_dies_with_the_key_that_it_was_for(stranger: FlaskClient, home: Home, clock: FakeClock) -> None:
    code = code_of(home, clock)
    Registry(home.nodes_json).revoke(RIG, clock.now())
    assert join(stranger, code).status_code == 409
    known = Registry(home.nodes_json).get(RIG)
    assert known is not None
    assert known.revoked, "a code must not enrol what was revoked"


def test_a_code_is_not_for_the_next_key_of_its_node(stranger: FlaskClient, home: Home, clock: FakeClock) -> None:
    registry = Registry(home.nodes_json)
    rotated, enrolled_again = code_of(home, clock), code_of(home, clock, OTHER)
    registry.rotate(RIG, previous_until=clock.now() + LIFE)
    registry.revoke(OTHER, clock.now())
    registry.enroll(OTHER, clock.now())
    before = home.join_codes.read_bytes()
    for code in (rotated, enrolled_again):
        answer = join(stranger, code)
        assert answer.status_code == 409
        assert "rw2." not in answer.text
    assert home.join_codes.read_bytes() == before


def test_a_code_does_not_bring_back_a_node_that_is_revoked_in_that_moment(
    stranger: FlaskClient, home: Home, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    code, registry, spend = code_of(home, clock), Registry(home.nodes_json), JoinCodes.spend

    def overtaken(codes: JoinCodes, code: str, now: int, is_good: Callable[[Invitation], bool]) -> Invitation | None:
        found = spend(codes, code, now, is_good)
        registry.revoke(RIG, clock.now())
        return found

    monkeypatch.setattr(JoinCodes, "spend", overtaken)
    given = JoinToken.decode(join(stranger, code).text)
    assert given.key == MasterKey(bytes(range(32))).node_key(RIG, 0)
    known = registry.get(RIG)
    assert known is not None
    assert known.revoked


def test_a_server_that_has_no_token_to_give_spends_no_code(stranger: FlaskClient, home: Home, clock: FakeClock) -> None:
    code, secret = code_of(home, clock), home.secret_key.read_bytes()
    home.secret_key.unlink()
    assert join(stranger, code).status_code == 503
    home.secret_key.write_bytes(secret)
    assert join(stranger, code).status_code == 200


def test_who_guesses_is_not_listened_to_for_a_minute_and_nobody_else_is_kept_waiting(
    stranger: FlaskClient, home: Home, clock: FakeClock
) -> None:
    code = code_of(home, clock)
    answers = [join(stranger, f"guess-{at}").status_code for at in range(12)]
    assert answers == [403] * 10 + [429] * 2
    # Not even with the right one: who guessed learns nothing from there.
    assert join(stranger, code).status_code == 429
    assert join(stranger, code, source="203.0.113.8").status_code == 200


def test_many_addresses_together_cannot_guess_faster(stranger: FlaskClient, home: Home, clock: FakeClock) -> None:
    code = code_of(home, clock)
    for at in range(300):
        join(stranger, "wrong", source=f"203.0.{at // 200}.{at % 200}")
    refused = join(stranger, code, source="198.51.100.1")
    assert (refused.status_code, refused.headers["Retry-After"]) == (429, "60")
    assert "from everywhere" in refused.text


def test_one_address_does_not_use_up_the_guesses_of_all(stranger: FlaskClient, home: Home, clock: FakeClock) -> None:
    code = code_of(home, clock)
    for _ in range(320):
        join(stranger, "wrong")
    assert join(stranger, code, source="203.0.113.8").status_code == 200


@pytest.mark.parametrize(
    ("source", "headers"),
    [("203.0.113.7", {}), ("127.0.0.1", {"X-Forwarded-For": "203.0.113.7"}), ("127.0.0.1", {"Via": "1.1 proxy"})],
)
@pytest.mark.usefixtures("agent")
def test_without_tls_nothing_is_to_be_had(
    stranger: FlaskClient, code: str, source: str, headers: dict[str, str]
) -> None:
    asked = {"headers": {**with_code(code), **headers}, "environ_overrides": {"REMOTE_ADDR": source}}
    for path in ("/agent/install.sh", FILE, "/agent/reported"):
        answer = stranger.get(path, base_url="http://rigs.example", **asked)
        assert answer.status_code == 403
    answer = stranger.post("/agent/join", base_url="http://rigs.example", **asked)
    assert answer.status_code == 403
    assert join(stranger, code).status_code == 200, "the refused request must not have spent it"


def test_a_proxy_that_the_settings_do_not_name_is_not_the_machine_itself(
    store: Store, home: Home, clock: FakeClock, code: str
) -> None:
    for trusted in ((), ("10.0.0.1",)):
        settings = ServerSettings(web=WebSettings(trusted_proxies=trusted))
        client = create_app(settings, store, clock=clock, home=home).test_client()
        for header in ("X-Forwarded-For", "X-Forwarded-Proto", "Forwarded", "X-Real-IP", "Via"):
            answer = client.post("/agent/join", headers={**with_code(code), header: "http"})
            assert answer.status_code == 403
            assert "TLS" in answer.text


def test_on_the_machine_itself_it_needs_no_tls(stranger: FlaskClient, home: Home, clock: FakeClock) -> None:
    given = stranger.post("/agent/join", headers=with_code(code_of(home, clock)))
    assert given.status_code == 200


def test_the_agent_is_handed_to_who_has_a_code_spent_or_not(
    stranger: FlaskClient, home: Home, clock: FakeClock, agent: bytes
) -> None:
    code = code_of(home, clock)
    for _ in range(2):
        given = stranger.get(FILE, base_url=SAFE, headers=with_code(code))
        assert given.data == agent
        given.close()
        join(stranger, code)


def test_an_agent_that_cannot_be_read_is_said_so_and_takes_no_place(
    stranger: FlaskClient, home: Home, clock: FakeClock
) -> None:
    (home.path / "agent" / NAME).mkdir(parents=True)
    headers = with_code(code_of(home, clock))
    for _ in range(DOWNLOADS + 1):
        answer = stranger.get(FILE, base_url=SAFE, headers=headers)
        assert (answer.status_code, answer.mimetype) == (503, "text/plain")
        assert "its log says why" in answer.text


def test_only_so_many_fetch_it_at_once(stranger: FlaskClient, home: Home, clock: FakeClock, agent: bytes) -> None:
    assert agent
    headers = with_code(code_of(home, clock))
    under_way = [stranger.get(FILE, base_url=SAFE, headers=headers, buffered=False) for _ in range(3)]
    refused = stranger.get(FILE, base_url=SAFE, headers=headers)
    assert (refused.status_code, refused.headers["Retry-After"]) == (503, "3")
    for each in under_way:
        each.close()
    given = stranger.get(FILE, base_url=SAFE, headers=headers)
    assert given.status_code == 200
    given.close()


def test_no_report_yet_is_said_so(stranger: FlaskClient, home: Home, clock: FakeClock) -> None:
    code = code_of(home, clock)
    join(stranger, code)
    assert stranger.get("/agent/reported", base_url=SAFE, headers=with_code(code)).status_code == 202


def test_a_joining_is_in_the_audit_list_without_its_code(
    stranger: FlaskClient, home: Home, clock: FakeClock, store: Store
) -> None:
    code = code_of(home, clock)
    join(stranger, code)
    with store.read() as tx:
        (line,) = audit.page(tx, audit.AuditFilter(), 10)
    assert (line.who, line.action, line.subject) == ("203.0.113.7 (one-time code)", "node.join", "main/rig-7")
    assert code not in line.detail


def test_the_line_carries_pin_hash_and_code(home: Home, clock: FakeClock, agent: bytes, stranger: FlaskClient) -> None:
    line = join_lines(home, RIG, Origin("https://10.0.0.5:8081/", "sha256//abc="), clock.now()).linux
    begins = "curl -fsS -k --pinnedpubkey sha256//abc= https://10.0.0.5:8081/agent/install.sh | sh -s -- "
    assert line.startswith(begins)
    url, pin, sha256, code = line.removeprefix(begins).split(" ")
    assert (url, pin) == ("https://10.0.0.5:8081/agent", "sha256//abc=")
    assert sha256 == hashlib.sha256(agent).hexdigest()
    assert JoinToken.decode(join(stranger, code).text).node == RIG


def test_the_line_for_windows_carries_the_same_code_and_the_hash_of_its_own_file(
    home: Home, clock: FakeClock, agent: bytes, stranger: FlaskClient
) -> None:
    assert agent
    (home.path / "agent" / WINDOWS).write_bytes(b"zip")
    lines = join_lines(home, RIG, Origin("https://10.0.0.5:8081/", "sha256//abc="), clock.now())
    code, sha256 = lines.linux.rpartition(" ")[2], hashlib.sha256(b"zip").hexdigest()
    assert lines.windows == (
        "& ([scriptblock]::Create((curl.exe -fsS -k --pinnedpubkey sha256//abc= 'https://10.0.0.5:8081/agent/install.ps1'"
        f" | Out-String))) 'https://10.0.0.5:8081/agent' 'sha256//abc=' '{sha256}' '{code}'"
    )
    with stranger.get(f"/agent/{WINDOWS}", base_url=SAFE, headers=with_code(code)) as fetched:
        assert (fetched.status_code, fetched.data) == (200, b"zip")
    assert stranger.get(f"/agent/{WINDOWS}", base_url=SAFE, headers=with_code("x")).status_code == 403
    with stranger.get("/agent/install.ps1", base_url=SAFE) as script:
        assert script.data.startswith(b"# Makes this machine a node")


def test_there_is_no_line_where_rigs_cannot_come_over_tls(home: Home, clock: FakeClock) -> None:
    for web in (WebSettings(), WebSettings(host="0.0.0.0", tls="off")):
        with pytest.raises(NoLine, match="over TLS"):
            origin_of(home, ServerSettings(web=web), clock.now())


def test_there_is_no_line_for_a_revoked_node(home: Home, clock: FakeClock, agent: bytes) -> None:
    assert agent
    Registry(home.nodes_json).revoke(RIG, clock.now())
    with pytest.raises(NoLine, match="not enrolled"):
        join_lines(home, RIG, Origin("https://x", ""), clock.now())


def test_there_is_no_line_without_an_agent(home: Home, clock: FakeClock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("web.agent.files.BUILT", home.path / "not-built")
    with pytest.raises(NoLine, match="no agent to hand out"):
        join_lines(home, RIG, Origin("https://x", ""), clock.now())


def test_behind_a_proxy_with_a_certificate_of_its_own_the_line_trusts_that(home: Home, clock: FakeClock) -> None:
    settings = ServerSettings(web=WebSettings(trusted_proxies=("127.0.0.1",)))
    origin = origin_asked(home, settings, clock.now(), url="https://rigs.example/mine/")
    assert origin == Origin("https://rigs.example/mine/", "")


def test_a_broken_file_of_codes_gives_nothing_and_breaks_nothing(app: Flask, home: Home) -> None:
    home.join_codes.write_text("{")
    assert join(app.test_client(), "x").status_code == 403


def group_of(home: Home, clock: FakeClock, *, rigs: int = 2, site: str = "barn", prefix: str = "") -> str:
    return JoinCodes(home.join_codes).make_group(site, prefix, rigs=rigs, life=LIFE, now=clock.now())


def join_as(client: FlaskClient, code: str, host: str, machine: str = "") -> TestResponse:
    """A machine of this host name, which is known by its own digits."""
    known = hashlib.sha256((machine or host).encode()).hexdigest()
    headers = {**with_code(code), "X-Rigwatch-Host": host, "X-Rigwatch-Machine": known}
    return client.post("/agent/join", base_url=SAFE, headers=headers)


def node_of(answer: TestResponse) -> NodeId:
    assert answer.status_code == 200, answer.text
    return JoinToken.decode(answer.text).node


def test_a_groups_code_makes_a_node_of_each_rig_named_by_its_host(
    stranger: FlaskClient, home: Home, clock: FakeClock, store: Store
) -> None:
    code = group_of(home, clock, prefix="gpu-")
    token = JoinToken.decode(join_as(stranger, code, "Shed 3.example.org").text)
    assert token.node == NodeId("barn", "gpu-shed-3")
    assert token.key == MasterKey(bytes(range(32))).node_key(token.node)
    assert Registry(home.nodes_json).lets_in(token.node)
    with store.read() as tx:
        (line,) = audit.page(tx, audit.AuditFilter(), 1)
    assert (line.action, line.subject, line.who) == ("node.enroll", "barn/gpu-shed-3", "127.0.0.1 (one-time code)")


def test_two_rigs_with_one_host_name_are_two_nodes(stranger: FlaskClient, home: Home, clock: FakeClock) -> None:
    code = group_of(home, clock, rigs=3)
    found = [node_of(join_as(stranger, code, "rig", machine)) for machine in ("one", "two", "one")]
    assert found == [NodeId("barn", "rig"), NodeId("barn", "rig-2"), NodeId("barn", "rig")]


@pytest.mark.parametrize("state", ["enrolled", "revoked", "known"])
def test_nobody_becomes_a_node_that_was_there_before_by_its_name(  # noqa: PLR0917 - fixtures
    stranger: FlaskClient, home: Home, clock: FakeClock, store: Store, state: str
) -> None:
    registry = Registry(home.nodes_json)
    if state == "known":
        # Nobody enrolled it, and the store has its past.
        store.take([rig("rig-9").heard(birth(), clock.now())])
    else:
        registry.enroll(NodeId("main", "rig-9"), clock.now())
    if state == "revoked":
        registry.revoke(NodeId("main", "rig-9"), clock.now())
    before = registry.get(NodeId("main", "rig-9"))
    assert node_of(join_as(stranger, group_of(home, clock, site="main"), "rig-9")) == NodeId("main", "rig-9-2")
    assert registry.get(NodeId("main", "rig-9")) == before


def test_a_groups_code_lets_in_no_more_than_it_is_for_and_none_after_its_time(
    stranger: FlaskClient, home: Home, clock: FakeClock
) -> None:
    code = group_of(home, clock, rigs=1)
    assert join_as(stranger, code, "a").status_code == 200
    refused = join_as(stranger, code, "b")
    assert refused.status_code == 409
    assert "rw2." not in refused.text
    assert NodeId("barn", "b") not in Registry(home.nodes_json).nodes()
    clock.move(LIFE / 1000)
    assert join_as(stranger, code, "a").status_code == 403


def test_a_groups_code_that_was_ended_is_as_wrong_as_any(stranger: FlaskClient, home: Home, clock: FakeClock) -> None:
    code, codes = group_of(home, clock), JoinCodes(home.join_codes)
    (name,) = codes.groups(clock.now())
    assert codes.end(name, clock.now())
    assert join_as(stranger, code, "a").status_code == 403


def test_a_rig_that_was_revoked_does_not_come_back_by_the_groups_code(
    stranger: FlaskClient, home: Home, clock: FakeClock
) -> None:
    code = group_of(home, clock)
    node = node_of(join_as(stranger, code, "a"))
    Registry(home.nodes_json).revoke(node, clock.now())
    refused = join_as(stranger, code, "a")
    assert refused.status_code == 409
    assert "rw2." not in refused.text
    assert not Registry(home.nodes_json).lets_in(node)


@pytest.mark.parametrize("machine", ["", "x" * 64, "A" * 64, "0" * 63])
def test_a_rig_that_does_not_say_which_machine_it_is_is_not_let_in_by_a_groups_code(
    stranger: FlaskClient, home: Home, clock: FakeClock, machine: str
) -> None:
    headers = {**with_code(group_of(home, clock)), "X-Rigwatch-Host": "a", "X-Rigwatch-Machine": machine}
    assert stranger.post("/agent/join", base_url=SAFE, headers=headers).status_code == 400
    assert NodeId("barn", "a") not in Registry(home.nodes_json).nodes()


@pytest.mark.parametrize("host", ["", "...", "rig\x01", "ü", "x" * 300, "../../etc", "-", "a" * 64])
def test_whatever_a_rig_is_called_its_node_has_a_proper_name(
    stranger: FlaskClient, home: Home, clock: FakeClock, host: str
) -> None:
    code = group_of(home, clock, prefix="gpu-" if len(host) < 60 else "")
    headers = {
        **with_code(code),
        "X-Rigwatch-Host": host.encode("utf-8").decode("latin-1"),
        "X-Rigwatch-Machine": "0" * 64,
    }
    node_of(stranger.post("/agent/join", base_url=SAFE, headers=headers))


def test_each_rig_of_a_group_hears_of_its_own_first_report_alone(
    stranger: FlaskClient, home: Home, clock: FakeClock, store: Store
) -> None:
    code = group_of(home, clock, site="main")
    for host in ("a", "b"):
        join_as(stranger, code, host)
    clock.move(1)
    now = clock.now()
    store.take([rig("a").heard(birth(), now), rig("a").heard(report(Sample(n=now, at=now), sent_at=now), now)])
    answers = []
    for host in ("a", "b", "c"):
        headers = {**with_code(code), "X-Rigwatch-Machine": hashlib.sha256(host.encode()).hexdigest()}
        answers.append(stranger.get("/agent/reported", base_url=SAFE, headers=headers).status_code)
    assert answers == [200, 202, 202]
