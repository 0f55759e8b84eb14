"""Waiting for the first report: a server that is away for a moment ends it not, one that knows better does."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest

from publisher.commands import install
from publisher.install.layout import Layout
from publisher.install.server import JoinServer, ServerRefused
from publisher.install.services import Detached
from rigwatch.errors import RigwatchError


@contextmanager
def answering(statuses: Sequence[int]) -> Iterator[JoinServer]:
    """A server that gives these answers, the last one again and again; 0 is none."""
    left = list(statuses)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status = left.pop(0) if len(left) > 1 else left[0]
            if status:
                self.send_response(status)
                self.end_headers()
                self.wfile.write(b"so it is")

        def log_message(self, *_: object) -> None:
            """Nothing."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield JoinServer(f"http://127.0.0.1:{server.server_port}/agent", "-", "code")
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Detached:
    monkeypatch.setattr("publisher.install.server._LOOK_EVERY_S", 0.01)
    return Detached(Layout(tmp_path), crontab=False)


@pytest.mark.parametrize("away", [0, 500, 503])
def test_a_server_that_is_away_meanwhile_is_asked_again(
    service: Detached, away: int, capsys: pytest.CaptureFixture[str]
) -> None:
    with answering([202, away, 202, 200]) as server:
        install._wait(server, 30, service, service.layout)
    assert "the server has its first report" in capsys.readouterr().err


def test_a_server_that_refuses_ends_it_at_once(service: Detached) -> None:
    with answering([202, 403, 200]) as server, pytest.raises(ServerRefused, match="so it is"):
        install._wait(server, 30, service, service.layout)


def test_when_none_comes_the_last_reason_is_named(service: Detached) -> None:
    with (
        answering([503]) as server,
        pytest.raises(RigwatchError, match=r"no report .* in 0 s; .*so it is.*; the agent"),
    ):
        install._wait(server, 0.2, service, service.layout)
    with answering([202]) as server, pytest.raises(RigwatchError, match=r"in 0 s; the agent goes on trying, see "):
        install._wait(server, 0.2, service, service.layout)
