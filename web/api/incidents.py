"""Incidents: lists that can be narrowed and paged, one with its story and messages, and its acknowledgement."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from msgspec import UNSET, Meta, Struct, UnsetType
from werkzeug.exceptions import Conflict, NotFound

from alerts.incident import Incident, IncidentState, Scope
from alerts.rule import TITLES, Rule, Severity
from rigwatch.clock import Clock
from store import Store, acts, alerts, incidents
from store.incidents import IncidentCursor, IncidentFilter, IncidentPart, SentNotification
from store.outbox import DeliveryState
from store.transaction import Transaction
from web.access.login import actor
from web.access.sites import need_change, seen_messages, sees, visible_sites
from web.api.moments import Moment, moment, moment_or_none
from web.api.nodes import Name, Text
from web.api.operation import Budget, Operation
from web.api.paging import LIMIT, Limit, page

_TAG = "incidents"
_CURSOR = "^[0-9]{1,16}-[0-9]{1,16}$"
_NUMBER = f"<int(min=1, max={2**53}):number>"
Why = Annotated[str, Meta(max_length=500)]


class Acknowledgement(Struct, frozen=True):
    """Who knows, and since when."""

    at: Moment
    by: str
    why: str


class IncidentSummary(Struct, frozen=True):
    """One rule that holds for one subject (a node, host, site, the fleet or rigwatch itself), or a group of such.

    `since_at` is from when on it held, `fired_at` from when on it counted. `members` > 0: a group; `parent` is that of
    a member. `cause` is what it comes from, with what was seen of it; empty where that is not known.
    """

    number: int
    rule: Rule
    title: str
    severity: Severity
    state: IncidentState
    open: bool
    scope: Scope
    site: str
    name: str
    evidence: str
    cause: str
    members: int
    parent: int | None
    since_at: Moment
    fired_at: Moment | None
    resolved_at: Moment | None
    acknowledged: Acknowledgement | None


class IncidentPage(Struct, frozen=True):
    """`next` is the `after` of the next page."""

    incidents: Sequence[IncidentSummary]
    next: str | None


class DecisionMade(Struct, frozen=True):
    """One line of an incident's story."""

    at: Moment
    what: str
    why: str


class MessageSent(Struct, frozen=True):
    """A message and what became of it; `error` is the last one."""

    channel: str
    kind: str
    severity: str
    title: str
    body: str
    state: DeliveryState
    created_at: Moment
    sent_at: Moment | None
    attempts: int
    error: str


class IncidentStory(Struct, frozen=True):
    """An incident with every decision about it, in order, and every message that spoke of it."""

    incident: IncidentSummary
    story: Sequence[DecisionMade]
    messages: Sequence[MessageSent]


class IncidentsQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """Which incidents; all that is given must fit. Without node and host a group stands for its members."""

    part: Annotated[IncidentPart, Meta(description="By where they stand.")] = IncidentPart.OPEN
    rule: Annotated[Rule | UnsetType, Meta(description="Only of this rule.")] = UNSET
    severity: Annotated[Severity | UnsetType, Meta(description="Only of this severity.")] = UNSET
    site: Annotated[Name, Meta(description="Only of this site.")] = ""
    host: Annotated[Text, Meta(description="Only of this host and its nodes.")] = ""
    node: Annotated[Name, Meta(description="Only of nodes of this name.")] = ""
    group: Annotated[int, Meta(ge=1, le=2**53, description="Only members of this group.")] | UnsetType = UNSET
    after: Annotated[str, Meta(pattern=_CURSOR, description="What `next` of the page before said.")] = ""
    limit: Limit = LIMIT


class Acknowledge(Struct, frozen=True, forbid_unknown_fields=True):
    """`why` is for others to read."""

    why: Why = ""


@dataclass(frozen=True, slots=True)
class Incidents:
    """Answers from the readers that the pages use."""

    store: Store
    clock: Clock

    def list(self, query: IncidentsQuery) -> IncidentPage:
        wanted = IncidentFilter(
            part=query.part,
            rule=None if query.rule is UNSET else query.rule,
            severity=None if query.severity is UNSET else query.severity,
            site=query.site,
            host=query.host,
            node=query.node,
            group=None if query.group is UNSET else query.group,
            sites=visible_sites(),
        )
        before = IncidentCursor(*map(int, query.after.split("-"))) if query.after else None
        with self.store.read() as tx:
            found = incidents.page(tx, wanted, query.limit + 1, before=before)
        shown, following = page(found, query.limit, lambda each: f"{each.since}-{each.id}")
        return IncidentPage([_summary(each) for each in shown], following)

    def one(self, number: int) -> IncidentStory:
        with self.store.read() as tx:
            return _told(tx, number)

    def acknowledge(self, number: int, body: Acknowledge) -> IncidentStory:
        with self.store.write() as tx:
            incident = _existing(tx, number)
            need_change(incident.subject.site)
            if not acts.incidents.acknowledge(tx, actor(), self.clock.now(), incident, why=body.why):
                raise Conflict(f"Incident {number} is over, or was acknowledged already.")
            return _told(tx, number)


def operations(store: Store, clock: Clock) -> Sequence[Operation]:
    of = Incidents(store, clock)
    return (
        Operation(
            path="/incidents",
            name="list_incidents",
            tag=_TAG,
            summary="Incidents, the newest first.",
            view=of.list,
            query=IncidentsQuery,
            answer=IncidentPage,
        ),
        Operation(
            path=f"/incidents/{_NUMBER}",
            name="get_incident",
            tag=_TAG,
            summary="One incident, why it fired and what was sent.",
            view=of.one,
            answer=IncidentStory,
            refusals=(404,),
        ),
        Operation(
            method="POST",
            path=f"/incidents/{_NUMBER}/acknowledge",
            name="acknowledge_incident",
            tag=_TAG,
            summary="Say that somebody knows: no more reminders, but its end is told.",
            view=of.acknowledge,
            body=Acknowledge,
            answer=IncidentStory,
            refusals=(404, 409),
            budget=Budget.CHANGE,
        ),
    )


def _existing(tx: Transaction, number: int) -> Incident:
    found = alerts.one(tx, number)
    if found is None or not sees(found):
        raise NotFound(f"There is no incident {number}; /api/v1/incidents lists them.")
    return found


def _told(tx: Transaction, number: int) -> IncidentStory:
    incident = _existing(tx, number)
    return IncidentStory(
        incident=_summary(incident),
        story=[DecisionMade(moment(each.at), each.what, each.why) for each in alerts.story(tx, number)],
        messages=[_message(each) for each in seen_messages(tx, number)],
    )


def _summary(of: Incident) -> IncidentSummary:
    ack = of.acknowledged
    return IncidentSummary(
        number=of.id,
        rule=of.rule,
        title=TITLES[of.rule],
        severity=of.severity,
        state=of.state,
        open=of.is_open,
        scope=of.subject.scope,
        site=of.subject.site,
        name=of.subject.name,
        evidence=of.evidence,
        cause=of.cause,
        members=of.members,
        parent=of.parent,
        since_at=moment(of.since),
        fired_at=moment_or_none(of.fired_at),
        resolved_at=moment_or_none(of.resolved_at),
        acknowledged=Acknowledgement(moment(ack.at), ack.by, ack.why) if ack else None,
    )


def _message(of: SentNotification) -> MessageSent:
    return MessageSent(
        channel=of.channel,
        kind=of.kind,
        severity=of.severity,
        title=of.title,
        body=of.body,
        state=of.progress,
        created_at=moment(of.created_at),
        sent_at=moment_or_none(of.sent_at),
        attempts=of.attempts,
        error=of.error,
    )
