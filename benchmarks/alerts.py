"""How long until people know: a killed node, a power cut, a thousand at once, a broker restart; beside Prometheus."""

import argparse
import contextlib
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from benchmarks import namespace, rival_prometheus
from benchmarks.tables import replace_between, table
from rigwatch.home import Home
from rigwatch.tokens import JoinToken
from store import alerts, open_store, reader
from tests.ports import free_port
from tests.waiting import eventually
from tests.webhook import Webhook, webhook

ROOT = Path(__file__).resolve().parent.parent
FLEET = 1000


@dataclass(frozen=True, slots=True)
class Server:
    """`rigwatch serve` in a home of its own."""

    home: Path
    port: int
    process: subprocess.Popen[bytes]
    log: Path

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "rigwatch", f"--home={self.home}", *arguments]

    def part(self, name: str) -> psutil.Process:
        """One of the supervised processes."""
        children = psutil.Process(self.process.pid).children(recursive=True)
        return next(child for child in children if name in child.cmdline())

    def online(self) -> int:
        with contextlib.closing(open_store("sqlite:///rigwatch.db", Home(self.home))) as store, store.read() as tx:
            return sum(1 for facts in reader.nodes(tx) if facts.connected)

    def last_will(self) -> float:
        with contextlib.closing(open_store("sqlite:///rigwatch.db", Home(self.home))) as store, store.read() as tx:
            return max(each.since for each in alerts.live(tx) if each.rule.value == "lost") / 1000


@contextmanager
def serving(folder: Path, hook: Webhook, options: str, *, host: str = "127.0.0.1") -> Iterator[Server]:
    home, port = folder / "home", free_port()
    log = folder / "serve.log"
    quiet = f'[alerts.channel.hook]\nurl="{hook.url}"\nrate=10000\n'
    subprocess.run([sys.executable, "-m", "rigwatch", f"--home={home}", "init"], check=True, capture_output=True)
    text = f'[broker]\nport=0\nplain_host="{host}"\nplain_port={port}\n[alerts]\n{options}\n{quiet}'
    (home / "server.toml").write_text(text)
    with log.open("wb") as err:
        process = subprocess.Popen([sys.executable, "-m", "rigwatch", f"--home={home}", "serve"], stderr=err)
    server = Server(home, port, process, log)
    try:
        eventually(lambda: "connected to the broker" in log.read_text(), timeout=60, what="the server is up")
        yield server
    finally:
        process.terminate()
        process.wait(30)


@contextmanager
def fleet(server: Server, folder: Path, nodes: int) -> Iterator[subprocess.Popen[bytes]]:
    """Simulated nodes over real connections, all in one process."""
    with (folder / "fleet.log").open("wb") as err:
        process = subprocess.Popen(server.command("simulate", f"--nodes={nodes}", "--interval=60s"), stderr=err)
    try:
        eventually(lambda: server.online() >= nodes, timeout=120, what=f"{nodes} nodes are online")
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        process.wait()


