"""Figures at the bounds of the protocol, and texts of any kind: every page, list and answer stands them."""

import csv
import io
import re
from collections.abc import Iterator

import msgspec
import pytest
from flask import Flask

from alerts.book import Decision
from alerts.engine import StepResult
from alerts.facts import User, UserRole
from alerts.incident import Incident, IncidentState, Subject
from alerts.incident import Scope as About
from alerts.rule import Rule, Severity
from rigwatch.figures import AlgorithmFigures, Board, Fan, Gpu, Miner
from rigwatch.home import Home
from rigwatch.keys import MasterKey
from rigwatch.messages import Report, Sample, Status
from rigwatch.registry import Registry
from rigwatch.settings import DatabaseSettings, ServerSettings, WebSettings
from rigwatch.settings.loader import Secret
from store import alerts, housekeeping, nodes, open_store, reader, users
from store.transaction import Transaction
from tests.fake_clock import START, FakeClock
from tests.integration.web.conftest import HASH, basic
from tests.integration.web.routes import NODE, SITE, every
from tests.rigs import birth, rig, will
from web.app import create_app

MOST, LINE = 2**53, 200
TEXTS = {
    "long": "W" * LINE,
    "emoji": "\N{PICK}" * LINE,
    "control": "a\x1b[31mred\x07\x00\x9b\u202e\u2066x\r\ny\ufeff",
    "formula": "=HYPERLINK(1)",
    "markup": "<script>alert('1')</script>&amp;\"'",
    "surrogate": "\U0010ffff\u00ad\u0300\u0300",
}


def largest(text: str) -> Sample:
    card = Gpu(text, text, 1e24, 1000, 1000, 1e7, 1000, 1000)
    return Sample(
        n=START, at=START, hashrate=1e24, peers=MOST, block=MOST, block_hash=text, syncing=True, accepted=MOST,
        rejected=MOST, stale=MOST, last_share_at=MOST, temperature=1000, power=1e7, fan=1000, cpu=1000,
        gpus=tuple(msgspec.structs.replace(card, id=f"{number}{text}"[:LINE]) for number in range(64)),
        boards=tuple(Board(f"{at}{text}"[:LINE], True, 1e24, 1000, 1000, MOST, MOST) for at in range(32)),
        fans=tuple(Fan(f"{at}{text}"[:LINE], 1e6) for at in range(32)), invalid=MOST, hardware_errors=MOST,
        algorithm=text,
        algorithms={f"{at}{text}"[:LINE]: AlgorithmFigures(1e24, MOST, MOST, MOST, MOST) for at in range(8)},
        odd={text: text}, miner=Miner(text, text), pool=text, uptime=1e11, pool_latency=1e7,
        errors={f"{each}{text}"[:LINE]: text for each in range(32)},
    )  # fmt: skip


def smallest(**more: object) -> Sample:
    return msgspec.convert(
        {
            "n": 1, "at": 0, "hashrate": 0, "peers": 0, "block": 0, "accepted": 0, "rejected": 0, "stale": 0,
            "last_share_at": 0, "temperature": -100, "power": 0, "fan": 0, "cpu": 0, "gpus": [], "uptime": 0,
            "pool_latency": 0, **more,
        },
        Sample,
    )  # fmt: skip


SMALL = 5e-324
NEVER: Sample = Sample(n=START, at=START)


def said(text: str) -> Status:
    named = msgspec.structs.replace(birth(host=text, name=text), version=text, sources=(text,) * 32, tags=(text,) * 32)
    return msgspec.structs.replace(named, interval=86_400)


@pytest.fixture(params=["sqlite", "postgres"])
def filled(request: pytest.FixtureRequest, home: Home) -> Iterator[Flask]:
    """With a node for each bound, NODE among them, that has all of the largest figures."""
    url = "sqlite:///rigwatch.db" if request.param == "sqlite" else str(request.getfixturevalue("postgres_url"))
    store = open_store(url, home)
    with store.write() as tx:
        users.add(tx, User("root", UserRole.ADMIN, HASH), START)
    with store.write() as tx:
        housekeeping.beat(tx, "subscriber", now=START, connected_at=START - 3_600_000)
    MasterKey.random().save(home.secret_key)
    registry = Registry(home.nodes_json)
    for name, text in {NODE: TEXTS["long"], **TEXTS}.items():
        registry.enroll(rig(name).id, START)
        store.take([rig(name).heard(said(text)), rig(name).heard(Report(1, START, (largest(text),)))])
    for number, tiny in enumerate((smallest(), smallest(hashrate=SMALL, power=SMALL), NEVER)):
        made = rig(f"small{number}")
        report = Report(1, max(tiny.at, 1), (tiny,))
        store.take([made.heard(birth(interval=0.1)), made.heard(report, max(tiny.at, 1)), made.heard(report)])
    # Sent ages later than it was taken, or from a future far away, and by a clock as far off as can be.
    for name, at, sent in (("past", 0, MOST), ("future", MOST, 0), ("both", MOST, MOST)):
        store.take([rig(name).heard(Report(MOST, sent, (Sample(n=MOST, at=at, last_share_at=0),)))])
    store.take([rig("gone").heard(birth()), rig("gone").heard(will())])
    with store.write() as tx:
        housekeeping.set_enrolled(tx, {rig("never").id: START})
    with store.write() as tx:
        fire(tx, TEXTS["control"].replace("\0", ""))
    with store.write() as tx:
        nodes.rename(tx, rig("emoji").id, TEXTS["markup"][:80])
    settings = ServerSettings(
        web=WebSettings(timezone="Pacific/Kiritimati"), database=DatabaseSettings(url=Secret(url))
    )
    app = create_app(settings, store, clock=FakeClock(), home=home)
    # The second database is asked for the same figures, not for the same pages again and again.
    with store.read() as tx:
        app.extensions["bounds"] = [each.id.node for each in reader.nodes(tx)] if request.param == "sqlite" else [NODE]
    yield app
    store.close()


