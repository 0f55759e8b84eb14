"""Why a node is gone or earns nothing: one pure function of what its neighbours, its plug and the broker have seen.

A rule counts only what a witness has said since; what nobody has said is no evidence. Wherever two causes look alike
the answer is the one that both share, or `Cause.UNKNOWN` with what is known.
"""

from collections.abc import Callable, Iterator
from enum import StrEnum

from msgspec import Struct

from rigwatch.ending import Ending
from rigwatch.texts import plain

_NAME_MAX = 80
STANDBY_W = 15.0
"""Below this a machine is off: its power supply and the plug draw as much."""
STANDBY_SHARE = 0.08
AT_WORK = 0.7
"""From this share of what it usually draws on, a machine works."""
AT_REST = 0.5


class Symptom(StrEnum):
    """What a cause is asked for."""

    # its connection broke
    GONE = "gone"
    # it reports, and hashes nothing
    NOT_HASHING = "not hashing"
    # it hashes less than it did
    SLOWER = "slower"


class Cause(StrEnum):
    """What the symptom comes from, as people say it."""

    SWITCHED_OFF = "its plug is switched off"
    POWER = "its power"
    OFF = "off or crashed"
    NETWORK = "its network, or its system hangs"
    SITE = "uplink or power of the site"
    UPLINK = "network of the site"
    SERVER = "network of the server"
    PUBLISHER = "its publisher ended"
    MINER = "miner crashed or updating"
    HUNG = "hung"
    CARD = "card lost"
    UNKNOWN = "unknown"


class Confidence(StrEnum):
    """How far a cause can be relied on."""

    CERTAIN = "certain"
    LIKELY = "likely"
    # one of several, and said as such
    UNSURE = "unsure"


_HOW_SURE = {Confidence.CERTAIN: "", Confidence.LIKELY: "probably ", Confidence.UNSURE: "perhaps "}


class Explanation(Struct, frozen=True):
    """`evidence` is what was seen, in a few words; of an unknown cause it is all there is."""

    cause: Cause
    confidence: Confidence
    evidence: str

    @property
    def words(self) -> str:
        """'off or crashed (its plug draws 9 W)', for the first line of a message; empty where nothing is known."""
        if self.cause is Cause.UNKNOWN:
            return self.evidence
        return f"{_HOW_SURE[self.confidence]}{self.cause.value} ({self.evidence})"


class Neighbours(Struct, frozen=True):
    """Things of one kind around the node, itself left out: how many there are, how many went together with it, and how
    many have spoken since. The rest has said nothing yet."""

    size: int = 0
    gone: int = 0
    well: int = 0

    @property
    def all_gone(self) -> bool:
        return self.size > 0 and self.gone == self.size


class Plug(Struct, frozen=True):
    """What a plug at the wall says: `watts` None = silent since, or it measures none; `usual` None = not known yet.
    `gone`: its own connection broke together with the node's."""

    name: str = ""
    is_on: bool | None = None
    watts: float | None = None
    usual: float | None = None
    gone: bool = False


class Situation(Struct, frozen=True):
    """All that is known around one node. Of a machine: `nodes` are the others on it, `hosts` the others of its site,
    `sites` the other sites, of which one is gone when all its hosts are; `plugs` those of other hosts of its site.

    `refused`: its miner takes no connections; `watts` and `usual_watts`: what its cards report; `cards` of
    `cards_known` are there.
    """

    symptom: Symptom
    ending: Ending | None = None
    nodes: Neighbours = Neighbours()
    hosts: Neighbours = Neighbours()
    sites: Neighbours = Neighbours()
    plugs: Neighbours = Neighbours()
    plug: Plug | None = None
    refused: bool = False
    watts: float | None = None
    usual_watts: float | None = None
    cards: int | None = None
    cards_known: int | None = None


def explain(situation: Situation) -> Explanation:
    """The first answer that the witnesses allow, from the one that explains most."""
    steps = _OF_GONE if situation.symptom is Symptom.GONE else _OF_WORK
    found = (answer for step in steps for answer in step(situation))
    return next(found, Explanation(Cause.UNKNOWN, Confidence.UNSURE, _what_is_known(situation)))


_Answers = Iterator[Explanation]


def _neighbour_lives(seen: Situation) -> _Answers:
    if seen.nodes.well:
        yield _certain(Cause.PUBLISHER, f"{_count(seen.nodes.well, 'other node')} of its machine still reports")


def _own_plug_tells(seen: Situation) -> _Answers:
    """What the plug says of power holds whatever else is gone."""
    plug = seen.plug
    if plug is None or plug.gone:
        return
    if plug.is_on is False:
        yield _certain(Cause.SWITCHED_OFF, _named("plug", plug.name))
    elif plug.watts is not None and _is_off(plug):
        yield _certain(Cause.OFF, f"its plug draws {plug.watts:.0f} W")


def _everything_gone(seen: Situation) -> _Answers:
    if seen.sites.all_gone and not (seen.hosts.well or seen.plugs.well):
        # Of two sites that go at once, none explains the other.
        yield _likely(Cause.SERVER, f"all {seen.sites.size + 1} sites went together")


