"""The log of what is not taken: enough to act on, never enough to fill a disk."""

import logging

import pytest

from alerts.ingest import Rejected, RejectReason
from subscriber.rejections import Rejections


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records]


def test_the_first_of_a_reason_is_logged_with_its_topic(caplog: pytest.LogCaptureFixture) -> None:
    Rejections().add(Rejected("a/topic", RejectReason.SEAL, "altered"), 0)
    assert "a/topic" in lines(caplog)[0]
    assert "altered" in lines(caplog)[0]


def test_more_of_the_same_within_a_minute_is_only_counted(caplog: pytest.LogCaptureFixture) -> None:
    rejections = Rejections()
    for second in range(600):
        rejections.add(Rejected("a/topic", RejectReason.SEAL), second / 10)
    assert len(lines(caplog)) == 1
    rejections.add(Rejected("another/topic", RejectReason.SEAL), 60)
    assert lines(caplog)[1].endswith("count=600")
    assert rejections.counts == {RejectReason.SEAL: 601}


def test_each_reason_has_its_own_line(caplog: pytest.LogCaptureFixture) -> None:
    rejections = Rejections()
    rejections.add(Rejected("a/topic", RejectReason.SEAL), 0)
    rejections.add(Rejected("a/topic", RejectReason.ACCESS), 0)
    assert len(lines(caplog)) == 2


def test_each_node_whose_values_the_database_cannot_hold_is_named_once(caplog: pytest.LogCaptureFixture) -> None:
    rejections = Rejections()
    for second in range(0, 6000, 10):
        for topic in ("a/topic", "b/topic"):
            rejections.add(Rejected(topic, RejectReason.UNSTORABLE, "does not fit"), second)
    assert [line.count("a/topic") for line in lines(caplog)] == [1, 0]
    assert rejections.unstorable == {"a/topic": 600, "b/topic": 600}


def test_a_topic_cannot_forge_a_line_of_the_log(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        Rejections().add(Rejected("x\nERROR all is lost", RejectReason.TOPIC), 0)
    assert "\n" not in lines(caplog)[0]
