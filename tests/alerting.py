"""The alerts of a subscriber over a store, without a broker, on a clock that a test moves."""

import itertools
from collections.abc import Callable
from datetime import timedelta
from typing import Any, TypeAlias

from alerts.incident import Incident
from alerts.policy import Policy
from alerts.route import Route
from rigwatch.clock import Millis
from rigwatch.messages import Report, Status
from rigwatch.settings.alerts import AlertSettings
from store import Store, alerts, incidents
from subscriber.alert_driver import AlertDriver
from tests.fake_clock import START, FakeClock
from tests.rigs import Rig, rig

RIG = rig("rig1", "garage")
_numbers = itertools.count(1)


class Driver:
    """An alert driver with its store and its clock; channel `web` exists, and nobody carries its messages."""

    def __init__(self, store: Store, clock: FakeClock | None = None, **settings: object) -> None:
        self.store = store
        self.clock = clock or FakeClock()
        self.connected_at: Millis | None = START - 3_600_000
        wanted: dict[str, Any] = {"hold": timedelta(0), "group_wait": timedelta(0), **settings}
        self.alert_driver = AlertDriver(
            Policy(AlertSettings(**wanted)), [Route("web")], addresses={"web": "x"}, link="", clock=self.clock,
            connected_at=lambda: self.connected_at, name=f"subscriber{next(_numbers)}",
        )  # fmt: skip

    def hear(self, body: Status | Report, node: Rig = RIG) -> list[str]:
        return self.hear_all([(node, body)])

    def hear_all(self, said: list[tuple[Rig, Status | Report]]) -> list[str]:
        """In one batch; titles of the messages that it caused."""
        now = self.clock.now()
        _, posted = self.alert_driver.write(self.store, [node.heard(body, now) for node, body in said])
        return [each.title for each in posted]

    def drives(self) -> bool:
        """Whether it is its turn now."""
        return self.alert_driver.drives

    def tick(self, seconds: float = 0) -> list[str]:
        self.clock.move(seconds)
        return [each.title for each in self.alert_driver.tick(self.store)]


Drive: TypeAlias = Callable[[Store], Driver]


def every_incident(store: Store) -> list[Incident]:
    """All that are stored, the open ones first."""
    wanted = (incidents.IncidentFilter(part) for part in incidents.IncidentPart)
    with store.read() as tx:
        return [each for one in wanted for each in incidents.page(tx, one, 100)]


def story(store: Store, number: int) -> list[str]:
    """What was decided about an incident, in order."""
    with store.read() as tx:
        return [each.what for each in alerts.story(tx, number)]
