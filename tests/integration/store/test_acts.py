"""What people decide, on each database: every act changes something and leaves one line that says who, by which way and
what; one that is refused, or whose other half fails, changes nothing and leaves none."""

import inspect
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from types import ModuleType
from typing import Any, Final, cast
from zoneinfo import ZoneInfo

import pytest

from alerts.engine import StepResult
from alerts.facts import User, UserRole
from alerts.incident import Incident, IncidentState, Scope, Subject
from alerts.rule import Rule
from alerts.silence import SilenceKind
from alerts.silence_request import SilenceRequest, SilenceRequestError
from rigwatch.errors import NotDone, RigwatchError, StoreError
from rigwatch.home import Home
from rigwatch.joining import Joining
from rigwatch.keys import MasterKey
from rigwatch.settings import ServerSettings
from rigwatch.topics import NodeId
from store import Store, acts, alerts, audit
from store.acts import ActError, Actor, Way
from store.audit import AuditEntry, AuditFilter
from store.models import MODELS
from store.transaction import Transaction
from tests.fake_clock import START
from tests.rigs import birth, rig

MODULES: Final = (acts.accounts, acts.channels, acts.incidents, acts.nodes, acts.silences, acts.tokens, acts.users)
NOW: Final = START + 1000
EVE: Final = Actor("eve", Way.CLI)
RIG1, RIG2, NEW, GONE = (NodeId("main", name) for name in ("rig1", "rig2", "new", "gone"))
QUIET: Final = SilenceRequest(SilenceKind.SILENCE, {"site": "garage"}, "2h", "fans")
UTC: Final = ZoneInfo("UTC")


def acts_of(module: ModuleType) -> dict[str, Callable[..., Any]]:
    """Public functions that the module defines, as `nodes.enroll`."""
    short = module.__name__.rpartition(".")[2]
    found = inspect.getmembers(module, inspect.isfunction)
    return {f"{short}.{name}": do for name, do in found if do.__module__ == module.__name__ and name[0] != "_"}


EVERY: Final = {name: do for module in MODULES for name, do in acts_of(module).items()}


@dataclass(frozen=True, slots=True)
class World:
    """rig1 reports and is enrolled, rig2 was retired; an incident, a silence, two admins, a token, an MQTT account."""

    store: Store
    home: Home
    joining: Joining
    accounts: dict[str, str]

    def do(self, name: str, /, *args: object, **kwargs: object) -> object:
        with self.store.write() as tx:
            return EVERY[name](tx, EVE, NOW, *args, **kwargs)

    def incident(self) -> Incident:
        with self.store.read() as tx:
            found = alerts.one(tx, 1)
        assert found
        return found

    def lines(self) -> list[AuditEntry]:
        """Oldest first."""
        with self.store.read() as tx:
            return audit.page(tx, AuditFilter(), 100)[::-1]

    def contents(self) -> Mapping[str, object]:
        """Every row of every table, the registry and the accounts."""
        names = [model._meta.table_name for model in MODELS]
        with self.store.read() as tx:
            rows = {name: sorted(map(str, tx.rows(f"SELECT * FROM {name}"))) for name in names}  # noqa: S608 - our own
        return {**rows, "nodes.json": self.home.nodes_json.read_bytes(), "accounts.toml": dict(self.accounts)}

    def add_account(self) -> str:
        self.accounts["new"] = "secret"
        return "secret"

    def refuse(self) -> str:
        raise RigwatchError("accounts.toml: cannot be written")


@pytest.fixture
def world(store: Store, home: Home) -> World:
    MasterKey.random().save(home.secret_key)
    joining = Joining(home, ServerSettings(), url="mqtt://127.0.0.1:1")
    store.take([rig("rig1").heard(birth(name="Own")), rig("rig2").heard(birth())])
    made = World(store, home, joining, {"old": "hash"})
    incident = Incident(1, Rule.LOST, Subject(Scope.NODE, "main", "rig1"), IncidentState.FIRING, START)
    with store.write() as tx:
        alerts.save(tx, StepResult(incidents=(incident,)), 1)
        acts.silences.add(tx, EVE, START, QUIET, zone=UTC)
        for name in ("ann", "bob"):
            acts.users.add(tx, EVE, START, User(name, UserRole.ADMIN, "hash"))
        acts.tokens.add(tx, EVE, START, "api", role=UserRole.VIEWER, life=None)
        for node in (RIG1, RIG2):
            acts.nodes.enroll(tx, EVE, START, node, joining=joining)
        acts.nodes.retire(tx, EVE, START, RIG2, registry=joining.registry)
    return made


