"""ethminer, and all that kept Claymore's protocol: PhoenixMiner, Claymore's own, and others since."""

import math
import re
from collections.abc import Sequence
from typing import Any, Final

import msgspec
from msgspec import Struct, structs

from publisher.sources import pci
from publisher.sources.answers import decode, pool_of
from publisher.sources.cards import Card, with_cards
from publisher.sources.reading import Reading, SourceError
from publisher.sources.source import Context
from publisher.sources.tcp import TcpSettings, TcpSource
from rigwatch.messages import LINE_MAX, Miner
from rigwatch.settings.loader import Secret

_TITLE: Final = "ethminer"
_KILO: Final = 1000.0
_IN_HASHES: Final = re.compile(r"-\s*(ZEC|XMR|XMC|ETN)\b", re.IGNORECASE)
"""Claymore's miners for other coins use the same list and count in H/s."""
_STAT1: Final = "miner_getstat1"
_STAT2: Final = "miner_getstat2"
_BUSES: Final = 15
"""Where `miner_getstat2` has the PCI bus of each card; ethminer does not know that method, and not all fill it."""


class EthminerSettings(TcpSettings, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`password` is what PhoenixMiner's -cdmpass or Claymore's -mpsw says."""

    address: str = "127.0.0.1:3333"
    password: Secret = Secret("")


class Answer(Struct):
    result: list[str | None] | None = None
    error: Any = None


class EthminerSource(TcpSource):
    """Asks `miner_getstat2`, and `miner_getstat1` once a miner turned out not to know it."""

    title = _TITLE
    switch = "--api-bind 127.0.0.1:-3333 (PhoenixMiner: -cdm 1)"

    def __init__(self, settings: EthminerSettings, context: Context) -> None:
        super().__init__(settings, context)
        self._password = settings.password
        self._method = _STAT2

    def read(self) -> Reading:
        by = self.deadline()
        raw = self._ask(self._method, by)
        if self._method == _STAT2 and decode(raw, Answer, _TITLE).result is None:
            raw = self._ask(_STAT1, by)
            reading = parse(raw)
            # Only now is it known that it was the method that the miner did not take.
            self._method = _STAT1
            return reading
        return parse(raw)

    def _ask(self, method: str, by: float) -> bytes:
        call: dict[str, object] = {"id": 1, "jsonrpc": "2.0", "method": method}
        if self._password:
            call["psw"] = str(self._password)
        return self.ask(msgspec.json.encode(call) + b"\n", end=b"\n", by=by)


def parse(raw: bytes) -> Reading:
    """The figures of `miner_getstat1` or `miner_getstat2`: a list of texts whose places have a meaning."""
    answer = decode(raw, Answer, _TITLE)
    if answer.result is None:
        raise SourceError(f"miner_getstat1: {_why(answer.error)}")
    texts = [text or "" for text in answer.result]
    if len(texts) < 7:
        raise SourceError(f"not an answer of {_TITLE}: the list has {len(texts)} texts, of at least 7")
    unit = 1.0 if _IN_HASHES.search(texts[0]) else _KILO
    rate, shares, rejected = _numbers(texts[2], "2", 3)[:3]
    minutes = _numbers(texts[1], "1", 1)[0]
    reading = Reading(
        hashrate=_times(rate, unit),
        accepted=_whole(shares),
        rejected=_whole(rejected),
        miner=_miner(texts[0]),
        pool=pool_of(texts[7].partition(";")[0]) if len(texts) > 7 else None,
        uptime=_times(minutes, 60.0),
    )
    buses = _numbers(texts[_BUSES], str(_BUSES), 0) if len(texts) > _BUSES else []
    return with_cards(reading, cards(texts, [_times(rate, unit) for rate in _numbers(texts[3], "3", 0)], buses))


def cards(texts: Sequence[str], rates: Sequence[float | None], buses: Sequence[float | None]) -> list[Card]:
    """Temperature and fan stand in pairs: `53;90;50;90`. Buses count where there is one for every card."""
    sensors = _numbers(texts[6], "6", 0)
    found = [
        Card(id=None, hashrate=rate, temperature=_at(sensors, 2 * at), fan=_at(sensors, 2 * at + 1))
        for at, rate in enumerate(rates)
    ]
    if len(buses) != len(found):
        return found
    return [
        structs.replace(card, id=None if bus is None or not bus.is_integer() else pci.of_bus(int(bus)))
        for card, bus in zip(found, buses, strict=True)
    ]


def _numbers(text: str, place: str, least: int) -> list[float | None]:
    """Of `87221;54;0`; `off` and nothing are not known. At least `least` of them."""
    found = [_number(part.strip(), place) for part in text.split(";")] if text.strip() else []
    return found + [None] * (least - len(found))


def _number(text: str, place: str) -> float | None:
    if text in ("", "off", "n/a"):
        return None
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise SourceError(f"not an answer of {_TITLE}: result[{place}]: not a number: {text[:40]!r}")
    return number


def _times(number: float | None, factor: float) -> float | None:
    return None if number is None else number * factor


def _whole(number: float | None) -> int | None:
    return None if number is None else int(number)


def _at(numbers: Sequence[float | None], place: int) -> float | None:
    return numbers[place] if place < len(numbers) else None


def _miner(text: str) -> Miner:
    """Of `ethminer-0.16.0.dev0+commit.41639944`, `PM 5.6d - ETH` or, of Claymore's own, `9.3 - ETH`."""
    plain = text.partition(" - ")[0].strip()[:LINE_MAX]
    if plain.startswith("PM "):
        return Miner(name="PhoenixMiner", version=plain.removeprefix("PM "))
    if plain[:1].isdigit():
        return Miner(name="Claymore", version=plain)
    name, _, version = plain.partition("-" if "-" in plain else " ")
    return Miner(name=name or _TITLE, version=version)


def _why(error: object) -> str:
    if error is None:
        return "no result in the answer"
    text = msgspec.json.encode(error).decode()
    return text if len(text) <= 100 else f"{text[:99]}…"
