"""The nodes in other languages that docs/examples shows are nodes: compiled, and on a server of their own."""

import json
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.e2e.station import Station
from tests.processes import ROOT, clean_environment
from tests.requirements import program

EXAMPLES = ROOT / "docs" / "examples"


def in_node(_folder: Path) -> list[str | Path]:
    return [program("node"), EXAMPLES / "node.mjs"]


def in_java(_folder: Path) -> list[str | Path]:
    return [program("java"), EXAMPLES / "Node.java"]


def in_c(folder: Path) -> list[str | Path]:
    built = folder / "node"
    made = subprocess.run(
        [program("cc"), "-Wall", "-Werror", "-O2", "-o", built, EXAMPLES / "node.c", "-lssl", "-lcrypto"],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    if "openssl/evp.h" in made.stderr:
        pytest.skip("the header files of OpenSSL are not installed")
    assert made.returncode == 0, made.stderr
    return [built]


@contextmanager
def all_running(commands: Mapping[str, list[str | Path]], folder: Path) -> Iterator[dict[str, subprocess.Popen[str]]]:
    """Each in a folder of its own, where it keeps its session; killed at the end."""
    with ExitStack() as stack:
        yield {name: stack.enter_context(running(command, folder / name)) for name, command in commands.items()}


@contextmanager
def running(command: list[str | Path], folder: Path) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        command, cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=clean_environment()
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def say(process: subprocess.Popen[str], line: str) -> None:
    assert process.stdin is not None
    process.stdin.write(f"{line}\n")
    process.stdin.flush()


def heard(process: subprocess.Popen[str]) -> int:
    """The number of the next sample that is stored."""
    assert process.stdout is not None
    word, number = process.stdout.readline().split()
    assert word == "stored"
    return int(number)


@pytest.mark.timeout(240)
def test_each_reports_is_lost_when_killed_and_says_goodbye_at_its_end(station: Station, tmp_path: Path) -> None:
    station.rigwatch.environment["RIGWATCH_BROKER__ADVERTISE"] = "127.0.0.1"
    station.up()
    for name in LANGUAGES:
        (tmp_path / name).mkdir()
    commands = {name: [*made(tmp_path / name), station.token(name)] for name, made in LANGUAGES.items()}
    stored: dict[str, set[int]] = {}
    with all_running(commands, tmp_path) as nodes:
        for name, process in nodes.items():
            say(process, "61250000.5")
            stored[name] = {heard(process)}
            station.wait_for_status(f"main/{name}", "online")
    for name in commands:
        station.wait_for_status(f"main/{name}", "lost")
    # Again, with a session above the last.
    with all_running(commands, tmp_path) as nodes:
        for name, process in nodes.items():
            say(process, "5")
            say(process, "0")
            stored[name] |= {heard(process), heard(process)}
            assert process.stdin is not None
            process.stdin.close()
            assert process.wait(timeout=20) == 0
    for name in commands:
        station.wait_for_status(f"main/{name}", "offline")
        assert station.samples()[f"main/{name}"] == stored[name]
        assert rates(station, name) == [61250000.5, 5.0, 0.0]


def rates(station: Station, name: str) -> list[float]:
    exported = station.rigwatch.run("export", "--format", "jsonl", "--node", name)
    assert exported.returncode == 0, exported.stderr
    return [json.loads(line)["hashrate"] for line in exported.stdout.splitlines()]


LANGUAGES: dict[str, Callable[[Path], list[str | Path]]] = {"js": in_node, "java": in_java, "c": in_c}