Do = Callable[[World], object]
DAY: Final = timedelta(days=1)
DONE: Final[Mapping[str, tuple[Do, str, str, str]]] = {
    "accounts.add": (
        lambda w: w.do("accounts.add", "new", change=w.add_account, rights="consumer, main"),
        *("account.add", "new", "consumer, main"),
    ),
    "accounts.set_password": (
        lambda w: w.do("accounts.set_password", "old", change=w.add_account),
        *("account.password", "old", ""),
    ),
    "accounts.remove": (
        lambda w: w.do("accounts.remove", "old", change=w.accounts.clear),
        *("account.remove", "old", ""),
    ),
    "channels.test": (
        lambda w: w.do("channels.test", w.add_account),
        *("channel.test", "all channels", ""),
    ),
    "incidents.acknowledge": (
        lambda w: w.do("incidents.acknowledge", w.incident(), why="on my\nway\0"),
        *("incident.acknowledge", "#1", "main/rig1 lost: on my way"),
    ),
    "silences.add": (
        lambda w: w.do("silences.add", QUIET, zone=UTC),
        *("silence.add", "quiet 2", "site=garage for 2 h: fans"),
    ),
    "silences.end": (lambda w: w.do("silences.end", 1), "silence.end", "quiet 1", ""),
    "nodes.enroll": (lambda w: w.do("nodes.enroll", NEW, joining=w.joining), "node.enroll", "main/new", ""),
    "nodes.enroll_all": (
        lambda w: w.do("nodes.enroll_all", [RIG1, NEW, GONE], registry=w.joining.registry),
        *("node.enroll", "2 nodes", "main/new, main/gone"),
    ),
    "nodes.rotate": (
        lambda w: w.do("nodes.rotate", RIG1, registry=w.joining.registry, overlap=DAY),
        *("node.rotate", "main/rig1", "the old key works for 1d"),
    ),
    "nodes.revoke": (
        lambda w: w.do("nodes.revoke", RIG1, registry=w.joining.registry),
        *("node.revoke", "main/rig1", ""),
    ),
    "nodes.rename": (
        lambda w: w.do("nodes.rename", RIG1, name="Loud"),
        *("node.rename", "main/rig1", "from Own to Loud"),
    ),
    "nodes.tag": (lambda w: w.do("nodes.tag", RIG1, tags=["a", "b"]), "node.tag", "main/rig1", "a, b"),
    "nodes.move": (
        lambda w: w.do("nodes.move", RIG1, site="barn", registry=w.joining.registry),
        *("node.move", "main/rig1", "to barn"),
    ),
    "nodes.retire": (
        lambda w: w.do("nodes.retire", RIG1, registry=w.joining.registry),
        *("node.retire", "main/rig1", ""),
    ),
    "nodes.restore": (
        lambda w: w.do("nodes.restore", RIG2, joining=w.joining),
        *("node.restore", "main/rig2", ""),
    ),
    "tokens.add": (
        lambda w: w.do("tokens.add", "new", role=UserRole.ADMIN, life=DAY),
        *("token.add", "new", "admin, until 2025-10-10 08:53 UTC"),
    ),
    "tokens.remove": (lambda w: w.do("tokens.remove", "api"), "token.remove", "api", ""),
    "users.add": (
        lambda w: w.do("users.add", User("new", UserRole.VIEWER, "hash"), remark="from the old server"),
        *("user.add", "new", "viewer, from the old server"),
    ),
    "users.set_password": (
        lambda w: w.do("users.set_password", "ann", password_hash="another"),
        *("user.password", "ann", ""),
    ),
    "users.set_role": (
        lambda w: w.do("users.set_role", "ann", role=UserRole.VIEWER),
        *("user.role", "ann", "viewer"),
    ),
    "users.remove": (lambda w: w.do("users.remove", "ann"), "user.remove", "ann", ""),
}
"""Of each act what is done, and its line: action, subject, detail."""


def test_every_act_is_walked() -> None:
    assert set(DONE) == set(EVERY)
    assert {module.__name__ for module in MODULES} == {
        each.__name__ for name in acts.__all__ if inspect.ismodule(each := getattr(acts, name))
    }


@pytest.mark.parametrize("do", EVERY.values(), ids=EVERY)
def test_an_act_is_done_in_a_transaction_by_somebody_at_a_moment(do: Callable[..., Any]) -> None:
    assert list(inspect.signature(do).parameters)[:3] == ["tx", "actor", "now"]


@pytest.mark.parametrize("name", DONE)
def test_an_act_changes_something_and_leaves_its_line(world: World, name: str) -> None:
    do, action, subject, detail = DONE[name]
    before, known = world.contents(), world.lines()
    do(world)
    (line,) = world.lines()[len(known) :]
    assert (line.at, line.who) == (NOW, "eve (command line)")
    assert (line.action, line.subject, line.detail) == (action, subject, detail)
    after = world.contents()
    assert [each for each in after if after[each] != before[each] and each != "audit"] != []


