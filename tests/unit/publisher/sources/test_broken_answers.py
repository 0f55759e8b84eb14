"""Whatever a miner or someone in its place answers: figures that a sample can hold, or one error of one line."""

import copy
import json
import random
from collections.abc import Callable, Iterator
from typing import Any, Final

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from publisher.sources import (
    bitcoind,
    bzminer,
    cgminer,
    ethminer,
    gminer,
    hiveos,
    lolminer,
    monerod,
    nbminer,
    rigel,
    srbminer,
    trex,
    xmrig,
)
from publisher.sources.reading import Reading, SourceError, checked
from rigwatch.clock import Millis
from tests.miners import captured

Parse = Callable[[bytes], Reading]

NOW: Final[Millis] = 1_655_999_201_000
CGMINER: Final = captured("cgminer-4.11.1-summary.json")
MONEROD: Final = captured("monerod-0.18.0.0-get_info-mined.json")
CASES: Final[dict[str, Parse]] = {
    "xmrig-6.16.0-summary.json": xmrig.parse,
    "xmrig-6.21.0-summary.json": xmrig.parse,
    "xmrig-6.21.0-backends.json": lambda raw: xmrig.parse(captured("xmrig-6.21.0-summary.json"), raw),
    "trex-0.25.9.json": trex.parse,
    "trex-0.25.9-dual.json": lambda raw: trex.parse(raw, "autolykos2"),
    "lolminer-1.92.json": lolminer.parse,
    "lolminer-1.92-dual.json": lambda raw: lolminer.parse(raw, "kaspa"),
    "gminer-2.70.json": gminer.parse,
    "gminer-3.44-dual.json": lambda raw: gminer.parse(raw, "kHeavyHash"),
    "cgminer-4.11.1-summary.json": lambda raw: cgminer.parse(raw, now=NOW),
    "cgminer-4.11.1-devs.json": lambda raw: cgminer.parse(CGMINER, raw, now=NOW),
    "cgminer-4.11.1-pools.json": lambda raw: cgminer.parse(CGMINER, None, raw, now=NOW),
    "teamredminer-0.10.21-devs.json": lambda raw: cgminer.parse(CGMINER, raw, now=NOW),
    "bmminer-2.0.0-summary.json": lambda raw: cgminer.parse(raw, now=NOW),
    "ethminer-0.16.0-getstat1.json": ethminer.parse,
    "phoenixminer-5.6d-getstat2.json": ethminer.parse,
    "hiveos-0.6-last_stat.json": hiveos.parse,
    "hiveos-0.6-gpu-stats.json": lambda raw: hiveos.parse(captured("hiveos-0.6-last_stat.json"), raw),
    "bitcoind-25.0-batch.json": bitcoind.parse,
    "monerod-0.18.0.0-get_info-mined.json": lambda raw: monerod.parse(raw, now=NOW),
    "monerod-0.18.0.0-mining_status-active.json": lambda raw: monerod.parse(MONEROD, raw, now=NOW),
    "nbminer-40.0.json": lambda raw: nbminer.parse(raw, now=NOW),
    "nbminer-29.1-dual.json": lambda raw: nbminer.parse(raw, "ethash", now=NOW),
    "srbminer-3.6.4.json": srbminer.parse,
    "srbminer-2.4.4-dual.json": lambda raw: srbminer.parse(raw, "verushash"),
    "rigel-1.23.2.json": rigel.parse,
    "rigel-1.19.1-dual.json": lambda raw: rigel.parse(raw, "kaspa"),
    "bzminer-100.45.json": bzminer.parse,
    "bzminer-17.3-dual.json": lambda raw: bzminer.parse(raw, "kaspa"),
}
HOSTILE: Final[tuple[Any, ...]] = (
    None,
    True,
    -1,
    0,
    1e308,
    -1e308,
    10**30,
    2**63,
    "",
    "x",
    "-1",
    "1e999",
    "\x00\x1b[2J",
    "y" * 100_000,
    "\ud800",
    [],
    [None] * 100,
    {},
    {"a": {}},
    [[[[[[]]]]]],
)


def _reads_or_says_why(parse: Parse, raw: bytes) -> None:
    try:
        said = msgspec.json.encode(checked(parse(raw))).decode()
    except SourceError as exc:
        said = str(exc)
    assert said
    assert "\n" not in said


def _places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:  # noqa: ANN401 - JSON
    """The path of every value in it."""
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield from _places(inner, (*path, key))


def _with(answer: Any, path: tuple[Any, ...], value: Any) -> Any:  # noqa: ANN401 - JSON
    if not path:
        return value
    changed = copy.deepcopy(answer)
    holder = changed
    for key in path[:-1]:
        holder = holder[key]
    holder[path[-1]] = value
    return changed


@pytest.mark.parametrize("name", CASES)
def test_every_field_may_hold_anything(name: str) -> None:
    answer = json.loads(captured(name))
    for path in _places(answer):
        for value in HOSTILE:
            _reads_or_says_why(CASES[name], json.dumps(_with(answer, path, value)).encode())


@pytest.mark.parametrize("name", CASES)
def test_every_field_may_be_missing(name: str) -> None:
    answer = json.loads(captured(name))
    for path in _places(answer):
        if path:
            changed = _with(answer, path, None)
            holder = changed
            for key in path[:-1]:
                holder = holder[key]
            del holder[path[-1]]
            _reads_or_says_why(CASES[name], json.dumps(changed).encode())


@pytest.mark.parametrize("name", CASES)
def test_it_may_be_cut_off_anywhere(name: str) -> None:
    raw = captured(name)
    for end in range(len(raw.rstrip())):
        with pytest.raises(SourceError):
            CASES[name](raw[:end])


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "-0", "9" * 400, "[" * 50_000])
def test_what_json_has_no_number_for_is_refused(name: str, number: str) -> None:
    answer = json.loads(captured(name))
    for path in _places(answer):
        marked = json.dumps(_with(answer, path, "@@")).replace('"@@"', number)
        _reads_or_says_why(CASES[name], marked.encode())


@pytest.mark.parametrize("name", CASES)
@settings(deadline=None)
@given(seed=st.integers(0, 2**32), count=st.integers(1, 8))
def test_bytes_may_be_changed_at_random(name: str, seed: int, count: int) -> None:
    rng = random.Random(seed)  # noqa: S311 - a choice of bytes, not a secret
    raw = bytearray(captured(name))
    for _ in range(count):
        raw[rng.randrange(len(raw))] = rng.randrange(256)
    _reads_or_says_why(CASES[name], bytes(raw))
