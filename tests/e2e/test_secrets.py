import re
import stat
from collections.abc import Iterable, Mapping
from pathlib import Path

import psutil
import pytest

from rigwatch.keys import MasterKey, NodeKey, decode_key
from rigwatch.tokens import JoinToken
from rigwatch.topics import NodeId
from tests.e2e.rigs import node_toml
from tests.e2e.station import START_S, Station, parts_of
from tests.ports import free_port
from tests.processes import Program
from tests.waiting import eventually

# Long enough that nothing else in a log could be them by chance.
_SHORTEST = 12
_CHANNEL_PASSWORD = "the-bot-s-own-password"
_OTHER_PASSPHRASE = "what another garage says"

Secrets = Mapping[str, str]


def _of_server(home: Path) -> dict[str, str]:
    text = (home / "secret.key").read_text().strip()
    key = MasterKey.load(home / "secret.key")
    services = {f"password of the account {name}": key.service_password(name) for name in ("subscriber", "watch")}
    return {"master key": text, "master key in hex": decode_key(text).hex(), **services}


def _of_node(what: str, key: NodeKey) -> dict[str, str]:
    return {
        f"key of {what}": key.encoded,
        f"key of {what} in hex": decode_key(key.encoded).hex(),
        f"MQTT password of {what}": key.mqtt_password,
    }


def _of_token(text: str, what: str = "") -> dict[str, str]:
    token = JoinToken.decode(text)
    name = what or str(token.node)
    # A short token begins with the key's own letters, but for the last, which says something of what follows as well.
    key = text.removeprefix("rw2.")[:42]
    assert token.key.encoded.startswith(key)
    return {f"token of {name}": key, **_of_node(name, token.key)}


def _found(secrets: Secrets, text: str) -> list[str]:
    return [name for name, secret in secrets.items() if secret in text]


def _holds_secret(secrets: Secrets, path: Path) -> bool:
    text = path.read_bytes().decode("latin-1")
    return bool(_found(secrets, text)) or "PRIVATE KEY" in text


def _command_lines() -> str:
    """Of every process of this machine, as anybody on it can read them."""
    lines = []
    for process in psutil.process_iter():
        try:
            lines.append(" ".join(process.cmdline()))
        except psutil.Error:
            continue
    return "\n".join(lines)


class Machine:
    """Runs the commands of an installation's life and keeps every word that was written, and every process list."""

    def __init__(self, station: Station) -> None:
        self.station = station
        self.secrets: dict[str, str] = {}
        self.told: list[str] = []
        self.written: list[str] = []

    def run(self, *arguments: str, home: Path | None = None, text: str = "", tells: bool = False) -> str:
        """Runs a command to its end. `tells`: its stdout is where a secret is handed over, the only place for it."""
        done = self.station.rigwatch.run("--debug", *arguments, home=home, text=text)
        (self.told if tells else self.written).append(done.stdout)
        self.written.append(done.stderr)
        return done.stdout.strip()

    def start(self, *arguments: str, home: Path | None = None, text: str = "") -> Program:
        return self.station.rigwatch.start("--debug", *arguments, home=home, text=text)

    def look_at_processes(self) -> None:
        self.written.append(_command_lines())

    def everything(self) -> Iterable[str]:
        yield from self.written
        for program in self.station.rigwatch.started:
            yield program.text()


@pytest.fixture
def machine(bare_station: Station) -> Machine:
    """After `rigwatch init`, with a channel that nobody listens to."""
    machine = Machine(bare_station)
    bare_station.rigwatch.environment["RIGWATCH_ALERTS__CHANNELS"] = (
        f'["json://ada:{_CHANNEL_PASSWORD}@127.0.0.1:{free_port()}/hook"]'
    )
    made = machine.run("init", tells=True)
    password = re.search(r"password +(\S+)", made)
    assert password
    bare_station.url, bare_station.user = f"http://127.0.0.1:{bare_station.web_port}/", "admin"
    bare_station.password = password.group(1)
    machine.secrets |= {"dashboard password": password.group(1), "channel password": _CHANNEL_PASSWORD}
    machine.secrets |= _of_server(bare_station.home)
    return machine