def broken(world: World) -> World:
    """The registry cannot be read any more, so it cannot be changed."""
    world.home.nodes_json.write_text("{")
    return world


REFUSED: Final[Mapping[str, tuple[str, Do, type[RigwatchError] | None]]] = {
    "an account that cannot be": (
        "accounts.add",
        lambda w: w.do("accounts.add", "Old", change=w.refuse, rights=""),
        RigwatchError,
    ),
    "the password of no account": (
        "accounts.set_password",
        lambda w: w.do("accounts.set_password", "x", change=w.refuse),
        RigwatchError,
    ),
    "no account": ("accounts.remove", lambda w: w.do("accounts.remove", "x", change=w.refuse), RigwatchError),
    "a test beside another": ("channels.test", lambda w: w.do("channels.test", w.refuse), RigwatchError),
    "an incident that is acknowledged": (
        "incidents.acknowledge",
        lambda w: w.do("incidents.acknowledge", w.incident()),
        None,
    ),
    "a silence of nothing": (
        "silences.add",
        lambda w: w.do("silences.add", SilenceRequest(SilenceKind.SILENCE, {}, "2h"), zone=UTC),
        SilenceRequestError,
    ),
    "no silence": ("silences.end", lambda w: w.do("silences.end", 7), NotDone),
    "a list that cannot be read": (
        "nodes.enroll",
        lambda w: w.do("nodes.enroll", NEW, joining=broken(w).joining),
        RigwatchError,
    ),
    "many into a list that cannot be read": (
        "nodes.enroll_all",
        lambda w: w.do("nodes.enroll_all", [NEW], registry=broken(w).joining.registry),
        RigwatchError,
    ),
    "nobody new": (
        "nodes.enroll_all",
        lambda w: w.do("nodes.enroll_all", [RIG1], registry=w.joining.registry),
        None,
    ),
    "the key of a node that has none": (
        "nodes.rotate",
        lambda w: w.do("nodes.rotate", NEW, registry=w.joining.registry, overlap=DAY),
        RigwatchError,
    ),
    "a key of a list that cannot be read": (
        "nodes.revoke",
        lambda w: w.do("nodes.revoke", RIG1, registry=broken(w).joining.registry),
        RigwatchError,
    ),
    "the name of no node": ("nodes.rename", lambda w: w.do("nodes.rename", GONE, name="x"), NotDone),
    "the tags of no node": ("nodes.tag", lambda w: w.do("nodes.tag", GONE, tags=["x"]), NotDone),
    "too many tags": ("nodes.tag", lambda w: w.do("nodes.tag", RIG1, tags=["x"] * 17), ActError),
    "a tag that is too long": ("nodes.tag", lambda w: w.do("nodes.tag", RIG1, tags=["x" * 41]), ActError),
    "a move to where it is": (
        "nodes.move",
        lambda w: w.do("nodes.move", RIG1, site="main", registry=w.joining.registry),
        ActError,
    ),
    "a move that the list cannot hold": (
        "nodes.move",
        lambda w: w.do("nodes.move", RIG1, site="barn", registry=broken(w).joining.registry),
        RigwatchError,
    ),
    "a node that is retired": (
        "nodes.retire",
        lambda w: w.do("nodes.retire", RIG2, registry=w.joining.registry),
        NotDone,
    ),
    "a node whose key cannot be taken": (
        "nodes.retire",
        lambda w: w.do("nodes.retire", RIG1, registry=broken(w).joining.registry),
        RigwatchError,
    ),
    "a node that is there": ("nodes.restore", lambda w: w.do("nodes.restore", RIG1, joining=w.joining), NotDone),
    "a node that gets no key": (
        "nodes.restore",
        lambda w: w.do("nodes.restore", RIG2, joining=broken(w).joining),
        RigwatchError,
    ),
    "a token's name that is taken": (
        "tokens.add",
        lambda w: w.do("tokens.add", "api", role=UserRole.ADMIN, life=None),
        NotDone,
    ),
    "a token without a name": (
        "tokens.add",
        lambda w: w.do("tokens.add", "", role=UserRole.ADMIN, life=None),
        ActError,
    ),
    "no token": ("tokens.remove", lambda w: w.do("tokens.remove", "x"), NotDone),
    "a user's name that is taken": (
        "users.add",
        lambda w: w.do("users.add", User("ann", UserRole.VIEWER, "hash")),
        NotDone,
    ),
    "a user's name with a colon": (
        "users.add",
        lambda w: w.do("users.add", User("a:b", UserRole.VIEWER, "hash")),
        ActError,
    ),
    "the password of no user": (
        "users.set_password",
        lambda w: w.do("users.set_password", "x", password_hash="hash"),
        NotDone,
    ),
    "the role of no user": ("users.set_role", lambda w: w.do("users.set_role", "x", role=UserRole.ADMIN), NotDone),
    "no user": ("users.remove", lambda w: w.do("users.remove", "x"), NotDone),
}
"""Of which act, what is asked for, and what is raised; None: it answers that there was nothing to do."""


