"""`rigwatch-agent join`: a code for a token, and a machine that has joined stays what it is."""

import argparse
import io
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest

from publisher.commands import join
from publisher.install.server import ServerRefused
from rigwatch.errors import RigwatchError
from rigwatch.keys import NodeKey
from rigwatch.tokens import JoinToken
from rigwatch.topics import NodeId

TOKEN = JoinToken("mqtt://127.0.0.1:1", NodeId("main", "rig-7"), NodeKey(bytes(range(32))), None).encode()


class Asked:
    """A server that gives its one token to the code `good`, once; and what was asked of it."""

    def __init__(self) -> None:
        self.headers: list[dict[str, str]] = []
        self.url = ""


@pytest.fixture
def asked() -> Iterator[Asked]:
    noted = Asked()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            noted.headers.append(dict(self.headers))
            is_first = len(noted.headers) == 1 and self.headers["X-Rigwatch-Code"] == "good"
            self.send_response(200 if is_first else 409)
            self.end_headers()
            self.wfile.write(TOKEN.encode() if is_first else b"used up")

        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Nothing."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    noted.url = f"http://127.0.0.1:{server.server_port}/agent"
    try:
        yield noted
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


Run = Callable[..., str]


@pytest.fixture
def run(asked: Asked, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    def run(code: str, *options: str) -> str:
        parser = argparse.ArgumentParser()
        join.arguments(parser)
        monkeypatch.setattr("sys.stdin", io.StringIO(f"{code}\n"))
        parsed = parser.parse_args(["--server", asked.url, *options])
        join.run(argparse.Namespace(**vars(parsed), home=str(tmp_path / "home")))
        return capsys.readouterr().err

    return run


def test_a_code_is_exchanged_for_the_token_which_is_kept(run: Run, asked: Asked, tmp_path: Path) -> None:
    assert "joined as main/rig-7" in run("good", "--name", "Shed 3.farm")
    assert TOKEN in (tmp_path / "home" / "publisher.toml").read_text()
    (sent,) = asked.headers
    assert sent["X-Rigwatch-Host"] == "shed-3"
    assert len(sent["X-Rigwatch-Machine"]) == 64


def test_a_machine_that_has_joined_stays_what_it_is(run: Run, asked: Asked, tmp_path: Path) -> None:
    run("good")
    before = (tmp_path / "home" / "publisher.toml").read_bytes()
    assert "joined before, and that stays" in run("good")
    assert len(asked.headers) == 2
    # A code of several is not even asked with: it would make another node.
    assert "joined before, and that stays" in run("many-a-b")
    assert len(asked.headers) == 2
    assert (tmp_path / "home" / "publisher.toml").read_bytes() == before


def test_a_home_that_takes_no_token_costs_no_code(run: Run, asked: Asked, tmp_path: Path) -> None:
    (tmp_path / "home").mkdir(mode=0o755)
    (tmp_path / "home" / "somebody's").write_text("")
    with pytest.raises(RigwatchError, match="choose a folder of its own"):
        run("good")
    assert asked.headers == []


def test_a_wrong_code_joins_nothing(run: Run, tmp_path: Path) -> None:
    with pytest.raises(ServerRefused, match="used up"):
        run("wrong")
    assert not (tmp_path / "home" / "publisher.toml").exists()


def test_it_waits_for_the_first_report_when_asked_to(run: Run, asked: Asked) -> None:
    assert "the server has its first report" in run("good", "--only-wait")
    assert asked.headers == []
