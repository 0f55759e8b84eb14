"""What `up` and `publish --join` write as a machine's first publisher.toml."""

import tomllib

import pytest

from rigwatch.cli.setup import publisher_toml


@pytest.mark.parametrize(("cards", "kinds"), [(True, ["nvml", "host"]), (False, ["host"])])
def test_only_a_machine_with_cards_gets_a_source_for_them(cards: bool, kinds: list[str]) -> None:  # noqa: FBT001
    text = publisher_toml("rw1.x", cards=cards)
    (node,) = tomllib.loads(text)["nodes"]
    assert node["token"] == "rw1.x"
    assert [source["kind"] for source in node["sources"]] == kinds
    assert ('# kind = "nvml"' in text) != cards, "elsewhere it is proposed"
