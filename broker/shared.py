"""Shared subscriptions, `$share/<group>/<filter>` (MQTT 5 §4.8.2, offered to 3.1.1 as others do): of a group one gets
each message. Who may have a subscription is decided by its filter, as everywhere; retained messages are not sent to it.

Pure data: members are any hashable values.
"""

from collections.abc import Callable, Iterator
from typing import Final, Generic, TypeVar

from broker.routing import Routes
from broker.subscription import PLAIN, Subscription
from broker.topics import is_filter

S = TypeVar("S")

SHARE: Final = "$share/"


def filter_of(text: str) -> str:
    """The filter that decides what a subscription may match: itself, or what a shared one shares.

    Empty where the text begins as a shared one and is none.
    """
    if not text.startswith(SHARE):
        return text
    group, _, topic_filter = text.removeprefix(SHARE).partition("/")
    well_formed = group and not {"+", "#"} & set(group) and is_filter(topic_filter)
    return topic_filter if well_formed else ""


class Group(Generic[S]):
    """The members of one group under one filter; they take turns."""

    __slots__ = ("members",)

    def __init__(self) -> None:
        self.members: dict[S, Subscription] = {}

    def take(self, is_there: Callable[[S, Subscription], bool]) -> tuple[S, Subscription] | None:
        """Whose turn it is among those who are there, with what it was granted; None where nobody is."""
        for member, granted in self.members.items():
            if is_there(member, granted):
                # To the end of the row.
                self.members[member] = self.members.pop(member)
                return member, granted
        return None


class Shares(Generic[S]):
    """All shared subscriptions. A message goes to one member of each group whose filter matches it."""

    def __init__(self) -> None:
        self._groups: dict[str, Group[S]] = {}
        self._routes: Routes[Group[S]] = Routes()

    def __bool__(self) -> bool:
        return bool(self._groups)

    def add(self, shared: str, member: S, granted: Subscription) -> None:
        """`shared` is the whole text of the subscription, well formed (`filter_of`)."""
        group = self._groups.get(shared)
        if group is None:
            group = self._groups[shared] = Group()
            self._routes.add(filter_of(shared), group, PLAIN[0])
        group.members[member] = granted

    def remove(self, shared: str, member: S) -> None:
        group = self._groups.get(shared)
        if group is None or group.members.pop(member, None) is None:
            return
        if not group.members:
            del self._groups[shared]
            self._routes.remove(filter_of(shared), group)

    def match(self, topic: str) -> Iterator[Group[S]]:
        """The groups of which one member gets a message of this topic."""
        for group, _ in self._routes.match(topic):
            yield group
