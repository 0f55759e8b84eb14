"""What must be remembered of a node beyond its latest sample: when its block moved, its shares, its cards. Pure."""

from collections.abc import Sequence

from msgspec import Struct
from msgspec.structs import replace

from alerts.pace import Pace, paced
from alerts.rhythm import Rhythm
from alerts.rule import HOUR, MINUTE
from rigwatch.clock import Millis
from rigwatch.messages import Sample

BLOCKS_KEPT = 12
EARLIER: Millis = 5 * MINUTE
SHARES_WINDOW: Millis = HOUR
SHARES_STEP: Millis = 5 * MINUTE
_AWAY_LEAST: Millis = 5 * MINUTE
CARD_KNOWN_AFTER: Millis = 10 * MINUTE
"""A card counts as belonging to the node when it was there for so long."""
CARDS_MAX = 128
"""Those remembered of a node: twice as many as it can have. Whoever invents ever new ones fills nothing."""
CARD_FORGOTTEN_AFTER: Millis = 24 * HOUR
"""A card that is away for so long was taken out on purpose."""


_DRAW_SPAN: Millis = 12 * HOUR
"""In about this time a node's usual draw becomes another."""
_DRAW_STEP: Millis = 5 * MINUTE

OUTBOX = "outbox"
"""Under this name among a sample's errors the publisher says what became of its own storage."""


class CardHistory(Struct, frozen=True, omit_defaults=True):
    """A GPU by its id."""

    id: str
    first_at: Millis
    last_at: Millis
    name: str = ""


class ShareCounters(Struct, frozen=True):
    """The share counters at one moment."""

    at: Millis
    accepted: int
    rejected: int


class NodeHistory(Struct, frozen=True, omit_defaults=True):
    """`spacing` is the time between the last two samples. `waits` is how often shares were accepted. `share_at` is from
    when on the next one is waited for: since the last (`shared`), or since the miner was started or found; `work` is
    its algorithm and pool. `earlier` is the block it had some minutes ago, with its moment, `marked` what will be that
    next. `failing` are the sources that failed last. `draw` is what it usually draws while it hashes (W). All of it is
    of the machine `host`, which has the node's name since `machine_at` (0 = as long as is known).
    """

    at: Millis = 0
    spacing: Millis = 0
    block: int | None = None
    block_at: Millis | None = None
    earlier: tuple[Millis, int] | None = None
    marked: tuple[Millis, int] | None = None
    blocks: tuple[tuple[int, str], ...] = ()
    shares: tuple[ShareCounters, ...] = ()
    share_at: Millis | None = None
    shared: bool = False
    waits: Rhythm = Rhythm()
    work: tuple[str, str] = ("", "")
    cards: tuple[CardHistory, ...] = ()
    paces: tuple[Pace, ...] = ()
    failing: tuple[str, ...] = ()
    draw: float | None = None
    draw_at: Millis = 0
    host: str = ""
    machine_at: Millis = 0

    def on(self, host: str) -> "NodeHistory":
        return replace(self, host=host)


def follow(history: NodeHistory, sample: Sample) -> NodeHistory:
    """The history after one more live sample; one that is not newer than the last changes nothing."""
    if sample.at <= history.at:
        return history
    history = _follow_block(history, sample)
    history = _follow_shares(history, sample)
    if sample.power and sample.hashrate:
        history = _follow_power(history, sample.power, sample.at)
    if sample.errors:
        history = replace(history, failing=tuple(sorted(sample.errors.keys() - {OUTBOX})))
    if sample.algorithm is not None:
        history = replace(history, paces=paced(history.paces, sample))
    return replace(_follow_cards(history, sample), at=sample.at, spacing=sample.at - history.at if history.at else 0)


def _follow_block(history: NodeHistory, sample: Sample) -> NodeHistory:
    if sample.block is None:
        return history
    # A block that goes back is a reorganisation or a chain synced anew: movement as well.
    if sample.block != history.block:
        history = replace(history, block=sample.block, block_at=sample.at)
    if history.marked is None or sample.at - history.marked[0] >= EARLIER:
        history = replace(history, earlier=history.marked, marked=(sample.at, sample.block))
    if sample.block_hash and (sample.block, sample.block_hash) not in history.blocks:
        kept = tuple(pair for pair in history.blocks if pair[0] != sample.block)
        history = replace(history, blocks=(*kept, (sample.block, sample.block_hash))[-BLOCKS_KEPT:])
    return history


