"""Rules and transitions as Markdown, for `docs/alerts.md`; a test compares. `python -m alerts.tables`."""

from pathlib import Path

from alerts.incident import transition_table
from alerts.rule import BUILT_IN, TITLES, UNITS, Rule, RulePolicy
from alerts.words import duration

PAGE = Path(__file__).resolve().parents[1] / "docs" / "alerts.md"


def rules_table() -> str:
    """What each rule starts from."""
    head = ("rule", "the node", "threshold", "clear", "hold", "clear-hold", "severity", "told after")
    lines = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    return "\n".join([*lines, *(_row(rule, policy) for rule, policy in BUILT_IN.items())])


def figures_of(rule: Rule, policy: RulePolicy) -> list[tuple[str, str]]:
    """A rule's figures for one node or site, in the words of the table's head; what it has not is left out."""
    unit = UNITS.get(rule, "")
    borders = [("threshold", f"{policy.threshold:g} {unit}"), ("clear", f"{policy.clear:g} {unit}")] if unit else []
    holds = [("hold", duration(policy.hold)), ("clear-hold", duration(policy.clear_hold))]
    return [*borders, *holds, ("told after", _told(policy))]


def filled(page: str) -> str:
    """The page with both tables in their places."""
    return _between(_between(page, "rules", rules_table()), "transitions", transition_table())


def _row(rule: Rule, policy: RulePolicy) -> str:
    unit = UNITS.get(rule)
    borders = (f"{policy.threshold:g} {unit}", f"{policy.clear:g}") if unit else ("", "")
    holds = (duration(policy.hold), duration(policy.clear_hold))
    cells = (f"`{rule.value}`", TITLES[rule], *borders, *holds, policy.severity.value, _told(policy))
    return f"| {' | '.join(cells)} |"


def _told(policy: RulePolicy) -> str:
    return ", ".join("at once" if wait == 0 else duration(wait) for wait in policy.schedule) or "never"


def _between(page: str, name: str, text: str) -> str:
    begin, end = f"<!-- {name} -->\n", f"<!-- /{name} -->"
    before, _, rest = page.partition(begin)
    _, _, after = rest.partition(end)
    return f"{before}{begin}{text}\n{end}{after}"


if __name__ == "__main__":
    PAGE.write_text(filled(PAGE.read_text("utf-8")), "utf-8")
