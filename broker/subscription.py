"""What a client was granted for one filter, and what that makes of several filters that match one message. Pure."""

from dataclasses import dataclass, field, replace
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
    is_mixed: bool = False
    """Whether it is made of several, of which some are `no_local` and some are not."""
    is_plain: bool = field(init=False)
    """Whether there is nothing to it but the QoS."""

    def __post_init__(self) -> None:
        plain = not (self.no_local or self.as_published or self.ids or self.is_judged)
        object.__setattr__(self, "is_plain", plain)

    def judged(self, *, is_judged: bool) -> "Subscription":
        return self if is_judged is self.is_judged else replace(self, is_judged=is_judged)

    def merged(self, other: "Subscription") -> "Subscription":
        """For a message that both match: it is sent once, with the higher QoS and all identifiers (§3.3.4)."""
        if self is other or (self.is_plain and other.is_plain):
            return self if self.qos >= other.qos else other
        return Subscription(
            max(self.qos, other.qos),
            no_local=self.no_local and other.no_local,
            as_published=self.as_published or other.as_published,
            ids=self.ids + other.ids,
            is_judged=self.is_judged and other.is_judged,
            is_mixed=self.is_mixed or other.is_mixed or self.no_local is not other.no_local,
        )


PLAIN: Final = tuple(Subscription(qos) for qos in range(3))
"""By QoS: one object each for the subscriptions of ten thousand nodes."""
