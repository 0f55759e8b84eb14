"""What others write on the broker fills memory only up to a bound."""

import pytest

from subscriber.feed import broker_content, concerns
from subscriber.feed.broker_content import BrokerContent


def test_what_others_write_has_a_bound_and_what_is_ours_is_still_known_to_be_changed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(broker_content, "ROOM", 10_000)
    kept = BrokerContent()
    kept["ours"] = b"ours" * 10
    for number in range(1000):
        kept.hear(f"topic/{number}", b"x" * 100)
    assert len(kept) < 50
    kept.hear("ours", b"x" * 20_000)
    assert kept["ours"] == b"x"
    kept.settled()
    kept.hear("topic/999", b"now there is room")
    assert kept["topic/999"] == b"now there is room"


def test_a_list_of_incidents_that_somebody_made_is_not_looked_up_for_hours() -> None:
    asked = concerns.read_list(concerns.listed(range(1, 100_001)))
    assert (len(asked), max(asked)) == (10_000, 100_000)
