"""A fleet on a time line: what happens at which second, and which messages people have read by then. No sleep."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import msgspec
from msgspec.structs import replace

from alerts.book import Decision
from alerts.engine import Engine, Start
from alerts.facts import KEY_ENDED, NodeFacts, ServerFacts
from alerts.incident import Acknowledged, Incident, Scope, Subject
from alerts.notification import Notification
from alerts.policy import Policy
from alerts.quota import DayUse
from alerts.route import Route
from alerts.silence import Matcher, Silence, SilenceKind
from rigwatch.messages import NodeState, Sample
from rigwatch.settings.alerts import AlertSettings
from rigwatch.settings.loader import SettingPlace, build
from rigwatch.topics import NodeId
from tests.fake_clock import START

LONG_AGO = START - 24 * 3_600_000
GOOD: dict[str, Any] = {"hashrate": 45e6, "peers": 25}


def settings(**alerts: object) -> AlertSettings:
    """As `[alerts]` would be read from the file."""
    return build(AlertSettings, alerts, SettingPlace("server.toml"))


class Timeline:
    """Nodes that are online report their last figures every minute by themselves, until they are told not to."""

    def __init__(
        self, *names: str, host: Callable[[str], str] = lambda name: f"host-{name}", zone: str = "UTC",
        routes: Sequence[Route] = (Route("all"),), **alerts: object,
    ) -> None:  # fmt: skip
        self.now = self.began = START
        self.policy = Policy(settings(**alerts), zone)
        self.server: ServerFacts = ServerFacts(connected_at=LONG_AGO)
        self.notifications: list[tuple[float, Notification]] = []
        self.decisions: list[Decision] = []
        self.stored: dict[int, Incident] = {}
        self.steps: list[int] = []
        self._read = 0
        self._facts = {name: _facts(name, host(name)) for name in names}
        self._figures: dict[str, dict[str, Any]] = {name: dict(GOOD) for name in names}
        self._due = dict.fromkeys(names, START + 60000)
        self._silences: tuple[Silence, ...] = ()
        self._acks: dict[int, Acknowledged] = {}
        self._routes = routes
        self._histories: dict[NodeId, Any] = {}
        self._check_at: int | None = None
        self._baseline: dict[NodeId, float] = {}
        self.engine = self._engine()
        self._step()

    def at(self, seconds: float) -> "Timeline":
        """Lets everything happen that is due until then; the time line only goes forward."""
        target = START + round(seconds * 1000)
        assert target >= self.now
        while True:
            soonest = min([*self._due.values(), *([self._check_at] if self._check_at is not None else [])])
            if soonest > target:
                break
            self.now = max(soonest, self.now)
            for name, due in self._due.items():
                if due <= self.now:
                    self.report(name)
            self._step()
        self.now = target
        return self._step()

    # what happens

    def report(self, name: str, **figures: object) -> "Timeline":
        self._figures[name] = {**self._figures[name], **figures}
        known = {key: value for key, value in self._figures[name].items() if value is not None}
        facts = self._facts[name]
        self._due[name] = self.now + 60_000
        offset, today = known.pop("clock_offset", 0), known.pop("today", DayUse())
        self._facts[name] = replace(
            facts,
            last_report_at=self.now,
            clock_offset=offset,
            today=today,
            sample=Sample(n=self.now, at=self.now, **known),
        )
        return self._changed(name)

    def tag(self, name: str, *tags: str) -> "Timeline":
        self._facts[name] = replace(self._facts[name], tags=tags)
        return self._changed(name)

    def moves(self, name: str, host: str) -> "Timeline":
        """Its next birth names another host."""
        self._facts[name] = replace(self._facts[name], host=host)
        return self._changed(name)

    def reads(self, name: str, *sources: str) -> "Timeline":
        """The sources that its birth named."""
        self._facts[name] = replace(self._facts[name], sources=sources)
        return self._changed(name)

    def reports_stop(self, name: str) -> "Timeline":
        self._due[name] = 2**62
        return self

    def every(self, name: str, *, seconds: float) -> "Timeline":
        """The interval that its birth announced."""
        self._facts[name] = replace(self._facts[name], interval=timedelta(seconds=seconds))
        return self._changed(name)

    def dies(self, *names: str, reason: str = "") -> "Timeline":
        return self._become(NodeState.LOST, names, reason)

    def stops(self, *names: str) -> "Timeline":
        return self._become(NodeState.OFFLINE, names)

    def leaves(self, *names: str, reason: str) -> "Timeline":
        """The server sent it away."""
        return self._become(NodeState.OFFLINE, names, reason)

    def loses_its_key(self, *names: str) -> "Timeline":
        return self._become(NodeState.LOST, names, KEY_ENDED)

    def comes_back(self, *names: str) -> "Timeline":
        return self._become(NodeState.ONLINE, names)

    def is_published_twice(self, name: str, *, until: float) -> "Timeline":
        """The two take turns until then."""
        seen_at = START + round(until * 1000)
        self._facts[name] = replace(self._facts[name], contested_at=seen_at, contest="two publishers use its key")
        return self._changed(name)

    def broker_goes(self) -> "Timeline":
        self.server = ServerFacts()
        return self._step()

    def broker_comes(self) -> "Timeline":
        self.server = ServerFacts(connected_at=self.now)
        return self._step()

    def is_quiet(
        self, *, until: float, kind: SilenceKind = SilenceKind.SILENCE, every: str = "", lasts: float = 0, **match: str
    ) -> "Timeline":
        silence = Silence(
            len(self._silences) + 1, kind, Matcher(**match), self.now, START + round(until * 1000), "ann", "fan swap",
            self.now, every, round(lasts * 1000),
        )  # fmt: skip
        self._silences = (*self._silences, silence)
        self.engine.set_silences(self._silences)
        return self._step()

    def is_loud_again(self) -> "Timeline":
        """Somebody ends all quiet."""
        self._silences = ()
        self.engine.set_silences(self._silences)
        return self._step()

    def acknowledge(self, rule: str) -> "Timeline":
        for incident in self.engine.incidents():
            if incident.rule.value == rule and incident.is_open:
                self._acks[incident.id] = Acknowledged(self.now, "ann", "on my way")
        self.engine.set_acknowledged(self._acks)
        return self._step()

    def usually(self, name: str, hashrate: float) -> "Timeline":
        self._baseline[self._facts[name].id] = hashrate
        self.engine.set_baselines(self._baseline)
        return self

    def usual_is_unknown(self, name: str) -> "Timeline":
        self._baseline.pop(self._facts[name].id, None)
        return self

    def server_restarts(self) -> "Timeline":
        """Only what was stored is known afterwards; the broker is there again at once."""
        self.engine = self._engine()
        self.server = ServerFacts(connected_at=self.now)
        return self._step()

    def settings_become(self, **alerts: object) -> "Timeline":
        self.policy = Policy(settings(**alerts))
        self.engine = self._engine()
        return self._step()

    # what people have read

    def expect(self, *beginnings: str) -> "Timeline":
        """Exactly these messages since the last look; each title contains what is named here."""
        new = [notification.title for _, notification in self.notifications[self._read :]]
        self._read = len(self.notifications)
        fits = len(new) == len(beginnings) and all(part in title for part, title in zip(beginnings, new, strict=True))
        assert fits, f"at {(self.now - START) / 1000:g} s people read {new}, not {list(beginnings)}"
        return self

    def expect_nothing(self) -> "Timeline":
        return self.expect()

    def last(self) -> Notification:
        return self.notifications[-1][1]

    def reasons(self, rule: str) -> list[str]:
        """The story of all incidents of a rule."""
        numbers = {number for number, each in self.stored.items() if each.rule.value == rule}
        return [f"{each.what}: {each.why}" for each in self.decisions if each.incident in numbers]

    # how it works

    def _become(self, state: NodeState, names: tuple[str, ...], reason: str = "") -> "Timeline":
        for name in names:
            facts = replace(self._facts[name], state=state, state_at=self.now, reason=reason)
            self._facts[name] = replace(facts, born_at=self.now) if state is NodeState.ONLINE else facts
            self._due[name] = self.now if state is NodeState.ONLINE else 2**62
            self._changed(name)
        return self

    def _changed(self, name: str) -> "Timeline":
        self.engine.take([self._facts[name]])
        return self._step()

    def _step(self) -> "Timeline":
        server = replace_beat(self.server, self.now)
        self.steps.append(self.now)
        outcome = self.engine.step(server, self.now)
        self.notifications += [((self.now - START) / 1000, notification) for notification in outcome.notifications]
        self.decisions += outcome.decisions
        self.stored |= {each.id: _through_the_database(each) for each in outcome.incidents}
        self._histories |= dict(outcome.histories)
        self._check_at = outcome.check_at
        return self

    def _engine(self) -> Engine:
        open_ones = [each for each in self.stored.values() if each.is_open or each.owes]
        parents = {each.id for each in open_ones}
        open_ones += [each for each in self.stored.values() if each.parent in parents and not each.is_open]
        recent = [each for each in self.stored.values() if each.state.value in {"resolved", "dismissed"}]
        start = Start(
            tuple(self._facts.values()), self._histories, open_ones, recent, self._silences, self._baseline,
            max(self.stored, default=0) + 1,
        )  # fmt: skip
        return Engine(self.policy, self._routes, start, link="https://rigs.example/")


def replace_beat(server: ServerFacts, now: int) -> ServerFacts:
    return ServerFacts(server.connected_at, now)


def subject(name: str) -> Subject:
    site, node = name.split("/")
    return Subject(Scope.NODE, site, node)


def _facts(name: str, host: str) -> NodeFacts:
    return NodeFacts(
        NodeId.parse(name),
        host=host,
        state=NodeState.ONLINE,
        state_at=LONG_AGO,
        session=1,
        interval=timedelta(seconds=60),
        first_seen_at=LONG_AGO,
        last_report_at=START,
        sample=Sample(n=START, at=START, **GOOD),
        clock_offset=0,
    )


def _through_the_database(incident: Incident) -> Incident:
    return msgspec.json.decode(msgspec.json.encode(incident), type=Incident)
