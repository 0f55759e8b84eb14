"""Who gets a message: exact filters in a dict, wildcards in a tree, so that filters that do not match cost nothing.

Pure data: subscribers are any hashable values. Filters and topics are well formed already (`broker.topics`).
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Final, Generic, TypeVar

from broker.subscription import Subscription
from broker.topics import is_exact

S = TypeVar("S")

# A fleet has three topics a node; the cache is thrown away whole when it is full or a wildcard comes or goes.
_CACHE: Final = 65_536
_CACHED_LENGTH: Final = 256
REMEMBERED: Final = 1_000_000
"""Subscribers and identifiers in the cache, 64 bytes each, or some 200 where filters were merged: the number of topics
alone would not bound it."""


class _Branch(Generic[S]):
    """One level of the tree; `here` are the filters that end in it."""

    __slots__ = ("here", "levels")

    def __init__(self) -> None:
        self.levels: dict[str, _Branch[S]] = {}
        self.here: dict[S, Subscription] = {}


class Routes(Generic[S]):
    """Subscriptions by filter. A subscriber has at most one entry a filter: the last (§3.8.4).

    `may` says whether a subscriber may have a topic, of those who were granted more than their rights. It is asked once
    a topic: when rights change, subscriptions are added anew.
    """

    def __init__(self, may: Callable[[S, str], bool] = lambda _subscriber, _topic: True) -> None:
        self._may = may
        self._exact: dict[str, dict[S, Subscription]] = {}
        self._tree: _Branch[S] = _Branch()
        self._wild: dict[str, tuple[tuple[S, Subscription], ...]] = {}
        self._remembered = 0

    def add(self, topic_filter: str, subscriber: S, granted: Subscription) -> None:
        """Subscribes, or changes what a subscription grants."""
        if is_exact(topic_filter):
            self._exact.setdefault(topic_filter, {})[subscriber] = granted
            return
        branch = self._tree
        for level in topic_filter.split("/"):
            branch = branch.levels.setdefault(level, _Branch())
        branch.here[subscriber] = granted
        self._forget()

    def remove(self, topic_filter: str, subscriber: S) -> bool:
        """Ends a subscription; says whether there was one."""
        if not is_exact(topic_filter):
            self._forget()
            return _prune(self._tree, topic_filter.split("/"), subscriber)
        subscribers = self._exact.get(topic_filter)
        if subscribers is None or subscribers.pop(subscriber, None) is None:
            return False
        if not subscribers:
            del self._exact[topic_filter]
        return True

    def match(self, topic: str) -> Iterable[tuple[S, Subscription]]:
        """Everybody who gets a message of this topic, once, with what all the matching filters grant together.

        Costs a lookup for the exact filters, and for the wildcards one walk down the tree the first time.
        """
        wild = self._wild.get(topic)
        if wild is None:
            wild = self._remember(topic)
        exact = self._exact.get(topic)
        if exact is None:
            return wild
        if not wild:
            return exact.items()
        found = dict(wild)
        for subscriber, granted in exact.items():
            other = found.get(subscriber)
            found[subscriber] = granted.merged(other) if other else granted
        return found.items()

    def __iter__(self) -> Iterator[tuple[str, S, Subscription]]:
        """Every subscription: filter, subscriber, what is granted."""
        for topic_filter, subscribers in self._exact.items():
            for subscriber, granted in subscribers.items():
                yield topic_filter, subscriber, granted
        yield from _walk(self._tree, [])

    def _remember(self, topic: str) -> tuple[tuple[S, Subscription], ...]:
        found: dict[S, list[Subscription]] = {}
        for branch in _matching(self._tree, topic):
            for subscriber, granted in branch.here.items():
                found.setdefault(subscriber, []).append(granted)
        wild = tuple(self._judged(found, topic))
        size = sum(1 + len(granted.ids) for _, granted in wild)
        if len(self._wild) >= _CACHE or self._remembered + size > REMEMBERED:
            self._forget()
        if len(topic) <= _CACHED_LENGTH:
            self._wild[topic] = wild
            self._remembered += size
        return wild

    def _judged(self, found: dict[S, list[Subscription]], topic: str) -> Iterator[tuple[S, Subscription]]:
        for subscriber, (first, *others) in found.items():
            granted = first.merged(*others) if others else first
            if not granted.is_judged:
                yield subscriber, granted
            elif self._may(subscriber, topic):
                yield subscriber, granted.judged(is_judged=False)

    def _forget(self) -> None:
        self._wild.clear()
        self._remembered = 0


def _matching(tree: _Branch[S], topic: str) -> Iterator[_Branch[S]]:
    """The branches in which a filter that matches ends; walks all levels at once, so depth is no recursion."""
    reached = [tree]
    for depth, level in enumerate(topic.split("/")):
        further: list[_Branch[S]] = []
        # Wildcards in the first level do not match topics that begin with '$' (§4.7.2).
        wild = depth > 0 or not level.startswith("$")
        for branch in reached:
            levels = branch.levels
            if wild and (rest := levels.get("#")) is not None:
                yield rest
            if wild and (one := levels.get("+")) is not None:
                further.append(one)
            if (exact := levels.get(level)) is not None:
                further.append(exact)
        reached = further
    for branch in reached:
        yield branch
        # 'a/#' matches 'a' as well (§4.7.1.2).
        if (rest := branch.levels.get("#")) is not None:
            yield rest


def _prune(tree: _Branch[S], levels: list[str], subscriber: S) -> bool:
    """Removes the entry, and the branches that are empty then."""
    path = [tree]
    for level in levels:
        branch = path[-1].levels.get(level)
        if branch is None:
            return False
        path.append(branch)
    if path[-1].here.pop(subscriber, None) is None:
        return False
    for parent, level in zip(reversed(path[:-1]), reversed(levels), strict=True):
        if parent.levels[level].levels or parent.levels[level].here:
            break
        del parent.levels[level]
    return True


def _walk(branch: _Branch[S], levels: list[str]) -> Iterator[tuple[str, S, Subscription]]:
    for subscriber, granted in branch.here.items():
        yield "/".join(levels), subscriber, granted
    for level, below in branch.levels.items():
        yield from _walk(below, [*levels, level])
