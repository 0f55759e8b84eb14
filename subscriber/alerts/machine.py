"""The rules about the machine: sources, cards, temperature, clock, outbox. Pure."""

from rigwatch.messages import Sample
from subscriber.alerts.rule import RulePolicy
from subscriber.alerts.trail import CARD_FORGOTTEN_AFTER
from subscriber.alerts.view import UNKNOWN, Finding, View, no, yes
from subscriber.alerts.words import duration, plain

OUTBOX = "outbox"
"""Under this name among a sample's errors the publisher says what became of its own storage."""


def source_failing(view: View, _policy: RulePolicy, _open: bool) -> Finding:  # noqa: FBT001 - the shape of every rule
    if view.fresh is None:
        return UNKNOWN
    failing = [f"{plain(name, 40)}: {plain(why)}" for name, why in sorted(view.fresh.errors.items()) if name != OUTBOX]
    return yes("; ".join(failing)) if failing else no("all sources answer")


def gpu_missing(view: View, _policy: RulePolicy, _open: bool) -> Finding:  # noqa: FBT001
    if view.fresh is None or view.fresh.gpus is None:
        return UNKNOWN
    here = {gpu.id for gpu in view.fresh.gpus}
    missing = [card for card in view.trail.cards if card.id not in here]
    if not missing:
        return no(f"{len(here)} GPUs")
    named = ", ".join(f"{plain(card.name or 'GPU', 40)} {plain(card.id, 60)}" for card in missing)
    since = min(card.last_at for card in missing)
    days = duration(CARD_FORGOTTEN_AFTER)
    return yes(
        f"{len(missing)} of {len(view.trail.cards)} missing: {named} (taken out on purpose? over in {days})", since
    )


def hot(view: View, policy: RulePolicy, is_open: bool) -> Finding:  # noqa: FBT001
    hottest = _temperatures(view.fresh)
    if not hottest:
        return UNKNOWN
    degrees, what = max(hottest)
    most = policy.clear if is_open else policy.threshold
    evidence = f"{degrees:.0f} °C{what}"
    return yes(f"{evidence}, limit {policy.threshold:g} °C") if degrees > most else no(evidence)


def cold(view: View, policy: RulePolicy, is_open: bool) -> Finding:  # noqa: FBT001
    """Only of a node that says it hashes: a machine that rests may be cold."""
    coldest = _temperatures(view.fresh)
    if view.fresh is None or not coldest or view.fresh.hashrate is None:
        return UNKNOWN
    degrees, what = min(coldest)
    least = policy.clear if is_open else policy.threshold
    evidence = f"{degrees:.0f} °C{what}"
    should_work = bool(view.fresh.hashrate or view.usual)
    return yes(f"{evidence} while it should work") if should_work and degrees < least else no(evidence)


def clock_off(view: View, policy: RulePolicy, is_open: bool) -> Finding:  # noqa: FBT001
    if view.fresh is None or view.facts.clock_offset is None:
        return UNKNOWN
    off = abs(view.facts.clock_offset) / 1000
    evidence = f"{duration(abs(view.facts.clock_offset))} {'behind' if view.facts.clock_offset > 0 else 'ahead'}"
    return yes(evidence) if off > (policy.clear if is_open else policy.threshold) else no(evidence)


def samples_lost(view: View, _policy: RulePolicy, _open: bool) -> Finding:  # noqa: FBT001
    if view.fresh is None:
        return UNKNOWN
    trouble = view.fresh.errors.get(OUTBOX)
    return yes(plain(trouble)) if trouble else no("its outbox has room")


def _temperatures(sample: Sample | None) -> list[tuple[float, str]]:
    if sample is None:
        return []
    of_cards = [
        (gpu.temperature, f" ({plain(gpu.name or 'GPU', 40)} {plain(gpu.id, 60)})")
        for gpu in sample.gpus or ()
        if gpu.temperature is not None
    ]
    return of_cards or ([] if sample.temperature is None else [(sample.temperature, "")])