def _follow_shares(history: NodeHistory, sample: Sample) -> NodeHistory:
    if sample.accepted is None:
        return history
    now = ShareCounters(sample.at, sample.accepted, (sample.rejected or 0) + (sample.stale or 0))
    last = history.shares[-1] if history.shares else None
    # Counters that go back belong to a miner that was started anew: what came before says nothing of it.
    if last is None or now.accepted < last.accepted or now.rejected < last.rejected:
        rhythm = (
            history.waits.broken_off(history.at - history.share_at) if history.share_at is not None else history.waits
        )
        history = replace(history, shares=(now,), share_at=sample.at, shared=False, waits=rhythm)
        return _follow_work(history, sample)
    gained = now.accepted - last.accepted
    found_at = _last_share_at(history, sample, gained)
    if history.spacing and sample.at - history.at > max(3 * history.spacing, _AWAY_LEAST):
        # The node, and perhaps its uplink, was away: nobody knows how long it could get shares in that time.
        history = replace(history, share_at=sample.at, shared=history.shared or gained > 0)
    elif gained:
        rhythm = history.waits.after(found_at - (history.share_at or history.at), gained)
        history = replace(history, share_at=found_at, shared=True, waits=rhythm)
    elif found_at > (history.share_at or 0):
        history = replace(history, share_at=found_at, shared=True)
    return _follow_work(replace(history, shares=_kept(history.shares, now)), sample)


def _last_share_at(history: NodeHistory, sample: Sample, gained: int) -> Millis:
    """Where the miner does not say: the last of so many within the time since the sample before, on average."""
    # By a clock of its own, a miner may tell of a moment long before or after.
    if sample.last_share_at and sample.last_share_at <= sample.at:
        return max(sample.last_share_at, history.at) if gained else sample.last_share_at
    return history.at + (sample.at - history.at) * gained // (gained + 1) if gained else 0


def _follow_work(history: NodeHistory, sample: Sample) -> NodeHistory:
    """Another pool, or another algorithm, has harder or easier shares."""
    before, told = history.work, (sample.algorithm or "", sample.pool or "")
    work = (told[0] or before[0], told[1] or before[1])
    if work == before:
        return history
    is_other = any(old and old != new for old, new in zip(before, work, strict=True))
    if not is_other:
        return replace(history, work=work)
    return replace(history, work=work, waits=Rhythm(), share_at=sample.at, shared=False)


def _kept(shares: Sequence[ShareCounters], now: ShareCounters) -> tuple[ShareCounters, ...]:
    """One every five minutes of the last hour; the newest is replaced until its five minutes are over."""
    recent = [each for each in shares if each.at > now.at - SHARES_WINDOW - SHARES_STEP]
    if len(recent) > 1 and recent[-1].at - recent[-2].at < SHARES_STEP:
        recent.pop()
    return (*recent, now)


def _follow_power(history: NodeHistory, power: float, at: Millis) -> NodeHistory:
    """Slowly, so that a card that was lost an hour ago is still missed."""
    if history.draw is None:
        return replace(history, draw=power, draw_at=at)
    passed = at - history.draw_at
    if passed < _DRAW_STEP:
        return history
    usual = history.draw + (power - history.draw) * min(passed / _DRAW_SPAN, 1.0)
    return replace(history, draw=round(usual, 1), draw_at=at)


def _follow_cards(history: NodeHistory, sample: Sample) -> NodeHistory:
    if sample.gpus is None:
        return history
    known = {card.id: card for card in history.cards}
    for gpu in sample.gpus:
        before = known.get(gpu.id)
        first = before.first_at if before else sample.at
        known[gpu.id] = CardHistory(gpu.id, first, sample.at, gpu.name)
    here = {gpu.id for gpu in sample.gpus}
    kept = tuple(card for card in known.values() if card.id in here or _is_missed(card, sample.at))[-CARDS_MAX:]
    return history if kept == history.cards else replace(history, cards=kept)


def _is_missed(card: CardHistory, now: Millis) -> bool:
    return card.last_at - card.first_at >= CARD_KNOWN_AFTER and now - card.last_at < CARD_FORGOTTEN_AFTER
