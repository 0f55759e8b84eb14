"""Every door through which people decide something: pages, API, commands and chats lead to the same acts, and one line
of the audit list says who did it and by which way."""

import ast
import getpass
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

import pytest
from flask.testing import FlaskClient
from pyotp import TOTP
from typer.testing import CliRunner, Result

from alerts.engine import StepResult
from alerts.facts import User, UserRole
from alerts.incident import Incident, IncidentState, Scope, Subject
from alerts.plugs import PlugFacts
from alerts.policy import Policy
from alerts.rule import Rule
from alerts.silence import SilenceKind
from alerts.silence_request import SilenceRequest
from broker.accounts import AccountFile
from broker.rights import Role
from cli import app as commands
from cli import simulate
from cli.invocation import Invocation
from rigwatch.clock import SystemClock
from rigwatch.codes import JoinCodes
from rigwatch.home import Home
from rigwatch.joining import Joining
from rigwatch.keys import MasterKey
from rigwatch.layers import ServerLayers
from rigwatch.registry import Registry
from rigwatch.settings import ServerSettings
from rigwatch.settings.alerts import AlertSettings
from rigwatch.topics import NodeId
from store import Store, acts, alerts, audit, login_sessions, totp, users
from store.acts import Actor, Way
from store.audit import AuditEntry, AuditFilter
from store.login_sessions import LoginSession
from subscriber.notify.chat_commands import ChatCommands
from subscriber.notify.updates import ChatUser, Pressed
from tests.fake_clock import FakeClock
from tests.integration.web.conftest import HASH, PASSWORD, basic
from tests.integration.web.logging_in import proof_in, send_login
from tests.rigs import birth, rig
from tests.waiting import eventually
from web.access.csrf import FIELD, token_for
from web.agent.files import NAME
from web.app import create_app

ROOT: Final = Path(__file__).resolve().parents[2]
RIG1, RIG2 = NodeId("main", "rig1"), NodeId("main", "rig2")
ONE: Final = "/admin/nodes/main/rig1"
SECRET: Final = "A" * 32
QUIET: Final = SilenceRequest(SilenceKind.SILENCE, {"site": "garage"}, "2h")
WHO: Final = {
    Way.PAGE: "root",
    Way.API: "token:ci (API)",
    Way.CLI: f"{getpass.getuser()} (command line)",
    Way.TELEGRAM: "ann (Telegram)",
    Way.CODE: "127.0.0.1 (one-time code)",
}


