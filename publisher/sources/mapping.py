"""Where the figures stand in somebody's answer: paths into JSON, names of Prometheus metrics, or regular expressions,
each with a unit. What is asked, and how, is not known here.

    hashrate = "devices[].speed MH/s"      the sum over all devices, in MH/s
    temperature = "devices[].temp"         the highest
    accepted = "result[2]"                 the third of a list
    power = "StatusSNS.ENERGY.Power W"

A path has names with dots between, `[0]` for one of a list, `[]` for each, `*` for each of a table; a name with dots or
blanks in it stands in quotes. In the paths of cards and algorithms `/` leads back to the top, `[#]` is the card's place
in its list and `[@]` the algorithm's.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from msgspec import structs

from publisher.sources import pci
from publisher.sources.answers import Answers, algorithm_of, chosen, miner_named, pool_of
from publisher.sources.cards import Card, with_cards
from publisher.sources.reading import Reading, SourceError
from publisher.sources.tolerance import OtherShapeError, read
from publisher.sources.work import with_work
from rigwatch.figures import FIGURES, FLAG, MEASURED, RECORD, TEXT, AlgorithmFigures, Joined, Unit

Values = Callable[[str, "PathContext"], list[Any]]
"""What stands at a path."""

_PART: Final = re.compile(r'"([^"]*)"|\[(\d*|[#@])\]|(\*)|([^.\[\]"\s*]+)|\.')
_AMOUNT: Final = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*([^\d\s]*)\Z", re.ASCII)
_LEFT_AT: Final = 32.0
_METRIC: Final = re.compile(r"([A-Za-z_:][\w:]*)(?:\{(.*)\})?\s+(\S+)(?:\s+-?\d+)?\s*\Z")
_LABEL: Final = re.compile(r'([A-Za-z_]\w*)\s*=\s*"((?:[^"\\]|\\.)*)"')
_PLACES: Final = {"hex": pci.address, "decimal": pci.decimal}

OF_NODES: Final = frozenset(name for name in MEASURED if FIGURES[name].unit is not RECORD) | {"miner", "version"}
OF_CARDS: Final = frozenset(Card.__struct_fields__) | {"each", "place"}
OF_ALGORITHMS: Final = frozenset(AlgorithmFigures.__struct_fields__) | {"each", "name", "pool"}


@dataclass(frozen=True, slots=True)
class PathContext:
    """From where a path leads: an element, its place in the list of cards, and the algorithm's."""

    value: Any
    card: int = -1
    algorithm: int = 0


@dataclass(frozen=True, slots=True)
class Expression:
    """A path and what its values are multiplied by."""

    path: str
    factor: float = 1.0
    unit: str = ""

    @classmethod
    def parse(cls, text: str, figure: str, *, form: str = "json") -> "Expression":
        """Raises ValueError for a unit that the figure does not have."""
        path, blank, last = text.strip().rpartition(" ")
        units = _unit(figure).spellings
        unit = last.lower()
        if blank and unit in units:
            return cls(path.strip(), units[unit], unit)
        if blank and form == "json" and path.count('"') % 2 == 0 and not last.endswith('"'):
            known = ", ".join(units) or "none"
            raise ValueError(
                f"{figure}: {last!r} is no unit of it (known: {known}); a name with blanks stands in quotes"
            )
        return cls(text.strip())


@dataclass(frozen=True, slots=True)
class Chart:
    """Which figure stands where in an answer."""

    figures: Mapping[str, Expression]
    cards: Mapping[str, Expression] = field(default_factory=dict)
    algorithms: Mapping[str, Expression] = field(default_factory=dict)

    @classmethod
    def of(cls, tables: Mapping[str, Mapping[str, str]], *, form: str = "json") -> "Chart":
        """Of the tables `figures`, `cards` and `algorithms`; raises ValueError that names the figure."""
        known = {"figures": OF_NODES, "cards": OF_CARDS, "algorithms": OF_ALGORITHMS}
        return cls(**{name: _parsed(tables.get(name, {}), each, name, form) for name, each in known.items()})


