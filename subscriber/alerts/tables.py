"""Rules and transitions as Markdown, for `docs/alerts.md`; a test compares. `python -m subscriber.alerts.tables`."""

from pathlib import Path

from subscriber.alerts.incident import transition_table
from subscriber.alerts.rule import BUILT_IN, TITLES, Rule, RulePolicy
from subscriber.alerts.words import duration

PAGE = Path(__file__).resolve().parents[2] / "docs" / "alerts.md"
_UNITS = {
    Rule.SILENT: "intervals",
    Rule.FEW_PEERS: "peers",
    Rule.LOW_HASHRATE: "% of usual",
    Rule.HASHRATE_FLOOR: "H/s",
    Rule.BLOCK_LAG: "blocks",
    Rule.BLOCK_STALLED: "min",
    Rule.NO_SHARES: "times its usual wait",
    Rule.REJECTED_SHARES: "%",
    Rule.HOT: "°C",
    Rule.COLD: "°C",
    Rule.CLOCK_OFF: "s",
}


def rules_table() -> str:
    """What each rule starts from."""
    head = ("rule", "the node", "threshold", "clear", "hold", "clear-hold", "severity", "told after")
    lines = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    return "\n".join([*lines, *(_row(rule, policy) for rule, policy in BUILT_IN.items())])


def filled(page: str) -> str:
    """The page with both tables in their places."""
    return _between(_between(page, "rules", rules_table()), "transitions", transition_table())


def _row(rule: Rule, policy: RulePolicy) -> str:
    unit = _UNITS.get(rule)
    borders = (f"{policy.threshold:g} {unit}", f"{policy.clear:g}") if unit else ("", "")
    told = ", ".join("at once" if wait == 0 else duration(wait) for wait in policy.schedule)
    holds = (duration(policy.hold), duration(policy.clear_hold))
    cells = (f"`{rule.value}`", TITLES[rule], *borders, *holds, policy.severity.value, told)
    return f"| {' | '.join(cells)} |"


def _between(page: str, name: str, text: str) -> str:
    begin, end = f"<!-- {name} -->\n", f"<!-- /{name} -->"
    before, _, rest = page.partition(begin)
    _, _, after = rest.partition(end)
    return f"{before}{begin}{text}\n{end}{after}"


if __name__ == "__main__":
    PAGE.write_text(filled(PAGE.read_text("utf-8")), "utf-8")
