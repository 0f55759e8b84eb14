"""Addresses of a server besides the one that its join tokens carry: where it is moving to, or can be found as well.

`rigwatch move` writes them, the subscriber tells them to every rig, and each rig keeps them; all in one form.
"""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Final

import msgspec

from rigwatch.endpoint import Endpoint, is_host
from rigwatch.errors import RigwatchError, SettingsError
from rigwatch.figures import LINE_MAX
from rigwatch.home import stamp_of, write_private

_decoder: Final = msgspec.json.Decoder(tuple[str, ...])


def address_of(text: str, *, port: int, tls: bool = True) -> str:
    """`host`, `host:port` or a whole address, as a whole one. Raises `SettingsError`."""
    whole = text if "://" in text else f"{'mqtts' if tls else 'mqtt'}://{text}"
    rest = whole.partition("://")[2]
    if rest.count(":") > 1 and not rest.startswith("["):
        raise SettingsError(f"address {text[:60]!r}: write an IPv6 address in brackets, such as [fd00::5]")
    endpoint = Endpoint.parse(whole)
    if ":" not in rest.rpartition("]")[2]:
        endpoint = replace(endpoint, port=port)
    if not is_host(endpoint.host) or len(str(endpoint)) > LINE_MAX or "@" in rest or not rest.isprintable():
        raise SettingsError(f"address {text[:60]!r}: should look like monitor.example or mqtts://monitor.example:8883")
    return str(endpoint)


def read(path: Path) -> tuple[str, ...] | None:
    """Raises `RigwatchError` for a file that cannot be understood; None where there is none."""
    try:
        return _decoder.decode(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError) as exc:
        raise RigwatchError(f"{path}: cannot be read as a list of addresses ({exc})") from exc


def write(path: Path, addresses: Iterable[str]) -> None:
    """Replaces the list; raises `RigwatchError` where the disk refuses."""
    write_private(path, msgspec.json.encode(tuple(addresses)) + b"\n")


class ServersFile:
    """The list as it is now; reading costs one `stat` while the file does not change."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stamp: object = ()
        self._known: tuple[str, ...] | None = None

    def current(self) -> tuple[str, ...] | None:
        """None while nothing was ever announced, and as before while the file cannot be read."""
        stamp = stamp_of(self._path)
        if stamp != self._stamp:
            self._stamp = stamp
            try:
                self._known = read(self._path)
            except RigwatchError:
                # Rigs keep what they know; whoever wrote it by hand is told by the next 'rigwatch move'.
                return self._known
        return self._known
