"""What a client was granted for one filter, and what that makes of several filters that match one message. Pure."""

from dataclasses import dataclass, field, replace
from itertools import chain
from typing import Final


@dataclass(frozen=True, slots=True)
class Subscription:
    """The options of a subscription (MQTT 5 §3.8.3.1); those of 3.1.1 have a QoS and nothing else."""

    qos: int
    no_local: bool = False
    """What its own client publishes is not sent to it."""
    as_published: bool = False
    """What is sent is marked as retained where it was published so, which lets another broker keep it too."""
    ids: tuple[int, ...] = ()
    """Subscription identifiers, which go along with each message."""
    is_judged: bool = False
    """Whether the filter reaches further than the account's rights, so that each message is judged by itself."""
    own: "Subscription | None" = None
    """What is left for its own client's messages, where it is made of several of which some are `no_local`."""
    is_plain: bool = field(init=False)
    """Whether there is nothing to it but the QoS."""

    def __post_init__(self) -> None:
        plain = not (self.no_local or self.as_published or self.ids or self.is_judged)
        object.__setattr__(self, "is_plain", plain)

    def judged(self, *, is_judged: bool) -> "Subscription":
        return self if is_judged is self.is_judged else replace(self, is_judged=is_judged)

    def merged(self, *others: "Subscription") -> "Subscription":
        """For a message that all match: it is sent once, with the highest QoS and all identifiers (§3.3.4)."""
        every = (self, *others)
        best = max(every, key=lambda each: each.qos)
        if all(each.is_plain for each in every):
            return best
        own = [each.own or each for each in every if not each.no_local]
        is_mixed = any(each.no_local or each.own for each in every) and bool(own)
        return Subscription(
            best.qos,
            no_local=not own,
            as_published=any(each.as_published for each in every),
            ids=tuple(chain.from_iterable(each.ids for each in every)),
            is_judged=all(each.is_judged for each in every),
            own=own[0].merged(*own[1:]) if is_mixed else None,
        )


PLAIN: Final = tuple(Subscription(qos) for qos in range(3))
"""By QoS: one object each for the subscriptions of ten thousand nodes."""
