"""A heat map: a cell for each node, so that ten thousand fit on a wall. Pure."""

from collections import defaultdict
from collections.abc import Sequence
from math import ceil, sqrt
from typing import NamedTuple

from web.node_view import NodeView
from web.tiles import TROUBLE, is_known


class Heat(NamedTuple):
    """`width` and `height` are in cells. Each path draws the cells of one `word`, classes of the style sheet, as dashes
    that are a cell long."""

    width: int
    height: int
    paths: tuple[tuple[str, str], ...]


def heat(nodes: Sequence[NodeView], ratio: float) -> Heat:
    """In the order of `nodes`, row by row, about `ratio` times as wide as high."""
    width = max(1, ceil(sqrt(len(nodes) * ratio)))
    cells: defaultdict[str, list[str]] = defaultdict(list)
    for place, each in enumerate(nodes):
        cells[_word(each)].append(f"M{place % width} {place // width}h1")
    return Heat(width, max(1, ceil(len(nodes) / width)), tuple((word, "".join(of)) for word, of in cells.items()))


def _word(each: NodeView) -> str:
    """The worst that is known of it; quiet where somebody knows of all of it."""
    by_status = each.status in TROUBLE or not each.troubles
    word = each.status.value if by_status else each.troubles[0].severity.value
    return f"{word} quiet" if is_known(each, each.troubles) else word
