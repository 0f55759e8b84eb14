"""bitcoind, and the clients of other chains that kept its JSON-RPC: block, peers, syncing."""

from base64 import b64encode
from pathlib import Path
from typing import Annotated, Final

import msgspec
from msgspec import Meta, Struct

from publisher.sources.answers import convert, decode
from publisher.sources.api import ApiSettings, ApiSource
from publisher.sources.reading import Reading, SourceError
from publisher.sources.rpc import Reply, result_of
from publisher.sources.source import Context
from rigwatch.messages import Line
from rigwatch.settings.loader import Secret

_TITLE: Final = "bitcoind"
_METHODS: Final = ("getblockchaininfo", "getnetworkinfo", "uptime")
_COOKIE_MAX: Final = 1024


class BitcoindSettings(ApiSettings, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`url` holds the login, http://user:password@host:port; or `cookie` names the file that the client writes."""

    url: Secret = Secret("http://127.0.0.1:8332")
    cookie: str = ""


class Chain(Struct):
    blocks: Annotated[int, Meta(ge=0)]
    bestblockhash: Line | None = None
    initialblockdownload: bool | None = None


class Network(Struct):
    connections: int | None = None


class Uptime(Struct):
    uptime: float | None = None


class BitcoindSource(ApiSource):
    """Asks everything in one batch."""

    title = _TITLE
    switch = "server=1 in its bitcoin.conf"
    login = "`url` should hold rpcuser and rpcpassword, or `cookie` name the client's .cookie file"

    def __init__(self, settings: BitcoindSettings, context: Context) -> None:
        super().__init__(settings, context)
        self._cookie = Path(settings.cookie).expanduser() if settings.cookie else None

    def read(self) -> Reading:
        calls: list[dict[str, object]] = [
            {"jsonrpc": "2.0", "id": name, "method": name, "params": []} for name in _METHODS
        ]
        headers = {"Content-Type": "application/json"}
        if self._cookie is not None:
            # The client writes a new one at every start.
            headers["Authorization"] = f"Basic {b64encode(read_cookie(self._cookie)).decode()}"
        return parse(self.ask("", body=msgspec.json.encode(calls), headers=headers))


def read_cookie(path: Path) -> bytes:
    """User and password, `__cookie__:…`."""
    try:
        with path.open("rb") as file:
            cookie = file.read(_COOKIE_MAX).strip()
    except OSError as exc:
        raise SourceError(f"{path}: cannot be read ({exc.strerror or exc}); is the client running?") from exc
    if b":" not in cookie:
        raise SourceError(f"{path}: is not a cookie of {_TITLE}")
    return cookie


def parse(raw: bytes) -> Reading:
    """The figures of one batch."""
    replies = {reply.id: reply for reply in decode(raw, list[Reply], _TITLE)}
    chain = result_of(replies.get("getblockchaininfo"), Chain, "getblockchaininfo", _TITLE)
    network = result_of(replies.get("getnetworkinfo"), Network, "getnetworkinfo", _TITLE)
    # Clients of before 0.15 answer this one with an error.
    uptime = convert({"uptime": (replies.get("uptime") or Reply()).result}, Uptime, _TITLE).uptime
    return Reading(
        peers=network.connections,
        block=chain.blocks,
        block_hash=chain.bestblockhash,
        syncing=chain.initialblockdownload,
        uptime=uptime,
    )
