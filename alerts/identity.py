"""Whether a node is still the machine that it was, or its name was given to another. Pure.

What is remembered of a node (its cards, what it usually does, how often it gets shares) is of a machine. Its birth says
on which host it runs, its samples which cards it has; neither alone is sure: a host may be renamed, and machines of one
kind have their cards at the same places.
"""

from collections.abc import Collection

from alerts.facts import NodeFacts
from alerts.node_history import CardHistory, NodeHistory
from rigwatch.figures import Gpu
from rigwatch.messages import Sample


def identified(history: NodeHistory, facts: NodeFacts, sample: Sample) -> NodeHistory:
    """The history to go on with: its own, or that of a machine of which nothing is known yet."""
    if sample.at <= history.at:
        return history
    if not history.host or not facts.host:
        return _with_host(history, facts.host or history.host)
    answer = _is_another(history, facts, sample)
    if answer is None:
        return history
    if answer:
        return NodeHistory(at=history.at, host=facts.host, machine_at=sample.at)
    return _with_host(history, facts.host)


def _with_host(history: NodeHistory, host: str) -> NodeHistory:
    return history if history.host == host else history.on(host)


def _is_another(history: NodeHistory, facts: NodeFacts, sample: Sample) -> bool | None:
    """None = nobody can say yet."""
    moved = facts.host != history.host
    if not sample.gpus or not history.cards:
        # A new machine whose cards cannot be read at first is judged once they can.
        waits = bool(history.cards and sample.errors)
        return None if moved and waits else moved
    if moved:
        return not _are_the_same(history.cards, sample.gpus)
    return _have_nothing_in_common(history.cards, sample.gpus)


def _are_the_same(cards: Collection[CardHistory], gpus: Collection[Gpu]) -> bool:
    """At least half of the cards that were known are there, each at its place."""
    here = {(gpu.id, gpu.name) for gpu in gpus}
    return 2 * sum((card.id, card.name) in here for card in cards) >= len(cards)


def _have_nothing_in_common(cards: Collection[CardHistory], gpus: Collection[Gpu]) -> bool:
    """Neither a place nor a model; where models are not named, nobody can say."""
    ids, models = {card.id for card in cards}, {card.name for card in cards}
    return all(gpu.id not in ids and gpu.name and gpu.name not in models for gpu in gpus)
