"""monerod: block, peers, syncing, and the hashrate where it mines itself."""

from collections.abc import Callable
from functools import partial
from typing import Annotated, Final

import msgspec
from msgspec import Meta, Struct

from publisher.sources.answers import Answers, algorithm_of, miner_named, uptime_since
from publisher.sources.api import ApiSettings, ApiSource
from publisher.sources.reading import Reading, SourceError
from publisher.sources.rpc import Reply, result_of
from rigwatch.clock import Millis
from rigwatch.figures import Count, Line, Rate, Seconds
from rigwatch.settings.loader import Secret

_TITLE: Final = "monerod"
_UNREADY: Final = frozenset(("BUSY", "FAILED", "PAYMENT REQUIRED"))
"""Beside these the figures are none."""
_NOT_OFFERED: Final = (403, 404)


class MonerodSettings(ApiSettings, frozen=True, forbid_unknown_fields=True, kw_only=True):
    url: Secret = Secret("http://127.0.0.1:18081")


class MonerodInfo(Struct):
    """`height` counts the blocks, so the last one's number is one less."""

    height: Annotated[int, Meta(ge=1, le=2**53)] | None
    status: str | None = None
    top_block_hash: Line | None = None
    incoming_connections_count: Count | None = None
    outgoing_connections_count: Count | None = None
    synchronized: bool | None = None
    restricted: bool | None = None
    start_time: Seconds | None = None
    version: str | None = None


class Mining(Struct):
    active: bool | None = None
    speed: Rate | None = None
    pow_algorithm: str | None = None


class MonerodSource(ApiSource):
    """A restricted RPC does not offer the status of mining."""

    title = _TITLE
    switch = "--rpc-bind-port 18081, its default"
    login = "monerod's --rpc-login is not supported; name the port of --rpc-restricted-bind-port"

    def read(self) -> Reading:
        by = self.deadline()
        call = {"jsonrpc": "2.0", "id": "0", "method": "get_info"}
        info = self.ask("/json_rpc", body=msgspec.json.encode(call), by=by)
        mining = partial(self.ask_or, "/mining_status", lambda: b"{}", by=by, missing=_NOT_OFFERED)
        return parse(info, mining, now=self.clock.now())


def parse(info: bytes, mining: Callable[[], bytes] = lambda: b"{}", *, now: Millis) -> Reading:
    """The figures of `get_info` and `/mining_status`. A client that is not told to mine has no hashrate, not 0."""
    told = Answers(_TITLE)
    answer = told.convert(result_of(told.decode(info, Reply), "get_info"), MonerodInfo)
    if (answer.status or "").upper() in _UNREADY:
        raise SourceError(f"get_info: monerod says {answer.status}")
    work = told.section("hashrate of mining_status", mining, Mining) or Mining()
    return told.complete(
        Reading(
            peers=_peers(answer),
            block=None if answer.height is None else answer.height - 1,
            block_hash=answer.top_block_hash or None,
            syncing=None if answer.synchronized is None else not answer.synchronized,
            hashrate=work.speed if work.active else None,
            algorithm=algorithm_of(work.pow_algorithm) if work.active else None,
            miner=miner_named(_TITLE, answer.version) if work.active else None,
            uptime=uptime_since(answer.start_time, now),
        )
    )


def _peers(info: MonerodInfo) -> int | None:
    """A restricted RPC writes 0 for what it does not tell."""
    counts = (info.incoming_connections_count, info.outgoing_connections_count)
    if info.restricted or None in counts:
        return None
    return sum(count for count in counts if count is not None)
