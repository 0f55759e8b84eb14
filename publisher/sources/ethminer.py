"""ethminer, and all that kept Claymore's protocol: PhoenixMiner, TT-Miner, Claymore's own, and others since."""

import re
from collections.abc import Sequence
from typing import Any, Final

import msgspec
from msgspec import Struct, structs

from publisher.sources import pci
from publisher.sources.answers import Answers, miner_named, pool_of, scaled
from publisher.sources.cards import Card, with_cards
from publisher.sources.reading import Reading, SourceError
from publisher.sources.source import Context
from publisher.sources.tcp import TcpSettings, TcpSource
from publisher.sources.tolerance import UnreadableError, number_of
from rigwatch.figures import Miner
from rigwatch.settings.loader import Secret

_TITLE: Final = "ethminer"
_KILO: Final = 1000.0
_IN_HASHES: Final = re.compile(r"-\s*(ZEC|XMR|XMC|ETN)\b|^\s*TT-Miner\b", re.IGNORECASE)
"""Claymore's miners for other coins, and TT-Miner, use the same list and count in H/s."""
_STAT1: Final = "miner_getstat1"
_STAT2: Final = "miner_getstat2"
_CLAYMORE: Final = re.compile(r"\d[\w.]* - ")
"""Claymore's own writes the coin behind its version; ethminer writes its bare version from 0.19 on."""
_NOTHING: Final = ("", "off", "n/a", "-")
_BUSES: Final = 15
"""Where `miner_getstat2` has the PCI bus of each card; ethminer does not know that method, and not all fill it."""

_TEXTS_LEAST: Final = 7
_LARGEST: Final = 1e18


class EthminerSettings(TcpSettings, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`password` is what PhoenixMiner's -cdmpass or Claymore's -mpsw says."""

    address: str = "127.0.0.1:3333"
    password: Secret = Secret("")


class EthminerAnswer(Struct):
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
        if self._method == _STAT2 and Answers(_TITLE).decode(raw, EthminerAnswer).result is None:
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
        return self.ask(msgspec.json.encode(call) + b"\n", by=by)


def parse(raw: bytes) -> Reading:
    """The figures of `miner_getstat1` or `miner_getstat2`: a list of texts whose places have a meaning."""
    told = Answers(_TITLE)
    answer = told.decode(raw, EthminerAnswer)
    if answer.result is None:
        raise SourceError(f"miner_getstat1: {_why(answer.error)}")
    texts = Texts([text or "" for text in answer.result], told)
    if len(answer.result) < _TEXTS_LEAST:
        raise SourceError(f"not an answer of {_TITLE}: the list has {len(answer.result)} texts, of at least 7")
    unit = 1.0 if _IN_HASHES.search(texts[0]) else _KILO
    rate, shares, rejected = texts.numbers(2, 3)[:3]
    invalid = texts.numbers(8, 1)[0]
    reading = Reading(
        hashrate=scaled(rate, unit),
        accepted=_whole(shares),
        rejected=_whole(rejected),
        invalid=_whole(invalid),
        miner=_miner(texts[0]),
        pool=pool_of(texts[7].partition(";")[0]),
        uptime=scaled(texts.numbers(1, 1)[0], 60.0),
    )
    rates = [scaled(each, unit) for each in texts.numbers(3, 0)]
    return told.complete(with_cards(reading, cards(rates, texts.numbers(6, 0), texts.numbers(_BUSES, 0))))


class Texts:
    """The list by places; one that is not there is empty."""

    def __init__(self, texts: Sequence[str], told: Answers) -> None:
        self._texts = texts
        self._told = told

    def __getitem__(self, place: int) -> str:
        return self._texts[place] if place < len(self._texts) else ""

    def numbers(self, place: int, least: int) -> list[float | None]:
        """Of `87221;54;0`; `off` and nothing are not known. At least `least` of them."""
        text = self[place]
        found = [self._number(part.strip(), place) for part in text.split(";")] if text.strip() else []
        return found + [None] * (least - len(found))

    def _number(self, text: str, place: int) -> float | None:
        if text.lower() in _NOTHING:
            return None
        try:
            number = number_of(text)
        except UnreadableError as exc:
            self._told.note(f"result[{place}]: {exc}")
            return None
        return number if 0 <= number < _LARGEST else None


def cards(rates: Sequence[float | None], sensors: Sequence[float | None], buses: Sequence[float | None]) -> list[Card]:
    """Temperature and fan stand in pairs: `53;90;50;90`. Buses count where there is one for every card."""
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


def _whole(number: float | None) -> int | None:
    return None if number is None else int(number)


def _at(numbers: Sequence[float | None], place: int) -> float | None:
    return numbers[place] if place < len(numbers) else None


def _miner(text: str) -> Miner:
    """Of `ethminer-0.16.0.dev0+commit.41639944`, `0.19.0-beta.0`, `nsfminer 1.3.7`, `TT-Miner/2.2.1`, `PM 5.6d - ETH`
    or, of Claymore's own, `9.3 - ETH`.
    """
    plain = text.partition(" - ")[0].strip()
    if plain.startswith("PM "):
        return miner_named("PhoenixMiner", plain.removeprefix("PM "))
    if plain[:1].isdigit():
        return miner_named("Claymore" if _CLAYMORE.match(text.strip()) else _TITLE, plain)
    # The first that is there: a name before a slash or a blank may hold a hyphen.
    between = next((mark for mark in "/ -" if mark in plain), " ")
    name, _, version = plain.partition(between)
    return miner_named(name or _TITLE, version)


def _why(error: object) -> str:
    if error is None:
        return "no result in the answer"
    text = msgspec.json.encode(error).decode()
    return text if len(text) <= 100 else f"{text[:99]}…"
