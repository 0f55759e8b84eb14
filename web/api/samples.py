"""A node's samples as they were taken: in pages, or as a CSV file that is sent while it is read."""

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC
from typing import Annotated, Final

import msgspec
from flask import Response
from msgspec import UNSET, Meta, Struct
from werkzeug.exceptions import TooManyRequests

from rigwatch.clock import Clock, Millis, as_datetime
from rigwatch.lines import csv_head, csv_lines
from rigwatch.messages import Sample
from rigwatch.topics import NodeId
from store import Store
from web.api.moments import Given, span
from web.api.nodes import Figures, figures
from web.api.operation import Budget, Operation
from web.api.paging import LIMIT, Limit
from web.snapshot import Snapshots

_CSV: Final = "text/csv"
_AT_ONCE: Final = 2
"""A download holds one of the server's few threads for as long as its reader takes."""


class SamplesQuery(Struct, frozen=True, forbid_unknown_fields=True):
    """Which samples."""

    since: Annotated[Given, Meta(description="First moment; all that is kept by default.")] = msgspec.field(
        name="from", default=UNSET
    )
    until: Annotated[Given, Meta(description="Just after the last; now by default.")] = msgspec.field(
        name="to", default=UNSET
    )


class SamplesPageQuery(SamplesQuery, frozen=True, forbid_unknown_fields=True):
    """Which samples, from where on."""

    after: Annotated[int, Meta(ge=0, le=2**53, description="What `next` of the page before said.")] = 0
    limit: Limit = LIMIT


class NumberedSample(Figures, frozen=True):
    """A sample; `n` is the rig's own number of it."""

    n: int


class SamplePage(Struct, frozen=True):
    """In the order of `n`, in which they were taken. `next` is the `after` of the next page."""

    samples: Sequence[NumberedSample]
    next: int | None


@dataclass(frozen=True, slots=True)
class Samples:
    """Reads a slice at a time: memory does not grow with the span."""

    snapshots: Snapshots
    store: Store
    clock: Clock
    slots: threading.BoundedSemaphore = field(default_factory=lambda: threading.BoundedSemaphore(_AT_ONCE))

    def list(self, site: str, node: str, query: SamplesPageQuery) -> SamplePage:
        now = self.clock.now()
        wanted = self.snapshots.lately(now).view(NodeId(site, node)).facts.id
        since, until = span(query.since, query.until, now=now, default=None)
        found: list[Sample] = []
        for part in self.store.history(wanted, since=since, after=query.after):
            found += [each for each in part if each.at < until]
            if len(found) > query.limit:
                break
        following = found[query.limit - 1].n if len(found) > query.limit else None
        return SamplePage([NumberedSample(n=each.n, **figures(each)) for each in found[: query.limit]], following)

    def download(self, site: str, node: str, query: SamplesQuery) -> Response:
        now = self.clock.now()
        wanted = self.snapshots.lately(now).view(NodeId(site, node)).facts.id
        since, until = span(query.since, query.until, now=now, default=None)
        if not self.slots.acquire(blocking=False):
            raise TooManyRequests(f"{_AT_ONCE} downloads are running already; try again in a moment.", retry_after=5)
        slot = _Slot(self.slots)
        response = Response(self._lines(wanted, since, until, slot), content_type=f"{_CSV}; charset=utf-8")
        # Also where nothing is read, as by HEAD, or the reader goes away.
        response.call_on_close(slot.release)
        response.headers["Content-Disposition"] = f'attachment; filename="{_filename(wanted, since, until)}"'
        return response

    def _lines(self, node: NodeId, since: Millis, until: Millis, slot: "_Slot") -> Iterator[bytes]:
        try:
            yield csv_head()
            for samples in self.store.history(node, since=since):
                yield csv_lines(node, [each for each in samples if each.at < until])
        finally:
            slot.release()


class _Slot:
    """One download's place, given back once however it ends."""

    def __init__(self, slots: threading.BoundedSemaphore) -> None:
        self._give_back: Callable[[], None] | None = slots.release

    def release(self) -> None:
        give_back, self._give_back = self._give_back, None
        if give_back is not None:
            give_back()


def operations(snapshots: Snapshots, store: Store, clock: Clock) -> Sequence[Operation]:
    samples = Samples(snapshots, store, clock)
    return (
        Operation(
            path="/nodes/<site>/<node>/samples",
            name="list_samples",
            tag="nodes",
            summary="A node's samples as they were taken.",
            view=samples.list,
            query=SamplesPageQuery,
            answer=SamplePage,
            refusals=(404,),
        ),
        Operation(
            path="/nodes/<site>/<node>/samples.csv",
            name="download_samples",
            tag="nodes",
            summary="A node's samples as CSV, by time; the columns are those of `rigwatch export`.",
            view=samples.download,
            query=SamplesQuery,
            answer=None,
            media=_CSV,
            refusals=(404,),
            budget=Budget.DOWNLOAD,
        ),
    )


def _filename(node: NodeId, since: Millis, until: Millis) -> str:
    days = [f"{as_datetime(at).astimezone(UTC):%Y%m%dT%H%M}" for at in (since, until) if at]
    return "-".join([node.site, node.node, *days]) + ".csv"
