"""What a part writes about itself: one event, one line, whatever words of others are in it."""

import logging
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.watch import line_of
from rigwatch import logs
from rigwatch.keys import MasterKey
from rigwatch.mqtt import MqttMessage
from rigwatch.registry import NodeAccess, Registry
from rigwatch.texts import visible
from tests.fake_clock import FakeClock

FORGED = "rig\n2026-11-23T19:04:05Z error broker: forged\r\x1b[2J\x9b2J\x7f\u2028\u202e\x00"
SHOWN = r"rig\x0a2026-11-23T19:04:05Z error broker: forged\x0d\x1b[2J\x9b2J\x7f\u2028\u202e\x00"


@pytest.fixture
def root() -> Iterator[logging.Logger]:
    """The root logger, as it was afterwards."""
    logger = logging.getLogger()
    handlers, level = list(logger.handlers), logger.level
    yield logger
    logger.handlers[:] = handlers
    logger.setLevel(level)


def test_words_of_others_can_neither_forge_a_line_nor_command_a_terminal(
    root: logging.Logger, capsys: pytest.CaptureFixture[str]
) -> None:
    logs.to_stderr("broker")
    root.warning("client lost client=%s", FORGED)
    assert capsys.readouterr().err.endswith(f" warning broker: client lost client={SHOWN}\n")


def test_a_traceback_keeps_its_lines(root: logging.Logger, capsys: pytest.CaptureFixture[str]) -> None:
    logs.to_stderr("web")
    try:
        raise ValueError("why")
    except ValueError:
        root.error("broke", exc_info=sys.exc_info())
    lines = capsys.readouterr().err.splitlines()
    assert lines[1] == "Traceback (most recent call last):"
    assert lines[-1] == "ValueError: why"


def test_what_people_write_stays_readable() -> None:
    assert visible("Grüße aus 東京, 65 °C") == "Grüße aus 東京, 65 °C"


def test_a_message_cannot_command_the_terminal_of_who_watches(tmp_path: Path) -> None:
    access = NodeAccess(MasterKey(bytes(32)), Registry(tmp_path / "nodes.json"), open_enrollment=False)
    message = MqttMessage("rigwatch/v1/main/rig1/state\x1b[2J", '{"a":"\x9b2J\u202e"}'.encode(), retained=False)
    line = line_of(message, access, FakeClock())
    assert line.endswith(r'main/rig1/state\x1b[2J {"a":"\x9b2J\u202e"}')