def _enroll_and_publish(machine: Machine) -> None:
    station = machine.station
    for name in ("rig1", "rig2"):
        token = machine.run("enroll", name, tells=True)
        machine.secrets |= _of_token(token)
        file = station.rigwatch.folder / f"{name}.token"
        file.write_text(token)
        source, text = (str(file), "") if name == "rig1" else ("-", token)
        machine.start("publish", "--join", source, home=station.rig(name), text=text)
        station.wait_for_status(f"main/{name}", "online")
    machine.secrets |= _of_token(machine.run("rotate", "rig1", tells=True), "rig1 after its rotation")
    machine.run("revoke", "rig1")


def _let_strangers_in(machine: Machine) -> None:
    """Those whose secrets are wrong: what they know is theirs, and as secret."""
    station = machine.station
    stranger = NodeId("main", "stranger")
    key = MasterKey.random().node_key(stranger)
    token = JoinToken(f"mqtt://127.0.0.1:{station.plain_port}", stranger, key, None).encode()
    machine.secrets |= _of_token(token)
    foreign = machine.start("publish", home=station.rig_with("stranger", node_toml(token)))

    other = MasterKey.from_passphrase(_OTHER_PASSPHRASE).node_key(NodeId("main", "guest"))
    machine.secrets |= {"passphrase": _OTHER_PASSPHRASE, **_of_node("the guest", other)}
    login = f'node = "guest"\nserver = "mqtt://127.0.0.1:{station.plain_port}"\npassphrase = "{_OTHER_PASSPHRASE}"'
    guest = machine.start("publish", home=station.rig_with("guest", node_toml("").replace('token = ""', login)))
    for publisher in (foreign, guest):
        publisher.wait_for("broker refuses this node", timeout=START_S)

    for spoilt in (token[:-20], token[2:], token[:60] + "!" + token[61:]):
        machine.run("publish", "--join", "-", home=station.rig("nowhere"), text=spoilt)
    machine.run("publish", "--join", token[2:], home=station.rig("nowhere"))
    with pytest.raises(AssertionError, match="Log in with a dashboard user"):
        _with_password(station, "wrong password").page()


def _with_password(station: Station, password: str) -> Station:
    return Station(station.rigwatch, 0, 0, 0, station.url, station.user, password)


def _use_everything_else(machine: Machine, up: Program) -> None:
    machine.secrets["password of the account carl"] = machine.run("account", "add", "carl", tells=True)
    machine.secrets["password of the user eve"] = machine.run("user", "add", "eve", tells=True)
    machine.secrets["new password of the user eve"] = machine.run("user", "password", "eve", tells=True)
    for command in (["user", "list"], ["status"], ["doctor"], ["test-alert"], ["incidents"]):
        machine.run(*command)
    watch = machine.start("watch")
    simulated = machine.start("simulate", "--nodes", "3", "--interval", "1s")
    watch.wait_for('"samples":', timeout=START_S)
    # Reconnecting is where a connection's secrets are used again, and where errors are written.
    parts_of(up)["broker"].kill()
    watch.wait(timeout=START_S)
    eventually(lambda: "broker" in parts_of(up), timeout=START_S, what="the broker is back")
    simulated.wait_for("starts again|online|broker not reached|connection lost", timeout=START_S)


def test_secrets_are_in_no_log_no_error_no_process_list_and_no_file_that_others_may_read(machine: Machine) -> None:
    station = machine.station
    up = machine.start("up")
    up.wait_for("rigwatch is running", timeout=START_S)
    _enroll_and_publish(machine)
    machine.look_at_processes()
    _let_strangers_in(machine)
    machine.look_at_processes()
    _use_everything_else(machine, up)
    machine.look_at_processes()
    assert up.terminate() == 0

    assert min(map(len, machine.secrets.values())) >= _SHORTEST
    # What was handed over is known here as it was handed over, so the search would find it elsewhere too.
    assert len(_found(machine.secrets, "\n".join(machine.told))) >= 7
    assert "rigwatch" in "".join(machine.written)
    found = [(name, text[:200]) for text in machine.everything() for name in _found(machine.secrets, text)]
    assert found == []

    database = (station.home / "rigwatch.db").read_bytes().decode("latin-1")
    assert _found(machine.secrets, database) == []
    for folder in (station.home, station.rig("rig1"), station.rig("rig2")):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        # Those that hold a secret are closed themselves too: somebody may copy them to elsewhere.
        holding = [path for path in folder.rglob("*") if path.is_file() and _holds_secret(machine.secrets, path)]
        assert holding
        assert [path for path in holding if stat.S_IMODE(path.stat().st_mode) != 0o600] == []
