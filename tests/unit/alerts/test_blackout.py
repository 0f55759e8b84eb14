"""The incident that nothing can be stored, on a time line: told from memory, as its rule says."""

from dataclasses import dataclass, field

from alerts.blackout import Blackout, DatabaseTrouble, PastIncident, TellingState
from alerts.incident import IncidentState
from alerts.policy import Policy
from alerts.route import Route
from alerts.silence import Matcher, Silence, SilenceKind
from rigwatch.settings.alerts import AlertSettings
from rigwatch.settings.loader import SettingPlace, build
from tests.fake_clock import START


@dataclass
class Line:
    """Looks once a second; `told` are the titles since the last look at them."""

    blackout: Blackout
    known: TellingState = field(default_factory=TellingState)
    now: int = START
    began: int | None = None
    titles: list[str] = field(default_factory=list)

    def until(self, seconds: int) -> "Line":
        while self.now < START + seconds * 1000:
            self.now += 1000
            trouble = (
                None if self.began is None else DatabaseTrouble(self.began, "disk full", "disk full: no space on /")
            )
            self.titles += [notification.title for notification in self.blackout.step(trouble, self.known, self.now)]
        return self

    def fails(self) -> "Line":
        self.began = self.now
        return self

    def works(self) -> "Line":
        self.began = None
        return self

    def told(self) -> list[str]:
        titles, self.titles = self.titles, []
        return titles


def line(*routes: Route, **alerts: object) -> Line:
    policy = Policy(build(AlertSettings, alerts, SettingPlace("server.toml")))
    return Line(Blackout(policy, routes or (Route("all"),)))


def test_it_is_told_after_its_hold_again_as_its_schedule_says_and_once_when_it_is_over() -> None:
    it = line().until(10).fails()
    assert it.until(39).told() == []
    assert it.until(40).told() == ["CRITICAL: rigwatch cannot store: disk full since 08:53:30"]
    assert it.until(339).told() == []
    assert it.until(340).told() == ["STILL, for 5 min 30 s: rigwatch cannot store: disk full since 08:53:30"]
    assert it.works().until(7200).told() == ["OK: rigwatch stores again, after 5 min 31 s"]


def test_what_is_over_within_its_hold_is_not_told_and_leaves_no_record() -> None:
    it = line().until(10).fails().until(35).works()
    assert it.until(100).told() == []
    assert it.blackout.take_over() == []


def test_what_is_over_is_handed_over_for_the_record_once_with_its_story_and_nothing_left_to_say() -> None:
    it = line().fails().until(60).works().until(70)
    (past,) = it.blackout.take_over()
    assert isinstance(past, PastIncident)
    assert past.incident.state is IncidentState.RESOLVED
    assert past.incident.owes is None
    assert [each.what for each in past.decisions] == ["noticed", "firing", "told", "clearing", "resolved", "told"]
    assert it.blackout.take_over() == []


def test_only_who_takes_its_severity_and_is_not_refused_is_told() -> None:
    it = line(Route("calm", frozenset({"info"})), Route("bad"), Route("good", sites=frozenset({"garage"})))
    it.known = TellingState(refused={"bad": "no such chat"})
    it.fails().until(40)
    assert len(it.titles) == 1


def test_a_database_that_comes_and_goes_is_told_as_unsteady_once() -> None:
    it = line(no_database={"hold": "0s"})
    for start in range(0, 200, 20):
        it.until(start).fails().until(start + 10).works()
    told = it.until(230).told()
    assert len(told) == 3
    assert told[-1] == "FLAPPING: rigwatch cannot store: disk full since 08:53:40, again and again"
    assert it.until(1000).told() == ["OK: rigwatch stores again, and stable"]


def test_a_silence_that_was_known_before_holds() -> None:
    it = line()
    it.known = TellingState(
        (Silence(1, SilenceKind.SILENCE, Matcher(), START, START + 600_000, "ann", "new disk", START),)
    )
    assert it.fails().until(599).told() == []
    assert len(it.until(601).told()) == 1


def test_a_rule_that_is_off_says_nothing() -> None:
    assert line(no_database={"enabled": False}).fails().until(100).told() == []


def test_each_incident_has_a_story_of_its_own_and_no_number() -> None:
    it = line()
    for start in (0, 1000):
        it.until(start).fails().until(start + 60).works().until(start + 100)
    first, second = it.blackout.take_over()
    assert [each.what for each in second.decisions] == [each.what for each in first.decisions]
    assert {each.incident for each in second.decisions} == {second.incident.id} == {0}


def test_a_silence_is_noted_once_and_what_is_due_then_is_told_when_it_ends() -> None:
    it = line()
    silence = Silence(1, SilenceKind.SILENCE, Matcher(), START, START + 600_000, "ann", "new disk", START)
    it.known = TellingState((silence,))
    it.fails().until(620).works().until(700)
    (past,) = it.blackout.take_over()
    assert [f"{each.what}: {each.why}" for each in past.decisions if each.what.endswith("told")] == [
        "not told: silenced by ann",
        "told: first to all",
        "told: recovery to all",
    ]


def test_a_reminder_in_quiet_hours_waits_for_their_end() -> None:
    # The line begins at 08:53:20 UTC, and the reminder is due at 08:59.
    it = line(quiet={"start": "08:57", "end": "09:10", "severities": ["critical"]})
    it.until(10).fails()
    assert len(it.until(40).told()) == 1
    assert it.until(999).told() == []
    assert it.until(1001).told() == ["STILL, for 16 min 30 s: rigwatch cannot store: disk full since 08:53:30"]
