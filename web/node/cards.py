"""The cards of a node, and an ASIC's hash boards and fans, as its page lists them: figures, colours, order. Pure."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import median
from typing import Final, NamedTuple, Self
from urllib.parse import urlencode

from alerts.machine import missing_cards
from alerts.node_history import CardHistory
from rigwatch.clock import Millis
from rigwatch.figures import Board, Fan, Gpu
from rigwatch.settings import WebColours
from web import units
from web.colours import Level, hashrate_level, memory_level, temperature_level
from web.errors import BadQuery
from web.language.texts import N_, numeral
from web.language.texts import gettext as _
from web.node_view import per_watt
from web.units import Quantity

SLOW: Final = 0.85
"""A card that hashes less than so much of what its sisters do is slow: tuning makes less of a difference."""

_FALLS_FIRST: Final = "desc"
_GPU: Final[Mapping[str, str]] = {
    "hashrate": N_("Hashrate"),
    "efficiency": N_("Per watt"),
    "temperature": N_("Temp."),
    "memory_temperature": N_("Memory"),
    "power": N_("Power"),
    "fan": N_("Fan"),
    "utilization": N_("Load"),
    "accepted": N_("Shares"),
    "hardware_errors": N_("HW errors"),
}
_BOARD: Final[Mapping[str, str]] = {
    "hashrate": N_("Hashrate"),
    "temperature": N_("Board temp."),
    "chip_temperature": N_("Chip temp."),
    "chips": N_("Chips"),
}
_HINTS: Final[Mapping[str, str]] = {
    "accepted": N_("accepted / refused"),
    "efficiency": N_("hashes per second of each watt"),
}


class Cell(NamedTuple):
    """A figure of a card; `note` stands beside it in small letters."""

    value: Quantity
    level: str = ""
    note: str = ""


class CardRow(NamedTuple):
    """A card or board; `place` is where it stands among its node's, `tone` and `word` mark one that is not there."""

    id: str
    name: str
    place: str
    cells: tuple[Cell, ...]
    tone: str = ""
    word: str = ""


class CardHead(NamedTuple):
    """A column; `sorted` is aria's word for its order, empty where the table is not ordered by it."""

    label: str
    query: str
    sorted: str
    hint: str


class CardTable(NamedTuple):
    """`number` is in words: "6", or "7 of 8" where some are missing. Columns of which nothing is known are left out."""

    title: str
    first: str
    number: str
    heads: tuple[CardHead, ...]
    rows: tuple[CardRow, ...]


class FanText(NamedTuple):
    text: str
    level: str


@dataclass(frozen=True, slots=True)
class CardOrder:
    """By which figure cards and boards are listed; none: as they stand in their machine."""

    figure: str = ""
    falling: bool = False

    @classmethod
    def parse(cls, args: Mapping[str, str]) -> Self:
        """Reads `cards` and `dir`; raises `BadQuery` that names what is allowed."""
        figure, direction = args.get("cards", ""), args.get("dir", _FALLS_FIRST)
        allowed = tuple(dict.fromkeys((*_GPU, *_BOARD)))
        if figure and figure not in allowed:
            raise BadQuery(f"cards: {figure[:40]!r} is not one of {', '.join(allowed)}")
        if direction not in {"asc", "desc"}:
            raise BadQuery(f"dir: {direction[:40]!r} is not one of asc, desc")
        return cls(figure, bool(figure) and direction == "desc")

    def query(self) -> str:
        """What `parse` reads back, with its `?`; empty for the order of the machine."""
        if not self.figure:
            return ""
        return f"?{urlencode({'cards': self.figure, 'dir': 'desc' if self.falling else 'asc'})}"

    def by(self, figure: str) -> "CardOrder":
        """What a click on that column's head leads to: the highest first, then the lowest, then as they stand."""
        if figure != self.figure:
            return replace(self, figure=figure, falling=True)
        return replace(self, falling=False) if self.falling else CardOrder()

    def apply(self, rows: Sequence[tuple[float | None, CardRow]]) -> tuple[CardRow, ...]:
        """Each row comes with its figure; what is not known comes last in either direction."""
        known = [pair for pair in rows if pair[0] is not None]
        known.sort(key=lambda pair: pair[0] or 0, reverse=self.falling)
        return tuple(row for _, row in [*known, *(pair for pair in rows if pair[0] is None)])


def gpu_table(
    gpus: Sequence[Gpu],
    known: Sequence[CardHistory],
    order: CardOrder,
    colours: WebColours,
    *,
    now: Millis,
    fresh: bool,
) -> CardTable | None:
    """`known` are those that the alerts remember. `fresh`: the figures are of now, and judged."""
    missing, together = missing_cards(known, {gpu.id for gpu in gpus}) if fresh else ([], 0)
    gone = max(0, together - len(gpus))
    if not gpus and not gone:
        return None
    table = _table(gpus, _GPU, order, colours, fresh=fresh)
    # With new ids among those that are there, nobody can say which of the old ones they are.
    named = missing if gone == len(missing) else ()
    blank = tuple(Cell(units.NOT_KNOWN) for _ in table.heads)
    lost = tuple(
        CardRow(each.id, each.name, "", blank, "lost", _("missing for %(age)s", age=units.age(now - each.last_at)))
        for each in named
    )
    number = _("%(number)s of %(all)s", number=len(gpus), all=together) if gone else f"{len(gpus)}"
    return table._replace(title=N_("GPUs"), first=N_("GPU"), number=number, rows=(*lost, *table.rows))


