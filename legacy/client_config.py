"""`config.json` of an old client: the node that it becomes in `publisher.toml`. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePath, PurePosixPath, PureWindowsPath

from legacy.loose_json import Value
from legacy.values import number_of, text_of
from rigwatch.keys import PASSPHRASE_MIN
from rigwatch.settings.writing import toml_value

MARKS = frozenset({"frequency", "mode", "rpcport", "waltonclientpath", "gpuminerlocation", "server"})
"""Keys that only this file has."""

HASHFILE = "0202001"
FREQUENCY_MAX = 86_400
_WINDOWS = re.compile(r"[A-Za-z]:|.*\\")
# What a path with single backslashes turns into when it is read as JSON.
_CONTROLS = str.maketrans({"\n": r"\n", "\t": r"\t", "\r": r"\r", "\b": r"\b", "\f": r"\f"})


@dataclass(frozen=True, slots=True)
class ClientConfig:
    """One old client, checked. `hashfile` is empty in CPU mode, `host` where its server has no address."""

    number: int
    name: str
    seconds: int
    rpc_port: int
    hashfile: str
    host: str
    passphrase: str = field(repr=False)


def convert(old: Mapping[str, Value]) -> ClientConfig:
    """Raises `ValueError`, in words for people, for what no publisher could run with."""
    number = number_of(old, "Id")
    if number is None or number < 1:
        raise ValueError("Id is missing, or not 1 or more")
    seconds = number_of(old, "Frequency") or 60
    if not 1 <= seconds <= FREQUENCY_MAX:
        raise ValueError(f"Frequency is not from 1 to {FREQUENCY_MAX} seconds")
    port = number_of(old, "RpcPort") or 8545
    if not 1 <= port <= 65535:
        raise ValueError("RpcPort is not a port (1 to 65535)")
    mode = text_of(old, "Mode").upper() or "CPU"
    if mode not in {"CPU", "GPU"}:
        raise ValueError("Mode is neither CPU nor GPU")
    key = str(old.get("encryptionkey") or "")
    return ClientConfig(
        number,
        text_of(old, "Name")[:200],
        seconds,
        port,
        _hashfile(old) if mode == "GPU" else "",
        _host(text_of(old, "Server")),
        key if len(key) >= PASSPHRASE_MIN else "",
    )


def node_table(of: ClientConfig, access: Mapping[str, str]) -> str:
    """The `[[nodes]]` table; `access` is how the node is known: its token, or node, server and passphrase.

    The miner's file goes first: in GPU mode the chain client has a hashrate as well, and it is 0.
    """
    lines = ["[[nodes]]", *(f"{key} = {toml_value(value)}" for key, value in access.items())]
    if of.name:
        lines.append(f"name = {toml_value(of.name)}")
    lines.append(f'interval = "{of.seconds}s"')
    if of.hashfile:
        lines += ["", "[[nodes.sources]]", 'kind = "hashfile"', f"path = {toml_value(of.hashfile)}"]
    lines += ["", "[[nodes.sources]]", 'kind = "jsonrpc"', f'url = "http://127.0.0.1:{of.rpc_port}"']
    return "\n".join(lines) + "\n"


def _hashfile(old: Mapping[str, Value]) -> str:
    folder = str(old.get("gpuminerlocation") or "").translate(_CONTROLS).strip()
    if not folder:
        raise ValueError("GpuMinerLocation is missing, and Mode is GPU")
    path: PurePath = PureWindowsPath(folder) if _WINDOWS.match(folder) else PurePosixPath(folder)
    # Some have named the file itself.
    return str(path if path.name == HASHFILE else path / HASHFILE)


def _host(server: str) -> str:
    """Of `ip:port`; the port was the old wire format's."""
    host, colon, port = server.rpartition(":")
    return host if colon and port.isdecimal() else server
