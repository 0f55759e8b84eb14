"""What is wrong with whom, in the viewer's language: the titles of the rules, as `alerts.rule` has them in English."""

from collections.abc import Mapping
from typing import Final

from alerts.incident import Scope, Subject
from alerts.notification import called
from alerts.rule import Rule
from alerts.words import NAME_MAX
from rigwatch.texts import plain
from web.language.texts import N_
from web.language.texts import gettext as _

TITLES: Final[Mapping[Rule, str]] = {
    Rule.LOST: N_("lost"),
    Rule.SILENT: N_("silent"),
    Rule.OFFLINE: N_("stopped"),
    Rule.NO_PEERS: N_("has no peers"),
    Rule.FEW_PEERS: N_("has few peers"),
    Rule.NO_HASHRATE: N_("hashes nothing"),
    Rule.LOW_HASHRATE: N_("hashes less than usual"),
    Rule.HASHRATE_FLOOR: N_("hashes too little"),
    Rule.BLOCK_LAG: N_("lags behind the chain"),
    Rule.BLOCK_AHEAD: N_("is ahead of all others"),
    Rule.BLOCK_STALLED: N_("is stuck at a block"),
    Rule.FORK: N_("is on another chain"),
    Rule.SOURCE_FAILING: N_("cannot be read in full"),
    Rule.NO_SHARES: N_("gets no share accepted"),
    Rule.REJECTED_SHARES: N_("gets shares rejected"),
    Rule.GPU_MISSING: N_("misses a GPU"),
    Rule.BOARD_MISSING: N_("misses a hash board"),
    Rule.CHIPS_MISSING: N_("misses chips"),
    Rule.HOT: N_("is too hot"),
    Rule.COLD: N_("is cold while it should work"),
    Rule.CLOCK_OFF: N_("has a wrong clock"),
    Rule.SAMPLES_LOST: N_("loses samples"),
    Rule.QUOTA: N_("sends more than its quota"),
    Rule.TWO_PUBLISHERS: N_("is published from two places"),
    Rule.NO_BROKER: N_("rigwatch has no broker, nobody watches the nodes"),
    Rule.NO_DATABASE: N_("rigwatch cannot store"),
    Rule.CHANNEL_REFUSED: N_("rigwatch may not send through a channel"),
    Rule.CERTIFICATE_EXPIRY: N_("a certificate ends"),
}
TOGETHER: Final[Mapping[Rule, str]] = {
    Rule.LOST: N_("%(number)s nodes lost together"),
    Rule.SILENT: N_("%(number)s nodes silent together"),
    Rule.OFFLINE: N_("%(number)s nodes stopped together"),
    Rule.NO_PEERS: N_("%(number)s nodes have no peers together"),
    Rule.FEW_PEERS: N_("%(number)s nodes have few peers together"),
    Rule.NO_HASHRATE: N_("%(number)s nodes hash nothing together"),
    Rule.LOW_HASHRATE: N_("%(number)s nodes hash less than usual together"),
    Rule.HASHRATE_FLOOR: N_("%(number)s nodes hash too little together"),
    Rule.BLOCK_LAG: N_("%(number)s nodes lag behind the chain together"),
    Rule.BLOCK_AHEAD: N_("%(number)s nodes are ahead of all others together"),
    Rule.BLOCK_STALLED: N_("%(number)s nodes are stuck at a block together"),
    Rule.FORK: N_("%(number)s nodes are on another chain together"),
    Rule.SOURCE_FAILING: N_("%(number)s nodes cannot be read in full together"),
    Rule.NO_SHARES: N_("%(number)s nodes get no share accepted together"),
    Rule.REJECTED_SHARES: N_("%(number)s nodes get shares rejected together"),
    Rule.GPU_MISSING: N_("%(number)s nodes miss a GPU together"),
    Rule.BOARD_MISSING: N_("%(number)s nodes miss a hash board together"),
    Rule.CHIPS_MISSING: N_("%(number)s nodes miss chips together"),
    Rule.HOT: N_("%(number)s nodes are too hot together"),
    Rule.COLD: N_("%(number)s nodes are cold while it should work together"),
    Rule.CLOCK_OFF: N_("%(number)s nodes have a wrong clock together"),
    Rule.SAMPLES_LOST: N_("%(number)s nodes lose samples together"),
    Rule.QUOTA: N_("%(number)s nodes send more than its quota together"),
    Rule.TWO_PUBLISHERS: N_("%(number)s nodes are published from two places together"),
}
"""Of several nodes at once; what is wrong with rigwatch itself is never a group."""

_GROUPS: Final = frozenset({Scope.HOST, Scope.SITE, Scope.FLEET})


def what(rule: Rule, subject: Subject, members: int) -> str:
    """What is wrong, without with whom."""
    if subject.scope in _GROUPS and rule in TOGETHER:
        return _(TOGETHER[rule], number=members)
    return _(TITLES[rule])


def headline(rule: Rule, subject: Subject, members: int, own_name: str = "") -> str:
    """What is wrong with whom. `own_name` is what people call the node."""
    said = what(rule, subject, members)
    if subject.scope is Scope.SERVER:
        return f"{said}: {plain(subject.name, NAME_MAX)}" if subject.name else said
    return f"{place(subject)}: {said}" if subject.scope in _GROUPS else f"{called(subject, own_name)} {said}"


def place(subject: Subject) -> str:
    """Whom it is about, where that is no node."""
    if subject.scope is Scope.HOST:
        return plain(_("host %(host)s at %(site)s", host=subject.name, site=subject.site), NAME_MAX)
    return _("the fleet") if subject.scope is Scope.FLEET else plain(str(subject), NAME_MAX)
