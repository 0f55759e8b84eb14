"""The acts of people, and a small world for them: what stands in its tables and files, and each act done once."""

import hashlib
import inspect
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from types import ModuleType
from typing import Any, Final
from zoneinfo import ZoneInfo

from alerts.engine import StepResult
from alerts.facts import User, UserRole
from alerts.incident import Incident, IncidentState, Scope, Subject
from alerts.plugs import PlugFacts
from alerts.rule import Rule
from alerts.silence import SilenceKind
from alerts.silence_request import SilenceRequest
from rigwatch.clock import as_iso
from rigwatch.codes import JoinCodes
from rigwatch.errors import RigwatchError
from rigwatch.home import Home, write_private
from rigwatch.joining import Joining
from rigwatch.keys import MasterKey
from rigwatch.layers import ServerLayers
from rigwatch.settings import ServerSettings
from rigwatch.topics import NodeId
from store import Store, acts, alerts, audit, login_sessions, totp
from store.acts import Actor, Way
from store.audit import AuditEntry, AuditFilter
from store.login_sessions import LoginSession
from store.models import MODELS
from tests.fake_clock import START
from tests.rigs import birth, rig

MODULES: Final = tuple(each for name in acts.__all__ if inspect.ismodule(each := getattr(acts, name)))
NOW: Final = START + 1000
EVE: Final = Actor("eve", Way.CLI)
RIG1, RIG2, NEW, GONE = (NodeId("main", name) for name in ("rig1", "rig2", "new", "gone"))
CAT: Final = User("cat", UserRole.VIEWER, "hash", has_totp=True)
ANN: Final = User("ann", UserRole.ADMIN, "hash")
QUIET: Final = SilenceRequest(SilenceKind.SILENCE, {"site": "garage"}, "2h", "fans")
UTC: Final = ZoneInfo("UTC")
TOKEN: Final = "123:top-secret"
GROUP: Final = "many-22222-22222-22222-22222"
_HASHED: Final = hashlib.sha256(b"rigwatch join code many22222222222222222222").hexdigest()
GROUP_NAME: Final = _HASHED[:8]
GROUP_FILE: Final = json.dumps(
    {_HASHED: {"site": "main", "node": "", "generation": 0, "until": NOW + 60_000, "life": 60_000, "rigs": 2}}
)
"""A code for two rigs that is good for another minute."""
HOT: Final = ("alerts", "hot", "threshold")


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
    code: str = ""
    """Hash of a recovery code of cat."""

    @property
    def layers(self) -> ServerLayers:
        return ServerLayers(self.home, {})

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
        codes = self.home.join_codes.read_bytes() if self.home.join_codes.exists() else b""
        files = {"nodes.json": self.home.nodes_json.read_bytes(), "join-codes.json": codes}
        return {**rows, **files, "accounts.toml": dict(self.accounts)}

    @property
    def codes(self) -> JoinCodes:
        return JoinCodes(self.home.join_codes)

    def group(self) -> str:
        """The name of the one code that is there."""
        (name,) = self.codes.groups(NOW)
        return name

    def admit(self, joining: Joining | None = None) -> object:
        """A rig comes with the code of two that was made for it."""
        joining, host = joining or self.joining, {"machine": "0" * 64, "host": "New"}
        return self.do("codes.admit", codes=self.codes, code=GROUP, joining=joining, **host)

    def add_account(self) -> str:
        self.accounts["new"] = "secret"
        return "secret"

    def refuse(self) -> str:
        raise RigwatchError("accounts.toml: cannot be written")


def session(name: str, account: str = "ann", *, stays: bool = False) -> LoginSession:
    """A login that lasts for a day."""
    return LoginSession(
        login_sessions.hash_of(name), account, NOW, NOW, NOW + 86_400_000, stays=stays, wants_code=False, agent="X"
    )


CATS: Final = session("cat's", "cat")