def test_of_every_act_something_is_refused() -> None:
    assert {name for name, _, _ in REFUSED.values()} == set(EVERY)


@pytest.mark.parametrize("what", REFUSED)
def test_what_is_refused_changes_nothing_and_leaves_no_line(world: World, what: str) -> None:
    name, do, error = REFUSED[what]
    if name == "incidents.acknowledge":
        DONE[name][0](world)
    before = world.contents()
    if error is None:
        assert not do(world)
    else:
        with pytest.raises(error):
            do(world)
    after = world.contents()
    unreadable = after["nodes.json"] == b"{"
    assert {**after, "nodes.json": b"" if unreadable else after["nodes.json"]} == {
        **before,
        "nodes.json": b"" if unreadable else before["nodes.json"],
    }


def test_the_last_admin_stays_but_at_the_command_line(world: World) -> None:
    world.do("users.remove", "bob")
    before = world.contents()
    with pytest.raises(NotDone, match="is the last admin"), world.store.write() as tx:
        acts.users.remove(tx, Actor("root", Way.PAGE), NOW, "ann")
    assert world.contents() == before
    world.do("users.remove", "ann")


@pytest.mark.parametrize(
    ("actor", "who", "signature"),
    [
        (Actor("ann", Way.PAGE), "ann", "ann"),
        (Actor("token:ci", Way.API), "token:ci (API)", "token:ci"),
        (Actor("ann", Way.CLI), "ann (command line)", "ann"),
        (Actor("ann", Way.TELEGRAM, "user 4, chat 7"), "ann (Telegram)", "ann (Telegram)"),
    ],
    ids=[way.value for way in Way],
)
def test_a_line_says_by_which_way_and_is_found_by_the_name(
    world: World, actor: Actor, who: str, signature: str
) -> None:
    with world.store.write() as tx:
        assert acts.silences.add(tx, actor, NOW, QUIET, zone=UTC).by == signature
    line = world.lines()[-1]
    origin = ", from Telegram: user 4, chat 7" if actor.origin else ""
    assert (line.who, line.detail) == (who, f"site=garage for 2 h: fans{origin}")
    with world.store.read() as tx:
        assert line in audit.page(tx, AuditFilter(who=actor.name), 100)
        assert audit.page(tx, AuditFilter(who=actor.name[:-1]), 100) == []


HALVES: Final = (
    "nodes.enroll", "nodes.enroll_all", "nodes.revoke", "nodes.move", "nodes.retire", "nodes.restore"
)  # fmt: skip
"""Acts on the registry that may be asked for twice."""


class Dying:
    """A store whose database dies at the end of each transaction, before it has it."""

    def __init__(self, store: Store) -> None:
        self._store = store

    @contextmanager
    def write(self) -> Iterator[Transaction]:
        with self._store.write() as tx:
            yield tx
            raise StoreError("the server closed the connection unexpectedly")


@pytest.mark.parametrize("name", HALVES)
def test_an_act_whose_commit_fails_is_completed_by_asking_again(world: World, name: str) -> None:
    before = world.contents()
    dying = replace(world, store=cast("Store", Dying(world.store)))
    with pytest.raises(StoreError, match="closed the connection"):
        DONE[name][0](dying)
    after = world.contents()
    assert {each for each in after if after[each] != before[each]} == {"nodes.json"}
    known = len(world.lines())
    DONE[name][0](world)
    assert len(world.lines()) == known + (name != "nodes.enroll_all")
    with world.store.read() as tx:
        shown = {row[0]: row[1] is None for row in tx.rows("SELECT site || '/' || node, retired_at FROM node")}
    enrolled = {str(each) for each in world.joining.registry.enrolled()}
    expected = {
        "nodes.enroll": ({"main/rig1", "main/new"}, {"main/rig1", "main/new"}),
        "nodes.enroll_all": ({"main/rig1"}, {"main/rig1", "main/new", "main/gone"}),
        "nodes.revoke": ({"main/rig1"}, set()),
        "nodes.move": ({"barn/rig1"}, {"barn/rig1"}),
        "nodes.retire": (set(), set()),
        "nodes.restore": ({"main/rig1", "main/rig2"}, {"main/rig1", "main/rig2"}),
    }
    assert ({each for each, is_shown in shown.items() if is_shown}, enrolled) == expected[name]
