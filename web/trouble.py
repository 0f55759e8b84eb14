"""An incident that counts now, as the overview, a node's page and the wall speak of it. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from alerts.incident import Scope, Subject
from alerts.rule import SEVERITIES, Rule, Severity
from alerts.status import NodeStatus
from rigwatch.clock import Millis
from rigwatch.topics import NodeId
from web.incidents.titles import what
from web.language.texts import Phrase, joined

RULE_OF: Final[Mapping[NodeStatus, Rule]] = {
    NodeStatus.LOST: Rule.LOST,
    NodeStatus.SILENT: Rule.SILENT,
    NodeStatus.OFFLINE: Rule.OFFLINE,
    NodeStatus.DEGRADED: Rule.SOURCE_FAILING,
}
"""Which incident says the same as a status."""


class Trouble(NamedTuple):
    """In no language yet: it is kept for all viewers. `hush` says why nobody is told, where somebody wants it so;
    `notes` are what else one should know (it flaps, it may be over). `members` of a group, whose number is their
    `parent`.
    """

    number: int
    subject: Subject
    rule: Rule
    severity: Severity
    evidence: str
    since: Millis
    members: int = 0
    hush: tuple[Phrase | str, ...] = ()
    notes: tuple[Phrase | str, ...] = ()
    parent: int | None = None

    @property
    def what(self) -> str:
        """What is wrong, in the viewer's language."""
        return what(self.rule, self.subject, self.members)

    @property
    def quiet(self) -> str:
        return joined(self.hush)

    @property
    def note(self) -> str:
        return joined(self.notes)

    @property
    def node(self) -> NodeId | None:
        return NodeId(self.subject.site, self.subject.name) if self.subject.scope is Scope.NODE else None


def by_node(troubles: Iterable[Trouble]) -> dict[NodeId, tuple[Trouble, ...]]:
    """Those of nodes, the worst of each first."""
    found: defaultdict[NodeId, list[Trouble]] = defaultdict(list)
    for each in sorted(troubles, key=urgency):
        if (node := each.node) is not None:
            found[node].append(each)
    return {node: tuple(of) for node, of in found.items()}


def urgency(trouble: Trouble) -> tuple[bool, int, Millis]:
    """What nobody has seen yet comes first, then by how bad it is, then the oldest."""
    return bool(trouble.hush), -SEVERITIES.index(trouble.severity), trouble.since
