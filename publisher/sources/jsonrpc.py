"""A chain client that speaks Ethereum's JSON-RPC over HTTP: peers, block, hashrate, syncing."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from enum import Enum
from typing import Annotated, Any, Final

import msgspec
from msgspec import Struct

from publisher.sources.http import Address, StatusError, request
from publisher.sources.reading import Reading, SourceError
from publisher.sources.source import Context
from rigwatch.clock import Clock
from rigwatch.settings.loader import Secret, between

METHOD_NOT_FOUND: Final = -32601
"""JSON-RPC 2.0 §5.1; geth answers it for the methods of a module that is switched off as well."""
ASK_AGAIN: Final = 3600.0
"""Seconds until a method that was not offered is asked for again: the client may have been restarted with it."""
_NO_LOGIN: Final = (401, 403)


class Method(Enum):
    """What is asked; the value is the method's name on the wire."""

    PEERS = "net_peerCount"
    BLOCK = "eth_blockNumber"
    HASHRATE = "eth_hashrate"
    SYNCING = "eth_syncing"
    LATEST = "eth_getBlockByNumber"


class JsonRpcSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """`url` may hold a login, as in http://user:password@host:port; it is never shown."""

    url: Secret = Secret("http://127.0.0.1:8545")
    every: Annotated[timedelta, between(timedelta(seconds=0.5), timedelta(hours=1))] = timedelta(seconds=10)
    timeout: Annotated[timedelta, between(timedelta(seconds=0.1), timedelta(minutes=1))] = timedelta(seconds=5)

    def __post_init__(self) -> None:
        Address.parse(self.url)


class JsonRpcSource:
    """Asks in one batch, and by single calls once a client turned out not to take batches.

    A method that the client does not offer leaves its figure unknown; every other error fails the read.
    """

    blocking = True

    def __init__(self, settings: JsonRpcSettings, context: Context) -> None:
        self.every = settings.every
        self.timeout = settings.timeout
        self._address = Address.parse(settings.url)
        self._clock: Clock = context.clock
        self._takes_batches = True
        self._not_offered: dict[Method, float] = {}

    def read(self) -> Reading:
        now = self._clock.monotonic()
        methods = [method for method in Method if now >= self._not_offered.get(method, now)]
        answers = self._ask(methods) if methods else {}
        for method in methods:
            if method in answers:
                self._not_offered.pop(method, None)
            else:
                self._not_offered[method] = now + ASK_AGAIN
        if len(self._not_offered) == len(Method):
            raise SourceError(f"{self._address}: offers none of the methods; start it with the modules eth and net")
        return parse(answers)

    def _ask(self, methods: Sequence[Method]) -> dict[Method, object]:
        """The results; a method that is not offered is missing."""
        if self._takes_batches:
            try:
                replies = self._batch(methods)
            except StatusError as exc:
                if exc.status in _NO_LOGIN:
                    raise
                replies = None
            if replies is not None:
                return results(methods, replies)
        replies = [self._post(request_of(method)) for method in methods]
        answers = results(methods, replies)
        # Only now is it known that it was the batch that the client did not take.
        self._takes_batches = False
        return answers

    def _batch(self, methods: Sequence[Method]) -> list[object] | None:
        """The replies in the order asked, or None where the client answers something else than a batch."""
        replies = self._post([request_of(method) for method in methods])
        if not isinstance(replies, list):
            return None
        by_id: dict[object, object] = {reply.get("id"): reply for reply in replies if isinstance(reply, dict)}
        found: list[object] = [by_id.get(method.value) for method in methods]
        return None if None in found else found

    def _post(self, body: object) -> object:
        raw = request(
            self._address,
            timeout=self.timeout.total_seconds(),
            body=msgspec.json.encode(body),
            headers={"Content-Type": "application/json"},
        )
        try:
            return msgspec.json.decode(raw)
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
            raise SourceError(f"{self._address}: the answer is not JSON; is this the port of the JSON-RPC?") from None


def request_of(method: Method) -> dict[str, Any]:
    """The call; its id is the method's name, so that a reply tells what it answers."""
    parameters = ["latest", False] if method is Method.LATEST else []
    return {"jsonrpc": "2.0", "id": method.value, "method": method.value, "params": parameters}


def results(methods: Sequence[Method], replies: Sequence[object]) -> dict[Method, object]:
    """What was answered, without the methods that are not offered; raises SourceError for any other error."""
    found: dict[Method, object] = {}
    for method, reply in zip(methods, replies, strict=True):
        if not isinstance(reply, dict) or ("result" not in reply and "error" not in reply):
            raise SourceError(f"{method.value}: the answer is not JSON-RPC")
        error = reply.get("error")
        if error is None:
            found[method] = reply.get("result")
        elif not isinstance(error, dict) or error.get("code") != METHOD_NOT_FOUND:
            raise SourceError(f"{method.value}: {_error_text(error)}")
    return found


def parse(answers: Mapping[Method, object]) -> Reading:
    """The figures; block and block_hash are both of the latest block, where it is known, so that they fit together."""
    height, block_hash = _latest(answers.get(Method.LATEST))
    if height is None:
        height = _quantity(answers, Method.BLOCK)
    return Reading(
        peers=_quantity(answers, Method.PEERS),
        block=height,
        block_hash=block_hash,
        hashrate=_quantity(answers, Method.HASHRATE),
        syncing=_syncing(answers.get(Method.SYNCING)),
    )


def _latest(block: object) -> tuple[int | None, str | None]:
    if block is None:
        return None, None
    if not isinstance(block, dict):
        raise SourceError(f"{Method.LATEST.value}: not a block: {_short(block)}")
    block_hash = block.get("hash")
    number = block.get("number")
    if number is None or not isinstance(block_hash, str):
        return None, None
    return _number(number, Method.LATEST), block_hash


def _quantity(answers: Mapping[Method, object], method: Method) -> int | None:
    value = answers.get(method)
    return None if value is None else _number(value, method)


def _number(value: object, method: Method) -> int:
    """A hex quantity such as "0x4b7"; some clients send a plain number instead."""
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    if isinstance(value, str) and value[:2] in ("0x", "0X"):
        try:
            return int(value[2:] or "0", 16)
        except ValueError:
            pass
    raise SourceError(f"{method.value}: not a quantity: {_short(value)}")


def _syncing(value: object) -> bool | None:
    """False, or an object that tells how far it is."""
    if value is None or value is False or value is True:
        return value
    if isinstance(value, dict):
        return True
    raise SourceError(f"{Method.SYNCING.value}: neither false nor an object: {_short(value)}")


def _error_text(error: object) -> str:
    if isinstance(error, dict):
        return f"error {error.get('code')}: {_short(error.get('message'))}"
    return f"error {_short(error)}"


def _short(value: object) -> str:
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) <= 100 else f"{text[:99]}…"
