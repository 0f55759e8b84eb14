"""Taking the connections of a listening socket, whatever becomes of single ones."""

import asyncio
import errno
import socket
from collections.abc import Callable
from typing import Any, Final

from rigwatch.clock import Clock

BURST: Final = 32
"""Accepted in a row before the clients that are already here get their turn."""
PAUSE_S: Final = 0.25
_OUT_OF_FILES: Final = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}


async def accepting(
    listening: socket.socket, enter: Callable[[socket.socket, Any], None], *, clock: Clock, full: Callable[[str], None]
) -> None:
    """Hands each with its address to `enter`, until it is cancelled; the listening socket stays its owner's.

    A connection that broke before it was accepted is nothing; without free descriptors all must wait, and `full` is
    told so, once.
    """
    loop = asyncio.get_running_loop()
    listening.setblocking(False)
    told = False
    while True:
        for _ in range(BURST):
            try:
                # The address comes from accept(): after a reset, asking the socket for it fails.
                accepted, address = await loop.sock_accept(listening)
            except OSError as exc:
                if exc.errno in _OUT_OF_FILES:
                    if not told:
                        full(exc.strerror or str(exc))
                    told = True
                    await clock.sleep(PAUSE_S)
                break
            enter(accepted, address)
        await asyncio.sleep(0)
