"""Which nodes a chart compares, in which figure, as its address says. Pure."""

from collections.abc import Mapping
from typing import Final, NamedTuple, Self
from urllib.parse import urlencode

from werkzeug.datastructures import MultiDict

from rigwatch.topics import NodeId
from web.charts.lines import Range
from web.errors import BadQuery

FIGURES: Final = ("hashrate", "temperature", "power", "peers", "block")
MOST: Final = 8
"""As many as there are colours that can be told apart."""


class Comparison(NamedTuple):
    nodes: tuple[NodeId, ...]
    figure: str
    span: Range

    @classmethod
    def parse(cls, args: Mapping[str, str]) -> Self:
        """Reads `node` (`site/name`, again and again), `figure` and `range`; raises `BadQuery`, `TopicError`."""
        given = args.getlist("node") if isinstance(args, MultiDict) else [args.get("node", "")]
        names = list(dict.fromkeys(name.strip() for name in given if name.strip()))
        if len(names) > MOST:
            raise BadQuery(f"node: at most {MOST} can be told apart")
        figure = args.get("figure", FIGURES[0])
        if figure not in FIGURES:
            raise BadQuery(f"figure: {figure[:40]!r} is not one of {', '.join(FIGURES)}")
        return cls(tuple(map(NodeId.parse, names)), figure, Range.parse(args))

    def query(self) -> str:
        pairs = [("node", str(node)) for node in self.nodes] + [("figure", self.figure)]
        return f"?{urlencode(pairs)}"
