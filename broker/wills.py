"""Wills that wait for their clients to come back (MQTT 5 §3.1.3.2.2). Pure data; sending them is the broker's part."""

from broker.connect import Will
from broker.session import ClientSession


class WaitingWills:
    """At most one for each session."""

    def __init__(self) -> None:
        self._wills: dict[ClientSession, tuple[float, Will]] = {}

    def add(self, session: ClientSession, will: Will, at: float) -> None:
        """`at`: when it is due, in monotonic seconds."""
        self._wills[session] = at, will

    def take(self, session: ClientSession) -> Will | None:
        """Ends the wait: its client is back, or will not come."""
        return self._wills.pop(session, (0.0, None))[1]

    def due(self, now: float) -> list[ClientSession]:
        return [session for session, (at, _) in self._wills.items() if at <= now]
