"""What devices really send, by kind; the payloads are theirs, from public issues and wikis of 2023 to 2026."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as some

from rigwatch.devices.kind import kind_of, kinds
from rigwatch.devices.reading import DeviceReading, readers_of
from rigwatch.errors import RigwatchError

TASMOTA_SENSOR = (
    b'{"Time":"2023-05-19T20:52:56","ENERGY":{"TotalStartTime":"2022-03-20T15:20:48","Total":514.153,"Yesterday":1.495,'
    b'"Today":0.537,"Period":0,"Power":56,"ApparentPower":92,"ReactivePower":73,"Factor":0.61,"Voltage":234,'
    b'"Current":0.392}}'
)
TASMOTA_TWO = b'{"Time":"2024-01-02T03:04:05","ENERGY":{"Total":[2.813,0.254],"Power":[52,5],"Voltage":235}}'
SHELLY = (
    b'{"id":0,"source":"WS_in","output":true,"apower":4.1,"voltage":242.5,"current":0.033,"aenergy":{"total":18.015,'
    b'"by_minute":[0.1,0.2,0.3],"minute_ts":1700000000},"temperature":{"tC":30.3,"tF":86.5}}'
)
SHELLY_EVENT = (
    b'{"src":"shellyplusplugs-1","dst":"shellyplusplugs-1/events","method":"NotifyStatus","params":{"ts":1700000000.1,'
    b'"switch:0":{"id":0,"apower":412.5}}}'
)
ZIGBEE = (
    b'{"current":0.54,"energy":1.05,"identify":null,"linkquality":255,"power":102,"power_on_behavior":"on","state":"ON",'
    b'"update":{"state":"idle"},"voltage":239.1}'
)


def read(kind: str, topic: str, payload: bytes, *, base: str = "tele", outlet: int | None = None) -> DeviceReading:
    return readers_of(kind_of(kind), base, outlet)[topic].read(payload)


def test_each_of_its_own_topics_is_known() -> None:
    tasmota = kind_of("tasmota")
    assert tasmota.own_topics("home/tele/plug7") == ("home/tele/plug7", "home/stat/plug7", "home/cmnd/plug7")
    assert tasmota.place(tasmota.ask, "tele/plug7", 1) == "cmnd/plug7/STATUS"
    with pytest.raises(RigwatchError, match="has no level 'tele'; one looks like tele/plug7"):
        tasmota.own_topics("plug7")
    assert kind_of("shelly").own_topics("shelly-1") == ("shelly-1",)
    assert kind_of("shelly").place(kind_of("shelly").ask, "s", 0) == "s/command/switch:0"


@pytest.mark.parametrize(
    ("kind", "topic", "payload", "outlet", "reading"),
    [
        ("tasmota", "tele/SENSOR", TASMOTA_SENSOR, None, DeviceReading(watts=56, watt_hours=514_153)),
        ("tasmota", "tele/SENSOR", TASMOTA_TWO, 1, DeviceReading(watts=52, watt_hours=2813)),
        ("tasmota", "tele/SENSOR", TASMOTA_TWO, 2, DeviceReading(watts=5, watt_hours=254)),
        # One that it has not is not the first.
        ("tasmota", "tele/SENSOR", TASMOTA_TWO, 3, DeviceReading()),
        ("tasmota", "tele/STATE", b'{"Time":"2024-01-02T03:04:05","POWER":"ON"}', None, DeviceReading(is_on=True)),
        ("tasmota", "tele/STATE", b'{"POWER1":"ON","POWER2":"OFF"}', 2, DeviceReading(is_on=False)),
        ("tasmota", "stat/STATUS10", b'{"StatusSNS":' + TASMOTA_SENSOR + b"}", None,
         DeviceReading(watts=56, watt_hours=514_153)),
        ("tasmota", "tele/LWT", b"Online", None, DeviceReading(is_online=True)),
        ("tasmota", "tele/LWT", b"Offline", None, DeviceReading(is_online=False)),
        ("shelly", "tele/status/switch:0", SHELLY, None, DeviceReading(is_on=True, watts=4.1, watt_hours=18.015)),
        ("shelly", "tele/events/rpc", SHELLY_EVENT, None, DeviceReading(watts=412.5)),
        ("shelly", "tele/events/rpc", b'{"method":"NotifyEvent","params":{"ts":1}}', None, DeviceReading()),
        ("shelly", "tele/online", b"true", None, DeviceReading(is_online=True)),
        ("shelly1", "tele/relay/0", b"on", None, DeviceReading(is_on=True)),
        ("shelly1", "tele/relay/0/power", b"61.52", None, DeviceReading(watts=61.52)),
        ("shelly1", "tele/relay/0/energy", b"120", None, DeviceReading(watt_hours=2)),
        ("shelly1", "tele/online", b"false", None, DeviceReading(is_online=False)),
        ("zigbee2mqtt", "tele", ZIGBEE, None, DeviceReading(is_on=True, watts=102, watt_hours=1050)),
        ("zigbee2mqtt", "tele/availability", b'{"state":"offline"}', None, DeviceReading(is_online=False)),
        ("zigbee2mqtt", "tele/availability", b"online", None, DeviceReading(is_online=True)),
        ("zigbee2mqtt", "zigbee2mqtt/bridge/state", b'{"state":"offline"}', None, DeviceReading(is_online=False)),
        ("esphome", "tele/sensor/power/state", b"412.3", None, DeviceReading(watts=412.3)),
        ("esphome", "tele/status", b"offline", None, DeviceReading(is_online=False)),
    ],
)  # fmt: skip
def test_what_they_send(  # noqa: PLR0917 - a row of the table
    kind: str, topic: str, payload: bytes, outlet: int | None, reading: DeviceReading
) -> None:
    assert read(kind, topic, payload, outlet=outlet) == reading


@pytest.mark.parametrize(
    ("payload", "odd"),
    [
        (b'{"ENERGY":{"Power":"a lot","Total":1}}', "ENERGY.Power is a lot"),
        (b'{"ENERGY":{"Power":1e99}}', "ENERGY.Power is 1e+99"),
        (b'{"ENERGY":{"Power":true}}', "ENERGY.Power is True"),
        (b'{"ENERGY":{"Power":{"L1":3}}}', "ENERGY.Power is {'L1': 3}"),
        (b"\xff\xfe", "a message that is not UTF-8"),
        (b" " * 70_000, "a message of 70000 bytes"),
    ],
)
def test_an_odd_value_costs_that_value_and_is_named(payload: bytes, odd: str) -> None:
    found = read("tasmota", "tele/SENSOR", payload)
    assert (found.watts, found.odd) == (None, odd)
    assert found.watt_hours == (1000 if b"Total" in payload else None)


def test_what_is_not_there_is_unknown_and_never_0() -> None:
    assert read("tasmota", "tele/SENSOR", b'{"ENERGY":{"Power":null}}').is_empty
    assert read("tasmota", "tele/SENSOR", b'{"DS18B20":{"Temperature":21}}') == DeviceReading()
    assert read("esphome", "tele/sensor/power/state", b"nan") == DeviceReading(odd="its message is nan")


def test_a_meter_that_says_less_than_nothing_says_nothing() -> None:
    assert read("shelly1", "tele/relay/0/power", b"-0.4").watts == 0


def test_figures_in_quotes_are_figures() -> None:
    assert read("zigbee2mqtt", "tele", b'{"power":"102.5"}').watts == 102.5


def test_the_order_of_prefix_and_topic_is_the_owners() -> None:
    assert set(readers_of(kind_of("tasmota"), "WaterHeater/tele")) >= {
        "WaterHeater/tele/SENSOR",
        "WaterHeater/tele/LWT",
    }


@pytest.mark.parametrize("topic", ["", "tele/+", "tele/#", "/tele/x", "$SYS/tele", "tele/" + "x" * 300, "tele/\0"])
def test_what_is_no_topic_of_one_device_is_refused(topic: str) -> None:
    with pytest.raises(RigwatchError, match="is none of a single device; one looks like tele/plug7"):
        kind_of("tasmota").own_topics(topic)


def test_there_is_no_other_kind() -> None:
    with pytest.raises(RigwatchError, match="there are esphome, shelly, shelly1, tasmota, zigbee2mqtt"):
        kind_of("fridge")


@given(payload=some.binary(max_size=300), kind=some.sampled_from(sorted(kinds())), outlet=some.integers(0, 40))
def test_whatever_is_sent_nothing_breaks(payload: bytes, kind: str, outlet: int) -> None:
    for reader in readers_of(kind_of(kind), "tele", outlet).values():
        found = reader.read(payload)
        assert found.watts is None or found.watts >= 0


@given(
    value=some.recursive(
        some.none() | some.booleans() | some.integers() | some.floats() | some.text(max_size=8),
        lambda inner: (
            some.lists(inner, max_size=3)
            | some.dictionaries(some.sampled_from(["ENERGY", "Power", "Total", "POWER", "state"]), inner, max_size=3)
        ),
        max_leaves=8,
    )
)
def test_whatever_json_is_sent_nothing_breaks(value: object) -> None:
    payload = msgspec.json.encode(value)
    for kind in kinds().values():
        for reader in readers_of(kind, "tele").values():
            reader.read(payload)
