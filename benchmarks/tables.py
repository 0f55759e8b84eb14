"""Results as Markdown tables, and their places in `docs/benchmarks.md`."""

from collections.abc import Iterable, Sequence
from pathlib import Path

PAGE = Path(__file__).parent.parent / "docs" / "benchmarks.md"


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    lines = [" | ".join(head), " | ".join("---" for _ in head)]
    lines += [" | ".join(str(cell) for cell in row) for row in rows]
    return "\n".join(f"| {line} |" for line in lines)


def replace_between(name: str, text: str) -> None:
    """Puts the text between the markers `<!-- NAME -->` and `<!-- /NAME -->` of the page."""
    begin, end = f"<!-- {name} -->", f"<!-- /{name} -->"
    before, found, rest = PAGE.read_text("utf-8").partition(begin)
    _, also_found, after = rest.partition(end)
    if not found or not also_found:
        raise SystemExit(f"{PAGE}: has no markers {begin} and {end}")
    PAGE.write_text(f"{before}{begin}\n{text}\n{end}{after}", "utf-8")