def reading_of(chart: Chart, document: object, told: Answers, *, form: str = "json", algorithm: str = "") -> Reading:
    """The figures that stand there; what does not is absent. Raises SourceError where none does."""
    values = FORMATS[form](document)
    top = PathContext(document)
    reading = _node(chart.figures, values, top, told)
    if chart.algorithms:
        works = list(_works(chart.algorithms, values, document, told))
        if works:
            at = chosen([name for name, _, _ in works], algorithm)
            top = PathContext(document, algorithm=at)
            reading = structs.replace(
                with_work(reading, [(name, work) for name, work, _ in works], at), pool=works[at][2] or reading.pool
            )
    if chart.cards:
        reading = with_cards(reading, list(_cards(chart.cards, values, top, told)))
    if reading == Reading():
        raise SourceError("none of the figures stands where the settings say")
    return told.complete(reading)


def _node(figures: Mapping[str, Expression], values: Values, here: PathContext, told: Answers) -> Reading:
    found = {name: _figure(name, each, here, (values, told)) for name, each in figures.items()}
    version, name = found.pop("version", None), found.pop("miner", None)
    if name is not None or version is not None:
        found["miner"] = miner_named(str(name or "miner"), None if version is None else str(version).removeprefix("v"))
    return Reading(**{name: value for name, value in found.items() if value is not None})


def _works(
    of: Mapping[str, Expression], values: Values, document: object, told: Answers
) -> Iterator[tuple[str | None, AlgorithmFigures, str | None]]:
    for at, each in enumerate(_each(of, values, PathContext(document))):
        here = PathContext(each, algorithm=at)
        found = {name: _figure(name, one, here, (values, told)) for name, one in of.items() if name != "each"}
        name, pool = found.pop("name", None), found.pop("pool", None)
        yield None if name is None else str(name), AlgorithmFigures(**found), pool


def _cards(of: Mapping[str, Expression], values: Values, top: PathContext, told: Answers) -> Iterator[Card]:
    place = _PLACES.get(of["place"].path, pci.address) if "place" in of else pci.address
    for at, each in enumerate(_each(of, values, top)):
        here = PathContext(each, card=at, algorithm=top.algorithm)
        found = {
            name: _figure(name, one, here, (values, told)) for name, one in of.items() if name not in ("each", "place")
        }
        identity = found.pop("id", None)
        yield Card(id=_identity(identity, place), **found)


def _identity(told: object, place: Callable[[str], str | None]) -> str | None:
    """A PCI address; a number alone is a bus, in decimal."""
    if told is None:
        return None
    text = str(told)
    return pci.of_bus(int(text)) if text.isdecimal() and len(text) < 4 else place(text)


def _each(of: Mapping[str, Expression], values: Values, here: PathContext) -> list[Any]:
    return values(of["each"].path, here) if "each" in of else []


def _figure(name: str, each: Expression, here: PathContext, by: tuple[Values, Answers]) -> Any:  # noqa: ANN401 - of any kind
    values, told = by
    given = values(each.path, here)
    known = [value for value in (_value(name, one, each, told) for one in given) if value is not None]
    if not known:
        return None
    joined = _unit(name).joined
    if joined is Joined.SUM:
        # A sum of some looks like a rig that does less than it does.
        return sum(known) if len(known) == len(given) else None
    return max(known) if joined is Joined.HIGHEST else known[0]


def _value(name: str, given: object, each: Expression, told: Answers) -> Any:  # noqa: ANN401 - of any kind
    unit = _unit(name)
    kind: Any = str | None if unit is TEXT else bool | None if unit is FLAG else float | None
    try:
        value: Any = read(given, kind, told.note)
    except OtherShapeError as exc:
        told.note(f"{each.path}: {exc}")
        return None
    if value is None:
        return None
    if unit is FLAG:
        return value if each.unit != "not" else not value
    if unit is TEXT:
        text = str(value).strip()
        return (pool_of(text) if name == "pool" else algorithm_of(text) if name == "algorithm" else text) or None
    if each.unit == "f":
        return (value - _LEFT_AT) / 1.8
    scaled = value * each.factor
    return round(scaled) if unit.whole else scaled


def amount(text: str, figure: str) -> float | str:
    """Of `61.2MH`, `55 C` or `12 min`, in the figure's own unit; a figure that is a text stays one. Raises ValueError
    that names the figure.
    """
    if _unit(figure) is TEXT:
        return text
    parts = _AMOUNT.match(text.strip())
    units = _unit(figure).spellings
    unit = parts[2].lower() if parts else ""
    factor = units.get(unit, units.get(f"{unit}/s")) if unit else 1.0
    if parts is None or factor is None:
        raise ValueError(
            f"{figure}: {text[:40]!r} is no amount of it; write a number and, if need be, a unit ({', '.join(units)})"
        )
    number = float(parts[1])
    return (number - _LEFT_AT) / 1.8 if unit == "f" else number * factor


