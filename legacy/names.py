"""From the names that people gave their rigs to names that fit into a topic, each once."""

import re
import unicodedata
from collections.abc import Iterable, Mapping

from rigwatch.topics import NodeId

_MAX = 64
_OTHER = re.compile(r"[^a-z0-9_]+")


def fitting(name: str, number: int) -> str:
    """`name` in the letters that a node's name may have; `node-7` where none is left of it."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return _OTHER.sub("-", plain).strip("-_")[:_MAX].rstrip("-_") or f"node-{number}"


def assign(site: str, nodes: Iterable[tuple[int, str]], known: Mapping[int, str]) -> dict[int, NodeId]:
    """A name of its own for each old id; `known` are those that were given before, and stay.

    Of several ids that would get the same name the lowest gets it, the others with their id behind it. So an id's name
    depends on nothing but the others' names, and a second run comes to the same.
    """
    given = {number: NodeId(site, name) for number, name in known.items()}
    taken = {node.node for node in given.values()}
    for number, name in sorted(nodes):
        if number not in given:
            chosen = unique(fitting(name, number), number, taken)
            taken.add(chosen)
            given[number] = NodeId(site, chosen)
    return given


def unique(name: str, number: int, taken: Iterable[str]) -> str:
    """`name`, with the id behind it where another has it."""
    others = set(taken)
    tail = f"-{number}"
    while name in others:
        name = f"{name[: _MAX - len(tail)].rstrip('-_')}{tail}"
        tail += f"-{number}"
    return name
