"""Which figures count for a node: built in, then `[alerts]`, then its site's, then its own. Pure."""

from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo

from alerts.rule import BUILT_IN, Rule, RulePolicy, Severity
from rigwatch.clock import Millis, in_millis
from rigwatch.settings.alerts import AlertSettings, QuietSettings, Rules, RuleSettings
from rigwatch.topics import NodeId


class Policy:
    """All that the settings say about deciding. Looked up once a node and kept: nodes are few, questions many."""

    def __init__(self, settings: AlertSettings, zone: str = "UTC") -> None:
        self.settings = settings
        self.group_wait: Millis = in_millis(settings.group_wait)
        self.grace: Millis = in_millis(settings.grace)
        self.flap_changes = settings.flap_changes
        self.flap_within: Millis = in_millis(settings.flap_within)
        self.often_within: Millis = in_millis(settings.often_within)
        self.quiet: QuietSettings = settings.quiet
        self._zone = zone
        self._of_nodes: dict[NodeId, Mapping[Rule, RulePolicy]] = {}
        self._of_layers: dict[tuple[str, str], Mapping[Rule, RulePolicy]] = {}

    @cached_property
    def zone(self) -> ZoneInfo:
        """As the dashboard does: a zone that does not exist is UTC."""
        try:
            return ZoneInfo(self._zone)
        except (KeyError, OSError, ValueError):
            return ZoneInfo("UTC")

    def of_node(self, node: NodeId) -> Mapping[Rule, RulePolicy]:
        """The same mapping for all nodes that nothing of their own is set for."""
        known = self._of_nodes.get(node)
        if known is None:
            site, own = self.settings.site.get(node.site), self.settings.node.get(str(node))
            layers: list[Rules] = [self.settings, *(each for each in (site, own) if each)]
            known = self._of_nodes[node] = self._of(node.site if site else "", str(node) if own else "", layers)
        return known

    def of_site(self, site: str, rule: Rule) -> RulePolicy:
        """For what is about a whole site, or, with an empty name, about the fleet or the server."""
        narrower = self.settings.site.get(site)
        return self._of(site if narrower else "", "", [self.settings, *([narrower] if narrower else [])])[rule]

    def _of(self, site: str, node: str, layers: list[Rules]) -> Mapping[Rule, RulePolicy]:
        """The layers' policies; `site` and `node` name those that have a layer of their own."""
        known = self._of_layers.get((site, node))
        if known is None:
            known = self._of_layers[site, node] = {rule: self._layered(rule, layers) for rule in Rule}
        return known

    def _layered(self, rule: Rule, layers: list[Rules]) -> RulePolicy:
        policy = BUILT_IN[rule]
        if rule is Rule.LOST:
            policy = replace(policy, hold=in_millis(self.settings.hold))
        for layer in layers:
            policy = _laid_over(policy, getattr(layer, rule.value))
        return policy


def _laid_over(policy: RulePolicy, over: RuleSettings) -> RulePolicy:
    changes: dict[str, Any] = {
        name: value for name in over.__struct_fields__ if (value := getattr(over, name)) is not None
    }
    for name in ("hold", "clear_hold"):
        if name in changes:
            changes[name] = in_millis(changes[name])
    if "schedule" in changes:
        changes["schedule"] = tuple(sorted(in_millis(each) for each in changes["schedule"]))
    if "severity" in changes:
        changes["severity"] = Severity(changes["severity"])
    # A threshold alone is meant without hysteresis rather than with the distance of another figure.
    if "threshold" in changes and "clear" not in changes:
        changes["clear"] = changes["threshold"]
    return replace(policy, **changes) if changes else policy
