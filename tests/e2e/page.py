"""The overview as a browser that knows no scripts gets it: its rows, cell by cell, and the words around them."""

from base64 import b64encode
from dataclasses import dataclass, field
from html.parser import HTMLParser
from http.client import HTTPConnection
from urllib.parse import urlsplit

_TIMEOUT_S = 10


@dataclass(slots=True)
class Cell:
    """`classes` holds the name of its colour, where it has one."""

    classes: tuple[str, ...]
    text: str = ""


@dataclass(slots=True)
class Page:
    """`rows` of the list (its first page) by "site/node"; a row's cells by the name of their column."""

    text: str = ""
    rows: dict[str, dict[str, Cell]] = field(default_factory=dict)

    def status(self, node: str) -> str:
        """What the page calls the node's status; empty where it does not show the node."""
        return self.rows[node]["status"].text if node in self.rows else ""


def fetch(url: str, user: str, password: str) -> tuple[int, str]:
    """Status and body of the answer to a GET with HTTP Basic; raises OSError where nobody answers."""
    place = urlsplit(url)
    assert place.hostname
    connection = HTTPConnection(place.hostname, place.port, timeout=_TIMEOUT_S)
    try:
        login = b64encode(f"{user}:{password}".encode()).decode()
        connection.request("GET", f"{place.path or '/'}?{place.query}", headers={"Authorization": f"Basic {login}"})
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def read_page(html: str) -> Page:
    reader = _Reader()
    reader.feed(html)
    reader.page.text = " ".join(reader.page.text.split())
    return reader.page


class _Reader(HTMLParser):
    """Collects text; inside the list of nodes also by row and cell."""

    def __init__(self) -> None:
        super().__init__()
        self.page = Page()
        self._in_latest = False
        self._row: dict[str, Cell] | None = None
        self._cell: Cell | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "table":
            self._in_latest = given.get("class") == "latest"
        elif tag == "tr" and self._in_latest and "data-key" in given:
            self._row = self.page.rows.setdefault(given["data-key"], {})
        elif tag in ("td", "th") and self._row is not None:
            classes = tuple(given.get("class", "").split())
            name = next((each.removeprefix("c-") for each in classes if each.startswith("c-")), "")
            self._cell = self._row[name] = Cell(classes)

    def handle_endtag(self, tag: str) -> None:
        if tag in ("td", "th"):
            self._cell = None
        elif tag == "tr":
            self._row = None

    def handle_data(self, data: str) -> None:
        self.page.text += data
        if self._cell is not None:
            self._cell.text = f"{self._cell.text} {data.strip()}".strip()
