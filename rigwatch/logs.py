"""What a part writes about itself: one event, one line, on standard error."""

import logging
import sys
import time
from typing import Final

_NOISY = ("amqtt", "transitions", "asyncio", "uvicorn.access", "peewee", "websockets")

# Control characters of both sets, line and paragraph separators, and what turns the direction of writing round.
_UNSEEN: Final = {
    code: f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"
    for code in (*range(0x20), *range(0x7F, 0xA0), 0x200E, 0x200F, *range(0x2028, 0x202F), *range(0x2066, 0x206A))
}


def visible(text: str) -> str:
    """The text on one line, with what could end the line, or command a terminal, written out (a newline as `\\x0a`).

    Client ids, the answers of miners and topics are other people's words.
    """
    return text.translate(_UNSEEN)


class _Lines(logging.Formatter):
    """`2026-11-23T19:04:05Z warning subscriber: text`: UTC, because rigs and servers stand in different zones."""

    def __init__(self, part: str) -> None:
        super().__init__(f"%(asctime)s %(level)s {part}: %(message)s", datefmt="%Y-%m-%dT%H:%M:%SZ")
        self.converter = time.gmtime

    def format(self, record: logging.LogRecord) -> str:
        record.level = record.levelname.lower()
        return super().format(record)

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        return visible(super().formatMessage(record))


def to_stderr(part: str, *, debug: bool = False) -> None:
    """Sets up logging for this process; with `debug` our own modules say more, libraries never do."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Lines(part))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.INFO)
    for name in _NOISY:
        logging.getLogger(name).setLevel(logging.WARNING)
    if debug:
        for name in ("rigwatch", "broker", "publisher", "subscriber", "web"):
            logging.getLogger(name).setLevel(logging.DEBUG)
