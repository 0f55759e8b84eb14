"""A chain client that speaks Ethereum's JSON-RPC over HTTP: peers, block, hashrate, syncing."""

from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Any, Final

import msgspec

from publisher.sources.answers import Answers
from publisher.sources.http import StatusError, request
from publisher.sources.mending import NotJsonError, loads
from publisher.sources.reading import Reading, SourceError
from publisher.sources.rpc import NotOfferedError, Reply, result_of
from publisher.sources.source import BlockingSource, Context, SourceSettings
from publisher.sources.tolerance import UnreadableError
from rigwatch.figures import COUNT_MAX
from rigwatch.http import Address
from rigwatch.settings.loader import Secret

ASK_AGAIN: Final = 3600.0
"""Seconds until a method that was not offered is asked for again: the client may have been restarted with it."""
_NO_LOGIN: Final = (401, 403)
_TITLE: Final = "a chain client"
_DIGITS_MAX: Final = 16


class Method(Enum):
    """What is asked; the value is the method's name on the wire."""

    PEERS = "net_peerCount"
    BLOCK = "eth_blockNumber"
    HASHRATE = "eth_hashrate"
    MINING = "eth_mining"
    SYNCING = "eth_syncing"
    LATEST = "eth_getBlockByNumber"


class JsonRpcSettings(SourceSettings, frozen=True, forbid_unknown_fields=True):
    """`url` may hold a login, as in http://user:password@host:port; it is never shown."""

    url: Secret = Secret("http://127.0.0.1:8545")

    def __post_init__(self) -> None:
        Address.parse(self.url)


class JsonRpcSource(BlockingSource):
    """Asks in one batch, and by single calls once a client turned out not to take batches.

    A method that the client does not offer leaves its figure unknown; one that fails costs its figure and is named.
    """

    def __init__(self, settings: JsonRpcSettings, context: Context) -> None:
        super().__init__(settings, context)
        self._address = Address.parse(settings.url)
        self._takes_batches = True
        self._not_offered: dict[Method, float] = {}

    def read(self) -> Reading:
        now = self.clock.monotonic()
        methods = [method for method in Method if now >= self._not_offered.get(method, now)]
        replies = self._ask(methods) if methods else {}
        told = Answers(_TITLE)
        answers = results(replies, told)
        for method in methods:
            if method in answers:
                self._not_offered.pop(method, None)
            elif method not in answers.failed:
                self._not_offered[method] = now + ASK_AGAIN
        if len(self._not_offered) == len(Method):
            raise SourceError(f"{self._address}: offers none of the methods; start it with the modules eth and net")
        if not answers and answers.failed:
            raise SourceError(next(iter(answers.failed.values())))
        return parse(answers, told)

    def _ask(self, methods: Sequence[Method]) -> dict[Method, object]:
        """The reply to each."""
        if self._takes_batches:
            try:
                replies = self._batch(methods)
            except StatusError as exc:
                if exc.status in _NO_LOGIN:
                    raise
                replies = None
            if replies is not None:
                return dict(zip(methods, replies, strict=True))
        singly = {method: self._post(request_of(method)) for method in methods}
        # Only now is it known that it was the batch that the client did not take.
        self._takes_batches = False
        return singly

    def _batch(self, methods: Sequence[Method]) -> list[object] | None:
        """The replies in the order asked, or None where the client answers something else than a batch."""
        replies = self._post([request_of(method) for method in methods])
        if not isinstance(replies, list):
            return None
        by_id: dict[object, object] = {reply.get("id"): reply for reply in replies if isinstance(reply, dict)}
        found: list[object] = [by_id.get(method.value) for method in methods]
        return None if None in found else found

    def _post(self, body: object) -> object:
        try:
            raw = request(self._address, timeout=self.timeout_s, body=msgspec.json.encode(body))
        except StatusError as exc:
            # Some say so by HTTP as well that a method is not theirs.
            if (refusal := _refusal(exc.body)) is None or exc.status in _NO_LOGIN:
                raise
            return refusal
        try:
            found: object = loads(raw)
        except NotJsonError:
            raise SourceError(f"{self._address}: the answer is not JSON; is this the port of the JSON-RPC?") from None
        return found


def _refusal(body: bytes) -> object:
    """The reply of JSON-RPC in it, if it is one."""
    try:
        found = loads(body)
    except SourceError:
        return None
    return found if isinstance(found, dict) and "error" in found and "jsonrpc" in found else None


def request_of(method: Method) -> dict[str, Any]:
    """The call; its id is the method's name, so that a reply tells what it answers."""
    parameters = ["latest", False] if method is Method.LATEST else []
    return {"jsonrpc": "2.0", "id": method.value, "method": method.value, "params": parameters}


class Results(dict[Method, object]):
    """What was answered. `failed` are the methods that failed, with why; one that is in neither is not offered."""

    def __init__(self) -> None:
        super().__init__()
        self.failed: dict[Method, str] = {}


def results(replies: Mapping[Method, object], told: Answers) -> Results:
    """What came of each reply."""
    found = Results()
    for method, raw in replies.items():
        try:
            if not isinstance(raw, dict) or ("result" not in raw and "error" not in raw):
                raise SourceError(f"{method.value}: the answer is not JSON-RPC")
            found[method] = result_of(told.convert(raw, Reply), method.value)
        except NotOfferedError:
            continue
        except SourceError as exc:
            found.failed[method] = str(exc)
            told.note(f"block: {exc}" if method is Method.BLOCK else str(exc))
    return found


def parse(answers: Mapping[Method, object], told: Answers) -> Reading:
    """The figures; block and block_hash are both of the latest block, where it is known, so that they fit together."""

    def quantity(method: Method) -> int | None:
        try:
            return None if answers.get(method) is None else _number(answers[method])
        except UnreadableError as exc:
            told.note(f"block: {exc}" if method is Method.BLOCK else f"{method.value}: {exc}")
            return None

    height, block_hash = _latest(answers.get(Method.LATEST))
    hashrate = quantity(Method.HASHRATE)
    if not hashrate and answers.get(Method.MINING) is not True:
        # A full node that is not told to mine answers 0.
        hashrate = None
    return told.complete(
        Reading(
            peers=quantity(Method.PEERS),
            block=quantity(Method.BLOCK) if height is None else height,
            block_hash=block_hash,
            hashrate=hashrate,
            syncing=_syncing(answers.get(Method.SYNCING)),
        )
    )


def _latest(block: object) -> tuple[int | None, str | None]:
    if not isinstance(block, dict):
        return None, None
    block_hash = block.get("hash")
    try:
        number = _number(block.get("number"))
    except UnreadableError:
        return None, None
    return (number, block_hash) if isinstance(block_hash, str) else (None, None)


def _number(value: object) -> int:
    """A hex quantity such as "0x4b7"; some clients send a plain number instead."""
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= COUNT_MAX:
        return value
    if isinstance(value, str) and value[:2] in ("0x", "0X"):
        try:
            if (number := int(value[2:] or "0", 16)) <= COUNT_MAX:
                return number
        except ValueError:
            pass
    if isinstance(value, str) and value.isdecimal() and len(value) < _DIGITS_MAX:
        return int(value)
    raise UnreadableError("not a quantity")


def _syncing(value: object) -> bool | None:
    """False, or an object that tells how far it is."""
    return value if isinstance(value, bool) else (True if isinstance(value, dict) else None)