def furnished(store: Store, home: Home) -> World:
    MasterKey.random().save(home.secret_key)
    joining = Joining(home, ServerSettings(), url="mqtt://127.0.0.1:1")
    write_private(home.join_codes, GROUP_FILE)
    store.take([rig("rig1").heard(birth(name="Own")), rig("rig2").heard(birth())])
    made = World(store, home, joining, {"old": "hash"})
    incident = Incident(1, Rule.LOST, Subject(Scope.NODE, "main", "rig1"), IncidentState.FIRING, START)
    with store.write() as tx:
        alerts.save(tx, StepResult(incidents=(incident,)), 1)
        acts.silences.add(tx, EVE, START, QUIET, zone=UTC)
        for name in ("ann", "bob"):
            acts.users.add(tx, EVE, START, User(name, UserRole.ADMIN, "hash"))
        acts.logins.log_in(tx, EVE, START, ANN, made=session("first"))
        acts.totp.begin(tx, EVE, START, "ann", secret="A" * 32)
        acts.users.add(tx, EVE, START, replace(CAT, has_totp=False))
        acts.totp.begin(tx, EVE, START, "cat", secret="C" * 32)
        codes = acts.totp.confirm(tx, EVE, START, replace(CAT, has_totp=False), secret="C" * 32, step=7, made=None)
        half = replace(session("half", "cat"), wants_code=True)
        acts.logins.log_in(tx, EVE, START, CAT, made=half)
        made = replace(made, code=totp.hash_of(codes[0]))
        acts.tokens.add(tx, EVE, START, "api", role=UserRole.VIEWER, life=None)
        for node in (RIG1, RIG2):
            acts.nodes.enroll(tx, EVE, START, node, joining=joining)
        acts.nodes.retire(tx, EVE, START, RIG2, registry=joining.registry)
        acts.channels.add(tx, EVE, START, "phone", values={"url": "ntfy://secret-topic"}, layers=made.layers)
        acts.channels.add(tx, EVE, START, "calm", values={"url": "json://h/x", "paused": True}, layers=made.layers)
        acts.devices.add(tx, EVE, START, PlugFacts("plug1", "tasmota", "tele/plug1", nodes=(RIG1,)))
        acts.channels.add_chat(tx, EVE, START, 5, title="Ada", token=TOKEN, layers=made.layers)
    return made


Do = Callable[[World], object]
DAY: Final = timedelta(days=1)


