"""The MQTT connection over TLS: whom it trusts, and what TLS keeps in its buffers."""

import asyncio
import socket
import threading
from functools import partial
from pathlib import Path

import pytest

from rigwatch.errors import SettingsError
from rigwatch.mqtt import Endpoint, MqttConnection, MqttMessage, Unreachable
from tests.certificates import Authority, authority
from tests.integration.rigwatch.connecting import LOGIN, Heard, connect, in_time, reached
from tests.integration.rigwatch.test_mqtt_answers import accepting, message
from tests.mosquitto import Mosquitto, StartMosquitto
from tests.ports import free_port
from tests.scripted_broker import scripted_broker
from tests.waiting import eventually, eventually_async


@pytest.fixture
def trusted(tmp_path: Path) -> Authority:
    return authority(tmp_path / "trusted")


def serving(start: StartMosquitto, shown: Authority) -> int:
    """The TLS port of a Mosquitto that shows this authority's certificate."""
    port = free_port()
    start(lines=[f"listener {port} 127.0.0.1", f"certfile {shown.certificate}", f"keyfile {shown.key}"])
    return port


async def test_a_server_that_the_authority_vouches_for_is_trusted(
    start_mosquitto: StartMosquitto, trusted: Authority
) -> None:
    heard = Heard()
    connection = await connect(serving(start_mosquitto, trusted), ca=trusted.pem, heard=heard)
    await connection.subscribe("a")
    payload = bytes(range(256)) * 10_000
    await in_time(connection.publish("a", payload), 30)
    await eventually_async(lambda: heard.messages, timeout=30)
    await connection.close()
    assert heard.payloads() == [payload]


async def test_a_server_of_another_authority_is_not_trusted_and_the_error_says_so(
    start_mosquitto: StartMosquitto, trusted: Authority, tmp_path: Path
) -> None:
    port = serving(start_mosquitto, authority(tmp_path / "other"))
    with pytest.raises(Unreachable, match=rf"^mqtts://127\.0\.0\.1:{port}: TLS: .*certificate"):
        await connect(port, ca=trusted.pem)


async def test_a_server_of_another_name_is_not_trusted(start_mosquitto: StartMosquitto, tmp_path: Path) -> None:
    elsewhere = authority(tmp_path / "elsewhere", "elsewhere.example")
    with pytest.raises(Unreachable, match=r"TLS: .*not valid for '127\.0\.0\.1'"):
        await connect(serving(start_mosquitto, elsewhere), ca=elsewhere.pem)


async def test_without_an_authority_of_its_own_the_systems_are_asked(
    start_mosquitto: StartMosquitto, trusted: Authority
) -> None:
    endpoint = Endpoint("127.0.0.1", serving(start_mosquitto, trusted), tls=True)
    with pytest.raises(Unreachable, match="TLS: "):
        await MqttConnection.open(endpoint, LOGIN, on_message=Heard())


async def test_a_server_without_tls_is_unreachable_over_tls(mosquitto: Mosquitto, trusted: Authority) -> None:
    with pytest.raises(Unreachable):
        await connect(mosquitto.port, ca=trusted.pem, timeout=3)


async def test_an_authority_that_is_no_certificate_is_a_wrong_setting() -> None:
    for ca in ("not PEM", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"):
        with pytest.raises(SettingsError, match="not a certificate in PEM"):
            await connect(1, ca=ca)


async def test_messages_of_one_tls_record_are_delivered_without_waiting_for_more(trusted: Authority) -> None:
    heard = Heard()
    async with scripted_broker(accepting, tls=trusted.server_context()) as broker:
        connection = await connect(broker.port, heard=heard, ca=trusted.pem)
        broker.send(b"".join(message(b"a", bytes([number])) for number in range(50)))
        await eventually_async(lambda: len(heard.messages) == 50, timeout=3)
        await connection.close()


async def test_messages_held_back_in_tls_are_delivered_after_a_pause(trusted: Authority) -> None:
    heard: list[MqttMessage] = []
    async with scripted_broker(accepting, tls=trusted.server_context()) as broker:

        def hear_and_pause(received: MqttMessage) -> None:
            heard.append(received)
            connection.pause()

        endpoint = Endpoint("127.0.0.1", broker.port, tls=True, ca=trusted.pem)
        connection = await MqttConnection.open(endpoint, LOGIN, on_message=hear_and_pause)
        broker.send(message(b"a", b"1") + message(b"a", b"2") + message(b"a", b"3"))
        for count in (1, 2, 3):
            await eventually_async(partial(reached, heard, count), timeout=3)
            connection.resume()
        await connection.close()


async def test_a_server_that_never_shakes_hands_times_out(trusted: Authority) -> None:
    refusal = pytest.raises(Unreachable, match=r"no answer within 0\.3 s|timed out")
    with socket.create_server(("127.0.0.1", 0)) as listener, refusal:
        await connect(listener.getsockname()[1], ca=trusted.pem, timeout=0.3)


async def test_who_gets_through_too_late_does_not_introduce_himself(trusted: Authority) -> None:
    # A CONNECT sent now would make the broker end the newer connection of the same client id.
    came: list[bytes] = []
    accepted, go = threading.Event(), threading.Event()

    def late(listener: socket.socket) -> None:
        plain, _ = listener.accept()
        accepted.set()
        go.wait(10)
        with trusted.server_context().wrap_socket(plain, server_side=True) as secured:
            secured.settimeout(10)
            came.append(secured.recv(1000))

    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = threading.Thread(target=late, args=(listener,))
        server.start()
        connecting = asyncio.create_task(connect(listener.getsockname()[1], ca=trusted.pem))
        await eventually_async(accepted.is_set)
        connecting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await connecting
        go.set()
        await eventually_async(lambda: not server.is_alive())
    eventually(lambda: came == [b""], what="the connection is closed without a word")