def _unit(name: str) -> Unit:
    """A program and a card have names, which are texts."""
    figure = FIGURES.get(name)
    return TEXT if figure is None or figure.unit is RECORD else figure.unit


def _parsed(raw: Mapping[str, str], known: frozenset[str], where: str, form: str) -> dict[str, Expression]:
    for name, text in raw.items():
        if name not in known:
            raise ValueError(f"{where}: there is no figure {name!r}; known: {', '.join(sorted(known))}")
        if not text.strip():
            raise ValueError(f"{where}.{name}: should say where the figure stands")
        if form == "text":
            _check_pattern(text, f"{where}.{name}")
    plain = ("each", "place")
    return {
        name: Expression(text) if name in plain else Expression.parse(text, name, form=form)
        for name, text in raw.items()
    }


def _check_pattern(text: str, where: str) -> None:
    try:
        re.compile(text)
    except re.error as exc:
        raise ValueError(f"{where}: is not a regular expression ({exc})") from None


def walked(document: object, path: str, here: PathContext) -> list[Any]:
    """The values at a path of a JSON document; none where there is nothing."""
    found = [document if path.startswith("/") else here.value]
    for part in _PART.finditer(path.removeprefix("/")):
        if part[0] != ".":
            found = [inner for value in found for inner in _step(value, part, here)]
    return found


def _step(value: Any, part: re.Match[str], here: PathContext) -> list[Any]:  # noqa: ANN401 - JSON
    quoted, index, star, name = part.groups()
    if star is not None:
        return list(value.values()) if isinstance(value, dict) else []
    if index is None:
        key = name if quoted is None else quoted
        return [value[key]] if isinstance(value, dict) and key in value else []
    if not isinstance(value, list):
        return []
    if index == "":
        return list(value)
    at = {"#": here.card, "@": here.algorithm}.get(index, -1) if index in "#@" else int(index)
    return [value[at]] if 0 <= at < len(value) else []


def metrics(text: str) -> list[tuple[str, dict[str, str], float]]:
    """Name, labels and value of each line of Prometheus text; what is none is passed over."""
    found: list[tuple[str, dict[str, str], float]] = []
    for line in text.splitlines():
        if line.startswith("#") or not (parts := _METRIC.match(line.strip())):
            continue
        try:
            value = float(parts[3])
        except ValueError:
            continue
        found.append((parts[1], dict(_LABEL.findall(parts[2] or "")), value))
    return found


def _of_json(document: object) -> Values:
    return lambda path, here: walked(document, path, here)


def _of_metrics(document: object) -> Values:
    """A path is a metric's name, with labels that must be so: `power_watts{device="gpu0"}`."""
    told = metrics(str(document))

    def values(path: str, _here: PathContext) -> list[Any]:
        name, _, labels = path.rstrip("}").partition("{")
        wanted = dict(_LABEL.findall(labels))
        return [value for each, have, value in told if each == name.strip() and wanted.items() <= have.items()]

    return values


def _of_text(document: object) -> Values:
    """A path is a regular expression; its group is the value, and of several matches the last, as in a log."""

    def values(path: str, _here: PathContext) -> list[Any]:
        found = list(re.finditer(path, str(document), re.MULTILINE))
        return [found[-1][1] if found[-1].re.groups else found[-1][0]] if found else []

    return values


def records(text: str) -> list[dict[str, str]]:
    """Of `NAME=ccminer;KHS=123.4|GPU=0;…`: a table for each part between strokes."""
    found = [dict(re.findall(r"([^=;,|\s]+)=([^;,|]*)", part)) for part in text.split("|")]
    return [record for record in found if record]


def _of_pairs(document: object) -> Values:
    found = records(str(document))
    return lambda path, here: walked(
        found, path, here if isinstance(here.value, dict) else PathContext(found, here.card)
    )


FORMATS: Final[Mapping[str, Callable[[object], Values]]] = {
    "json": _of_json,
    "prometheus": _of_metrics,
    "text": _of_text,
    "pairs": _of_pairs,
}