MAIL: Final = "mailto://user:mail-secret@mail.example"

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
    "server.announced": (
        lambda w: w.do("server.announced", addresses=("10.0.0.9",), write=w.accounts.clear),
        *("server.move", "10.0.0.9", ""),
    ),
    "server.restored": (
        lambda w: w.do("server.restored", made_at=START, host="old"),
        *("server.restore", f"backup of {as_iso(START)}", "made on old"),
    ),
    "devices.add": (
        lambda w: w.do("devices.add", PlugFacts("plug2", "shelly", "shelly2", nodes=(RIG1,)), change=w.add_account),
        *("device.add", "plug2", "shelly on shelly2 for main/rig1"),
    ),
    "devices.hang": (
        lambda w: w.do("devices.hang", "plug1", nodes=()),
        *("device.nodes", "plug1", "main/rig1 → no node"),
    ),
    "devices.remove": (
        lambda w: w.do("devices.remove", "plug1", change=w.accounts.clear),
        *("device.remove", "plug1", ""),
    ),
    "channels.test": (
        lambda w: w.do("channels.test", w.add_account, channel=""),
        *("channel.test", "all channels", ""),
    ),
    "channels.add": (
        lambda w: w.do("channels.add", "mail", values={"url": MAIL, "severities": ["critical"]}, layers=w.layers),
        *("channel.add", "mail", "a new address; severities: critical"),
    ),
    "channels.edit": (
        lambda w: w.do("channels.edit", "phone", values={"url": MAIL, "sites": ["main"]}, layers=w.layers),
        *("channel.edit", "phone", "a new address; sites: main"),
    ),
    "channels.pause": (
        lambda w: w.do("channels.pause", "phone", layers=w.layers),
        *("channel.pause", "phone", ""),
    ),
    "channels.resume": (
        lambda w: w.do("channels.resume", "calm", layers=w.layers),
        *("channel.resume", "calm", ""),
    ),
    "channels.remove": (
        lambda w: w.do("channels.remove", "telegram:5", layers=w.layers),
        *("channel.remove", "telegram:5", ""),
    ),
    "channels.add_chat": (
        lambda w: w.do("channels.add_chat", -100, title="Farm", token="", layers=w.layers),
        *("channel.add", "telegram:-100", "Farm"),
    ),
    "channels.edit_bot": (
        lambda w: w.do("channels.edit_bot", values={"token": "9:another-secret", "sites": ["main"]}, layers=w.layers),
        *("channel.edit", "telegram", "a new token; sites: main"),
    ),
    "settings.change": (
        lambda w: w.do("settings.change", {HOT: 90, ("alerts", "hot", "hold"): "2m"}, layers=w.layers),
        *("setting.set", "alerts.hot", "threshold not set → 90, hold not set → 2m"),
    ),
    "codes.make": (
        lambda w: w.do("codes.make", codes=w.codes, site="barn", prefix="gpu-", rigs=12, life=DAY),
        *("code.make", "12 rigs", "barn, for 1d, names begin with gpu-"),
    ),
    "codes.end": (lambda w: w.do("codes.end", w.group(), codes=w.codes), "code.end", GROUP_NAME, ""),
    "codes.admit": (lambda w: w.admit(), "node.enroll", "main/new", ""),
    "incidents.acknowledge": (
        lambda w: w.do("incidents.acknowledge", w.incident(), why="on my\nway\0"),
        *("incident.acknowledge", "#1", "main/rig1 lost: on my way"),
    ),
    "logins.log_in": (
        lambda w: w.do("logins.log_in", ANN, made=session("new", stays=True)),
        *("user.login", "ann", "stays logged in"),
    ),
    "logins.log_out": (
        lambda w: w.do("logins.log_out", "ann", session=login_sessions.hash_of("first")),
        *("user.logout", "ann", ""),
    ),
    "logins.log_out_everywhere": (
        lambda w: w.do("logins.log_out_everywhere", "ann"),
        *("user.logout", "ann", "everywhere: 1"),
    ),
    "logins.set_own_password": (
        lambda w: w.do("logins.set_own_password", ANN, password_hash="another", made=session("new")),
        *("user.password", "ann", "own"),
    ),
    "logins.refuse": (
        lambda w: w.do("logins.refuse", "", why="wrong password"),
        *("user.refused", "an unknown user", "wrong password"),
    ),
    "silences.add": (
        lambda w: w.do("silences.add", QUIET, zone=UTC),
        *("silence.add", "quiet 2", "site=garage for 2 h: fans"),
    ),
    "silences.end": (lambda w: w.do("silences.end", 1), "silence.end", "quiet 1", ""),
    "nodes.enroll": (lambda w: w.do("nodes.enroll", NEW, joining=w.joining), "node.enroll", "main/new", ""),
    "nodes.join": (lambda w: w.do("nodes.join", RIG1), "node.join", "main/rig1", ""),
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
    "totp.begin": (lambda w: w.do("totp.begin", "ann", secret="B" * 32), *("user.totp", "ann", "begun")),
    "totp.confirm": (
        lambda w: w.do("totp.confirm", ANN, secret="A" * 32, step=7, made=session("new")),
        *("user.totp", "ann", "on"),
    ),
    "totp.pass_by_code": (
        lambda w: w.do("totp.pass_by_code", CAT, step=8, old=login_sessions.hash_of("half"), made=CATS),
        *("user.login", "cat", "with a code"),
    ),
    "totp.pass_by_recovery": (
        lambda w: w.do("totp.pass_by_recovery", CAT, hashed=w.code, old=login_sessions.hash_of("half"), made=CATS),
        *("user.login", "cat", "with a recovery code, 9 left"),
    ),
    "totp.reset": (lambda w: w.do("totp.reset", "cat"), *("user.totp", "cat", "off")),
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
    "users.set_sites": (
        lambda w: w.do("users.set_sites", "ann", sites={"main": UserRole.ADMIN, "barn": UserRole.VIEWER}),
        *("user.role", "ann", "viewer of barn, admin of main"),
    ),
    "users.remove": (lambda w: w.do("users.remove", "ann"), "user.remove", "ann", ""),
}
"""Of each act what is done, and its line: action, subject, detail."""

NOTED: Final = frozenset({"nodes.join", "logins.refuse", "server.restored"})
"""Acts that change nothing themselves: what was done before, whatever the database says, is written down."""
