"""Answers as HTTP has them, nearly so, and not at all; and a server that gives them byte by byte as they are."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from hypothesis import strategies as st

_BODY = st.one_of(
    st.binary(max_size=80),
    st.sampled_from([b"[" * 100_000, b'{"a":' * 100_000, b"1" * 6000, b"\xff\xfe{\0}\0", b'"\\ud800"', b"NaN"]),
)
_VALUES = st.one_of(
    st.text(st.characters(codec="latin-1", exclude_characters="\r\n"), max_size=40),
    st.integers().map(str),
    st.sampled_from(["inf", "nan", "-1", "1e999", "9" * 400, "Wed, 21 Oct 2015 07:28:00 GMT", "Thu, 99 Foo 0 0:0:0"]),
)
_HEADERS = st.sampled_from(
    ["Content-Length", "Transfer-Encoding", "Retry-After", "Location", "Connection", "Content-Encoding", "X"]
)


def _answer(status: str, headers: list[tuple[str, str]], body: bytes) -> bytes:
    lines = [f"HTTP/1.1 {status}", *(f"{name}: {value}" for name, value in headers)]
    return "\r\n".join(lines).encode("latin-1", "replace") + b"\r\n\r\n" + body


def _chunked(pieces: list[bytes], end: bytes) -> bytes:
    return b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + end


def answers(bodies: st.SearchStrategy[bytes]) -> st.SearchStrategy[bytes]:
    """Whole answers with `bodies` in some of them."""
    statuses = st.one_of(
        st.sampled_from(["200 OK", "200", "204 No", "301 Moved", "400 Bad", "403 No", "429 Slow", "502 Bad", "100 Go"]),
        st.integers(-9, 99_999).map(str),
        st.text(st.characters(codec="latin-1", exclude_characters="\r\n"), max_size=12),
    )
    some = st.one_of(bodies, _BODY)
    fitting = st.builds(
        lambda status, body: _answer(status, [("Content-Length", str(len(body)))], body), statuses, bodies
    )
    odd = st.builds(_answer, statuses, st.lists(st.tuples(_HEADERS, _VALUES), max_size=4), some)
    in_chunks = st.builds(
        lambda status, body: _answer(status, [("Transfer-Encoding", "chunked")], body),
        statuses,
        st.builds(_chunked, st.lists(some, max_size=3), st.sampled_from([b"0\r\n\r\n", b"", b"zz\r\n", b"-5\r\nabc"])),
    )
    whole = st.one_of(fitting, odd, in_chunks, st.binary(max_size=120))
    cut = st.builds(lambda answer, at: answer[: at % (len(answer) + 1)], whole, st.integers(0, 400))
    return st.one_of(whole, cut)


class Answering:
    """Listens, and gives `answer` to whatever is asked."""

    def __init__(self, listening: socket.socket) -> None:
        self.answer = b""
        self.port = int(listening.getsockname()[1])
        self._listening = listening

    def serve(self) -> None:
        # Ends when the socket is closed.
        with suppress(OSError):
            while True:
                connection, _ = self._listening.accept()
                with connection, suppress(OSError):
                    connection.settimeout(5)
                    _take_request(connection)
                    connection.sendall(self.answer)


def _take_request(connection: socket.socket) -> None:
    data = b""
    while b"\r\n\r\n" not in data:
        data += connection.recv(65_536) or b"\r\n\r\n"
    head, _, body = data.partition(b"\r\n\r\n")
    length = next((int(line[15:]) for line in head.splitlines() if line.lower().startswith(b"content-length:")), 0)
    while len(body) < length and (more := connection.recv(65_536)):
        body += more


@contextmanager
def answering() -> Iterator[Answering]:
    """On loopback, in a thread, while the block runs."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = Answering(listening)
        thread = threading.Thread(target=server.serve, daemon=True)
        thread.start()
        yield server
        # A blocked accept does not end with its socket everywhere; one more visitor wakes it.
        listening.shutdown(socket.SHUT_RDWR)
    thread.join(5)
