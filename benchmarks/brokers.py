"""The brokers that are compared, each as a process on free loopback ports: rigwatch's, amqtt as it comes, Mosquitto."""

import asyncio
import logging
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
from amqtt.broker import Broker
from amqtt.contexts import BrokerConfig, ListenerConfig

from rigwatch.home import Home
from rigwatch.keys import MasterKey
from rigwatch.tls import ca_pem, certificate_paths
from tests.ports import free_ports
from tests.requirements import program
from tests.waiting import eventually

_LIMITS = "connections = 50000\nconnections_per_address = 50000\nmessages_per_second = 1000000\n"
_LIMITS += "bytes_per_second = 1000000000\nlogins_per_minute = 1000000\n"
_OURS = "import sys; sys.argv[0] = 'rigwatch'; from cli import main; main()"


@dataclass(frozen=True, slots=True)
class Measured:
    """A running broker. `master` makes the passwords that ours checks; the others take any."""

    name: str
    process: psutil.Process
    port: int
    tls_port: int
    ca: str
    master: MasterKey
    websocket_port: int = 0

    def cpu(self) -> float:
        """Seconds of CPU that it has used; to the nanosecond where the kernel tells that."""
        try:
            files = Path(f"/proc/{self.process.pid}/task").glob("*/schedstat")
            return sum(int(file.read_text().split()[0]) for file in files) / 1e9
        except FileNotFoundError:
            times = self.process.cpu_times()
            return float(times.user + times.system)

    def memory(self) -> int:
        """Resident bytes."""
        return self.process.memory_info().rss


@contextmanager
def ours(
    *, uvloop: bool = True, plain_only: bool = False, websocket: bool = False, limits: str = _LIMITS
) -> Iterator[Measured]:
    """rigwatch's own, closed enrolment, with its limits out of the way unless others are given."""
    with tempfile.TemporaryDirectory(prefix="rigwatch-bench-") as folder:
        home, master = _home(Path(folder))
        port, tls_port, websocket_port = free_ports(3)
        home.server_toml.write_text(
            f"[broker]\nhost = '127.0.0.1'\nport = {0 if plain_only else tls_port}\nplain_port = {port}\n"
            f"websocket_port = {websocket_port * websocket}\nwebsocket_tls = false\n"
            f"[broker.limits]\n{limits}[security]\nenrollment = 'open'\npassphrase = '{PASSPHRASE}'\n"
        )
        code = (
            _OURS
            if uvloop
            else f"import broker.service as s, asyncio; s.new_event_loop = asyncio.new_event_loop; {_OURS}"
        )
        command = [sys.executable, "-c", code, f"--home={folder}", "broker"]
        name = "rigwatch" if uvloop else "rigwatch without uvloop"
        with _running(command, port) as process:
            yield Measured(name, process, port, tls_port, ca_pem(home), master, websocket_port)


@contextmanager
def stock() -> Iterator[Measured]:
    """amqtt, everybody welcome."""
    with tempfile.TemporaryDirectory(prefix="rigwatch-bench-") as folder:
        home, master = _home(Path(folder))
        port, tls_port = free_ports(2)
        certificate, _ = certificate_paths(home, [], now_ms())
        command = [sys.executable, "-m", "benchmarks.brokers", str(port), str(tls_port), str(certificate)]
        with _running(command, port) as process:
            yield Measured("amqtt", process, port, tls_port, ca_pem(home), master)


@contextmanager
def mosquitto() -> Iterator[Measured]:
    """Debian's, everybody welcome, without its limits on queues."""
    with tempfile.TemporaryDirectory(prefix="rigwatch-bench-") as folder:
        home, master = _home(Path(folder))
        port, tls_port = free_ports(2)
        certificate, key = certificate_paths(home, [], now_ms())
        file = Path(folder) / "mosquitto.conf"
        file.write_text(
            "user root\nallow_anonymous true\nmax_queued_messages 0\nmax_inflight_messages 1000\n"
            f"listener {port} 127.0.0.1\n"
            f"listener {tls_port} 127.0.0.1\ncertfile {certificate}\nkeyfile {key}\n"
        )
        command = [program("mosquitto", places=("/usr/sbin/mosquitto",)), "-c", str(file)]
        with _running(command, port) as process:
            yield Measured("mosquitto", process, port, tls_port, ca_pem(home), master)


PASSPHRASE = "a passphrase of the benchmark"  # noqa: S105 - of a home that lives for a minute


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def _home(folder: Path) -> tuple[Home, MasterKey]:
    home = Home(folder)
    home.prepare()
    return home, MasterKey.from_passphrase(PASSPHRASE)


@contextmanager
def _running(command: list[str], port: int) -> Iterator[psutil.Process]:
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            # Its own socket, not that of another program which happened to take the port meanwhile.
            found = psutil.Process(process.pid)
            eventually(lambda: process.poll() is not None or _listens(found, port), timeout=20)
            if process.poll() is not None:
                log.seek(0)
                raise SystemExit(log.read().decode())
            yield found
        finally:
            process.kill()
            process.wait()


def _listens(process: psutil.Process, port: int) -> bool:
    return any(each.laddr.port == port for each in process.net_connections("tcp"))


async def _serve_stock(port: int, tls_port: int, certificate: str) -> None:
    listeners = {
        "default": ListenerConfig(bind=f"127.0.0.1:{port}"),
        "tls": ListenerConfig(bind=f"127.0.0.1:{tls_port}", ssl=True, certfile=certificate, keyfile=certificate),
    }
    plugins = {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}}
    broker = Broker(BrokerConfig(listeners=listeners, plugins=plugins))
    await broker.start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    logging.basicConfig(level=logging.ERROR)
    asyncio.run(_serve_stock(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]))
