"""systemd, OpenRC and cron: what is written for each, what is called, and that nothing of it is left."""

import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from publisher.install.layout import Layout
from publisher.install.services import Detached, OpenRc, Service, Systemd
from rigwatch.errors import RigwatchError

USER = "rigwatch-agent"
ANALYZE = shutil.which("systemd-analyze")
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
    table.write_text("0 3 * * * backup\n")
    service = Detached(layout, crontab=True)
    service._schedule(f"* * * * * {service._line(USER)}")
    service._schedule(f"* * * * * {service._line(USER)}")
    first, second = table.read_text().splitlines()
    assert first == "0 3 * * * backup"
    assert second.startswith("* * * * * su -s /bin/sh rigwatch-agent -c ")
    service.remove()
    assert table.read_text() == "0 3 * * * backup\n"


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


def test_a_process_that_is_not_this_installation_s_is_left_alone(layout: Layout, tmp_path: Path) -> None:
    other = subprocess.Popen(["/bin/sleep", "60"], env={"RIGWATCH_HOME": str(tmp_path)})
    try:
        layout.pid.write_text(f"{other.pid}\n")
        Detached(layout, crontab=False).remove()
        assert other.poll() is None
        assert not layout.pid.exists()
    finally:
        other.kill()
        other.wait()


def test_nothing_that_root_writes_lies_in_the_home_of_the_service(layout: Layout) -> None:
    assert layout.home not in (*layout.pid.parents, *layout.log.parents, *layout.program.parents)


@pytest.mark.skipif(ANALYZE is None, reason="there is no systemd-analyze")
@pytest.mark.usefixtures("calls")
def test_the_unit_is_understood_and_exposes_little(layout: Layout) -> None:
    assert ANALYZE is not None
    Systemd(layout).start(USER)
    unit = str(layout.unit)
    verified = subprocess.run([ANALYZE, "verify", unit], capture_output=True, text=True, check=False)
    assert verified.stderr == ""
    judged = subprocess.run([ANALYZE, "security", "--offline=true", unit], capture_output=True, text=True, check=False)
    found = re.search(r"exposure level for \S+: ([\d.]+)", judged.stdout)
    assert found, judged.stdout + judged.stderr
    assert float(found[1]) <= 2.0
