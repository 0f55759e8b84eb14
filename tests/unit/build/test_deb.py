import re
import subprocess
import sys
from pathlib import Path

import pytest

from _build.deb import tree
from cli.service.unit import Installed, system_unit
from tests.processes import ROOT

CONTAINER = ROOT / "container"


def test_the_packages_unit_is_the_usual_one_that_waits_for_a_setup() -> None:
    usual = system_unit(Installed(Path("/usr/lib/rigwatch/bin/python")), Path("/var/lib/rigwatch"), "rigwatch")
    more = set(tree.unit().splitlines()) - set(usual.splitlines())
    assert "ConditionPathExists=/var/lib/rigwatch/server.toml" in more
    assert len(more) == 2
    head, _, _ = tree.unit().partition("[Service]")
    assert "ConditionPathExists" in head


@pytest.mark.skipif(sys.platform == "win32", reason="shell scripts")
@pytest.mark.parametrize("name", [*tree.SCRIPTS, "make", "try"])
def test_the_scripts_are_shell(name: str) -> None:
    shell = "sh" if name in tree.SCRIPTS else "bash"
    done = subprocess.run([shell, "-n", ROOT / "_build/deb" / name], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_command_of_the_account_finds_its_home(tmp_path: Path) -> None:
    program = tmp_path / "rigwatch"
    text = tree.PROGRAM.replace('== "rigwatch"', "== pwd.getpwuid(os.geteuid()).pw_name")
    text = text.replace("from rigwatch.__main__ import main", "main = lambda: print(os.environ['RIGWATCH_HOME'])")
    program.write_text(text)
    for environment, home in (({}, "/var/lib/rigwatch\n"), ({"RIGWATCH_HOME": "/srv"}, "/srv\n")):
        done = subprocess.run([sys.executable, program], env=environment, capture_output=True, text=True, check=True)
        assert done.stdout == home


def test_container_and_compose_speak_of_the_same() -> None:
    container, compose = (CONTAINER / "Containerfile").read_text(), (CONTAINER / "compose.yaml").read_text()
    healthcheck = re.search(r'CMD (\[.*healthcheck\.py"\])', container)
    assert healthcheck
    command = healthcheck[1].removeprefix("[").removesuffix("]")
    assert f'["CMD", {command}]' in compose
    assert "USER rigwatch" in container
    ports = re.search(r"EXPOSE (.*)", container)
    assert ports
    assert re.findall(r'"(\d+):\1"', compose) == ports[1].split()
    assert "/var/lib/rigwatch" in container
    assert "home:/var/lib/rigwatch" in compose
