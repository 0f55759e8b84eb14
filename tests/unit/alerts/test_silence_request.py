"""Quiet as people ask for it: what is understood, what is refused, and in which words."""

from zoneinfo import ZoneInfo

import pytest

from alerts.incident import Incident, IncidentState, Scope, Subject
from alerts.rule import Rule
from alerts.silence import Matcher, SilenceKind
from alerts.silence_request import (
    FOREVER,
    Breadth,
    SilenceRequest,
    SilenceRequestError,
    around,
    breadths,
    length_of,
    matcher_of,
    pairs_of,
    silence_of,
    start_of,
)
from rigwatch.clock import as_datetime
from tests.fake_clock import START

BERLIN = ZoneInfo("Europe/Berlin")
HOUR = 3_600_000
NODE = Incident(7, Rule.HOT, Subject(Scope.NODE, "garage", "rig1"), IncidentState.FIRING, START)
FLEET = Incident(8, Rule.LOST, Subject(Scope.FLEET), IncidentState.FIRING, START)


def request(
    kind: SilenceKind = SilenceKind.SILENCE, *, length: str = "2h", every: str = "", start: str = "", **given: str
) -> SilenceRequest:
    return SilenceRequest(kind, given or {"site": "garage"}, length, "fan\nswap\0", every, start)


def test_a_silence_begins_now_and_ends_by_itself() -> None:
    silence = silence_of(request(site=" garage ", node="rig*", rule="", host=""), START, BERLIN, by="ann")
    assert silence.matcher == Matcher(site="garage", node="rig*")
    assert (silence.starts_at, silence.ends_at, silence.every) == (START, START + 2 * HOUR, "")
    assert (silence.by, silence.why) == ("ann", "fan swap")


def test_a_planned_one_begins_in_the_zone_of_the_page() -> None:
    # START is 2025-10-09 10:53:20 in Berlin.
    silence = silence_of(request(start="2025-10-09T12:00"), START, BERLIN, by="ann")
    assert silence.starts_at == START + (66 * 60 + 40) * 1000
    assert silence.ends_at == silence.starts_at + 2 * HOUR
    assert silence_of(request(start="2025-10-09 10:53"), START, BERLIN, by="ann").starts_at == START


def test_one_that_recurs_lasts_so_long_each_time() -> None:
    silence = silence_of(request(SilenceKind.MAINTENANCE, every="sun 03:00", host="box1"), START, BERLIN, by="ann")
    assert (silence.every, silence.lasts, silence.ends_at) == ("sun 03:00", 2 * HOUR, START + FOREVER)


@pytest.mark.parametrize(
    ("asked", "field", "said"),
    [
        (request(rule="losst"), "rule", "known are lost, silent"),
        (request(severity="bad"), "severity", "known are info"),
        (request(colour="red"), "colour", "one of these keys: site"),
        (request(SilenceKind.MAINTENANCE, rule="lost"), "rule", "one of these keys: site, host, node"),
        (request(site="", node=" "), "match", "'site=*' is everything"),
        (request(site="x" * 201), "site", "longer than 200"),
        (request(length="soon"), "length", "90s, 5m"),
        (request(length=""), "length", "90s, 5m"),
        (request(length="0s"), "length", "more than nothing"),
        (request(length="400d"), "length", "at most a year"),
        (request(every="someday"), "every", "sun 03:00"),
        (request(every="day 03:00", length="24h"), "length", "begin again before it has ended"),
        (request(every="mon 03:00", length="7d"), "length", "begin again before it has ended"),
        (request(start="tomorrow"), "start", "2026-11-24 03:00"),
        (request(start="2025-10-09 10:51"), "start", "is past, it is 2025-10-09 10:53"),
        (request(start="2027-01-01 00:00"), "start", "more than a year ahead"),
    ],
)
def test_what_cannot_be_done_is_said_in_words(asked: SilenceRequest, field: str, said: str) -> None:
    with pytest.raises(SilenceRequestError) as caught:
        silence_of(asked, START, BERLIN, by="ann")
    assert caught.value.field == field
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_word_without_a_value_is_refused() -> None:
    assert pairs_of(["site=garage", "host=a=b"]) == {"site": "garage", "host": "a=b"}
    with pytest.raises(SilenceRequestError, match="write KEY=VALUE"):
        pairs_of(["garage"])


def test_quiet_around_an_incident_is_as_wide_as_asked() -> None:
    assert around(NODE, Breadth.RULE, "box") == {"site": "garage", "node": "rig1", "rule": "hot"}
    assert around(NODE, Breadth.NODE, "box") == {"site": "garage", "node": "rig1"}
    assert around(NODE, Breadth.HOST, "box") == {"site": "garage", "host": "box"}
    assert around(NODE, Breadth.SITE, "box") == {"site": "garage"}
    assert around(FLEET, Breadth.RULE, "") == {"site": "*", "rule": "lost"}
    assert breadths(NODE, "box") == list(Breadth)
    assert breadths(NODE, "") == [Breadth.RULE, Breadth.NODE, Breadth.SITE]
    assert breadths(FLEET, "") == [Breadth.RULE]


YEAR = 366 * 24 * HOUR


def test_the_least_and_the_most_that_can_be_asked_for() -> None:
    assert length_of("366d") == YEAR
    assert length_of("1ms") == 1
    assert FOREVER == 100 * 365 * 24 * HOUR
    assert matcher_of(SilenceKind.SILENCE, {"site": "x" * 200}) == Matcher(site="x" * 200)
    long = SilenceRequest(SilenceKind.SILENCE, {"site": "garage"}, "2h", "y" * 501)
    assert silence_of(long, START, BERLIN, by="ann").why == "y" * 500
    weekly = request(SilenceKind.MAINTENANCE, every="mon 03:00", length="167h")
    assert silence_of(weekly, START, BERLIN, by="ann").lasts == 167 * HOUR
    daily = request(SilenceKind.MAINTENANCE, every="day 03:00", length="23h")
    assert silence_of(daily, START, BERLIN, by="ann").lasts == 23 * HOUR
    once = silence_of(request(), START, BERLIN, by="ann")
    assert (once.id, once.lasts) == (0, 0)
    with pytest.raises(SilenceRequestError):
        length_of("367d")


def test_a_beginning_may_be_a_minute_ago_and_a_year_ahead() -> None:
    assert start_of(_utc(START - 60_000), START, BERLIN) == START
    assert start_of(_utc(START + YEAR), START, BERLIN) == START + YEAR
    for wrong, said in ((START - 60_001, "is past"), (START + YEAR + 1, "more than a year ahead")):
        with pytest.raises(SilenceRequestError, match=said) as refused:
            start_of(_utc(wrong), START, BERLIN)
        assert refused.value.exit_code == 2


def test_of_what_is_refused_forty_characters_are_repeated() -> None:
    long = "x" * 50
    for ask in (
        lambda: matcher_of(SilenceKind.SILENCE, {"colour": long}),
        lambda: matcher_of(SilenceKind.SILENCE, {"rule": long}),
        lambda: length_of(long),
        lambda: start_of(long, START, BERLIN),
    ):
        with pytest.raises(SilenceRequestError) as refused:
            ask()
        assert "x" * 40 in str(refused.value)
        assert "x" * 41 not in str(refused.value)
    with pytest.raises(SilenceRequestError, match=r"\+00:00:00\.0000 is past"):
        start_of("2025-01-01T00:00:00.000000+00:00:00.000001", START, BERLIN)


def _utc(at: int) -> str:
    return as_datetime(at).isoformat()
