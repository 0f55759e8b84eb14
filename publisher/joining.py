"""How a machine becomes a node: its join token is read, and kept in the home with what was found to read there."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from publisher.description import source_table, summary_of
from publisher.detection import Found, detect, usual_candidates
from publisher.outbox_file import OutboxBusyError, move, path_of
from rigwatch import pasted
from rigwatch.clock import Clock
from rigwatch.errors import RigwatchError, SettingsError, TokenError
from rigwatch.home import Home, write_private
from rigwatch.settings.publisher import load_publisher
from rigwatch.tokens import JoinToken, is_token
from rigwatch.topics import NodeId

_PUBLISHER_TOML: Final = """\
# What this machine publishes. config/publisher.example.toml explains every setting and kind of source.

[[nodes]]
token = "{token}"

{found}[[nodes.sources]]
kind = "host"

# What is started later is found by 'rigwatch sources', and added here by 'rigwatch sources --write'; or name it:
# [[nodes.sources]]
# kind = "xmrig"
# url = "http://127.0.0.1:44444"
"""


def read_token(join: str) -> str:
    """What `--join` names: a token, a file that holds one, or `-` for standard input. Raises `TokenError`."""
    if join == "-":
        return pasted.read_token()
    if is_token(join):
        return join
    try:
        return Path(join).read_text("utf-8")
    except (OSError, ValueError):
        raise TokenError("join token: --join is neither a token (rw2.…), a readable file, nor '-'") from None


def store_token(home: Home, text: str, environ: Mapping[str, str], clock: Clock) -> NodeId:
    """Keeps the token in the home, for a start without it. A node that is there already gets its new token, also one
    that was moved to another site; other nodes' settings are never overwritten.

    Raises `TokenError`, `SettingsError` where other nodes are named, `RigwatchError` where the home cannot be written.
    """
    token, path = JoinToken.decode(text), home.publisher_toml
    home.prepare()
    if not path.exists():
        write_private(path, publisher_toml(token.encode(), look_around(clock)))
        return token.node
    known = [(node.token, JoinToken.decode(node.token)) for node in load_publisher(home, environ).nodes if node.token]
    same = [each for each in known if each[1].node == token.node]
    moved = [each for each in known if (each[1].node.node, each[1].url) == (token.node.node, token.url)]
    for written, former in same or (moved if len(moved) == 1 else []):
        _take_outbox_along(home, former.node, token.node)
        write_private(path, path.read_text("utf-8").replace(written, token.encode()))
        return token.node
    advice = "add a [[nodes]] table with this token, or use another --home"
    raise SettingsError(f"{path}: names other nodes already; {advice}")


def publisher_toml(token: str, found: Sequence[Found]) -> str:
    """The first `publisher.toml` of a machine, with a source for each thing that was found on it.

    They come before the host, so that the node's temperature is the hottest card's.
    """
    tables = [f"{source_table(dict(each.settings), f'found on {each.where}')}\n\n" for each in found]
    return _PUBLISHER_TOML.format(token=token, found="".join(tables))


def look_around(clock: Clock) -> list[Found]:
    """What can be read on this machine, said in a line each; milliseconds where there is nothing."""
    found = detect(usual_candidates(), clock)
    for each in found:
        sys.stderr.write(f"rigwatch: found on {each.where}, reads it as {each.kind!r}: {summary_of(each.reading)}\n")
    return found


def _take_outbox_along(home: Home, former: NodeId, node: NodeId) -> None:
    """What a node has measured since it was moved waits under its old name, under which nobody would take it."""
    if former == node:
        return
    try:
        move(path_of(home.outbox, former), path_of(home.outbox, node))
    except OutboxBusyError:
        raise RigwatchError(f"node {former}: its publisher is running; stop it, then join as {node}") from None
    except OSError as exc:
        raise RigwatchError(f"outbox of {former}: cannot be moved ({exc.strerror or exc})") from exc
