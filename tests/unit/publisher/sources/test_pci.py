import pytest

from publisher.sources import pci


@pytest.mark.parametrize(
    "text",
    ["0000:0a:00.0", "00000000:0A:00.0", "0A:00.0", "0a:00", "0a:0", " 0a:00.0 ", "a:0", "0a"],
)
def test_a_place_on_the_bus_has_one_spelling(text: str) -> None:
    assert pci.address(text) == "0000:0a:00.0"


def test_domain_device_and_function_are_kept() -> None:
    assert pci.address("0001:c1:1f.7") == "0001:c1:1f.7"
    assert pci.address("00010000:c1:00.0") == "10000:c1:00.0"


def test_a_bus_in_decimal_is_written_in_hexadecimal() -> None:
    assert pci.of_bus(10) == "0000:0a:00.0"
    assert pci.of_bus(171) == "0000:ab:00.0"
    assert pci.decimal("11:0") == "0000:0b:00.0"
    assert pci.of_bus(10, device=3, domain=1) == "0001:0a:03.0"


@pytest.mark.parametrize(
    "text", ["", "GPU-3e95", "0000", "01:20.0", "01:00.8", "1:2:3:4", "0000:01:00.0:1", "zz:00.0", "٣:0"]
)
def test_what_is_no_place_is_none(text: str) -> None:
    assert pci.address(text) is None


@pytest.mark.parametrize("text", ["", "0b:0", "11", "256:0", "11:32", "11:0:0", "-1:0", "4294967295:4294967295", "٣:0"])
def test_what_is_no_place_in_decimal_is_none(text: str) -> None:
    assert pci.decimal(text) is None


@pytest.mark.parametrize("bus", [-1, 256, 10**30])
def test_what_is_no_bus_is_none(bus: int) -> None:
    assert pci.of_bus(bus) is None
    assert pci.of_bus(1, device=bus) is None
    assert pci.of_bus(1, domain=bus << 40) is None
