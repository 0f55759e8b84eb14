"""What reading costs: an answer of each kind taken apart, and a publisher with one, eight and five hundred miners."""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import psutil

from benchmarks.tables import replace_between, table
from publisher.sources import (
    axeos,
    bitcoind,
    cgminer,
    ethminer,
    gminer,
    hiveos,
    lolminer,
    mapped,
    monerod,
    nbminer,
    rigel,
    srbminer,
    trex,
    xmrig,
)
from publisher.sources.reading import Reading, checked
from rigwatch.clock import SystemClock
from rigwatch.home import Home
from rigwatch.joining import Joining
from rigwatch.settings import load_server
from rigwatch.topics import NodeId
from tests.miners import captured
from tests.ports import free_ports

READS = 500
MINERS = (1, 8, 500)
SECONDS = 90.0
ANSWER = captured("told/axeos-nerdqaxe/answer.bin")
NOW = 1_655_999_201_000


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.sources", description=__doc__)
    parser.add_argument("--short", action="store_true", help="fewer reads and miners")
    parser.add_argument("--write", action="store_true", help="write the result to docs/benchmarks.md")
    parser.add_argument("--serve", type=int, default=0, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        serve(options.serve)
        return
    lines = [parsing(READS // 10 if options.short else READS), "", publishing(MINERS[:2] if options.short else MINERS)]
    text = "\n".join(lines)
    print(text)
    if options.write:
        replace_between("sources", text)


def parsing(reads: int) -> str:
    rows = [(kind, f"{len(raw):,}", _micros(read, raw, reads)) for kind, (raw, read) in _kinds().items()]
    return table(("kind", "bytes", "µs for an answer"), rows)


def publishing(numbers: tuple[int, ...]) -> str:
    rows = []
    for number in numbers:
        with publisher(number) as process:
            # What a start costs is not what running does.
            time.sleep(20)
            before, began = sum(process.cpu_times()[:2]), time.monotonic()
            time.sleep(SECONDS)
            used = (sum(process.cpu_times()[:2]) - before) / (time.monotonic() - began)
            memory = process.memory_info().rss / 1e6
        rows.append((str(number), f"{100 * used:.1f} %", f"{memory:.0f} MB"))
    return table(("miners, a node each, read every 10 s", "of one core", "memory"), rows)


@contextmanager
def publisher(number: int) -> Iterator[psutil.Process]:
    """One publisher of so many nodes, each with a Bitaxe that answers over HTTP, and a broker of its own."""
    web, mqtt, mqtts, miners = free_ports(4)
    with tempfile.TemporaryDirectory() as folder:
        home = Home(Path(folder) / "home")
        environ = {
            "RIGWATCH_BROKER__PORT": str(mqtts),
            "RIGWATCH_BROKER__PLAIN_PORT": str(mqtt),
            "RIGWATCH_WEB__PORT": str(web),
            "RIGWATCH_BROKER__HOST": "127.0.0.1",
        }
        command = [sys.executable, "-m", "rigwatch", "--home", str(home.path)]
        everything = {**os.environ, **environ}
        subprocess.run([*command, "init"], check=True, env=everything, capture_output=True)
        joining = Joining(home, load_server(home, environ), url=f"mqtt://127.0.0.1:{mqtt}")
        now = SystemClock().now()
        nodes: list[str] = []
        for at in range(number):
            token = joining.token(NodeId("main", f"asic-{at}"), now)
            source = f'[[nodes.sources]]\nkind = "axeos"\nurl = "http://127.0.0.1:{miners}/{at}"\n'
            nodes.append(f'[[nodes]]\ntoken = "{token}"\n{source}')
        home.publisher_toml.write_text("\n".join(nodes))
        home.publisher_toml.chmod(0o600)
        served = subprocess.Popen([sys.executable, "-m", "benchmarks.sources", "--serve", str(miners)])
        broker = subprocess.Popen([*command, "broker"], env=everything, stderr=subprocess.DEVNULL)
        time.sleep(5)
        log = Path(folder) / "publisher.log"
        with log.open("wb") as written:
            publishes = subprocess.Popen([*command, "publish"], env=everything, stderr=written)
        try:
            yield psutil.Process(publishes.pid)
            if publishes.poll() is not None:
                raise SystemExit(f"the publisher ended with {publishes.returncode}: {log.read_text()[-2000:]}")
        finally:
            for each in (publishes, broker, served):
                each.terminate()
                each.wait(30)


def serve(port: int) -> None:
    """Answers as so many Bitaxes as are asked for, each below a folder of its own."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(ANSWER)))
            self.end_headers()
            with suppress(OSError):
                # Who asked may have given up.
                self.wfile.write(ANSWER)

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    ThreadingHTTPServer(("127.0.0.1", port), Handler).serve_forever()


def _micros(read: Callable[[bytes], Reading], raw: bytes, reads: int) -> str:
    took: list[float] = []
    for _ in range(reads):
        began = time.perf_counter()
        checked(read(raw))
        took.append(time.perf_counter() - began)
    return f"{1e6 * statistics.median(took):,.0f}"


def _kinds() -> dict[str, tuple[bytes, Callable[[bytes], Reading]]]:
    answers = {each: captured(f"cgminer-4.11.1-{each}.json") for each in ("summary", "devs", "pools")}

    def of_cgminer(_raw: bytes) -> Reading:
        def ask(name: str) -> bytes:
            if name not in answers:
                raise cgminer.RefusedCommandError(name)
            return answers[name]

        return cgminer.parse(ask, now=NOW)

    sheet = mapped.sheets()["onezerominer"]
    return {
        "xmrig": (captured("xmrig-6.21.0-summary.json"), xmrig.parse),
        "trex": (captured("trex-0.25.9.json"), trex.parse),
        "lolminer": (captured("lolminer-1.92-dual.json"), lolminer.parse),
        "lolminer, a worker 004": (captured("told/lolminer-1.46-worker-004-bare-number/answer.bin"), lolminer.parse),
        "gminer": (captured("gminer-3.44-dual.json"), gminer.parse),
        "nbminer": (captured("nbminer-40.0.json"), lambda raw: nbminer.parse(raw, now=NOW)),
        "srbminer": (captured("srbminer-3.6.4.json"), srbminer.parse),
        "rigel": (captured("rigel-1.23.2.json"), rigel.parse),
        "ethminer": (captured("ethminer-0.16.0-getstat1.json"), ethminer.parse),
        "cgminer, three answers": (b"".join(answers.values()), of_cgminer),
        "hiveos": (captured("hiveos-0.6-last_stat.json"), hiveos.parse),
        "axeos": (ANSWER, axeos.parse),
        "onezerominer, a file": (
            captured("told/onezerominer/answer.bin"),
            lambda raw: mapped.parse(sheet, lambda _: raw),
        ),
        "bitcoind": (captured("bitcoind-25.0-batch.json"), bitcoind.parse),
        "monerod": (captured("monerod-0.18.0.0-get_info.json"), lambda raw: monerod.parse(raw, now=NOW)),
    }


if __name__ == "__main__":
    main()
