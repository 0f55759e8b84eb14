"""What people decide and is refused, or fails half way, on each database: nothing is changed, and no line is left."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Final, cast

import pytest

from alerts.facts import User, UserRole
from alerts.plugs import PlugFacts
from alerts.silence import SilenceKind
from alerts.silence_request import SilenceRequest, SilenceRequestError
from rigwatch.errors import NotDone, RigwatchError, SettingsError, StoreError
from rigwatch.layers import ServerLayers
from store import Store, housekeeping, login_sessions, silences
from store.acts import ActError
from store.tokens import TokenKind
from store.transaction import Transaction
from tests.integration.store.acting import (
    ANN,
    CAT,
    CATS,
    DAY,
    DONE,
    EVERY,
    GONE,
    HOT,
    MAIL,
    NEW,
    NOTED,
    NOW,
    RIG1,
    RIG2,
    UTC,
    Do,
    World,
    session,
)


def broken(world: World) -> World:
    """The registry cannot be read any more, so it cannot be changed."""
    world.home.nodes_json.write_text("{")
    return world


def filed(world: World, toml: str) -> ServerLayers:
    """With this in server.toml."""
    world.home.server_toml.write_text(toml, "utf-8")
    return world.layers


REFUSED: Final[Mapping[str, tuple[str, Do, type[RigwatchError] | None]]] = {
    "a code for nobody": (
        "codes.make",
        lambda w: w.do("codes.make", codes=w.codes, site="main", prefix="", rigs=0, life=DAY),
        ActError,
    ),
    "a code for ever": (
        "codes.make",
        lambda w: w.do("codes.make", codes=w.codes, site="main", prefix="", rigs=1, life=DAY * 8),
        ActError,
    ),
    "a code for names that cannot be": (
        "codes.make",
        lambda w: w.do("codes.make", codes=w.codes, site="main", prefix="Gpu ", rigs=1, life=DAY),
        ActError,
    ),
    "the end of no code": ("codes.end", lambda w: w.do("codes.end", "00000000", codes=w.codes), NotDone),
    "a rig while the registry cannot be read": ("codes.admit", lambda w: broken(w).admit(), RigwatchError),
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
    "a device whose name is taken": (
        "devices.add",
        lambda w: w.do("devices.add", PlugFacts("plug1", "tasmota", "tele/x"), change=w.refuse),
        NotDone,
    ),
    "a device for no node": (
        "devices.add",
        lambda w: w.do("devices.add", PlugFacts("plug2", "tasmota", "tele/x", nodes=(NEW,)), change=w.refuse),
        NotDone,
    ),
    "a device whose account cannot be made": (
        "devices.add",
        lambda w: w.do("devices.add", PlugFacts("plug2", "tasmota", "tele/x"), change=w.refuse),
        RigwatchError,
    ),
    "nodes for no device": ("devices.hang", lambda w: w.do("devices.hang", "plug9", nodes=(RIG1,)), NotDone),
    "no node for a device": ("devices.hang", lambda w: w.do("devices.hang", "plug1", nodes=(NEW,)), NotDone),
    "no device": ("devices.remove", lambda w: w.do("devices.remove", "plug9", change=w.refuse), NotDone),
    "a test beside another": ("channels.test", lambda w: w.do("channels.test", w.refuse, channel=""), RigwatchError),
    "a channel whose name is taken": (
        "channels.add",
        lambda w: w.do("channels.add", "phone", values={"url": MAIL}, layers=w.layers),
        NotDone,
    ),
    "a channel that no page could show": (
        "channels.add",
        lambda w: w.do("channels.add", "telegram:7", values={"url": MAIL}, layers=w.layers),
        ActError,
    ),
    "a channel with what is no address": (
        "channels.add",
        lambda w: w.do("channels.add", "mail", values={"url": "nonsense"}, layers=w.layers),
        SettingsError,
    ),
    "a channel of the file": (
        "channels.edit",
        lambda w: w.do(
            "channels.edit", "phone", values={"url": MAIL}, layers=filed(w, "[alerts.channel.phone]\nurl='json://h'")
        ),
        SettingsError,
    ),
    "no channel": (
        "channels.edit",
        lambda w: w.do("channels.edit", "x", values={"url": MAIL}, layers=w.layers),
        NotDone,
    ),
    "a channel with nothing new": (
        "channels.edit",
        lambda w: w.do("channels.edit", "phone", values={"url": "ntfy://secret-topic"}, layers=w.layers),
        ActError,
    ),
    "a chat that is listed": (
        "channels.add_chat",
        lambda w: w.do("channels.add_chat", 5, title="Ada", token="", layers=w.layers),
        NotDone,
    ),
    "a chat beside those of the file": (
        "channels.add_chat",
        lambda w: w.do("channels.add_chat", 6, title="", token="", layers=filed(w, "[alerts.telegram]\nchats=[9]")),
        SettingsError,
    ),
    "a token that is none": (
        "channels.edit_bot",
        lambda w: w.do("channels.edit_bot", values={"token": "x"}, layers=w.layers),
        SettingsError,
    ),
    "a channel that is paused already": (
        "channels.pause",
        lambda w: w.do("channels.pause", "calm", layers=w.layers),
        NotDone,
    ),
    "a channel that is not paused": (
        "channels.resume",
        lambda w: w.do("channels.resume", "telegram:5", layers=w.layers),
        NotDone,
    ),
    "a channel that the page has not": (
        "channels.remove",
        lambda w: w.do("channels.remove", "mail", layers=filed(w, "[alerts.channel.mail]\nurl='json://h'")),
        NotDone,
    ),
    "a setting that is wrong": (
        "settings.change",
        lambda w: w.do("settings.change", {HOT: 90, ("alerts", "hot", "hold"): "soon"}, layers=w.layers),
        SettingsError,
    ),
    "colours in no order": (
        "settings.change",
        lambda w: w.do("settings.change", {("web", "colours", "peers_green"): 1}, layers=w.layers),
        SettingsError,
    ),
    "a setting of the file": (
        "settings.change",
        lambda w: w.do("settings.change", {HOT: 90}, layers=filed(w, "[alerts.hot]\nthreshold=85")),
        SettingsError,
    ),
    "a setting that is no page's": (
        "settings.change",
        lambda w: w.do("settings.change", {("broker", "url"): "mqtt://evil"}, layers=w.layers),
        SettingsError,
    ),
    "nothing to change": ("settings.change", lambda w: w.do("settings.change", {HOT: None}, layers=w.layers), ActError),
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
    "a move that cannot be written down": (
        "server.announced",
        lambda w: w.do("server.announced", addresses=("10.0.0.9",), write=w.refuse),
        RigwatchError,
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
    "the sites of no user": (
        "users.set_sites",
        lambda w: w.do("users.set_sites", "x", sites={"main": UserRole.ADMIN}),
        NotDone,
    ),
    "a site that cannot be": (
        "users.set_sites",
        lambda w: w.do("users.set_sites", "ann", sites={"Main Street": UserRole.ADMIN}),
        ActError,
    ),
    "no sites at all": ("users.set_sites", lambda w: w.do("users.set_sites", "ann", sites={}), ActError),
    "a link that could change something": (
        "tokens.add",
        lambda w: w.do("tokens.add", "x", role=UserRole.ADMIN, life=None, kind=TokenKind.LINK),
        ActError,
    ),
    "no user": ("users.remove", lambda w: w.do("users.remove", "x"), NotDone),
    "a second factor beside another": ("totp.begin", lambda w: w.do("totp.begin", "cat", secret="B" * 32), NotDone),
    "a secret that another window has replaced": (
        "totp.confirm",
        lambda w: w.do("totp.confirm", ANN, secret="B" * 32, step=7, made=None),
        NotDone,
    ),
    "a code that was used": (
        "totp.pass_by_code",
        lambda w: w.do("totp.pass_by_code", CAT, step=7, old=login_sessions.hash_of("half"), made=CATS),
        NotDone,
    ),
    "a code for a login that is over": (
        "totp.pass_by_code",
        lambda w: w.do("totp.pass_by_code", CAT, step=8, old=login_sessions.hash_of("x"), made=CATS),
        NotDone,
    ),
    "a recovery code of nobody": (
        "totp.pass_by_recovery",
        lambda w: w.do("totp.pass_by_recovery", CAT, hashed="x", old=login_sessions.hash_of("half"), made=CATS),
        NotDone,
    ),
    "no second factor": ("totp.reset", lambda w: w.do("totp.reset", "ann"), NotDone),
    "the login of a user who has another password by now": (
        "logins.log_in",
        lambda w: w.do("logins.log_in", replace(ANN, password_hash="old"), made=session("new")),
        NotDone,
    ),
    "the end of somebody else's login": (
        "logins.log_out",
        lambda w: w.do("logins.log_out", "bob", session=login_sessions.hash_of("first")),
        NotDone,
    ),
    "the logins of no user": ("logins.log_out_everywhere", lambda w: w.do("logins.log_out_everywhere", "x"), NotDone),
    "a password over another that is newer": (
        "logins.set_own_password",
        lambda w: w.do("logins.set_own_password", replace(ANN, password_hash="old"), password_hash="x", made=None),
        NotDone,
    ),
}
"""Of which act, what is asked for, and what is raised; None: it answers that there was nothing to do."""


def test_of_every_act_something_is_refused() -> None:
    assert {name for name, _, _ in REFUSED.values()} == set(EVERY) - NOTED


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


HALVES: Final = (
    "nodes.enroll", "nodes.enroll_all", "nodes.revoke", "nodes.move", "nodes.retire", "nodes.restore"
)  # fmt: skip
"""Acts on the registry that may be asked for twice."""


@pytest.mark.parametrize("name", ["nodes.enroll", "nodes.enroll_all"])
def test_who_cannot_be_noted_as_enrolled_is_not_let_in(
    world: World, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    def full(*_args: object) -> None:
        raise StoreError("disk full")

    monkeypatch.setattr(housekeeping, "set_enrolled", full)
    before = world.contents()
    with pytest.raises(StoreError, match="disk full"):
        DONE[name][0](world)
    assert world.contents() == before


class Dying:
    """A store whose database dies at the end of each transaction, before it has it."""

    def __init__(self, store: Store) -> None:
        self._store = store

    @contextmanager
    def write(self) -> Iterator[Transaction]:
        with self._store.write() as tx:
            yield tx
            raise StoreError("the server closed the connection unexpectedly")


def test_a_silence_that_somebody_else_ends_meanwhile_is_ended_once(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    with world.store.read() as tx:
        seen = silences.running(tx, NOW)
    world.do("silences.end", seen[0].id)
    before = world.contents()
    monkeypatch.setattr(silences, "running", lambda _tx, _now: seen)
    with pytest.raises(NotDone, match="none that is not over"):
        world.do("silences.end", seen[0].id)
    assert world.contents() == before


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
