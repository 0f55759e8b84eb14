"""`rigwatch watch` as a process: what it writes to, and what strangers send."""

import subprocess
import sys
from collections.abc import Iterator

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from tests.commands import free_addresses
from tests.processes import Rigwatch, clean_environment
from tests.waiting import eventually

ODD = (
    ("x", b"hi\x1b[2J"),
    ("main/rig-7/report", b"\x01" + bytes(50)),
    ("main/rig-7/report", b"\x02of a version to come"),
    ("main/rig-7/report", b"[" * 100_000),
    ("a/b/state", '{"a":"\u202e"}'.encode()),
    ("a/b/state", b'"\\ud800"'),
    ("big", b"x" * 900_000),
    ("nothing", b""),
)


@pytest.fixture
def stranger(at_home: Rigwatch) -> Iterator[paho.Client]:
    """Somebody on a running broker who may publish everywhere."""
    at_home.environment |= free_addresses()
    password = at_home.run("account", "add", "boss", "--role", "admin").stdout.strip()
    at_home.start("broker").wait_for("broker ready")
    client = paho.Client(CallbackAPIVersion.VERSION2, "boss")
    client.username_pw_set("boss", password)
    client.connect("127.0.0.1", int(at_home.environment["RIGWATCH_BROKER__PLAIN_PORT"]))
    client.loop_start()
    eventually(client.is_connected)
    yield client
    client.disconnect()
    client.loop_stop()


def send(stranger: paho.Client, topic: str, payload: bytes) -> None:
    stranger.publish(f"rigwatch/v1/{topic}", payload, qos=1).wait_for_publish(10)


def test_it_shows_each_odd_message_as_a_line_and_goes_on(rigwatch: Rigwatch, stranger: paho.Client) -> None:
    watching = rigwatch.start("watch")

    def is_watching() -> bool:
        send(stranger, "ready", b"1")
        return " ready 1" in watching.output.read_text("utf-8")

    eventually(is_watching, timeout=30)
    for topic, payload in ODD:
        send(stranger, topic, payload)
    send(stranger, "last", b"1")
    watching.wait_for("^.* last 1$")
    lines = [line for line in watching.output.read_text("utf-8").splitlines() if " ready 1" not in line]
    assert len(lines) == len(ODD) + 1
    assert all(topic in line for (topic, _), line in zip(ODD, lines, strict=False))
    assert watching.log.read_text("utf-8") == ""


def test_it_ends_without_a_word_when_its_reader_has_gone(rigwatch: Rigwatch, stranger: paho.Client) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "rigwatch", "watch"],
        env=clean_environment({"RIGWATCH_HOME": str(rigwatch.home), **rigwatch.environment}),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as watching:
        assert watching.stdout is not None
        assert watching.stderr is not None
        watching.stdout.close()

        def has_ended() -> bool:
            send(stranger, "ready", b"1")
            return watching.poll() is not None

        eventually(has_ended, timeout=30)
        assert (watching.returncode, watching.stderr.read()) == (1, b"")
