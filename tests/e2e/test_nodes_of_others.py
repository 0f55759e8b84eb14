"""The nodes in other languages that docs/examples shows are nodes, on one server.

In JavaScript with mqtt.js; in Java and in C where a JDK and a compiler with the headers of OpenSSL and of libmosquitto
are here.
"""

import base64
import json
import re
import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from itertools import islice
from pathlib import Path
from typing import TypeAlias

import pytest

from tests.certificates import authority
from tests.chains import node
from tests.e2e.station import Station
from tests.integration.broker.programs import mqtt_js
from tests.processes import ROOT, clean_environment

EXAMPLES = ROOT / "docs" / "examples"


SANITIZED = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all")
LIBRARIES = ("-lmosquitto", "-lcrypto")
# What reads or writes beside its memory ends with this; what is not freed at the end is no matter.
SANITIZER = {"ASAN_OPTIONS": "exitcode=99:detect_leaks=0", "UBSAN_OPTIONS": "exitcode=99"}

Command: TypeAlias = list[str | Path]


def in_node(folder: Path) -> Command | None:
    """As after `npm install mqtt` beside it."""
    (folder / "node_modules").symlink_to(mqtt_js().parent)
    return [*node(), shutil.copy(EXAMPLES / "node.mjs", folder)]


def in_java(_folder: Path) -> Command | None:
    java = shutil.which("java")
    return [java, EXAMPLES / "Node.java"] if java else None


def in_c(folder: Path) -> Command | None:
    compiler, built = shutil.which("cc"), folder / "node"
    if compiler is None:
        return None
    made = subprocess.run(
        [compiler, "-Wall", "-Werror", "-O2", "-g", *SANITIZED, "-o", built, EXAMPLES / "node.c", *LIBRARIES],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    # Without the header files of the two.
    if re.search(r"\w+\.h: No such file|cannot find (-l|\S*san)", made.stderr):
        return None
    assert made.returncode == 0, made.stderr
    return [built]


@contextmanager
def all_running(commands: Mapping[str, Command], folder: Path) -> Iterator[dict[str, subprocess.Popen[str]]]:
    """Each in a folder of its own, where it keeps its session; killed at the end."""
    with ExitStack() as stack:
        yield {name: stack.enter_context(running(command, folder / name)) for name, command in commands.items()}


@contextmanager
def running(command: Command, folder: Path) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        command,
        cwd=folder,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=clean_environment() | SANITIZER,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def say(process: subprocess.Popen[str], line: str) -> None:
    assert process.stdin is not None
    process.stdin.write(f"{line}\n")
    process.stdin.flush()


def heard(process: subprocess.Popen[str], count: int) -> set[int]:
    """The numbers of the next samples that are stored; one that was sent twice may be acknowledged twice."""
    assert process.stdout is not None
    stored: set[int] = set()
    while len(stored) < count:
        word, number = process.stdout.readline().split()
        assert word == "stored"
        stored.add(int(number))
    return stored


@pytest.mark.timeout(240)
def test_each_reports_is_lost_when_killed_and_says_goodbye_at_its_end(station: Station, tmp_path: Path) -> None:
    station.rigwatch.environment["RIGWATCH_BROKER__ADVERTISE"] = "127.0.0.1"
    for name in LANGUAGES:
        (tmp_path / name).mkdir()
    there = {name: command for name, make in LANGUAGES.items() if (command := make(tmp_path / name))}
    station.up()
    for name in there:
        (tmp_path / name / "token").write_text(station.token(name, "--long"))
    commands = {name: [*command, Path("token")] for name, command in there.items()}
    stored: dict[str, set[int]] = {}
    with all_running(commands, tmp_path) as nodes:
        for name, process in nodes.items():
            say(process, "61250000.5")
            stored[name] = heard(process, 1)
            station.wait_for_status(f"main/{name}", "online")
    for name in commands:
        station.wait_for_status(f"main/{name}", "lost")
    # Again, with a session above the last.
    with all_running(commands, tmp_path) as nodes:
        for name, process in nodes.items():
            say(process, "5")
            say(process, "0")
            stored[name] |= heard(process, 2)
            assert process.stdin is not None
            process.stdin.close()
            assert process.wait(timeout=20) == 0
    for name in commands:
        station.wait_for_status(f"main/{name}", "offline")
        assert station.samples()[f"main/{name}"] == stored[name]
        assert rates(station, name) == [61250000.5, 5.0, 0.0]


HOSTILE = {
    "gone": b"",
    "more than a server says": b"\x30\x80\x80\x40\x00\x00" + bytes(2**20 - 2),
    "a length that does not end": b"\x30\xff\xff\xff\xff\xff\x7f" + bytes(4096),
    "an ack without a topic": b"\x30\x00",
    "a greeting without an answer": b"\x20\x00",
    "a topic longer than its packet": b"\x30\x04\xff\xff\x00\x00",
}
"""What a broker that was taken over sends; it may well have the certificate."""


@pytest.mark.timeout(240)
@pytest.mark.parametrize(("name", "most"), [("js", 2), ("java", 2), ("c", len(HOSTILE))])
def test_each_ends_whatever_a_broker_sends_and_writes_nowhere_it_should_not(
    tmp_path: Path, name: str, most: int
) -> None:
    command = LANGUAGES[name](tmp_path)
    if command is None:
        pytest.skip(f"the tools for {name} are not here")
    trusted = authority(tmp_path / "trusted", "127.0.0.1")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(60)
        words = {"url": f"mqtts://127.0.0.1:{listener.getsockname()[1]}", "site": "main", "node": "rig1"}
        key = base64.urlsafe_b64encode(bytes(range(32))).decode().rstrip("=")
        plain = json.dumps({**words, "key": key, "ca": trusted.pem}, separators=(",", ":")).encode()
        (tmp_path / "token").write_text("rw1." + base64.urlsafe_b64encode(plain).decode().rstrip("="))
        for what, sent in islice(HOSTILE.items(), most):
            with running([*command, Path("token")], tmp_path) as process:
                with trusted.server_context().wrap_socket(listener.accept()[0], server_side=True) as broker:
                    broker.settimeout(60)
                    assert broker.recv(4096)[:1] == b"\x10"
                    with suppress(OSError):
                        broker.sendall(b"\x20\x02\x00\x00" + sent)
                        while sent and broker.recv(4096):
                            pass
                assert process.wait(timeout=60) == 1, what


def rates(station: Station, name: str) -> list[float]:
    exported = station.rigwatch.run("export", "--format", "jsonl", "--node", name)
    assert exported.returncode == 0, exported.stderr
    return [json.loads(line)["hashrate"] for line in exported.stdout.splitlines()]


LANGUAGES: dict[str, Callable[[Path], Command | None]] = {"js": in_node, "java": in_java, "c": in_c}
