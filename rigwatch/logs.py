"""What a part writes about itself: one event, one line, on standard error."""

import logging
import re
import sys
import time
from typing import Any, Final

_NOISY = ("amqtt", "transitions", "asyncio", "uvicorn.access", "peewee", "websockets")

# Control characters of both sets, line and paragraph separators, what turns the direction of writing round, what has no
# width, and halves of letters, which no terminal can be sent.
_UNSEEN: Final = re.compile(
    "[\\x00-\\x1f\\x7f-\\x9f\\xad\\u061c\\u180e\\u200b-\\u200f\\u2028-\\u202e\\u2060-\\u206f"
    "\\ud800-\\udfff\\ufeff\\ufff9-\\ufffb\\U000e0000-\\U000e007f]"
)


def visible(text: str) -> str:
    """The text on one line, with what could end the line, or command a terminal, written out (a newline as `\\x0a`).

    Client ids, the answers of miners and topics are other people's words.
    """
    return _UNSEEN.sub(_written_out, text)


def _written_out(unseen: re.Match[str]) -> str:
    code = ord(unseen[0])
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


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

    def formatException(self, ei: Any) -> str:  # noqa: ANN401, N802 - logging's
        return "\n".join(visible(line) for line in super().formatException(ei).split("\n"))


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