def fire(tx: Transaction, text: str) -> None:
    """Incidents since ever, and to come; of everything, with whatever text."""
    made = [
        Incident(
            number, rule, subject, state, since, severity=Severity.CRITICAL, evidence=text, members=MOST,
            fired_at=since, turned_at=since, reason=text, ended=text,
            resolved_at=MOST if state is IncidentState.RESOLVED else None,
        )
        for number, (rule, subject, state, since) in enumerate(
            (
                (Rule.HOT, Subject(About.NODE, SITE, NODE), IncidentState.FIRING, 0),
                (Rule.LOST, Subject(About.HOST, SITE, text), IncidentState.FLAPPING, MOST),
                (Rule.NO_PEERS, Subject(About.FLEET), IncidentState.CLEARING, MOST),
                (Rule.CHANNEL_REFUSED, Subject(About.SERVER, name=text), IncidentState.FIRING, 1),
                (Rule.COLD, Subject(About.NODE, SITE, "nobody"), IncidentState.RESOLVED, 0),
            ),
            start=1,
        )
    ]  # fmt: skip
    decisions = [Decision(each.id, at, "firing", text) for each in made for at in (0, MOST)]
    alerts.save(tx, StepResult(incidents=tuple(made), decisions=tuple(decisions)), 1)


UNSEEN = re.compile("[\\x00-\\x08\\x0b-\\x1f\\x7f-\\x9f\\u202a-\\u202e\\u2066-\\u2069\\ufeff]")
"""What may reach no person's eyes, be it by a browser or by a terminal."""


def around(text: str) -> str:
    found = UNSEEN.search(text)
    return text[max(0, found.start() - 90) :][:180] if found else ""


QUERIES = (
    "", "range=all", "range=1h", "range=7d", "from=0&to=99999999999", "from=1759990000&to=1760000100",
    "sort=hashrate&dir=asc", "sort=power", "status=lost", "format=csv", "format=jsonl", "points=1", "state=past",
    "theme=light",
)  # fmt: skip


def test_every_page_and_every_answer_stands_them(filled: Flask) -> None:
    client = filled.test_client()
    client.environ_base["HTTP_AUTHORIZATION"] = basic("root")["Authorization"]
    tried = [each for each in every(filled) if each.method == "GET"]
    for each in tried:
        of_a_node = NODE in each.path
        for name in filled.extensions["bounds"] if of_a_node else [NODE]:
            # What there is to ask for is tried of one node, what there is to show of each.
            for query in QUERIES if name == NODE else QUERIES[:1]:
                path = f"{each.path.replace(NODE, name)}?{query}"
                answer = client.get(path)
                assert answer.status_code < 500, f"{path}: {answer.text[:300]}"
                assert not UNSEEN.search(answer.text), f"{path}: {around(answer.text)!r}"
                answer.close()


def test_a_moment_past_the_year_9999_is_the_last_one_there_is(filled: Flask) -> None:
    client = filled.test_client()
    client.environ_base["HTTP_AUTHORIZATION"] = basic("root")["Authorization"]
    page = client.get(f"/node/{SITE}/{NODE}")
    assert page.status_code == 200
    assert "9999-12-3" in page.text
    assert client.get(f"/api/v1/nodes/{SITE}/{NODE}").get_json()["latest"]["last_share_at"].startswith("9999-12-31")


def test_a_fleet_of_the_smallest_figures_is_shown_as_what_it_is(filled: Flask) -> None:
    client = filled.test_client()
    client.environ_base["HTTP_AUTHORIZATION"] = basic("root")["Authorization"]
    assert "0 H/s" in client.get(f"/node/{SITE}/small0").text.replace("<small>", "").replace("</small>", "")
    lines = list(csv.DictReader(io.StringIO(client.get(f"/api/v1/nodes/{SITE}/small2/samples.csv").text)))
    assert lines == [] or all(line["hashrate"] == "" for line in lines)
