"""The metrics of each node in Prometheus' text format: of 10,000 nodes 250,000 lines, about 1 µs each."""

from collections.abc import Callable, Iterable, Sequence
from operator import attrgetter
from typing import Final

from alerts.pace import rates
from rigwatch.figures import FIGURES, MEASURED, Figure, NodeMetric
from rigwatch.messages import Sample
from rigwatch.texts import visible
from web.node_view import NodeView

_PREFIX: Final = "rigwatch_node_"


class _Families:
    """Metrics in the order in which each was first told of."""

    def __init__(self) -> None:
        self._lines: dict[str, list[str]] = {}

    def add(self, name: str, kind: str, text: str, lines: Iterable[str]) -> None:
        known = self._lines.setdefault(name, [f"# HELP {_PREFIX}{name} {text}\n# TYPE {_PREFIX}{name} {kind}\n"])
        known.extend(lines)

    def text(self) -> str:
        return "".join(line for lines in self._lines.values() for line in lines)


def node_metrics(views: Sequence[NodeView]) -> str:
    """Status and times of every node, figures of those that count."""
    families = _Families()
    # Names of nodes and sites have nothing that would have to be escaped.
    labels = [f'node="{each.facts.id.node}",site="{each.facts.id.site}"' for each in views]
    _standing(families, list(zip(views, labels, strict=True)))
    _figures(families, [(each, label) for each, label in zip(views, labels, strict=True) if each.counted])
    return families.text()


def _standing(families: _Families, views: Sequence[tuple[NodeView, str]]) -> None:
    status, up = f"{_PREFIX}status", f"{_PREFIX}up"
    families.add(
        "status",
        "gauge",
        "1, with the node's status.",
        [f'{status}{{{label},status="{each.status.value}"}} 1.0\n' for each, label in views],
    )
    families.add(
        "up",
        "gauge",
        "1 while the node's figures are of now.",
        [f"{up}{{{label}}} {float(each.counted)}\n" for each, label in views],
    )
    for name, text, millis in (
        ("last_report_timestamp_seconds", "When the node last reported.", attrgetter("facts.last_report_at")),
        (
            "clock_offset_seconds",
            "By how much the node's clock is behind (negative: ahead).",
            attrgetter("facts.clock_offset"),
        ),
    ):
        lines = (
            f"{_PREFIX}{name}{{{label}}} {at / 1000!r}\n" for each, label in views if (at := millis(each)) is not None
        )
        families.add(name, "gauge", text, lines)


def _figures(families: _Families, counted: Sequence[tuple[NodeView, str]]) -> None:
    told = [(each.facts.sample, label) for each, label in counted if each.facts.sample]
    for figure in FIGURES.values():
        if figure.metric is None or figure.name not in MEASURED:
            continue
        kind = "counter" if figure.unit.rising else "gauge"
        name = f"{figure.metric.name}_total" if figure.unit.rising else figure.metric.name
        read, per = _reader(figure), figure.unit.per_base
        head = f"{_PREFIX}{name}{{{_label(figure, figure.metric)}"
        lines = [f"{head}{label}}} {value / per!r}\n" for sample, label in told if (value := read(sample)) is not None]
        families.add(name, kind, figure.metric.help, lines)
    behind = [f"{_PREFIX}blocks_behind{{{label}}} {float(v.lag)}\n" for v, label in counted if v.lag is not None]
    families.add("blocks_behind", "gauge", "Blocks behind the highest of its chain when the node reported.", behind)
    failing = [f"{_PREFIX}failing_sources{{{label}}} {float(len(sample.errors))}\n" for sample, label in told]
    families.add("failing_sources", "gauge", "Sources that could not be read.", failing)
    by_algorithm = [
        f'{_PREFIX}algorithm_hashes_per_second{{algorithm="{_escaped(name)}",{label}}} {float(rate)!r}\n'
        for sample, label in told
        for name, rate in rates(sample)
    ]
    families.add("algorithm_hashes_per_second", "gauge", "Hashrate for one algorithm.", by_algorithm)


def _reader(figure: Figure) -> Callable[[Sample], float | None]:
    return attrgetter(figure.name)


def _label(figure: Figure, metric: NodeMetric) -> str:
    """That which tells several figures of one metric apart, before the others."""
    return f'{metric.by}="{figure.name}",' if metric.by else ""


def _escaped(text: str) -> str:
    return visible(text).replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
