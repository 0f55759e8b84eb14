"""A real Mosquitto on a free port: the reference for what a broker does, and the external broker of the tests."""

import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import pytest

from tests.ports import free_port, is_listening
from tests.processes import Program, start_program
from tests.requirements import program
from tests.waiting import eventually

_PLACES = ("/usr/sbin/mosquitto", "/usr/local/sbin/mosquitto", "/opt/homebrew/sbin/mosquitto")


@dataclass(frozen=True, slots=True)
class Mosquitto:
    """A running Mosquitto on loopback."""

    port: int
    program: Program

    @property
    def url(self) -> str:
        """The address that `broker.url` takes."""
        return f"mqtt://127.0.0.1:{self.port}"

    def log(self) -> str:
        """All that it has logged so far."""
        return self.program.text()

    def stop(self) -> None:
        """End it as a service manager does (SIGTERM) and wait until it is gone."""
        self.program.terminate()

    def kill(self) -> None:
        """End it as a power cut of the server does: no wills, no goodbyes."""
        self.program.kill()


StartMosquitto: TypeAlias = Callable[..., Mosquitto]


@pytest.fixture
def start_mosquitto(tmp_path: Path) -> Iterator[StartMosquitto]:
    """Starts brokers: `start_mosquitto(passwords={…}, acl="…", lines=[…], port=…)`; all are stopped after the test."""
    with ExitStack() as brokers:
        numbers = iter(range(1000))

        def start(
            *,
            passwords: Mapping[str, str] | None = None,
            acl: str = "",
            lines: Sequence[str] = (),
            port: int = 0,
        ) -> Mosquitto:
            folder = tmp_path / f"mosquitto-{next(numbers)}"
            folder.mkdir()
            settings = _settings(folder, passwords=passwords, acl=acl, port=port or free_port())
            return brokers.enter_context(_running(folder, [*settings, *lines]))

        yield start


@pytest.fixture
def mosquitto(start_mosquitto: StartMosquitto) -> Mosquitto:
    """A broker that lets everybody in."""
    return start_mosquitto()


def _settings(folder: Path, *, passwords: Mapping[str, str] | None, acl: str, port: int) -> list[str]:
    # `user root`: started as root it would otherwise become "mosquitto", which cannot read a test's folder.
    lines = ["user root", f"listener {port} 127.0.0.1", "log_dest stderr", "log_type all", "persistence false"]
    lines += [f"allow_anonymous {'true' if passwords is None else 'false'}"]
    if passwords is not None:
        lines += [f"password_file {_password_file(folder, passwords)}"]
    if acl:
        path = folder / "acl"
        path.write_text(acl, encoding="utf-8")
        path.chmod(0o600)
        lines += [f"acl_file {path}"]
    return lines


def _password_file(folder: Path, passwords: Mapping[str, str]) -> Path:
    path = folder / "passwords"
    path.write_text("".join(f"{name}:{password}\n" for name, password in passwords.items()), encoding="utf-8")
    path.chmod(0o600)
    # Hashes the file in place.
    subprocess.run([program("mosquitto_passwd"), "-U", path], check=True, timeout=60)
    return path


@contextmanager
def _running(folder: Path, settings: Sequence[str]) -> Iterator[Mosquitto]:
    configuration = folder / "mosquitto.conf"
    configuration.write_text("\n".join(settings) + "\n", encoding="utf-8")
    command: list[str | Path] = [program("mosquitto", variable="MOSQUITTO", places=_PLACES), "-c", configuration]
    port = next(int(line.split()[1]) for line in settings if line.startswith("listener "))
    broker = Mosquitto(port, start_program(command, folder))
    try:
        eventually(lambda: _is_up(broker), what="Mosquitto listens")
        yield broker
    finally:
        broker.program.end()


def _is_up(broker: Mosquitto) -> bool:
    if not broker.program.is_running():
        pytest.fail(f"mosquitto ended while starting:\n{broker.log()}")
    return is_listening(broker.port)
