"""A raw WebSocket client of the broker that does only what it is told, right or wrong."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.integration.broker import peer
from tests.integration.broker.running import RIG2, House

REQUEST = (
    b"GET /mqtt HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: mqtt\r\n"
)
BINARY, CONT, PING, CLOSE = 0x2, 0x0, 0x9, 0x8


def frame(opcode: int, data: bytes, *, fin: bool = True, reserved: int = 0, masked: bool = True) -> bytes:
    """RFC 6455 §5.2, with a mask of zeros."""
    head = bytes((0x80 * fin | reserved | opcode,))
    mask = 0x80 * masked
    if len(data) < 126:
        head += bytes((mask | len(data),))
    elif len(data) < 65_536:
        head += bytes((mask | 126,)) + len(data).to_bytes(2)
    else:
        head += bytes((mask | 127,)) + len(data).to_bytes(8)
    return head + bytes(4 * masked) + data


class Line:
    """A socket on the WebSocket port."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def upgrade(self) -> bytes:
        self.writer.write(REQUEST + b"\r\n")
        return await asyncio.wait_for(self.reader.readuntil(b"\r\n\r\n"), 5)

    async def login(self, house: House) -> None:
        await self.upgrade()
        self.writer.write(frame(BINARY, peer.connect(house.node(RIG2))))
        assert await asyncio.wait_for(self.reader.readexactly(6), 5) == b"\x82\x04\x20\x02\x00\x00"

    async def is_closed(self, *, timeout: float = 5.0) -> bool:
        """Whether the broker closes within the time, whatever it says before."""
        try:
            async with asyncio.timeout(timeout):
                while await self.reader.read(65_536):
                    pass
        except ConnectionError:
            return True
        except TimeoutError:
            return False
        return True

    async def push(self, chunk: bytes, seconds: float) -> int:
        """Sends over and over as fast as it is taken, and reads nothing; says how many went."""
        until, sent = time.monotonic() + seconds, 0
        try:
            while time.monotonic() < until:
                self.writer.write(chunk)
                sent += 1
                async with asyncio.timeout_at(asyncio.get_running_loop().time() + until - time.monotonic()):
                    await self.writer.drain()
                await asyncio.sleep(0)
        except (TimeoutError, ConnectionError):
            pass
        return sent


@asynccontextmanager
async def opened(house: House) -> AsyncIterator[Line]:
    line = Line(*await asyncio.open_connection("127.0.0.1", house.websocket_port))
    try:
        yield line
    finally:
        line.writer.transport.abort()
