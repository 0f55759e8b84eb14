"""Miners and chain clients that need no code: each is a file in `miners/` that says what is asked and where the figures
stand. docs/publisher.md describes the form of such a file.
"""

import tomllib
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta, Struct, structs

from publisher.sources.answers import Answers
from publisher.sources.api import MinerSettings, MinerSource
from publisher.sources.mapping import Chart, PathContext, reading_of, records, walked
from publisher.sources.mending import NotJsonError, loads, text_of
from publisher.sources.reading import Reading, SourceError
from publisher.sources.source import Context
from publisher.sources.tcp import TcpSettings, TcpSource
from rigwatch.figures import Miner
from rigwatch.settings.loader import Secret

FOLDER: Final = Path(__file__).with_name("miners")


class Sheet(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One file. `questions` are paths below the URL, or texts that are sent over TCP; the first has to be answered, and
    where there are several, paths begin with their names. `shows` are paths of which one must be there: what shows
    that it is this program that answers.
    """

    title: str
    port: Annotated[int, Meta(ge=1, le=65535)]
    switch: str
    transport: Literal["http", "tcp"] = "http"
    form: Literal["json", "pairs"] = "json"
    questions: dict[str, str]
    shows: tuple[str, ...] = ()
    mines: bool = True
    figures: dict[str, str] = {}
    cards: dict[str, str] = {}
    algorithms: dict[str, str] = {}
    source: str
    """Where the shape of its answers is from."""

    def chart(self) -> Chart:
        tables = {"figures": self.figures, "cards": self.cards, "algorithms": self.algorithms}
        return Chart.of(tables)


@cache
def sheets() -> Mapping[str, Sheet]:
    """All of them, by kind."""
    files = sorted(FOLDER.glob("*.toml"))
    return {file.stem: msgspec.convert(tomllib.loads(file.read_text("utf-8")), Sheet) for file in files}


def settings_of(sheet: Sheet) -> type[Struct]:
    """The settings of its kind: those of every miner, with its own port."""
    where = f"http://127.0.0.1:{sheet.port}" if sheet.transport == "http" else f"127.0.0.1:{sheet.port}"
    name, kind, base = ("url", Secret, MinerSettings) if sheet.transport == "http" else ("address", str, TcpSettings)
    return msgspec.defstruct(
        f"{sheet.title}Settings",
        [(name, kind, kind(where))],
        bases=(base,),
        frozen=True,
        kw_only=True,
        forbid_unknown_fields=True,
    )


def source_of(sheet: Sheet) -> Callable[[Any, Context], "MappedHttpSource | MappedTcpSource"]:
    made = MappedHttpSource if sheet.transport == "http" else MappedTcpSource
    return lambda settings, context: made(settings, context, sheet)


class MappedHttpSource(MinerSource):
    def __init__(self, settings: MinerSettings, context: Context, sheet: Sheet) -> None:
        super().__init__(settings, context)
        self._sheet = sheet
        self.title, self.switch = sheet.title, sheet.switch  # type: ignore[misc]  # each sheet is a kind of its own

    def read(self) -> Reading:
        by = self.deadline()
        return parse(self._sheet, lambda question: self.ask(question, by=by), self.algorithm)


class MappedTcpSource(TcpSource):
    def __init__(self, settings: TcpSettings, context: Context, sheet: Sheet) -> None:
        super().__init__(settings, context)
        self._sheet = sheet
        self.title, self.switch = sheet.title, sheet.switch  # type: ignore[misc]  # each sheet is a kind of its own

    def read(self) -> Reading:
        by = self.deadline()
        return parse(self._sheet, lambda question: self.ask(question.encode(), by=by))


def parse(sheet: Sheet, ask: Callable[[str], bytes], algorithm: str = "") -> Reading:
    """The figures of what `ask` answers to the sheet's questions."""
    told = Answers(sheet.title)
    documents: dict[str, Any] = {}
    for name, question in sheet.questions.items():
        try:
            documents[name] = _document(sheet, ask(question))
        except SourceError as exc:
            if not documents:
                raise
            told.note(f"{name}: {exc}")
    document: Any = documents if len(sheet.questions) > 1 else next(iter(documents.values()))
    if sheet.shows and not _shows(sheet, document):
        raise SourceError(f"not an answer of {sheet.title}: has none of {', '.join(sheet.shows)}")
    reading = reading_of(sheet.chart(), document, told, algorithm=algorithm)
    if sheet.mines and reading.miner is None:
        reading = structs.replace(reading, miner=Miner(sheet.title))
    elif sheet.mines and reading.miner is not None and reading.miner.name == "miner":
        reading = structs.replace(reading, miner=Miner(sheet.title, reading.miner.version))
    return reading


def _document(sheet: Sheet, raw: bytes) -> Any:  # noqa: ANN401 - JSON
    if sheet.form == "json":
        try:
            return loads(raw)
        except NotJsonError as exc:
            raise NotJsonError(f"{exc}; is this the port of {sheet.title}'s API?") from None
    found = records(text_of(raw).replace("\0", ""))
    if not found:
        raise NotJsonError(f"the answer has no figures; is this the port of {sheet.title}'s API?")
    return found


def _shows(sheet: Sheet, document: object) -> bool:
    return any(walked(document, path, PathContext(document)) for path in sheet.shows)
