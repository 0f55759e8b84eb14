"""An API over a store in which every kind of thing is: nodes, samples, an incident with messages, a silence."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from alerts.book import Decision
from alerts.engine import StepResult
from alerts.facts import UserRole
from alerts.incident import Incident, IncidentState, Scope, Subject
from alerts.rule import Rule, Severity
from rigwatch.figures import Gpu, Miner
from rigwatch.home import Home
from rigwatch.messages import Sample
from rigwatch.settings import ServerSettings
from store import Store, alerts, housekeeping, open_store, tokens
from store.transaction import Transaction
from tests.fake_clock import START, FakeClock
from tests.rigs import birth, report, rig, will
from web.app import create_app

MINUTE = 60_000


@dataclass(frozen=True, slots=True)
class Api:
    """`admin` and `viewer` log in by their tokens with every request."""

    app: Flask
    store: Store
    clock: FakeClock
    admin: FlaskClient
    viewer: FlaskClient
    token: str


def opened(folder: Path, url: str = "sqlite:///rigwatch.db") -> Iterator[Api]:
    store = open_store(url, Home(folder))
    with store.write() as tx:
        housekeeping.beat(tx, "subscriber", now=START, connected_at=START - 60 * MINUTE)
    fill(store)
    clock = FakeClock()
    app = create_app(ServerSettings(), store, clock=clock, home=Home(folder))
    made = {role: new_token(store, role) for role in UserRole}
    yield Api(
        app, store, clock, client(app, made[UserRole.ADMIN]), client(app, made[UserRole.VIEWER]), made[UserRole.ADMIN]
    )
    store.close()


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Api]:
    yield from opened(tmp_path)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """One for all tests of a module that change nothing."""
    yield from opened(tmp_path_factory.mktemp("shared"))


def new_token(store: Store, role: UserRole) -> str:
    token = tokens.make()
    hashed = tokens.hash_of(token)
    with store.write() as tx:
        tokens.add(tx, role.value, role, hashed, now=START, expires_at=None)
    return token


def client(app: Flask, token: str) -> FlaskClient:
    made = app.test_client()
    made.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {token}"
    return made


def fill(store: Store) -> None:
    """rig1 (10 samples, a minute apart, two cards) and rig2 report; rig3 of another site is lost."""
    rigs = [rig("rig1"), rig("rig2"), rig("rig3", "garage")]
    for each in rigs:
        store.take([each.heard(birth(host="host1"), START - 20 * MINUTE)])
        samples = [_sample(START - back * MINUTE) for back in range(10, 0, -1)]
        store.take([each.heard(report(*samples, sent_at=START - 1), START - 1)])
    store.take([rigs[2].heard(will(), START)])
    with store.write() as tx:
        _begin(tx)


def incident(number: int, since: int = START) -> Incident:
    return Incident(
        number,
        Rule.LOST,
        Subject(Scope.NODE, "garage", "rig3"),
        IncidentState.FIRING,
        since,
        severity=Severity.CRITICAL,
        evidence="its connection broke",
        fired_at=since,
    )


def _begin(tx: Transaction) -> None:
    decisions = (
        Decision(1, START, "noticed", "its connection broke"),
        Decision(1, START + 1, "firing", "held for 2 s"),
    )
    alerts.save(tx, StepResult(incidents=(incident(1),), decisions=decisions), 1)


def _sample(at: int) -> Sample:
    cards = tuple(Gpu(f"card{number}", "RTX", hashrate=2.5e6, temperature=61.5) for number in range(2))
    return Sample(
        n=at,
        at=at,
        hashrate=5e6,
        peers=3,
        block=100,
        accepted=7,
        rejected=1,
        last_share_at=at - 1000,
        temperature=61.5,
        power=120.0,
        fan=40.0,
        uptime=3600.0,
        gpus=cards,
        miner=Miner("=cmd", "1.0"),
        pool="@pool",
        errors={"host": "no sensor"},
    )
