import re
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.e2e.rigs import node_toml
from tests.e2e.station import START_S, Station
from tests.processes import Rigwatch

# People and scripts build on these names.
FIXED = {
    *("init", "up", "serve", "broker", "subscribe", "web", "publish", "enroll", "revoke", "rotate", "watch", "status"),
    *("test-alert", "simulate", "doctor", "account add", "user add", "import-legacy"),
}
_AT_ONCE = 4


def _commands_in(help_text: str) -> list[str]:
    _, _, listed = help_text.partition("\nCommands:\n")
    return re.findall(r"^ {2}(\S+)", listed, re.MULTILINE)


def _help(rigwatch: Rigwatch, command: tuple[str, ...]) -> str:
    done = rigwatch.run(*command, "--help")
    assert (done.returncode, done.stderr) == (0, ""), command
    assert re.match(rf"Usage: .*{' '.join(command)}.*\n\n  \w", done.stdout), done.stdout
    assert "--help" in done.stdout
    return done.stdout


def test_every_command_explains_itself(rigwatch: Rigwatch) -> None:
    found: set[str] = set()
    level: list[tuple[str, ...]] = [()]
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        while level:
            texts = pool.map(lambda command: _help(rigwatch, command), level)
            level = [
                (*command, name) for command, text in zip(level, texts, strict=True) for name in _commands_in(text)
            ]
            found |= {" ".join(command) for command in level}
    assert found >= FIXED
    assert not rigwatch.home.exists()


@pytest.mark.parametrize(("wrong", "right"), [("stats", "status"), ("enrol", "enroll")])
def test_a_command_that_does_not_exist_is_answered_with_the_right_one(
    rigwatch: Rigwatch, *, wrong: str, right: str
) -> None:
    done = rigwatch.run(wrong)
    assert done.returncode == 2
    assert done.stdout == ""
    assert f"No such command '{wrong}'. Did you mean '{right}'?" in done.stderr


@pytest.fixture
def server(station: Station) -> Station:
    """A running server with one simulated node online, one that was enrolled only, and the server's own."""
    rig = station.rig_with("rig1", node_toml(station.token("rig1")))
    station.up()
    station.rigwatch.start("publish", home=rig)
    station.wait_for_status("main/rig1", "online")
    station.token("rig2")
    station.wait_for_status("main/rig2", "pending")
    return station


def test_status_doctor_and_watch_say_what_is_so(server: Station) -> None:
    status = server.rigwatch.run("status")
    assert status.returncode == 0, status.stderr
    figures = r"+([\d.]+ MH/s) +([\d.]+ MH/s) +(\d+) +([\d,]+) +(\d+) +(\d+) s *"
    row = re.search(rf"^ *main/rig1 +online {figures}$", status.stdout, re.MULTILINE)
    assert row, status.stdout
    assert int(row.group(3)) in range(12, 51)
    assert int(row.group(6)) <= START_S
    assert re.search(r"^ *main/rig2 +pending(?: +–){6} *$", status.stdout, re.MULTILINE), status.stdout
    assert re.search(r"^ *\d\d:\d\d +[\d.]+ MH/s +1 *$", status.stdout, re.MULTILINE), status.stdout

    doctor = server.rigwatch.run("doctor")
    assert doctor.returncode == 0, doctor.stdout
    not_ok = [line for line in doctor.stdout.splitlines() if not line.startswith("ok ")]
    assert [line.split()[:2] for line in not_ok] == [["warning", "channels"]], doctor.stdout
    assert re.search(r"^ok +nodes +3 enrolled$", doctor.stdout, re.MULTILINE)
    assert re.search(r"^ok +broker .* knows our key$", doctor.stdout, re.MULTILINE)

    watch = server.rigwatch.start("watch")
    watch.wait_for(r'^[\d:.]+ main/rig1/status \(retained\) \{"state":"online"', timeout=START_S)
    n = watch.wait_for(r'^[\d:.]+ main/rig1/report \{.*"samples":\[\{"n":(\d+),.*"hashrate":[\d.]+', timeout=START_S)
    watch.wait_for(rf'^[\d:.]+ main/rig1/ack \{{.*"n":\[{n.group(1)}\]', timeout=START_S)
    assert watch.terminate() == 0


def test_doctor_without_a_running_server_says_what_to_start(station: Station) -> None:
    doctor = station.rigwatch.run("doctor")
    assert doctor.returncode == 0, doctor.stdout
    for name, advice in (("broker", "rigwatch up"), ("dashboard", "rigwatch up"), ("database", "rigwatch up")):
        assert re.search(rf"^warning +{name} .*; start .*{advice}", doctor.stdout, re.MULTILINE), doctor.stdout
