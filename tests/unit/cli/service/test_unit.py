import re
import shutil
import subprocess
from pathlib import Path

import pytest

from cli.service.unit import Installed, system_unit, user_unit
from tests.processes import ROOT

HOME = Path("/var/lib/rigwatch")
EXPOSURE_MOST = 2.0


def test_a_machine_s_unit_is_as_little_exposed_as_it_promises(tmp_path: Path) -> None:
    judge = shutil.which("systemd-analyze")
    if judge is None:
        pytest.skip("systemd is not installed")
    for name, installed in {
        "system": Installed(Path("/usr/bin/python3")),
        "folder": Installed(Path("/home/ann/rigwatch/.venv/bin/python"), (Path("/home/ann/rigwatch"),)),
    }.items():
        unit = tmp_path / f"{name}.service"
        unit.write_text(system_unit(installed, HOME, "rigwatch"))
        said = subprocess.run(
            [judge, "security", "--offline=true", "--no-pager", unit], capture_output=True, text=True, check=False
        ).stdout
        found = re.search(r"Overall exposure level for \S+: ([\d.]+)", said)
        assert found, said
        assert float(found[1]) <= EXPOSURE_MOST, said


def test_the_unit_in_config_is_what_the_command_writes() -> None:
    written = system_unit(Installed(Path("/opt/rigwatch/.venv/bin/python")), HOME, "rigwatch")
    assert (ROOT / "config/systemd/rigwatch-server.service").read_text("utf-8") == written


def test_what_is_run_from_a_home_is_shown_to_be_read_and_nothing_else_of_it() -> None:
    folder = Path("/home/ann/my rigs")
    python = folder / ".venv/bin/python"
    unit = system_unit(
        Installed(python, (folder / ".venv", folder, Path("/root/.pyenv"), Path("/usr"))), HOME, "rigwatch"
    )
    assert "ProtectHome=tmpfs\n" in unit
    assert re.findall("BindReadOnlyPaths=(.*)", unit) == ['"/home/ann/my rigs"', "/root/.pyenv"]
    assert f'ExecStart="{python}" -P -m rigwatch up\n' in unit
    assert "BindReadOnlyPaths" not in system_unit(
        Installed(Path("/usr/bin/python3"), (Path("/usr"),)), HOME, "rigwatch"
    )


def test_what_systemd_would_replace_is_written_so_that_it_does_not() -> None:
    unit = user_unit(Installed(Path("/usr/bin/python3")), Path('/srv/50%/"a"/$b'))
    assert 'Environment=RIGWATCH_HOME=/srv/50%%/\\"a\\"/$$b\n' in unit
    assert "User=" not in unit
    assert "WantedBy=default.target" in unit
