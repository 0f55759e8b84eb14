"""The MQTT connection against a real Mosquitto: messages, wills, and ends of every kind."""

import asyncio
import signal

import pytest

from rigwatch.mqtt import (
    Endpoint,
    LastWill,
    MqttConnection,
    MqttError,
    MqttLogin,
    MqttMessage,
    MqttRefused,
    Unreachable,
)
from tests.integration.rigwatch.connecting import Heard, connect, in_time
from tests.mosquitto import Mosquitto, StartMosquitto
from tests.ports import free_port
from tests.waiting import eventually_async

WILL = LastWill("status/rig1", b"lost")


async def test_a_message_is_published_and_received(mosquitto: Mosquitto) -> None:
    heard = Heard()
    reader, writer = await connect(mosquitto.port, "reader", heard=heard), await connect(mosquitto.port, "writer")
    await reader.subscribe("a/+", "b/#")
    for topic in ("a/1", "b/2/3", "c/4"):
        await in_time(writer.publish(topic, topic.encode()))
    await eventually_async(lambda: len(heard.messages) >= 2)
    await reader.close()
    await writer.close()
    assert heard.messages == [
        MqttMessage("a/1", b"a/1", retained=False),
        MqttMessage("b/2/3", b"b/2/3", retained=False),
    ]


async def test_a_retained_message_is_told_from_a_live_one(mosquitto: Mosquitto) -> None:
    heard = Heard()
    writer, reader = await connect(mosquitto.port, "writer"), await connect(mosquitto.port, "reader", heard=heard)
    await in_time(writer.publish("a", b"old", retain=True))
    await reader.subscribe("a")
    await eventually_async(lambda: heard.messages)
    await in_time(writer.publish("a", b"new", retain=True))
    await eventually_async(lambda: len(heard.messages) == 2)
    await reader.close()
    await writer.close()
    assert heard.messages == [MqttMessage("a", b"old", retained=True), MqttMessage("a", b"new", retained=False)]


async def test_a_message_of_qos_0_is_done_at_once(mosquitto: Mosquitto) -> None:
    heard = Heard()
    connection = await connect(mosquitto.port, heard=heard)
    await connection.subscribe("a")
    assert connection.publish("a", b"x", qos=0).done()
    await eventually_async(lambda: heard.messages)
    await connection.close()


async def test_more_messages_than_may_be_in_flight_are_all_confirmed_in_order(start_mosquitto: StartMosquitto) -> None:
    heard = Heard()
    # By default Mosquitto drops what a slow reader has not taken after a thousand.
    mosquitto = start_mosquitto(lines=["max_queued_messages 0"])
    connection = await connect(mosquitto.port, heard=heard)
    await connection.subscribe("a")
    numbers = [str(number).encode() for number in range(2500)]
    futures = [connection.publish("a", number) for number in numbers]
    async with asyncio.timeout(30):
        await asyncio.gather(*futures)
    await eventually_async(lambda: len(heard.messages) == len(numbers))
    await connection.close()
    assert heard.payloads() == numbers


async def test_a_large_message_goes_through_whole(mosquitto: Mosquitto) -> None:
    heard = Heard()
    connection = await connect(mosquitto.port, heard=heard)
    await connection.subscribe("a")
    payload = bytes(range(256)) * 20_000
    await in_time(connection.publish("a", payload), 30)
    await eventually_async(lambda: heard.messages, timeout=30)
    await connection.close()
    assert heard.payloads() == [payload]


async def test_dropping_the_connection_makes_the_broker_publish_the_will(mosquitto: Mosquitto) -> None:
    heard = Heard()
    watcher = await connect(mosquitto.port, "watcher", heard=heard)
    await watcher.subscribe(WILL.topic)
    rig = await connect(mosquitto.port, will=WILL)
    rig.abort()
    await eventually_async(lambda: heard.messages)
    late = Heard()
    newcomer = await connect(mosquitto.port, "newcomer", heard=late)
    await newcomer.subscribe(WILL.topic)
    await eventually_async(lambda: late.messages)
    await watcher.close()
    await newcomer.close()
    assert heard.messages == [MqttMessage(WILL.topic, WILL.payload, retained=False)]
    assert late.messages == [MqttMessage(WILL.topic, WILL.payload, retained=True)]
    assert not rig.lost.done()


async def test_closing_in_order_publishes_no_will(mosquitto: Mosquitto) -> None:
    heard = Heard()
    watcher = await connect(mosquitto.port, "watcher", heard=heard)
    await watcher.subscribe("#")
    rig = await connect(mosquitto.port, will=WILL)
    await rig.close()
    # Mosquitto tells of each end in its log, and a will would have been sent before the next message.
    await eventually_async(lambda: "Received DISCONNECT from main/rig1" in mosquitto.log())
    await in_time(watcher.publish("after", b""))
    await eventually_async(lambda: heard.messages)
    await watcher.close()
    assert [message.topic for message in heard.messages] == ["after"]
    assert not rig.lost.done()


async def test_an_orderly_end_is_one_although_answers_lie_unread(mosquitto: Mosquitto) -> None:
    heard = Heard()
    reader, writer = await connect(mosquitto.port, "reader", heard=heard), await connect(mosquitto.port, will=WILL)
    await reader.subscribe("a", WILL.topic)
    for number in range(100):
        writer.publish("a", str(number).encode())
    await writer.close()
    await eventually_async(lambda: "Received DISCONNECT from main/rig1" in mosquitto.log())
    await eventually_async(lambda: len(heard.messages) == 100)
    await reader.close()
    assert {message.topic for message in heard.messages} == {"a"}