def kills(count: int) -> list[float]:
    """Seconds from `kill -9` of a publisher until a local web server has the message; hold 0, group_wait 0."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        hook = stack.enter_context(webhook())
        server = stack.enter_context(serving(folder, hook, 'hold="0s"\ngroup_wait="0s"\ngrace="0s"'))
        stack.enter_context(fleet(server, folder, FLEET))
        found: list[float] = []
        while len(found) < count:
            names = [f"rig{len(found) + number:03}" for number in range(min(10, count - len(found)))]
            found += _batch(server, folder, hook, names)
        return found


def _batch(server: Server, folder: Path, hook: Webhook, names: Sequence[str]) -> list[float]:
    running = {name: _publisher(server, folder, name) for name in names}
    before = FLEET
    eventually(lambda: server.online() >= before + len(names), timeout=60, what="the batch is online")
    found = []
    for name, process in running.items():
        began = time.time()
        os.kill(process.pid, signal.SIGKILL)
        title = f"bench/{name} lost"
        found.append(_arrival(hook, title) - began)
        process.wait()
    return found


def _arrival(hook: Webhook, title: str) -> float:
    def look() -> list[float]:
        return [each.at for each in list(hook.deliveries) if title in each.title]

    return eventually(look, timeout=60, what=title)[0]


def _publisher(
    server: Server, folder: Path, name: str, *, prefix: Sequence[str] = (), url: str = "", keepalive: str = "10s"
) -> subprocess.Popen[bytes]:
    token = subprocess.run(
        server.command("enroll", name, "--site", "bench"), check=True, capture_output=True, text=True
    ).stdout.strip()
    home = folder / f"rig-{name}"
    home.mkdir()
    if url:
        token = _moved(token, url)
    source = '[[nodes.sources]]\nkind="simulated"\n'
    (home / "publisher.toml").write_text(f'[[nodes]]\ntoken="{token}"\nkeepalive="{keepalive}"\n{source}')
    command = [*prefix, sys.executable, "-m", "rigwatch", f"--home={home}", "publish"]
    with (folder / f"{name}.log").open("wb") as err:
        return subprocess.Popen(command, stderr=err)


def _moved(token: str, url: str) -> str:
    known = JoinToken.decode(token)
    return JoinToken(url, known.node, known.key, None).encode()


def power_cuts(keepalive: int, count: int) -> list[float]:
    """Seconds from the moment a node's network is cut (its socket stays open, and silent) until the message."""
    found = []
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        hook = stack.enter_context(webhook())
        stack.enter_context(namespace.network())
        options = 'hold="0s"\ngroup_wait="0s"\ngrace="0s"'
        server = stack.enter_context(serving(folder, hook, options, host="0.0.0.0"))  # noqa: S104 - a bridge to itself
        for number in range(count):
            namespace.plug()
            name = f"cut{number}"
            url = f"mqtt://{namespace.HERE}:{server.port}"
            node = _publisher(server, folder, name, prefix=namespace.INSIDE, url=url, keepalive=f"{keepalive}s")
            eventually(lambda: server.online() == 1, timeout=30, what="the node is online")
            # Between two keep-alives, at a moment that is not always the same.
            time.sleep(1.0 + keepalive * number / count)
            began = time.time()
            namespace.cut()
            title = f"bench/{name} lost"
            found.append(_arrival(hook, title) - began)
            node.kill()
            node.wait()
    return found


def all_at_once() -> tuple[list[str], float]:
    """A thousand nodes killed with one signal, default settings: the messages, and seconds after the last will."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        hook = stack.enter_context(webhook())
        server = stack.enter_context(serving(folder, hook, 'grace="0s"'))
        process = stack.enter_context(fleet(server, folder, FLEET))
        process.kill()
        eventually(lambda: hook.deliveries, timeout=60, what="a message")
        # Long enough for a second one, if there were one.
        time.sleep(15)
        return hook.titles, hook.deliveries[0].at - server.last_will()


def broker_restart() -> tuple[list[str], int]:
    """The broker killed under a thousand nodes: the messages of the next 90 s, and how many nodes are back."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        hook = stack.enter_context(webhook())
        server = stack.enter_context(serving(folder, hook, ""))
        stack.enter_context(fleet(server, folder, FLEET))
        server.part("broker").kill()
        time.sleep(100)
        return hook.titles, server.online()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--short", action="store_true")
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    lines = measured(short=options.short)
    print("\n".join(lines))
    if options.write:
        replace_between("alerts", "\n".join(lines))


def measured(*, short: bool) -> list[str]:
    """The page's lines."""
    rows: list[Sequence[str]] = []
    crash = kills(20 if short else 100)
    rows.append(("rigwatch, kill -9, hold 0, 1000 nodes connected", *_spread(crash)))
    print(rows[-1], flush=True)
    if namespace.available():
        for keepalive, count in ((1, 3 if short else 10), (10, 1 if short else 3)):
            rows.append((f"rigwatch, power cut, keep-alive {keepalive} s", *_spread(power_cuts(keepalive, count))))
    for name, found in rival_prometheus.measured(short=short).items():
        rows.append((name, *_spread(found)))
    print(rows, flush=True)
    titles, after = all_at_once()
    again, back = broker_restart()
    nodes = [each for each in again if "rigwatch" not in each]
    return [
        table(("what", "times", "median", "p99 of 100, else longest"), rows),
        "",
        (
            f"- 1000 nodes killed at once, default settings: {len(titles)} message(s), {after:.1f} s after the last "
            f"will: `{titles[0]}`"
        ),
        f"- Broker killed under 1000 nodes: {len(nodes)} messages about nodes in 100 s, {back} nodes back.",
        (
            "- From documented defaults, not measured here: wtc-miner-monitor 180 to 340 s, healthchecks.io 60 to "
            "122 s at its minimum, Uptime Kuma up to 60 s."
        ),
    ]


def _spread(found: Sequence[float]) -> tuple[str, str, str]:
    ordered = sorted(found)
    late = ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))] if len(ordered) >= 100 else ordered[-1]
    return str(len(ordered)), _seconds(statistics.median(ordered)), _seconds(late)


def _seconds(span: float) -> str:
    return f"{span * 1000:.0f} ms" if span < 1 else f"{span:.1f} s"


if __name__ == "__main__":
    main()
