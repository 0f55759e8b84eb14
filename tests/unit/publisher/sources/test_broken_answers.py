"""Whatever a miner or someone in its place answers: figures that a sample can hold, or one error of one line."""

import copy
import json
import random
from collections.abc import Callable, Iterator
from typing import Any, Final

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from publisher.sources import (
    axeos,
    bitcoind,
    bzminer,
    cgminer,
    ethminer,
    gminer,
    hiveos,
    jsonrpc,
    lolminer,
    mapped,
    monerod,
    nbminer,
    rigel,
    srbminer,
    trex,
    xmrig,
)
from publisher.sources.answers import Answers
from publisher.sources.reading import Reading, SourceError, checked, named
from rigwatch.clock import Millis
from rigwatch.figures import MEASURED
from tests.miners import captured

Parse = Callable[[bytes], Reading]

NOW: Final[Millis] = 1_655_999_201_000
XMRIG: Final = captured("xmrig-6.21.0-summary.json")
MONEROD: Final = captured("monerod-0.18.0.0-get_info-mined.json")
CHAIN: Final = {
    "net_peerCount": "0x19",
    "eth_blockNumber": "0x4b7",
    "eth_hashrate": "0x1fbb",
    "eth_mining": True,
    "eth_syncing": False,
    "eth_getBlockByNumber": {"number": "0x4b7", "hash": "0xabc"},
}


def _cgminer(name: str, raw: bytes) -> Reading:
    """A whole conversation in which one answer is as given."""
    answers = {each: captured(f"cgminer-4.11.1-{each}.json") for each in ("summary", "devs", "pools")}
    answers[name] = raw

    def ask(command: str) -> bytes:
        if command not in answers:
            raise cgminer.RefusedCommandError(command)
        return answers[command]

    return cgminer.parse(ask, now=NOW)


def _chain(raw: bytes) -> Reading:
    told = Answers("a chain client")
    replies = told.decode(raw, dict[str, Any])
    found = {method: {"result": replies.get(method.value)} for method in jsonrpc.Method}
    return jsonrpc.parse(jsonrpc.results(found, told), told)


FIRST: Final[dict[str, Parse]] = {
    "xmrig-6.16.0-summary.json": xmrig.parse,
    "xmrig-6.21.0-summary.json": xmrig.parse,
    "trex-0.25.9.json": trex.parse,
    "trex-0.25.9-dual.json": lambda raw: trex.parse(raw, "autolykos2"),
    "lolminer-1.92.json": lolminer.parse,
    "lolminer-1.92-dual.json": lambda raw: lolminer.parse(raw, "kaspa"),
    "gminer-2.70.json": gminer.parse,
    "gminer-3.44-dual.json": lambda raw: gminer.parse(raw, "kHeavyHash"),
    "cgminer-4.11.1-summary.json": lambda raw: _cgminer("summary", raw),
    "bmminer-2.0.0-summary.json": lambda raw: _cgminer("summary", raw),
    "ethminer-0.16.0-getstat1.json": ethminer.parse,
    "phoenixminer-5.6d-getstat2.json": ethminer.parse,
    "hiveos-0.6-last_stat.json": lambda raw: hiveos.parse(raw, captured("hiveos-0.6-gpu-stats.json")),
    "bitcoind-25.0-batch.json": bitcoind.parse,
    "monerod-0.18.0.0-get_info-mined.json": lambda raw: monerod.parse(raw, now=NOW),
    "nbminer-40.0.json": lambda raw: nbminer.parse(raw, now=NOW),
    "nbminer-29.1-dual.json": lambda raw: nbminer.parse(raw, "ethash", now=NOW),
    "srbminer-3.6.4.json": srbminer.parse,
    "srbminer-2.4.4-dual.json": lambda raw: srbminer.parse(raw, "verushash"),
    "rigel-1.23.2.json": rigel.parse,
    "rigel-1.19.1-dual.json": lambda raw: rigel.parse(raw, "kaspa"),
    "bzminer-100.45.json": bzminer.parse,
    "bzminer-17.3-dual.json": lambda raw: bzminer.parse(raw, "kaspa"),
    "told/axeos-nerdqaxe/answer.bin": axeos.parse,
    "told/onezerominer/answer.bin": lambda raw: mapped.parse(mapped.sheets()["onezerominer"], lambda _: raw),
    "jsonrpc": _chain,
}
"""What is asked first, without which there is no reading."""

FURTHER: Final[dict[str, Parse]] = {
    "xmrig-6.21.0-backends.json": lambda raw: xmrig.parse(XMRIG, lambda: raw),
    "cgminer-4.11.1-devs.json": lambda raw: _cgminer("devs", raw),
    "cgminer-4.11.1-pools.json": lambda raw: _cgminer("pools", raw),
    "teamredminer-0.10.21-devs.json": lambda raw: _cgminer("devs", raw),
    "hiveos-0.6-gpu-stats.json": lambda raw: hiveos.parse(captured("hiveos-0.6-last_stat.json"), raw),
    "monerod-0.18.0.0-mining_status-active.json": lambda raw: monerod.parse(MONEROD, lambda: raw, now=NOW),
}
"""What is asked as well, and costs no more than it would have told."""
CASES: Final = {**FIRST, **FURTHER}


