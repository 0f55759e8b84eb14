"""What a part writes about itself: one event, one line, on standard error."""

import logging
import sys
import time
from typing import Any

from rigwatch.texts import visible

_NOISY = ("amqtt", "transitions", "asyncio", "uvicorn.access", "peewee", "websockets")


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
        for name in ("alerts", "broker", "cli", "legacy", "publisher", "rigwatch", "store", "subscriber", "web"):
            logging.getLogger(name).setLevel(logging.DEBUG)
