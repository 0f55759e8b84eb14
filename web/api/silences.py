"""Silences and maintenance: what is quiet on purpose, now or planned; made and ended."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from flask import Response
from msgspec import UNSET, Meta, Struct
from werkzeug.exceptions import NotFound

from alerts.silence import Silence, SilenceKind
from alerts.silence_request import SilenceRequest, SilenceRequestError
from rigwatch.clock import Clock
from rigwatch.errors import NotDone
from store import Store, acts, silences
from web.access.login import actor
from web.access.sites import need_change, need_silence, sees_silence
from web.api.moments import Given, Moment, moment
from web.api.operation import Budget, Operation, created
from web.api.paging import LIMIT, Limit
from web.errors import BadQuery
from web.zone import Zone

_TAG = "silences"
_NUMBER = f"<int(min=1, max={2**31 - 1}):number>"
_YEAR_S = 366 * 86_400
Pattern = Annotated[str, Meta(max_length=200)]


class Match(Struct, frozen=True, forbid_unknown_fields=True):
    """What it is about: everything that is given must fit, `*` and `?` as in file names; at least one is. Maintenance
    is about site, host and node only."""

    site: Pattern = ""
    host: Pattern = ""
    node: Pattern = ""
    rule: Pattern = ""
    severity: Pattern = ""


class SilenceSummary(Struct, frozen=True):
    """Who wanted quiet, about what, how long and why. `every` ("sun 03:00", "day 22:30", in the dashboard's time zone)
    makes it recur, `lasts_s` each time. `quiet`: it is running now. `ended_by`: who ended it early."""

    number: int
    kind: SilenceKind
    match: Match
    starts_at: Moment
    ends_at: Moment
    every: str
    lasts_s: int
    by: str
    why: str
    created_at: Moment
    ended_by: str
    quiet: bool


class SilenceList(Struct, frozen=True):
    """By number; those that are over the latest end first."""

    silences: Sequence[SilenceSummary]


class SilencesQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """Which ones."""

    over: Annotated[bool, Meta(description="Those that are over, instead of those that run or are planned.")] = False
    limit: Limit = LIMIT


class NewSilence(Struct, frozen=True, forbid_unknown_fields=True):
    """`lasts_s` in seconds, of each time where it recurs; `starts_at` now where it is not given."""

    match: Match
    lasts_s: Annotated[int, Meta(ge=1, le=_YEAR_S)]
    kind: SilenceKind = SilenceKind.SILENCE
    starts_at: Given = UNSET
    every: Annotated[str, Meta(max_length=20)] = ""
    why: Annotated[str, Meta(max_length=500)] = ""


@dataclass(frozen=True, slots=True)
class Silences:
    """By the same rules as on the command line and on the pages: `alerts.silence_request`."""

    store: Store
    clock: Clock
    zone: Zone

    def list(self, query: SilencesQuery) -> SilenceList:
        now = self.clock.now()
        with self.store.read() as tx:
            found = silences.ended(tx, now, query.limit) if query.over else silences.running(tx, now)
        seen = [each for each in found if sees_silence(each.matcher)]
        return SilenceList([self._shown(each, now) for each in seen[: query.limit]])

    def add(self, body: NewSilence) -> Response:
        given = {name: getattr(body.match, name) for name in Match.__struct_fields__ if getattr(body.match, name)}
        start = "" if body.starts_at is UNSET else body.starts_at.isoformat()
        asked = SilenceRequest(body.kind, given, f"{body.lasts_s}s", body.why, body.every, start)
        need_change(body.match.site)
        now = self.clock.now()
        try:
            with self.store.write() as tx:
                silence = acts.silences.add(tx, actor(), now, asked, zone=self.zone.tz)
        except SilenceRequestError as exc:
            raise BadQuery(str(exc)) from None
        return created(self._shown(silence, now), "api.list_silences")

    def end(self, number: int) -> SilenceSummary:
        now = self.clock.now()
        try:
            with self.store.write() as tx:
                need_silence(tx, number)
                return self._shown(acts.silences.end(tx, actor(), now, number), now)
        except NotDone:
            raise NotFound(f"There is no silence {number} that is not over; /api/v1/silences lists them.") from None

    def _shown(self, silence: Silence, now: int) -> SilenceSummary:
        lasts = silence.lasts if silence.every else silence.ends_at - silence.starts_at
        return SilenceSummary(
            number=silence.id,
            kind=silence.kind,
            match=Match(**{name: getattr(silence.matcher, name) for name in Match.__struct_fields__}),
            starts_at=moment(silence.starts_at),
            ends_at=moment(silence.ends_at),
            every=silence.every,
            lasts_s=lasts // 1000,
            by=silence.by,
            why=silence.why,
            created_at=moment(silence.created_at),
            ended_by=silence.ended_by,
            quiet=silence.until(now, self.zone.tz) is not None,
        )


def operations(store: Store, clock: Clock, *, zone: Zone) -> Sequence[Operation]:
    of = Silences(store, clock, zone)
    return (
        Operation(
            path="/silences",
            name="list_silences",
            tag=_TAG,
            summary="Silences and maintenance that run or are planned.",
            view=of.list,
            query=SilencesQuery,
            answer=SilenceList,
        ),
        Operation(
            method="POST",
            path="/silences",
            name="add_silence",
            tag=_TAG,
            summary="Stop messages that match, or announce work; incidents are still kept.",
            view=of.add,
            body=NewSilence,
            answer=SilenceSummary,
            status=201,
            budget=Budget.CHANGE,
        ),
        Operation(
            method="DELETE",
            path=f"/silences/{_NUMBER}",
            name="end_silence",
            tag=_TAG,
            summary="End one now; it stays for the record.",
            view=of.end,
            answer=SilenceSummary,
            refusals=(404,),
            budget=Budget.CHANGE,
        ),
    )
