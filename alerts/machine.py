# ruff: noqa: FBT001 - the shape of every rule
"""The rules about the machine: sources, cards, temperature, clock, outbox. Pure."""

from collections.abc import Container, Sequence
from operator import itemgetter

from alerts.check import UNKNOWN, CheckContext, CheckResult, either, moot, no, yes
from alerts.node_history import CARD_FORGOTTEN_AFTER, OUTBOX, CardHistory
from alerts.rule import RulePolicy
from alerts.words import duration
from rigwatch.figures import MEASURED, Gpu
from rigwatch.messages import Sample
from rigwatch.texts import plain


def source_failing(view: CheckContext, _policy: RulePolicy, _open: bool) -> CheckResult:
    if view.fresh is None:
        return UNKNOWN
    errors = sorted(view.fresh.errors.items()) if view.fresh.errors else ()
    failing = [f"{plain(name, 40)}: {plain(why)}" for name, why in errors if name != OUTBOX]
    if failing:
        return yes("; ".join(failing))
    known = set(view.facts.sources)
    if known and view.history.failing and known.isdisjoint(view.history.failing):
        return moot(f"{', '.join(plain(name, 40) for name in view.history.failing)}: not read any more")
    # Neither a figure nor an error: nothing was read.
    return no("all sources answer") if _says_anything(view.fresh) else UNKNOWN


def gpu_missing(view: CheckContext, _policy: RulePolicy, _open: bool) -> CheckResult:
    if view.fresh is None or view.fresh.gpus is None:
        return UNKNOWN
    here = {gpu.id for gpu in view.fresh.gpus}
    missing, together = missing_cards(view.history.cards, here)
    gone = together - len(here)
    if gone <= 0:
        # Either none is missing, or as many are there under other ids: addresses move when a card is added or changed.
        return no(lambda: f"{len(here)} GPUs")
    named = ", ".join(f"{plain(card.name or 'GPU', 40)} {plain(card.id, 60)}" for card in missing)
    since = min(card.last_at for card in missing)
    days = duration(CARD_FORGOTTEN_AFTER)
    among = "" if gone == len(missing) else "among "
    return yes(f"{gone} of {together} missing: {among}{named} (taken out on purpose? over in {days})", since)


def missing_cards(cards: Sequence[CardHistory], here: Container[str]) -> tuple[list[CardHistory], int]:
    """Those remembered whose id is not `here`, and the most cards that were there at a time at which one of them was
    last seen: with as many here under other ids, none is missing."""
    missing = [card for card in cards if card.id not in here]
    together = (sum(card.first_at <= lost.last_at <= card.last_at for card in cards) for lost in missing)
    return missing, max(together, default=0)


def hot(view: CheckContext, policy: RulePolicy, is_open: bool) -> CheckResult:
    hottest = _temperatures(view.fresh)
    if not hottest:
        return UNKNOWN
    degrees, card = max(hottest, key=itemgetter(0))
    if degrees > (policy.clear if is_open else policy.threshold):
        return yes(f"{_degrees(degrees, card)}, limit {policy.threshold:g} °C")
    return no(lambda: _degrees(degrees, card))


def cold(view: CheckContext, policy: RulePolicy, is_open: bool) -> CheckResult:
    """Only of a node that says it hashes: a machine that rests may be cold."""
    coldest = _temperatures(view.fresh)
    if view.fresh is None or not coldest or view.fresh.hashrate is None:
        return UNKNOWN
    degrees, card = min(coldest, key=itemgetter(0))
    least = policy.clear if is_open else policy.threshold
    should_work = bool(view.fresh.hashrate or view.baseline)
    if should_work and degrees < least:
        return yes(f"{_degrees(degrees, card)} while it should work")
    return no(lambda: _degrees(degrees, card))


def clock_off(view: CheckContext, policy: RulePolicy, is_open: bool) -> CheckResult:
    if view.fresh is None or view.facts.clock_offset is None:
        return UNKNOWN
    offset = view.facts.clock_offset
    return either(
        abs(offset) / 1000 > (policy.clear if is_open else policy.threshold),
        lambda: f"{duration(abs(offset))} {'behind' if offset > 0 else 'ahead'}",
    )


def samples_lost(view: CheckContext, _policy: RulePolicy, _open: bool) -> CheckResult:
    if view.fresh is None:
        return UNKNOWN
    trouble = view.fresh.errors.get(OUTBOX)
    return yes(plain(trouble)) if trouble else no("its outbox has room")


def _says_anything(sample: Sample) -> bool:
    return any(getattr(sample, name) is not None for name in MEASURED)


def quota(view: CheckContext, _policy: RulePolicy, _open: bool) -> CheckResult:
    used = view.facts.today.on(view.now)
    if not used.refused:
        return no("what it sends is stored")
    taken = f"{used.samples:,} samples of {used.bytes / 1e6:,.0f} MB are stored of today"
    return yes(
        f"{taken}, {used.refused:,} more were not taken and wait on the rig for tomorrow (UTC); if the rig is yours, "
        "raise daily_samples or daily_bytes of [database], else revoke its key"
    )


def _temperatures(sample: Sample | None) -> list[tuple[float, Gpu | None]]:
    """Of its cards; where none tells, the node's own."""
    if sample is None:
        return []
    of_cards: list[tuple[float, Gpu | None]] = [
        (gpu.temperature, gpu) for gpu in sample.gpus or () if gpu.temperature is not None
    ]
    return of_cards or ([] if sample.temperature is None else [(sample.temperature, None)])


def _degrees(temperature: float, card: Gpu | None) -> str:
    of = "" if card is None else f" ({plain(card.name or 'GPU', 40)} {plain(card.id, 60)})"
    return f"{temperature:.0f} °C{of}"