def _site_gone(seen: Situation) -> _Answers:
    if not seen.hosts.all_gone:
        return
    count = seen.hosts.size + 1
    powered = seen.plugs.well + _works(seen)
    if powered:
        yield _likely(Cause.UPLINK, f"all {count} machines went together, {_count(powered, 'plug')} still on")
    else:
        # Where there is no other site that is well, it may be the server that cannot be reached.
        confidence = Confidence.LIKELY if seen.sites.well else Confidence.UNSURE
        yield Explanation(Cause.SITE, confidence, f"all {count} machines went together")


def _plug_gone(seen: Situation) -> _Answers:
    if seen.plug is None or not seen.plug.gone or not (seen.hosts.well or seen.plugs.well):
        return
    # Of several at once a switch that they share is as likely.
    alone = not (seen.hosts.gone or seen.plugs.gone)
    yield Explanation(Cause.POWER, Confidence.LIKELY if alone else Confidence.UNSURE, "its plug went with it")


def _machine_lives(seen: Situation) -> _Answers:
    """Its system closed the connection, as it does for a process that ends; a machine without power closes nothing."""
    if seen.ending is not Ending.CLOSED:
        return
    if seen.nodes.all_gone:
        yield _likely(Cause.PUBLISHER, f"all {seen.nodes.size + 1} nodes of its machine ended, it may be starting anew")
    else:
        yield _likely(Cause.PUBLISHER, "its machine closed the connection")


def _works_unheard(seen: Situation) -> _Answers:
    if seen.ending is Ending.TIMED_OUT and _works(seen):
        assert seen.plug is not None
        yield _likely(Cause.NETWORK, f"its plug draws {seen.plug.watts:.0f} W as usual")


def _card_lost(seen: Situation) -> _Answers:
    if seen.cards is None or seen.cards_known is None or seen.cards >= seen.cards_known:
        return
    watts = ""
    if seen.watts is not None and seen.usual_watts is not None and seen.watts < seen.usual_watts:
        watts = f", {seen.usual_watts:.0f} W → {seen.watts:.0f} W"
    # The cards that are left should still hash.
    if seen.symptom is Symptom.SLOWER or not seen.cards:
        yield _certain(Cause.CARD, f"{seen.cards} of {seen.cards_known} cards{watts}")
    else:
        yield _likely(Cause.CARD, f"{seen.cards} of {seen.cards_known} cards{watts}")


def _miner_refuses(seen: Situation) -> _Answers:
    if seen.refused and seen.symptom is Symptom.NOT_HASHING:
        yield _likely(Cause.MINER, "its machine reports, the miner takes no connection")


def _draws_and_hashes_nothing(seen: Situation) -> _Answers:
    watts, usual = _power(seen)
    if seen.symptom is Symptom.NOT_HASHING and watts is not None and usual and watts >= AT_WORK * usual:
        yield _likely(Cause.HUNG, f"{watts:.0f} W, no hashes")


_OF_GONE: tuple[Callable[[Situation], _Answers], ...] = (
    _neighbour_lives,
    _own_plug_tells,
    _everything_gone,
    _site_gone,
    _plug_gone,
    _machine_lives,
    _works_unheard,
)
_OF_WORK: tuple[Callable[[Situation], _Answers], ...] = (
    _card_lost,
    _miner_refuses,
    _draws_and_hashes_nothing,
)


def _what_is_known(seen: Situation) -> str:
    watts, usual = _power(seen)
    of_usual = f" of its usual {usual:.0f} W" if usual else ""
    if seen.symptom is not Symptom.GONE:
        return f"it draws {watts:.0f} W{of_usual}" if watts is not None else ""
    known = ["it stopped answering"] if seen.ending is Ending.TIMED_OUT else []
    if seen.plug is not None and seen.plug.watts is not None and not seen.plug.gone:
        known.append(f"its plug draws {seen.plug.watts:.0f} W{of_usual}")
    if seen.hosts.well:
        known.append(f"{_count(seen.hosts.well, 'other machine')} of its site well")
    elif seen.hosts.gone:
        known.append(f"{_count(seen.hosts.gone, 'other machine')} of its site gone as well")
    return ", ".join(known)


def _power(seen: Situation) -> tuple[float | None, float | None]:
    """Of now and usual, by the plug before what the cards say of themselves."""
    plug = seen.plug
    if plug is not None and plug.watts is not None and not plug.gone:
        return plug.watts, plug.usual
    return seen.watts, seen.usual_watts


def _is_off(plug: Plug) -> bool:
    assert plug.watts is not None
    # A small miner's usual draw is below what a rig's power supply takes at rest.
    usual = plug.usual or 0.0
    return plug.watts < (min(STANDBY_W, AT_REST * usual) if usual else STANDBY_W) or plug.watts < STANDBY_SHARE * usual


def _works(seen: Situation) -> bool:
    plug = seen.plug
    if plug is None or plug.gone or plug.watts is None or not plug.usual:
        return False
    return plug.watts >= AT_WORK * plug.usual


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _named(what: str, name: str) -> str:
    return f"{what} {plain(name, _NAME_MAX)}" if name else f"its {what}"


def _certain(cause: Cause, evidence: str) -> Explanation:
    return Explanation(cause, Confidence.CERTAIN, evidence)


def _likely(cause: Cause, evidence: str) -> Explanation:
    return Explanation(cause, Confidence.LIKELY, evidence)
