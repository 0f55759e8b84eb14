"""Looks at sessions again: whether their logins are still good, what rights they have today, whether they are old."""

import logging
from collections.abc import Iterable

from broker.access import Access
from broker.embedded import EmbeddedBroker
from broker.message import Message
from broker.reasons import Reason
from rigwatch.errors import RigwatchError
from rigwatch.topics import NodeId, TopicLevel, topic_of

log = logging.getLogger(__name__)


class Review:
    """Called by the clock."""

    def __init__(self, broker: EmbeddedBroker, access: Access) -> None:
        self._broker = broker
        self._access = access
        self.newcomers: set[str] = set()
        """Logged in since the last look at the rights: what they logged in by may have gone before anybody saw it."""

    def recheck(self, names: Iterable[str]) -> None:
        """Closes whoever of these accounts, and of the newcomers, would be refused now; others get today's rights."""
        newcomers, self.newcomers, names = self.newcomers, set(), set(names)
        for session, handler in [each for name in newcomers.union(names) for each in self._broker.sessions_of(name)]:
            try:
                account = self._access.account_now(session.account, session.proof)
            except RigwatchError:
                # A file that cannot be read is complained about where it is watched; who is in stays in.
                continue
            if account is not None:
                self._broker.adopt(session, account)
                handler.rights_changed()
                continue
            self._broker.lines.warning(
                log, "login no longer good, client closed", session.username, "client=%s", session.client_id
            )
            handler.end("login no longer good", Reason.NOT_AUTHORIZED)
            self._broker.forget(session)
        for name in names:
            self._clear_status(name)

    def _clear_status(self, name: str) -> None:
        """What is kept of a node whose keys were revoked, its will included, is nobody's word any more."""
        try:
            node = NodeId.parse(name)
            topic = topic_of(node, TopicLevel.STATUS)
            kept = next(self._broker.store.under(topic), None)
            if kept is not None and self._access.is_left_behind(node, kept.payload):
                self._broker.publish(Message(topic, b"", qos=1), retain=True)
        except RigwatchError:
            # No node's name, or a file that cannot be read, which is complained about where it is watched.
            return

    def expire_sessions(self) -> None:
        """Forgets sessions whose clients have been away too long."""
        now = self._broker.now()
        for session in self._broker.absent_sessions():
            if session.left_at + session.expiry < now:
                self._broker.counters.drop("session expired", session.outgoing.waiting)
                self._broker.counters.sessions_expired += 1
                self._broker.forget(session)
