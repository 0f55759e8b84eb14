"""Counting what was not taken, and saying so in the log without letting whoever sends it fill the disk."""

import logging
from collections import Counter

from alerts.ingest import Rejected, RejectReason

log = logging.getLogger(__name__)

QUIET_S = 60.0
"""At most one line a reason in this time."""
_NODES_MAX = 10_000


class Rejections:
    """Counts by reason, from the start of the process; what the database cannot hold also by topic."""

    def __init__(self) -> None:
        self.counts: Counter[RejectReason] = Counter()
        self.unstorable: Counter[str] = Counter()
        self._since_line: Counter[RejectReason] = Counter()
        self._quiet_until: dict[RejectReason, float] = {}

    def add(self, rejected: Rejected, monotonic: float) -> None:
        """The first of a reason is logged at once; what follows within `QUIET_S` only as a count in the next line."""
        reason = rejected.reason
        self.counts[reason] += 1
        if reason is RejectReason.UNSTORABLE:
            self._add_unstorable(rejected)
            return
        self._since_line[reason] += 1
        if monotonic < self._quiet_until.get(reason, 0.0):
            return
        # A topic is the sender's own text: %r keeps it on one line.
        log.warning(
            "message not taken reason=%r topic=%r detail=%r count=%s",
            reason.value,
            rejected.topic,
            rejected.detail,
            self._since_line[reason],
        )
        self._since_line[reason] = 0
        self._quiet_until[reason] = monotonic + QUIET_S

    def _add_unstorable(self, rejected: Rejected) -> None:
        """A node that is enrolled sent it, and sends it again: one line for each, however often."""
        known = rejected.topic in self.unstorable
        if not known and len(self.unstorable) >= _NODES_MAX:
            return
        self.unstorable[rejected.topic] += 1
        if not known:
            log.error(
                "a node sends what the database cannot hold, it is set aside and the rest is stored topic=%r detail=%r",
                rejected.topic,
                rejected.detail,
            )