@dataclass(frozen=True, slots=True)
class House:
    """rig1 reports and is enrolled, rig2 was retired; an incident, a silence, the users root and ann, the token ci and
    the MQTT account old."""

    home: Home
    store: Store
    clock: FakeClock
    client: FlaskClient
    token: str

    def send(self, path: str, **form: str) -> None:
        """A form, as the admin root sends it."""
        with self.store.read() as tx:
            root = users.get(tx, "root")
        assert root
        done = self.client.post(path, data={**form, FIELD: token_for(root)}, headers=basic("root"))
        assert done.status_code in {200, 303}, done.text

    def log_in(self) -> None:
        assert send_login(self.client, "root").status_code == 303

    def with_session(self, *, wants_code: bool = False) -> str:
        """Hash of a session of root's, which the browser has from now on; it leaves no line."""
        cookie, now = login_sessions.make(), self.clock.now()
        with self.store.write() as tx:
            made = LoginSession(
                hash=login_sessions.hash_of(cookie),
                account="root",
                created_at=now,
                seen_at=now,
                expires_at=now + 60_000,
                stays=False,
                wants_code=wants_code,
                agent="",
            )
            assert login_sessions.add(tx, users.need(tx, "root"), made)
        self.client.set_cookie("rigwatch_login", cookie)
        return made.hash

    def send_in(self, path: str, **form: str) -> None:
        """A form, as root sends it who has logged in by a browser."""
        session = self.with_session()
        with self.store.read() as tx:
            root = users.need(tx, "root")
        done = self.client.post(path, data={**form, FIELD: token_for(root, session)})
        assert done.status_code in {200, 303}, done.text

    def with_totp(self, name: str, *, confirmed: bool = True) -> list[str]:
        """Recovery codes; none while it is not confirmed. It leaves no line."""
        with self.store.write() as tx:
            totp.begin(tx, name, SECRET)
            return totp.confirm(tx, name, SECRET, step=1, now=self.clock.now()) if confirmed else []

    def code(self) -> str:
        return TOTP(SECRET).at(self.clock.now() // 1000)

    def confirm_totp(self) -> None:
        self.with_totp("root", confirmed=False)
        self.send_in("/account/totp/confirm", secret=SECRET, code=self.code())

    def pass_by_totp(self) -> None:
        self.with_totp("root")
        self.pass_by(self.code())

    def reset_totp(self) -> None:
        self.with_totp("ann")
        self.send("/admin/users/totp", name="ann", sure="yes")

    def pass_by(self, code: str) -> None:
        self.with_session(wants_code=True)
        page = self.client.get("/login/code")
        assert self.client.post("/login/code", data={FIELD: proof_in(page), "code": code}).status_code == 303

    def ask(self, method: str, path: str, body: object = None) -> None:
        """A program's request to the API."""
        headers = {"Authorization": f"Bearer {self.token}"}
        done = self.client.open(f"/api/v1{path}", method=method, json=body, headers=headers)
        assert done.status_code in {200, 201}, done.text

    def run(self, *words: str, **environment: str) -> Result:
        done = CliRunner().invoke(commands, ["--home", str(self.home.path), *words], env=environment)
        assert done.exit_code == 0, done.output
        return done

    def press(self, verb: str) -> None:
        """A button in Telegram."""
        chat = ChatCommands(Policy(AlertSettings(), "UTC"), clock=self.clock)
        chat.pressed(self.store, Pressed("query", 7, ChatUser("ann", 4), verb, 1))

    def join(self) -> None:
        """A rig's request with the code that somebody has made for it."""
        code = JoinCodes(self.home.join_codes).make(RIG1, 0, self.clock.now())
        done = self.client.post("/agent/join", headers={"X-Rigwatch-Code": code})
        assert done.status_code == 200, done.text

    def with_agent(self) -> "House":
        (self.home.path / "agent").mkdir()
        (self.home.path / "agent" / NAME).write_bytes(b"the agent")
        return self

    def add_code(self) -> None:
        self.with_agent()
        with self.store.read() as tx:
            root = users.get(tx, "root")
        assert root
        form = {"rigs": "3", "site": "main", "prefix": "", "life": "8h", FIELD: token_for(root)}
        done = self.client.post("/admin/codes", data=form, headers=basic("root"), base_url="https://rigs.example")
        assert "many-" in done.text, done.text

    def _make_group(self) -> str:
        return JoinCodes(self.home.join_codes).make_group("main", "", rigs=2, life=60_000, now=self.clock.now())

    def group(self) -> str:
        """The name of a code for two rigs."""
        self._make_group()
        return next(iter(JoinCodes(self.home.join_codes).groups(self.clock.now())))

    def join_as_one_of_many(self) -> None:
        said = {"X-Rigwatch-Code": self._make_group(), "X-Rigwatch-Host": "new", "X-Rigwatch-Machine": "0" * 64}
        done = self.client.post("/agent/join", headers=said)
        assert done.status_code == 200, done.text

    def test_channels(self) -> None:
        # Not the bot, which would be asked for on the internet.
        self.send("/admin/channels/test", channel="phone")
        headers = basic("root")
        ended = lambda: "is on its way…" not in self.client.get("/admin/channels", headers=headers).text  # noqa: E731 - once
        eventually(ended, timeout=60, what="the test of the channels has ended")

    def simulate(self) -> None:
        simulate._enroll(Invocation(self.home, debug=False, name="simulate"), [NodeId("sim-1", "sim-001")])

    def restore(self) -> None:
        """The house as it is now, in its own place."""
        copy = str(self.home.path / "copy.backup")
        self.run("backup", copy)
        self.store.close()
        self.run("restore", "--force", copy)

    def lines(self) -> list[AuditEntry]:
        """Oldest first."""
        with self.store.read() as tx:
            return audit.page(tx, AuditFilter(), 100)[::-1]


@pytest.fixture
def house(home: Home, local: Store, monkeypatch: pytest.MonkeyPatch) -> House:
    for name in ("RIGWATCH_HOME", "RIGWATCH_DATABASE__URL"):
        monkeypatch.delenv(name, raising=False)
    home.path.chmod(0o700)
    home.server_toml.write_text("")
    MasterKey.random().save(home.secret_key)
    AccountFile.of(home).add("old", Role.CONSUMER)
    # Commands go by the clock of the machine.
    clock, somebody = FakeClock(SystemClock().now()), Actor("somebody", Way.CLI)
    now, joining = clock.now(), Joining(home, ServerSettings(), url="mqtt://127.0.0.1:1")
    local.take([rig(name).heard(birth(), now) for name in ("rig1", "rig2")])
    incident = Incident(1, Rule.LOST, Subject(Scope.NODE, "main", "rig1"), IncidentState.FIRING, now)
    with local.write() as tx:
        alerts.save(tx, StepResult(incidents=(incident,)), 1)
        acts.silences.add(tx, somebody, now, QUIET, zone=ZoneInfo("UTC"))
        for name in ("root", "ann"):
            acts.users.add(tx, somebody, now, User(name, UserRole.ADMIN, HASH))
        acts.devices.add(tx, somebody, now, PlugFacts("plug1", "tasmota", "tele/plug1"))
        token = acts.tokens.add(tx, somebody, now, "ci", role=UserRole.ADMIN, life=None)
        for node in (RIG1, RIG2):
            acts.nodes.enroll(tx, somebody, now, node, joining=joining)
        acts.nodes.retire(tx, somebody, now, RIG2, registry=joining.registry)
        for name, paused in (("phone", False), ("calm", True)):
            values = {"url": f"json://127.0.0.1:1/{name}", "paused": paused}
            acts.channels.add(tx, somebody, now, name, values=values, layers=ServerLayers(home, {}))
        acts.channels.add_chat(tx, somebody, now, 5, title="Ada", token="1:abc", layers=ServerLayers(home, {}))
    client = create_app(ServerSettings(), local, clock=clock, home=home).test_client()
    return House(home, local, clock, client, token)


Go = Callable[[House], object]
SILENCE: Final = {"match": {"site": "attic"}, "lasts_s": 60}
DOORS: Final[tuple[tuple[str, Way, str, Go], ...]] = (
    ("incidents.acknowledge", Way.PAGE, "incident.acknowledge", lambda h: h.send("/incidents/1/acknowledge")),
    ("incidents.acknowledge", Way.API, "incident.acknowledge", lambda h: h.ask("POST", "/incidents/1/acknowledge", {})),
    ("incidents.acknowledge", Way.CLI, "incident.acknowledge", lambda h: h.run("ack", "main/rig1")),
    ("incidents.acknowledge", Way.TELEGRAM, "incident.acknowledge", lambda h: h.press("ack")),
    (
        *("silences.add", Way.PAGE, "silence.add"),
        lambda h: h.send("/incidents/1/quiet", kind="silence", about="rule", length="2h"),
    ),
    (
        *("silences.add", Way.PAGE, "maintenance.add"),
        lambda h: h.send("/quiet", kind="maintenance", site="attic", length="2h"),
    ),
    ("silences.add", Way.API, "silence.add", lambda h: h.ask("POST", "/silences", SILENCE)),
    ("silences.add", Way.CLI, "silence.add", lambda h: h.run("silence", "add", "site=attic", "--for", "2h")),
    ("silences.add", Way.CLI, "maintenance.add", lambda h: h.run("maintenance", "add", "site=attic", "--for", "2h")),
    ("silences.add", Way.TELEGRAM, "silence.add", lambda h: h.press("mute")),
    ("silences.end", Way.PAGE, "silence.end", lambda h: h.send("/quiet/end", number="1")),
    ("silences.end", Way.API, "silence.end", lambda h: h.ask("DELETE", "/silences/1")),
    ("silences.end", Way.CLI, "silence.end", lambda h: h.run("silence", "end", "1")),
    ("nodes.enroll", Way.PAGE, "node.enroll", lambda h: h.send("/admin/nodes", site="main", node="new")),
    ("nodes.enroll", Way.PAGE, "node.token", lambda h: h.send(f"{ONE}/token")),
    ("nodes.enroll", Way.CLI, "node.enroll", lambda h: h.run("enroll", "new")),
    ("nodes.enroll", Way.CLI, "node.token", lambda h: h.run("enroll", "rig1")),
    ("nodes.join", Way.CODE, "node.join", lambda h: h.join()),
    ("nodes.enroll_all", Way.CLI, "node.enroll", lambda h: h.simulate()),
    ("nodes.enroll_all", Way.CLI, "node.enroll", lambda h: h.run("enroll", "--many", "3")),
    (
        *("codes.make", Way.CLI, "code.make"),
        lambda h: h.with_agent().run("code", "add", "--rigs", "3", RIGWATCH_WEB__HOST="0.0.0.0"),
    ),
    ("codes.end", Way.CLI, "code.end", lambda h: h.run("code", "remove", h.group())),
    ("codes.make", Way.PAGE, "code.make", lambda h: h.add_code()),
    ("codes.end", Way.PAGE, "code.end", lambda h: h.send("/admin/codes/end", name=h.group(), sure="yes")),
    ("codes.admit", Way.CODE, "node.enroll", lambda h: h.join_as_one_of_many()),
    ("nodes.rotate", Way.PAGE, "node.rotate", lambda h: h.send(f"{ONE}/rotate", overlap="24h")),
    ("nodes.rotate", Way.CLI, "node.rotate", lambda h: h.run("rotate", "rig1")),
    ("nodes.revoke", Way.PAGE, "node.revoke", lambda h: h.send(f"{ONE}/revoke", sure="yes")),
    ("nodes.revoke", Way.CLI, "node.revoke", lambda h: h.run("revoke", "rig1")),
    ("nodes.rename", Way.PAGE, "node.rename", lambda h: h.send(f"{ONE}/name", name="Loud")),
    ("nodes.tag", Way.PAGE, "node.tag", lambda h: h.send(f"{ONE}/tags", tags="a b")),
    ("nodes.move", Way.PAGE, "node.move", lambda h: h.send(f"{ONE}/move", to="barn", sure="yes")),
    ("nodes.retire", Way.PAGE, "node.retire", lambda h: h.send(f"{ONE}/retire", sure="yes")),
    ("nodes.restore", Way.PAGE, "node.restore", lambda h: h.send("/admin/nodes/main/rig2/restore")),
    ("users.add", Way.PAGE, "user.add", lambda h: h.send("/admin/users/add", name="new", role="viewer")),
    ("users.add", Way.CLI, "user.add", lambda h: h.run("user", "add", "new")),
    (
        *("users.set_password", Way.PAGE, "user.password"),
        lambda h: h.send("/admin/users/password", name="ann", sure="yes"),
    ),
    ("users.set_password", Way.CLI, "user.password", lambda h: h.run("user", "password", "ann")),
    ("users.set_role", Way.PAGE, "user.role", lambda h: h.send("/admin/users/role", name="ann", role="viewer")),
    ("users.set_role", Way.CLI, "user.role", lambda h: h.run("user", "role", "ann", "--role", "viewer")),
    ("logins.log_in", Way.PAGE, "user.login", lambda h: h.log_in()),
    ("logins.log_out", Way.PAGE, "user.logout", lambda h: h.send_in("/logout")),
    ("logins.log_out_everywhere", Way.PAGE, "user.logout", lambda h: h.send_in("/account/logout-everywhere")),
    (
        *("logins.set_own_password", Way.PAGE, "user.password"),
        lambda h: h.send_in("/account/password", password=PASSWORD, new="x" * 12, again="x" * 12),
    ),
    ("totp.begin", Way.PAGE, "user.totp", lambda h: h.send_in("/account/totp/begin", password=PASSWORD)),
    (
        *("totp.confirm", Way.PAGE, "user.totp"),
        lambda h: h.confirm_totp(),
    ),
    ("totp.pass_by_code", Way.PAGE, "user.login", lambda h: h.pass_by_totp()),
    ("totp.pass_by_recovery", Way.PAGE, "user.login", lambda h: h.pass_by(h.with_totp("root")[0])),
    (
        *("totp.reset", Way.PAGE, "user.totp"),
        lambda h: h.reset_totp(),
    ),
    ("totp.reset", Way.CLI, "user.totp", lambda h: (h.with_totp("ann"), h.run("user", "totp-reset", "ann"))),
    (
        *("users.set_sites", Way.PAGE, "user.role"),
        lambda h: h.send("/admin/users/role", name="ann", role="viewer", sites="main"),
    ),
    (
        *("users.set_sites", Way.CLI, "user.role"),
        lambda h: h.run("user", "role", "ann", "--role", "viewer", "--site", "main"),
    ),
    ("users.remove", Way.PAGE, "user.remove", lambda h: h.send("/admin/users/remove", name="ann", sure="yes")),
    ("users.remove", Way.CLI, "user.remove", lambda h: h.run("user", "remove", "ann")),
    (
        *("tokens.add", Way.PAGE, "token.add"),
        lambda h: h.send("/admin/tokens/add", name="new", role="viewer", life="30d"),
    ),
    ("tokens.add", Way.CLI, "token.add", lambda h: h.run("token", "add", "new")),
    ("tokens.remove", Way.PAGE, "token.remove", lambda h: h.send("/admin/tokens/remove", name="ci", sure="yes")),
    ("tokens.remove", Way.CLI, "token.remove", lambda h: h.run("token", "remove", "ci")),
    ("accounts.add", Way.CLI, "account.add", lambda h: h.run("account", "add", "new")),
    ("accounts.set_password", Way.CLI, "account.password", lambda h: h.run("account", "password", "old")),
    ("accounts.remove", Way.CLI, "account.remove", lambda h: h.run("account", "remove", "old")),
    ("server.announced", Way.CLI, "server.move", lambda h: h.run("move", "10.0.0.9")),
    ("server.restored", Way.CLI, "server.restore", lambda h: h.restore()),
    ("channels.test", Way.PAGE, "channel.test", lambda h: h.test_channels()),
    (
        *("channels.add", Way.PAGE, "channel.add"),
        lambda h: h.send("/admin/channels/add/other", name="new", url="json://127.0.0.1:1/x", severity="critical"),
    ),
    (
        *("channels.edit", Way.PAGE, "channel.edit"),
        lambda h: h.send("/admin/channels/edit", channel="phone", severity="critical"),
    ),
    ("channels.pause", Way.PAGE, "channel.pause", lambda h: h.send("/admin/channels/pause", channel="phone")),
    ("channels.resume", Way.PAGE, "channel.resume", lambda h: h.send("/admin/channels/resume", channel="calm")),
    (
        *("channels.remove", Way.PAGE, "channel.remove"),
        lambda h: h.send("/admin/channels/remove", channel="phone", sure="yes"),
    ),
    (
        *("channels.add_chat", Way.PAGE, "channel.add"),
        lambda h: h.send("/admin/channels/telegram/take", chat="6", title="Bea"),
    ),
    ("settings.change", Way.PAGE, "setting.set", lambda h: h.send("/admin/rules/hot/set", threshold="90")),
    (
        *("channels.edit_bot", Way.PAGE, "channel.edit"),
        lambda h: h.send("/admin/channels/telegram/edit", token="", severity="critical"),
    ),
    (
        *("devices.add", Way.CLI, "device.add"),
        lambda h: h.run("device", "add", "plug2", "--kind", "shelly", "--topic", "shelly2", "--for", "main/rig1"),
    ),
    ("devices.hang", Way.CLI, "device.nodes", lambda h: h.run("device", "nodes", "plug1", "--for", "main/rig1")),
    ("devices.remove", Way.CLI, "device.remove", lambda h: h.run("device", "remove", "plug1")),
)


@pytest.mark.parametrize(
    ("way", "action", "go"),
    [door[1:] for door in DOORS],
    ids=[f"{action} by {way}: {name}" for name, way, action, _ in DOORS],
)
def test_each_door_leads_to_its_act_and_one_line_says_who_and_by_which_way(
    house: House, way: Way, action: str, go: Go
) -> None:
    known = len(house.lines())
    go(house)
    (line,) = house.lines()[known:]
    assert (line.who, line.action) == (WHO[way], action)


ROOMS: Final = {
    "web/agent": Way.CODE,
    "web/api": Way.API,
    "web": Way.PAGE,
    "cli": Way.CLI,
    "subscriber": Way.TELEGRAM,
    **dict.fromkeys(("alerts", "broker", "legacy", "publisher", "rigwatch"), None),
}
CHANGES: Final = {
    *("store.audit.record", "store.alerts.acknowledge", "store.silences.add", "store.silences.end"),
    *(f"store.users.{each}" for each in ("add", "set_password", "set_role", "set_sites", "remove", "log_out")),
    *(f"store.totp.{each}" for each in ("begin", "confirm", "take", "use_recovery_code", "off")),
    *("store.login_sessions.add", "store.login_sessions.end"),
    *(f"store.nodes.{each}" for each in ("rename", "set_tags", "retire", "restore", "move")),
    *("store.tokens.add", "store.tokens.remove"),
    *("store.devices.add", "store.devices.hang", "store.devices.remove"),
}
"""What changes the tables of what people decide."""


def used(path: Path) -> set[str]:
    """Dotted names of what a module takes from the store, as `store.acts.nodes.rename`."""
    names: dict[str, str] = {}
    found: set[str] = set()
    for each in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(each, ast.ImportFrom) and each.module and each.module.partition(".")[0] == "store":
            names |= {alias.asname or alias.name: f"{each.module}.{alias.name}" for alias in each.names}
    for each in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(each, ast.Attribute | ast.Name):
            first, _, rest = ast.unparse(each).partition(".")
            if first in names:
                found.add(".".join(filter(None, (names[first], rest))))
    return found


def way_of(path: Path) -> Way | None:
    inside = path.relative_to(ROOT).as_posix()
    return next(way for room, way in ROOMS.items() if inside.startswith(f"{room}/"))


USES: Final = {
    path: used(path)
    for room in ROOMS
    for path in sorted((ROOT / room).rglob("*.py"))
    if "node_modules" not in path.parts
}


def test_every_door_is_walked() -> None:
    doors = {
        (name.removeprefix("store.acts."), way_of(path))
        for path, names in USES.items()
        for name in names
        if name.startswith("store.acts.") and name.count(".") == 3 and name.rpartition(".")[2].islower()
    }
    # That one is done by whoever is refused: tests/integration/web/test_login.py.
    doors.remove(("logins.refuse", Way.PAGE))
    assert doors == {(name, way) for name, way, _, _ in DOORS}


def test_nothing_but_the_acts_changes_what_people_decide() -> None:
    assert {str(path): sorted(names & CHANGES) for path, names in USES.items() if names & CHANGES} == {}


AWAY: Final = "postgresql://nobody@127.0.0.1:1/none"


def test_a_key_is_revoked_also_while_the_database_is_away(house: House) -> None:
    done = house.run("revoke", "rig1", RIGWATCH_DATABASE__URL=AWAY)
    assert "not noted in the audit list: database postgresql://" in done.stderr
    assert not Registry(house.home.nodes_json).lets_in(RIG1)


def test_a_key_is_rotated_once_while_the_database_is_away(house: House) -> None:
    done = house.run("rotate", "rig1", RIGWATCH_DATABASE__URL=AWAY)
    known = Registry(house.home.nodes_json).get(RIG1)
    assert known
    assert (known.generation, done.stdout.startswith("rw2.")) == (1, True)


def test_an_account_is_removed_also_while_the_database_is_away(house: House) -> None:
    done = house.run("account", "remove", "old", RIGWATCH_DATABASE__URL=AWAY)
    assert done.stderr.startswith("rigwatch: not noted in the audit list: ")
    assert AccountFile.of(house.home).all() == {}


@pytest.mark.parametrize("words", ["incidents --site nowhere", "silence list", "token list", "account list"])
def test_a_list_of_nothing_says_so_beside_an_empty_output(house: House, words: str) -> None:
    house.run("silence", "end", "1")
    house.run("token", "remove", "ci")
    house.run("account", "remove", "old")
    done = house.run(*words.split())
    assert (done.stdout, done.stderr.count("\n")) == ("", 1)
    assert "no" in done.stderr.split()
