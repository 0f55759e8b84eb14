import pytest

from publisher.sources.tcp import HostPort


@pytest.mark.parametrize(
    ("text", "endpoint"),
    [
        ("127.0.0.1:4028", HostPort("127.0.0.1", 4028)),
        ("asic-7.example:4028", HostPort("asic-7.example", 4028)),
        ("[::1]:4028", HostPort("::1", 4028)),
    ],
)
def test_an_address_is_host_and_port(text: str, endpoint: HostPort) -> None:
    assert HostPort.parse(text) == endpoint
    assert str(endpoint) == text


@pytest.mark.parametrize(
    "text", ["", "4028", "h", "h:", ":1", "h:0", "h:x", "h:70000", "http://h:1", "me@h:1", "h:1/x", "h\n:1"]
)
def test_anything_else_is_refused_in_words(text: str) -> None:
    with pytest.raises(ValueError, match=r"address should look like 127\.0\.0\.1:4028"):
        HostPort.parse(text)
