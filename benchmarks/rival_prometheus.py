"""Prometheus with Alertmanager, Debian's, told to watch the same thing: how long until their webhook comes."""

import contextlib
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks import namespace
from tests.ports import free_ports, is_listening
from tests.waiting import eventually
from tests.webhook import Webhook, webhook

_PACKAGES = ("prometheus", "prometheus-alertmanager")
_TARGET = """
import http.server, sys
class Metrics(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.send_header("Content-Type", "text/plain"); self.end_headers()
        self.wfile.write(b"hashrate 45000000\\n")
    def log_message(self, *_): pass
http.server.ThreadingHTTPServer((sys.argv[1], int(sys.argv[2])), Metrics).serve_forever()
"""


@dataclass(frozen=True, slots=True)
class Tuning:
    """What their documentation lets one turn; the defaults are those of Debian's own files and of the documentation."""

    scrape: str = "15s"
    timeout: str = "10s"
    held: str = "1m"
    group_wait: str = "30s"


DEFAULTS = Tuning()
TUNED = Tuning(scrape="1s", timeout="1s", held="0s", group_wait="0s")


def measured(*, short: bool) -> dict[str, list[float]]:
    """Seconds from `kill -9` of a target to the webhook; empty where Debian's packages cannot be had."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if not _fetch(folder):
            return {}
        with _templates(folder):
            return _compared(folder, short=short)


def _compared(folder: Path, *, short: bool) -> dict[str, list[float]]:
    found = {"Prometheus and Alertmanager, kill -9, one-second scrapes": crash(folder, TUNED, 10)}
    if not short:
        found["Prometheus and Alertmanager, kill -9, defaults"] = crash(folder, DEFAULTS, 5)
    if namespace.available():
        cuts = power_cuts(folder, TUNED, 3 if short else 10)
        found["Prometheus and Alertmanager, power cut, one-second scrapes"] = cuts
    return found


@contextmanager
def _templates(folder: Path) -> Iterator[None]:
    """Debian's Alertmanager looks for its templates at one fixed place."""
    place = Path("/usr/share/prometheus")
    if place.exists():
        yield
        return
    place.symlink_to(folder / "usr/share/prometheus")
    try:
        yield
    finally:
        place.unlink()


def crash(folder: Path, tuning: Tuning, count: int) -> list[float]:
    """Targets are killed one after the other, a little over a scrape apart."""
    with ExitStack() as stack:
        hook = stack.enter_context(webhook())
        ports = free_ports(count)
        targets = [stack.enter_context(_target(port)) for port in ports]
        stack.enter_context(_watching(folder, hook, ports, tuning))
        began: dict[int, float] = {}
        for number, (port, target) in enumerate(zip(ports, targets, strict=True)):
            began[port] = time.time()
            target.kill()
            target.wait()
            time.sleep(1.3 + 0.17 * number)
        return [_heard(hook, port, at) for port, at in began.items()]


def power_cuts(folder: Path, tuning: Tuning, count: int) -> list[float]:
    """As `benchmarks.alerts.power_cuts`: the machine of a target falls silent. Each is watched by a new pair of
    servers, for Alertmanager tells of the same group again only minutes later."""
    found = []
    with ExitStack() as stack:
        hook = stack.enter_context(webhook())
        stack.enter_context(namespace.network())
        for number in range(count):
            namespace.plug()
            (port,) = free_ports(1)
            with _target(port, there=True), _watching(folder, hook, [port], tuning, host=namespace.THERE):
                # Between two scrapes, at a moment that is not always the same.
                time.sleep(1.0 + number / count)
                began = time.time()
                namespace.cut()
                found.append(_heard(hook, port, began))
    return found


def _heard(hook: Webhook, port: int, began: float) -> float:
    def firing() -> list[float]:
        return [
            each.at
            for each in list(hook.deliveries)
            for alert in each.body.get("alerts", ())
            if alert["status"] == "firing" and alert["labels"]["instance"].endswith(f":{port}")
        ]

    return min(eventually(firing, timeout=240, what=f"the alert about {port}")) - began


@contextmanager
def _target(port: int, *, there: bool = False) -> Iterator[subprocess.Popen[bytes]]:
    """`there`: on the machine whose power can be cut."""
    prefix, host = (namespace.INSIDE, namespace.THERE) if there else ((), "127.0.0.1")
    process = subprocess.Popen([*prefix, sys.executable, "-c", _TARGET, host, str(port)])
    try:
        eventually(lambda: _answers(host, port), what="the target listens")
        yield process
    finally:
        process.kill()
        process.wait()


def _answers(host: str, port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection((host, port), timeout=1):
        return True
    return False


@contextmanager
def _watching(
    folder: Path, hook: Webhook, ports: Sequence[int], tuning: Tuning, *, host: str = "127.0.0.1"
) -> Iterator[None]:
    own, manager = free_ports(2)
    targets = ", ".join(f'"{host}:{port}"' for port in ports)
    (folder / "rules.yml").write_text(
        f"groups: [{{name: a, rules: [{{alert: Down, expr: 'up == 0', for: {tuning.held}}}]}}]\n"
    )
    (folder / "prometheus.yml").write_text(
        f"global: {{scrape_interval: {tuning.scrape}, scrape_timeout: {tuning.timeout}, "
        f"evaluation_interval: {tuning.scrape}}}\nrule_files: [rules.yml]\n"
        f'alerting: {{alertmanagers: [{{static_configs: [{{targets: ["127.0.0.1:{manager}"]}}]}}]}}\n'
        f"scrape_configs: [{{job_name: rigs, static_configs: [{{targets: [{targets}]}}]}}]\n"
    )
    (folder / "alertmanager.yml").write_text(
        f"route: {{receiver: hook, group_by: [instance], group_wait: {tuning.group_wait}}}\n"
        f'receivers: [{{name: hook, webhook_configs: [{{url: "http://127.0.0.1:{hook.port}/hook"}}]}}]\n'
    )
    programs = folder / "usr/bin"
    data = folder / f"data-{own}"
    commands: tuple[list[str | Path], ...] = (
        [
            programs / "prometheus-alertmanager", f"--config.file={folder / 'alertmanager.yml'}",
            f"--storage.path={data}-am", f"--web.listen-address=127.0.0.1:{manager}", "--cluster.listen-address=",
        ],
        [
            programs / "prometheus", f"--config.file={folder / 'prometheus.yml'}", f"--storage.tsdb.path={data}",
            f"--web.listen-address=127.0.0.1:{own}",
        ],
    )  # fmt: skip
    with (folder / "log").open("wb") as log:
        running = [subprocess.Popen(command, stdout=log, stderr=log) for command in commands]
    try:
        eventually(lambda: is_listening(own) and is_listening(manager), timeout=30, what="both listen")
        # Two scrapes, so that every target has been seen.
        time.sleep(2 * float(tuning.scrape.removesuffix("s")) + 1)
        yield
    finally:
        for process in running:
            process.kill()
            process.wait()


def _fetch(folder: Path) -> bool:
    if not (shutil.which("apt-get") and shutil.which("dpkg")):
        return False
    with contextlib.suppress(subprocess.CalledProcessError, subprocess.TimeoutExpired):
        subprocess.run(["apt-get", "download", *_PACKAGES], cwd=folder, check=True, capture_output=True, timeout=120)  # noqa: S607 - of the machine's PATH
        for package in folder.glob("*.deb"):
            subprocess.run(["dpkg", "-x", str(package), str(folder)], check=True, timeout=60)  # noqa: S607 - of the machine's PATH
        return True
    return False
