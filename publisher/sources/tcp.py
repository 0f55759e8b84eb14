"""A miner that answers over plain TCP: its settings, and one question with one limit on the whole of its time."""

import socket
import time
from dataclasses import dataclass
from typing import ClassVar, Final, Self
from urllib.parse import urlsplit

from publisher.sources.mending import JsonEnd
from publisher.sources.reading import SourceError
from publisher.sources.source import BlockingSource, Context, SourceSettings
from rigwatch.endpoint import bracketed

ANSWER_MAX: Final = 1024 * 1024
_CHUNK: Final = 64 * 1024
_PADDING: Final = b"\0 \r\n\t"


@dataclass(frozen=True, slots=True)
class HostPort:
    """Host and port."""

    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Raises ValueError for anything but host:port."""
        try:
            parts = urlsplit(f"tcp://{text}")
            host, port = parts.hostname, parts.port
        except ValueError:
            host, port = None, None
        if not host or not port or "@" in text or "/" in text or not text.isprintable():
            raise ValueError("address should look like 127.0.0.1:4028")
        return cls(host, port)

    def __str__(self) -> str:
        return f"{bracketed(self.host)}:{self.port}"


class TcpSettings(SourceSettings, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`address` is host:port."""

    address: str

    def __post_init__(self) -> None:
        HostPort.parse(self.address)


class TcpSource(BlockingSource):
    """Asks one question a connection. `title` is what the miner is called, `switch` what turns its API on."""

    title: ClassVar[str]
    switch: ClassVar[str]

    def __init__(self, settings: TcpSettings, context: Context) -> None:
        super().__init__(settings, context)
        self.endpoint = HostPort.parse(settings.address)

    def how_to_switch_on(self) -> str:
        return f"{self.title} listens there when started with {self.switch}"

    def ask(self, question: bytes, *, by: float) -> bytes:
        """What comes until its JSON ends, or the connection does; raises SourceError."""
        try:
            return exchange(self.endpoint, question, by=by)
        except ConnectionRefusedError as exc:
            raise SourceError(f"{self.endpoint}: {exc.strerror}; {self.how_to_switch_on()}") from None
        except TimeoutError:
            raise SourceError(f"{self.endpoint}: no answer within {self.timeout_s:g} s") from None
        except (OSError, UnicodeError) as exc:
            raise SourceError(
                f"{self.endpoint}: {getattr(exc, 'strerror', None) or str(exc) or type(exc).__name__}"
            ) from exc


def exchange(endpoint: HostPort, question: bytes, *, by: float) -> bytes:
    """Sends the question and reads the answer, until its JSON ends, a NUL follows a text, or the connection ends.
    Raises OSError, and TimeoutError when `by` (monotonic) has passed and nothing came.

    A limit on each piece would not do: a server may send a byte a second.
    """
    data, tail = bytearray(), JsonEnd()
    with socket.create_connection((endpoint.host, endpoint.port), timeout=_left(by)) as connection:
        connection.sendall(question)
        while True:
            try:
                connection.settimeout(_left(by))
                piece = connection.recv(_CHUNK)
            except (TimeoutError, ConnectionResetError):
                if not data.strip(_PADDING):
                    raise
                # What came says more than that it was late: it is cut short, or of another kind.
                return bytes(data)
            if not piece:
                return bytes(data)
            data += piece
            if len(data) > ANSWER_MAX:
                raise OSError(f"answer larger than {ANSWER_MAX} bytes")
            if tail.ended(piece) or (piece.endswith(b"\0") and data.strip(_PADDING)):
                return bytes(data)


def _left(by: float) -> float:
    left = by - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left
