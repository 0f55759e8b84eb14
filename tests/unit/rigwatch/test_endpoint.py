"""Addresses of brokers as people write them."""

import pytest

from rigwatch.errors import SettingsError
from rigwatch.mqtt import Endpoint, MqttLogin


@pytest.mark.parametrize(
    ("url", "endpoint"),
    [
        ("mqtts://monitor.example:8884", Endpoint("monitor.example", 8884, tls=True)),
        ("mqtts://monitor.example", Endpoint("monitor.example", 8883, tls=True)),
        ("mqtt://127.0.0.1", Endpoint("127.0.0.1", 1883)),
        ("mqtt://[::1]:1884/", Endpoint("::1", 1884)),
        ("MQTTS://Monitor.Example", Endpoint("monitor.example", 8883, tls=True)),
        ("mqtts://user:pass%40word@broker.example:1", Endpoint("broker.example", 1, tls=True)),
    ],
)
def test_an_address_is_read(url: str, endpoint: Endpoint) -> None:
    assert Endpoint.parse(url) == endpoint
    assert Endpoint.parse(str(endpoint)) == endpoint


def test_the_authority_to_trust_is_kept_but_not_part_of_the_address() -> None:
    endpoint = Endpoint.parse("mqtts://h", ca="PEM")
    assert endpoint.ca == "PEM"
    assert str(endpoint) == "mqtts://h:8883"


@pytest.mark.parametrize(
    "url",
    [
        "",
        "monitor.example",
        "monitor.example:8883",
        "https://monitor.example",
        "mqtts://",
        "mqtts://:8883",
        "mqtts://h:0",
        "mqtts://h:65536",
        "mqtts://h:port",
        "mqtts://h/topic",
        "mqtts://h?x=1",
        "mqtts://h#x",
        "mqtts://user:12#confidential@broker.example",
        "mqtt://[::1",
        "mqtts://user:confidential@",
    ],
)
def test_any_other_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(SettingsError, match=r"should look like mqtts://monitor\.example:8883") as refusal:
        Endpoint.parse(url)
    assert "confidential" not in str(refusal.value)


def test_a_login_does_not_show_its_password() -> None:
    assert "confidential" not in repr(MqttLogin("user", "confidential", "id"))
