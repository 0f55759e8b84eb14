"""bitcoind, and the clients of other chains that kept its JSON-RPC: block, peers, syncing."""

from base64 import b64encode
from pathlib import Path
from typing import Final, TypeVar

import msgspec
from msgspec import Struct

from publisher.sources.answers import Answers
from publisher.sources.api import ApiSettings, ApiSource
from publisher.sources.reading import Reading, SourceError
from publisher.sources.rpc import NotOfferedError, Reply, result_of
from publisher.sources.source import Context
from rigwatch.figures import Count, Line, Seconds
from rigwatch.settings.loader import Secret

_TITLE: Final = "bitcoind"
_METHODS: Final = ("getblockchaininfo", "getnetworkinfo", "uptime")
_COOKIE_MAX: Final = 1024
Section = TypeVar("Section", bound=Struct)


class BitcoindSettings(ApiSettings, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`url` holds the login, http://user:password@host:port; or `cookie` names the file that the client writes."""

    url: Secret = Secret("http://127.0.0.1:8332")
    cookie: str = ""


class BitcoindChain(Struct):
    blocks: Count | None
    bestblockhash: Line | None = None
    initialblockdownload: bool | None = None


class Network(Struct):
    connections: Count | None = None


class Uptime(Struct):
    uptime: Seconds | None = None


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
        if self._cookie is not None:
            # The client writes a new one at every start.
            self.headers["Authorization"] = f"Basic {b64encode(read_cookie(self._cookie)).decode()}"
        return parse(self.ask("", body=msgspec.json.encode(calls)))


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
    """The figures of one batch. What a client does not offer (Zebra had no `getnetworkinfo`) is absent."""
    told = Answers(_TITLE)
    replies = {reply.id: reply for reply in told.decode(raw, list[Reply])}

    def optional(method: str, kind: type[Section], name: str = "") -> Section:
        try:
            result = result_of(replies.get(method), method)
            return told.convert({name: result} if name else result, kind)
        except NotOfferedError:
            return kind()
        except SourceError as exc:
            told.note(str(exc))
            return kind()

    # A batch that is refused as a whole has one answer, without an id.
    first = replies.get("getblockchaininfo") or replies.get(None)
    chain = told.convert(result_of(first, "getblockchaininfo"), BitcoindChain)
    network = optional("getnetworkinfo", Network)
    return told.complete(
        Reading(
            peers=network.connections,
            block=chain.blocks,
            block_hash=chain.bestblockhash,
            syncing=chain.initialblockdownload,
            uptime=optional("uptime", Uptime, "uptime").uptime,
        )
    )
