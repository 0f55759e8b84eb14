"""systemd, OpenRC and cron: what is written for each, what is called, and that nothing of it is left."""

import re
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from publisher.install.layout import Layout
from publisher.install.services import Detached, OpenRc, Service, Systemd
from rigwatch.errors import RigwatchError
from tests.requirements import program

USER = "rigwatch-agent"
Calls = Callable[[], list[str]]


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    """With a program that does nothing and ends."""
    layout = Layout(tmp_path / "system")
    for folder in (layout.program.parent, layout.unpacked, layout.home):
        folder.mkdir(parents=True)
    layout.program.write_text("#!/bin/sh\nexec sleep 60\n")
    layout.program.chmod(0o755)
    return layout


@pytest.fixture
def calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Calls:
    """The system's tools note how they are called; `crontab` keeps what it is given."""
    tools, noted = tmp_path / "tools", tmp_path / "calls"
    tools.mkdir()
    for name in ("systemctl", "rc-update", "rc-service"):
        (tools / name).write_text(f'#!/bin/sh\necho {name} "$@" >>{noted}\n')
    (tools / "crontab").write_text(
        f"#!/bin/sh\ncase $1 in -l) cat {tmp_path}/table 2>/dev/null ;; -r) rm {tmp_path}/table ;;"
        f" -) cat >{tmp_path}/table ;; esac\n"
    )
    for each in tools.iterdir():
        each.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tools}:/usr/bin:/bin")
    return lambda: noted.read_text().splitlines() if noted.exists() else []


def test_systemd_gets_a_unit_that_is_started_now_and_at_boot_and_leaves_nothing(layout: Layout, calls: Calls) -> None:
    service = Systemd(layout)
    service.start(USER)
    assert f"ExecStart={layout.program} publish" in layout.unit.read_text()
    assert calls() == ["systemctl daemon-reload", "systemctl enable rigwatch-agent", "systemctl restart rigwatch-agent"]
    service.remove()
    assert not layout.unit.exists()
    assert calls()[3:] == ["systemctl disable --now rigwatch-agent", "systemctl daemon-reload"]


def test_openrc_gets_a_script_that_is_started_now_and_at_boot_and_leaves_nothing(layout: Layout, calls: Calls) -> None:
    service = OpenRc(layout)
    service.start(USER)
    assert subprocess.run(["/bin/sh", "-n", str(layout.openrc)], check=False).returncode == 0
    assert layout.openrc.stat().st_mode & 0o777 == 0o755
    assert calls() == ["rc-update add rigwatch-agent default", "rc-service rigwatch-agent restart"]
    service.remove()
    assert not layout.openrc.exists()


def test_cron_keeps_the_lines_of_others(layout: Layout, calls: Calls, tmp_path: Path) -> None:
    assert calls() == []
    table = tmp_path / "table"
    # Also those of other encodings, with a form feed, or that name the program for something else.
    others = b"# f\xfcr Anna\x0c\n0 3 * * * backup\n5 3 * * * %s --version\n" % bytes(layout.program)
    table.write_bytes(others)
    service = Detached(layout, crontab=True)
    service._schedule(f"* * * * * {service._line(USER)}")
    service._schedule(f"* * * * * {service._line(USER)}")
    assert table.read_bytes().startswith(others)
    (ours,) = table.read_bytes().removeprefix(others).splitlines()
    assert ours.startswith(b"* * * * * su -s /bin/sh rigwatch-agent -c ")
    service.remove()
    assert table.read_bytes() == others


@pytest.mark.usefixtures("calls")
@pytest.mark.parametrize("kind", [Systemd, OpenRc])
def test_removing_what_is_not_there_is_nothing(layout: Layout, calls: Calls, kind: Callable[[Layout], Service]) -> None:
    kind(layout).remove()
    assert calls() == []


def test_a_tool_that_refuses_is_one_line(layout: Layout, calls: Calls, tmp_path: Path) -> None:
    assert calls() == []
    (tmp_path / "tools" / "systemctl").write_text("#!/bin/sh\necho first >&2\necho no bus here >&2\nexit 1\n")
    with pytest.raises(RigwatchError, match=r"^'systemctl daemon-reload' failed: no bus here$"):
        Systemd(layout).start(USER)


def started(*command: str, home: Path) -> "subprocess.Popen[bytes]":
    environment = {"RIGWATCH_HOME": str(home)}
    return subprocess.Popen(["/bin/sh", "-c", "read line", *command], env=environment, stdin=subprocess.PIPE)


def test_it_stops_the_agent_that_cron_has_started(layout: Layout) -> None:
    cron_s = started(str(layout.program), "publish", home=layout.home)
    try:
        Detached(layout, crontab=False).remove()
        assert cron_s.wait(5) == -signal.SIGTERM
    finally:
        cron_s.kill()
        cron_s.communicate()


def test_a_process_that_is_not_this_installation_s_agent_is_left_alone(layout: Layout, tmp_path: Path) -> None:
    others = started("publish", home=tmp_path), started("sources", home=layout.home)
    try:
        Detached(layout, crontab=False).remove()
        assert [each.poll() for each in others] == [None, None]
    finally:
        for each in others:
            each.kill()
            each.communicate()


@pytest.mark.usefixtures("calls")
def test_cron_s_table_is_not_written_where_it_cannot_be_read(layout: Layout, tmp_path: Path) -> None:
    (tmp_path / "tools" / "crontab").write_text(
        f"#!/bin/sh\n[ $1 = -l ] || exec touch {tmp_path}/written\necho 'the disk does not answer' >&2\nexit 1\n"
    )
    with pytest.raises(RigwatchError, match=r"^'crontab -l' failed: the disk does not answer$"):
        Detached(layout, crontab=True)._schedule("a line")
    assert not (tmp_path / "written").exists()


@pytest.mark.usefixtures("calls")
@pytest.mark.parametrize("said", ["no crontab for root", "crontab: can't open 'root': No such file or directory"])
def test_where_there_is_no_table_of_cron_there_will_be_one(layout: Layout, tmp_path: Path, said: str) -> None:
    table = tmp_path / "table"
    (tmp_path / "tools" / "crontab").write_text(
        f'#!/bin/sh\n[ $1 = -l ] || exec cat >{table}\necho "{said}" >&2\nexit 1\n'
    )
    Detached(layout, crontab=True)._schedule("a line")
    assert table.read_text() == "a line\n"


def test_nothing_that_root_writes_lies_in_the_home_of_the_service(layout: Layout) -> None:
    assert layout.home not in (*layout.log.parents, *layout.program.parents)


@pytest.mark.usefixtures("calls")
def test_the_unit_is_understood_and_exposes_little(layout: Layout) -> None:
    analyze = program("systemd-analyze")
    Systemd(layout).start(USER)
    unit = str(layout.unit)
    verified = subprocess.run([analyze, "verify", unit], capture_output=True, text=True, check=False)
    assert verified.stderr == ""
    judged = subprocess.run([analyze, "security", "--offline=true", unit], capture_output=True, text=True, check=False)
    found = re.search(r"exposure level for \S+: ([\d.]+)", judged.stdout)
    assert found, judged.stdout + judged.stderr
    assert float(found[1]) <= 2.0