def _captured(name: str) -> bytes:
    return json.dumps(CHAIN).encode() if name == "jsonrpc" else captured(name)


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
    answer = json.loads(_captured(name))
    for path in _places(answer):
        for value in HOSTILE:
            _reads_or_says_why(CASES[name], json.dumps(_with(answer, path, value)).encode())


@pytest.mark.parametrize("name", CASES)
def test_every_field_may_be_missing(name: str) -> None:
    answer = json.loads(_captured(name))
    for path in _places(answer):
        if path:
            changed = _with(answer, path, None)
            holder = changed
            for key in path[:-1]:
                holder = holder[key]
            del holder[path[-1]]
            _reads_or_says_why(CASES[name], json.dumps(changed).encode())


@pytest.mark.parametrize("name", FIRST)
def test_it_may_be_cut_off_anywhere(name: str) -> None:
    raw = _captured(name)
    for end in range(len(raw.rstrip())):
        with pytest.raises(SourceError) as raised:
            CASES[name](raw[:end])
        assert not end or "cut short" in str(raised.value)


@pytest.mark.parametrize("name", FURTHER)
def test_a_further_answer_that_is_cut_off_costs_what_it_would_have_told(name: str) -> None:
    raw = captured(name)
    for end in range(1, len(raw.rstrip())):
        reading = CASES[name](raw[:end])
        assert reading.hashrate is not None or reading.block is not None
        assert "cut short" in named(reading.odd)


NODE: Final = frozenset(MEASURED) - {"gpus", "algorithms", "algorithm"}
SHARED: Final = frozenset(
    (
        # One value that several figures are made of.
        "gpu_id",
        "pci_bus",
        "bus_id",
        "pci_bus_id",
        "PCIE_Address",
        "pci_address",
        "id",
        "device",
        "vendor",
        "Performance_Factor",
        "paused",
        "miner",
        "method",
        "algorithm",
        "dual_mine",
        "kind",
        "active",
        "restricted",
        "When",
        "status",
        "STATUS",
        "number",
        "eth_mining",
        "hs_units",
        "bus_numbers",
        "name",
        "pool",
        "Algorithm",
    )
)
JUNK: Final[tuple[Any, ...]] = (None, "x", "", -7, 1e300, 10**40, True, [], {}, ["x"], {"x": 1})


@pytest.mark.parametrize("name", FIRST)
def test_any_single_value_that_is_junk_costs_at_most_that_figure(name: str) -> None:
    answer = json.loads(_captured(name))
    good = checked(CASES[name](json.dumps(answer).encode()))
    for path in _places(answer):
        value = answer
        for key in path:
            value = value[key]
        name_of_it = next((key for key in reversed(path) if isinstance(key, str)), "")
        if not path or isinstance(value, dict | list) or name_of_it in SHARED:
            continue
        for junk in JUNK:
            reading = checked(CASES[name](json.dumps(_with(answer, path, junk)).encode()))
            changed = {each for each in NODE if getattr(reading, each) != getattr(good, each)}
            # Of a text that holds several figures (Claymore's `87221;54;0`) each is one.
            most = 3 if isinstance(value, str) and ";" in value else 1
            assert len(changed) <= most, (path, junk, changed)
            _only_one_figure_of_one_card(good, reading, name)


@pytest.mark.parametrize("name", CASES)
def test_any_section_that_is_junk_costs_that_section(name: str) -> None:
    answer = json.loads(_captured(name))
    for path in _places(answer):
        # The first two levels are what makes it an answer of that program at all.
        if len(path) > 2:
            for junk in JUNK:
                _reads(CASES[name], json.dumps(_with(answer, path, junk)).encode())


def _reads(parse: Parse, raw: bytes) -> None:
    """A reading; that the algorithm which the settings name is not mined is the one thing to fail for."""
    try:
        checked(parse(raw))
    except SourceError as exc:
        if "of the settings" not in str(exc):
            raise


def _only_one_figure_of_one_card(good: Reading, reading: Reading, name: str) -> None:
    before, after = good.gpus or (), reading.gpus or ()
    if name.startswith("phoenixminer") and not after:
        return  # one text holds where every card is
    assert [gpu.id for gpu in after] == [gpu.id for gpu in before]
    changed = [
        figure
        for gpu, other in zip(before, after, strict=True)
        for figure in gpu.__struct_fields__
        if getattr(gpu, figure) != getattr(other, figure)
    ]
    # Claymore's lists are texts: one that is junk takes a figure of every card, or both of the pairs.
    assert len(changed) <= 1 or name.startswith(("phoenixminer", "ethminer")), changed


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "-0", "9" * 400, "[" * 50_000])
def test_what_json_has_no_number_for_is_refused(name: str, number: str) -> None:
    answer = json.loads(_captured(name))
    for path in _places(answer):
        marked = json.dumps(_with(answer, path, "@@")).replace('"@@"', number)
        _reads_or_says_why(CASES[name], marked.encode())


@pytest.mark.parametrize("name", CASES)
@given(seed=st.integers(0, 2**32), count=st.integers(1, 8))
def test_bytes_may_be_changed_at_random(name: str, seed: int, count: int) -> None:
    rng = random.Random(seed)  # noqa: S311 - a choice of bytes, not a secret
    raw = bytearray(_captured(name))
    for _ in range(count):
        raw[rng.randrange(len(raw))] = rng.randrange(256)
    _reads_or_says_why(CASES[name], bytes(raw))