async def test_a_wrong_password_is_refused_as_a_login_and_is_not_repeated(start_mosquitto: StartMosquitto) -> None:
    broker = start_mosquitto(passwords={"main/rig1": "right"})
    endpoint = Endpoint("127.0.0.1", broker.port)
    login = MqttLogin("main/rig1", "wrong-password", "main/rig1")
    with pytest.raises(MqttRefused, match="Not authorized") as refusal:
        await MqttConnection.open(endpoint, login, on_message=Heard())
    assert refusal.value.login
    assert "wrong-password" not in f"{refusal.value} {login!r}"
    assert str(endpoint) in str(refusal.value)


async def test_the_right_password_is_let_in(start_mosquitto: StartMosquitto) -> None:
    broker = start_mosquitto(passwords={"main/rig1": "right"})
    login = MqttLogin("main/rig1", "right", "main/rig1")
    connection = await MqttConnection.open(Endpoint("127.0.0.1", broker.port), login, on_message=Heard())
    await connection.close()


async def test_a_port_where_nobody_listens_is_unreachable() -> None:
    port = free_port()
    with pytest.raises(Unreachable, match=f"^mqtt://127.0.0.1:{port}: Connection refused$"):
        await connect(port)


@pytest.mark.parametrize("host", ["no-such-host.invalid", "a..b", "x" * 300])
async def test_a_host_that_does_not_exist_is_unreachable(host: str) -> None:
    with pytest.raises(Unreachable, match=r"^mqtt://"):
        await MqttConnection.open(Endpoint(host, 1883), MqttLogin("a", "b", "c"), on_message=Heard())


async def test_when_the_broker_dies_the_connection_is_lost_and_all_that_waits_fails(mosquitto: Mosquitto) -> None:
    connection = await connect(mosquitto.port)
    mosquitto.program.process.send_signal(signal.SIGSTOP)  # it takes what is sent and answers nothing
    pending = [connection.publish("a", b"x") for _ in range(3)]
    subscribing = asyncio.create_task(connection.subscribe("a"))
    await asyncio.sleep(0)
    mosquitto.kill()
    assert await in_time(connection.lost)
    for future in pending:
        with pytest.raises(MqttError, match="the connection ended: "):
            await in_time(future)
    with pytest.raises(MqttError, match="the connection ended: "):
        await subscribing
    with pytest.raises(MqttError, match="the connection has ended"):
        await connection.publish("a", b"x")
    with pytest.raises(MqttError, match="the connection has ended"):
        await in_time(asyncio.ensure_future(connection.subscribe("a")))
    await connection.close()


async def test_a_second_connection_of_the_same_client_id_ends_the_first(mosquitto: Mosquitto) -> None:
    first = await connect(mosquitto.port)
    second = await connect(mosquitto.port)
    assert await in_time(first.lost)
    assert not second.lost.done()
    await second.close()


@pytest.mark.parametrize("end", ["close", "abort"])
async def test_after_its_end_nothing_can_be_sent_and_nothing_hangs(mosquitto: Mosquitto, end: str) -> None:
    connection = await connect(mosquitto.port)
    pending = connection.publish("a", b"x")
    if end == "close":
        await connection.close()
    else:
        connection.abort()
        with pytest.raises(MqttError):
            await in_time(pending)
    with pytest.raises(MqttError, match="the connection has ended"):
        await in_time(connection.publish("a", b"x"))
    with pytest.raises(MqttError, match="the connection has ended"):
        await in_time(asyncio.ensure_future(connection.subscribe("a")))
    connection.pause()
    connection.resume()
    connection.abort()
    await connection.close()
    assert not connection.lost.done()


async def test_what_comes_during_a_pause_is_delivered_after_it(mosquitto: Mosquitto) -> None:
    heard = Heard()
    reader, writer = await connect(mosquitto.port, "reader", heard=heard), await connect(mosquitto.port, "writer")
    await reader.subscribe("a")
    reader.pause()
    reader.pause()
    for number in range(5):
        await in_time(writer.publish("a", str(number).encode()))
    # Mosquitto writes this line when it has sent the message to the paused reader.
    await eventually_async(lambda: mosquitto.log().count("Sending PUBLISH to reader") == 5)
    await asyncio.sleep(0)
    assert heard.messages == []
    reader.resume()
    reader.resume()
    await eventually_async(lambda: len(heard.messages) == 5)
    await reader.close()
    await writer.close()
    assert heard.payloads() == [b"0", b"1", b"2", b"3", b"4"]


async def test_a_quiet_connection_is_kept_by_pings(mosquitto: Mosquitto) -> None:
    connection = await connect(mosquitto.port, keepalive=1)
    await eventually_async(lambda: mosquitto.log().count("Sending PINGRESP to main/rig1") >= 2)
    assert not connection.lost.done()
    await connection.close()


async def test_a_failure_that_nobody_waits_for_is_not_reported(mosquitto: Mosquitto) -> None:
    reported: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: reported.append(context))
    connection = await connect(mosquitto.port)
    mosquitto.kill()
    connection.publish("a", b"x")
    await in_time(connection.lost)
    connection.publish("a", b"x")
    del connection
    await asyncio.sleep(0)
    assert reported == []
