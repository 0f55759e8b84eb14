"""Who is told: which severities and sites a channel takes. Pure."""

from collections.abc import Collection

from msgspec import Struct

from alerts.rule import Severity


class Route(Struct, frozen=True):
    """A channel, as far as deciding goes. Empty means all."""

    key: str
    severities: frozenset[str] = frozenset()
    sites: frozenset[str] = frozenset()

    def takes(self, severity: Severity, sites: Collection[str]) -> bool:
        """What is about no site (the server itself) is for everybody."""
        if self.severities and severity.value not in self.severities:
            return False
        return not self.sites or not sites or not self.sites.isdisjoint(sites)
