import pytest

from publisher.cards import address_of, identity, merged, uuid_of, uuids_of
from rigwatch.messages import GPUS_MAX, Gpu

UUID = "GPU-2f0e6c1a-8b1d-4c55-9a3e-7d41c6b0e5f2"
KNOWN = {"0000:01:00.0": UUID}


@pytest.mark.parametrize("text", [UUID, UUID.lower(), UUID.upper(), UUID[4:], UUID[4:].replace("-", ""), f" {UUID}\n"])
def test_a_uuid_has_one_spelling(text: str) -> None:
    assert uuid_of(text) == UUID
    assert address_of(text) is None


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("01:00.0", "0000:01:00.0"),
        ("1:0", "0000:01:00.0"),
        ("0000:01:00.0", "0000:01:00.0"),
        ("00000000:01:00.0", "0000:01:00.0"),
        ("PCI:0A:00.0", "0000:0a:00.0"),
        ("10000:C1:1f.7", "10000:c1:1f.7"),
    ],
)
def test_an_address_has_one_spelling(text: str, address: str) -> None:
    assert address_of(text) == address
    assert uuid_of(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "0",
        "1",
        "GPU-1",
        f"{UUID}0",
        UUID[:-1],
        f"MIG-{UUID[4:]}",
        "01:00.8",
        "g1:00.0",
        "1:2:3:4",
        "\u0660\u0661:00.0",
    ],
)
def test_other_names_are_neither(text: str) -> None:
    assert (uuid_of(text), address_of(text)) == (None, None)
    assert identity(text, KNOWN) == text


def test_a_card_is_called_by_its_uuid_where_it_is_known() -> None:
    assert [identity(text, KNOWN) for text in ("1:0", UUID.upper(), "2:0")] == [UUID, UUID, "0000:02:00.0"]


def test_of_what_is_told_of_an_address_the_last_holds_and_nonsense_is_passed_over() -> None:
    other = UUID.replace("2f", "3f", 1)
    told = [{"1:0": other, "here": UUID, "2:0": "nonsense"}, {"0000:01:00.0": UUID.lower()}]
    assert uuids_of(told) == KNOWN


def test_cards_of_several_lists_are_there_once_in_the_order_in_which_they_are_told() -> None:
    miner = [Gpu(id="2:0", hashrate=2.0), Gpu(id="1:0", hashrate=0.0, temperature=50.0)]
    driver = [Gpu(id=UUID, name="RTX", hashrate=7.0, temperature=51.0, fan=30.0), Gpu(id="3:0", power=9.0)]
    assert merged([miner, driver], KNOWN) == (
        Gpu(id="0000:02:00.0", hashrate=2.0),
        Gpu(id=UUID, name="RTX", hashrate=0.0, temperature=50.0, fan=30.0),
        Gpu(id="0000:03:00.0", power=9.0),
    )


def test_cards_that_nobody_can_match_stay_apart() -> None:
    assert merged([[Gpu(id="a", power=1.0)], [Gpu(id=UUID)]], {}) == (Gpu(id="a", power=1.0), Gpu(id=UUID))


def test_no_more_cards_than_a_sample_may_hold() -> None:
    lists = [[Gpu(id=f"{bus:x}:{device:x}") for bus in range(40)] for device in range(2)]
    assert len(merged(lists, {})) == GPUS_MAX