def board_table(boards: Sequence[Board], order: CardOrder, colours: WebColours, *, fresh: bool) -> CardTable | None:
    if not boards:
        return None
    table = _table(boards, _BOARD, order, colours, fresh=fresh)
    at_work = sum(board.active is not False for board in boards)
    missing = at_work != len(boards)
    number = _("%(number)s of %(all)s", number=at_work, all=len(boards)) if missing else f"{len(boards)}"
    return table._replace(title=N_("Hash boards"), first=N_("Board"), number=number)


def fan_texts(fans: Sequence[Fan], *, fresh: bool) -> list[FanText]:
    """Each fan in a few words; one that stands still is red."""
    return [
        FanText(
            f"{each.id}: {_rpm(each.rpm)}",
            Level.RED if fresh and each.rpm == 0 else Level.NONE,
        )
        for each in fans
    ]


def _rpm(rpm: float | None) -> str:
    return _("not known") if rpm is None else _("%(number)s rpm", number=numeral(f"{rpm:,.0f}"))


def _table(
    parts: Sequence[Gpu | Board],
    columns: Mapping[str, str],
    order: CardOrder,
    colours: WebColours,
    *,
    fresh: bool,
) -> CardTable:
    shown = [name for name in columns if any(_value(part, name) is not None for part in parts)]
    usual = _usual(parts)
    rows = [
        (
            _value(part, order.figure) if order.figure in columns else 0,
            CardRow(
                part.id,
                "" if isinstance(part, Board) else part.name,
                "" if isinstance(part, Board) else str(place),
                tuple(_cell(part, name, colours, usual if fresh else None) for name in shown),
                *(("lost", _("hashes nothing")) if isinstance(part, Board) and part.active is False else ()),
            ),
        )
        for place, part in enumerate(parts)
    ]
    heads = tuple(
        CardHead(
            columns[name],
            # "?" is this page without anything asked for.
            order.by(name).query() or "?",
            ("descending" if order.falling else "ascending") if name == order.figure else "",
            _HINTS.get(name, ""),
        )
        for name in shown
    )
    return CardTable("", "", "", heads, order.apply(rows))


def _value(part: Gpu | Board, name: str) -> float | None:
    if name == "efficiency" and isinstance(part, Gpu):
        return per_watt(part.hashrate, part.power)
    value: float | None = getattr(part, name, None)
    return value


def _usual(parts: Collection[Gpu | Board]) -> Mapping[str, float]:
    """H/s of the median of each model; of one that stands alone there is nothing to compare it with."""
    rates: dict[str, list[float]] = {}
    for part in parts:
        if part.hashrate is not None:
            rates.setdefault(getattr(part, "name", ""), []).append(part.hashrate)
    return {name: median(of) for name, of in rates.items() if len(of) > 2}


def _cell(part: Gpu | Board, name: str, colours: WebColours, usual: Mapping[str, float] | None) -> Cell:
    """`usual`: None where nothing is judged."""
    value = _value(part, name)
    written = _written(part, name, value)
    if value is None or usual is None:
        return Cell(written)
    if name == "hashrate":
        return _rate(value, usual.get(getattr(part, "name", "")), written, colours)
    if name == "temperature":
        return Cell(written, temperature_level(value, colours))
    if name == "memory_temperature":
        return Cell(written, memory_level(value, colours))
    if isinstance(part, Board) and name == "chips" and part.chips_expected:
        return Cell(written, Level.GREEN if value >= part.chips_expected else Level.ORANGE)
    return Cell(written)


def _rate(value: float, usual: float | None, written: Quantity, colours: WebColours) -> Cell:
    level = hashrate_level(value, colours)
    if level is Level.RED or not usual or value >= SLOW * usual:
        return Cell(written, level)
    return Cell(written, Level.ORANGE, _("%(change)s against the others", change=units.change(value, usual)))


def _written(part: Gpu | Board, name: str, value: float | None) -> Quantity:
    if value is None:
        return units.NOT_KNOWN
    if name == "efficiency":
        return units.efficiency(value)
    if name == "chips" and isinstance(part, Board):
        return Quantity(
            numeral(f"{part.chips:,}"),
            _("of %(number)s", number=numeral(f"{part.chips_expected:,}")) if part.chips_expected else "",
        )
    if name == "accepted" and isinstance(part, Gpu):
        # Behind a stroke those that were not.
        refused = [count for count in (part.rejected, part.invalid) if count is not None]
        return Quantity(numeral(f"{part.accepted:,}"), numeral(f"/ {sum(refused):,}") if refused else "")
    return units.quantity(name, value)
