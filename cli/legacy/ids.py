"""`legacy.json` of the home: which node of ours each id of an old installation has become, by site.

Kept, because people rename rigs: an old node that went by another name in a second import would have its history twice.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TypeAlias

import msgspec

from rigwatch.errors import RigwatchError, TopicError
from rigwatch.home import write_private
from rigwatch.topics import NodeId

_Sites: TypeAlias = dict[str, dict[int, str]]


def read(path: Path, site: str) -> dict[int, str]:
    """Empty where nothing was taken over yet; raises `RigwatchError` for a file that says nothing sensible."""
    nodes = _read(path).get(site, {})
    try:
        for name in nodes.values():
            NodeId(site, name)
    except TopicError as exc:
        raise RigwatchError(f"{path}: {exc}") from None
    return nodes


def write(path: Path, site: str, nodes: Mapping[int, NodeId]) -> None:
    """Other sites' stay; the file is written only when something is new."""
    sites = _read(path)
    named = {number: node.node for number, node in sorted(nodes.items())}
    if sites.get(site, {}) != named:
        sites[site] = named
        write_private(path, msgspec.json.format(msgspec.json.encode(sites), indent=1) + b"\n")


def _read(path: Path) -> _Sites:
    try:
        return msgspec.json.decode(path.read_bytes(), type=_Sites)
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError, msgspec.MsgspecError) as exc:
        raise RigwatchError(f"{path}: cannot be read as the list of nodes that were taken over ({exc})") from exc
