"""A live part in pieces: what changed is sent, to each who lacks it."""

import json
from collections.abc import Mapping, Sequence
from itertools import count
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from web.live import _SENT, Fresh, LiveContent, LiveDocument, Piece

Shown = Mapping[str, str]


def fresh(shown: Shown) -> Fresh:
    """A heading, and a list with a piece for each of the pairs."""
    content = LiveContent()

    def row(text: str) -> Piece:
        return Piece(text, lambda _now: f"<li>{text}</li>")

    def rows() -> str:
        return content.made({key: row(text) for key, text in shown.items()})

    def parts() -> str:
        content.piece("head", lambda: "<h2>List</h2>")
        return content.piece("list", lambda: f"<ul>{content.place('rows', rows)}</ul>")

    content.place("", parts)
    return Fresh(content, {"title": str(len(shown))})


class Screen:
    """What `static/live.js` does with the answers."""

    def __init__(self) -> None:
        self.etag = ""
        self.places: dict[str, dict[str, str]] = {}

    def take(self, answer: Mapping[str, Any]) -> None:
        for name, place in answer["places"].items():
            pieces = self.places.get(name, {}) | place.get("pieces", {})
            order: Sequence[str] = place.get("order", list(self.places.get(name, {})))
            self.places[name] = {key: pieces[key] for key in order}
        self.etag = answer["etag"]


def show(document: LiveDocument, shown: Shown, version: int) -> None:
    document.refresh(version, lambda: fresh(shown))


def test_the_whole_is_what_the_template_wrote() -> None:
    document = LiveDocument("d")
    show(document, {"a": "1", "b": "2"}, 1)
    assert str(document.whole(0)).split() == ["<h2>List</h2>", "<ul><li>1</li>", "<li>2</li>", "</ul>"]


def test_a_change_of_one_piece_is_that_piece() -> None:
    document = LiveDocument("d")
    show(document, {"a": "1", "b": "2"}, 1)
    etag = document.etag
    show(document, {"a": "1", "b": "3"}, 2)
    assert json.loads(document.since(etag, 7)) == {
        "now": 7,
        "etag": document.etag,
        "title": "2",
        "places": {"rows": {"pieces": {"b": "<li>3</li>"}}},
    }
    # It is made once for all that have the same, each with the moment at which it was asked for.
    assert json.loads(document.since(etag, 9))["now"] == 9


def test_what_looks_the_same_is_no_change_whatever_the_version() -> None:
    document = LiveDocument("d")
    show(document, {"a": "1"}, 1)
    etag = document.etag
    show(document, {"a": "1"}, 2)
    assert document.etag == etag


def test_the_etag_of_another_document_is_sent_everything() -> None:
    document = LiveDocument("d")
    show(document, {"a": "1"}, 1)
    everything = json.loads(document.since("", 0))["places"]
    for etag in ("e-1", "d-2", "d-x", "d-", "-1", "d-²", "d-" + "1" * 30):
        assert json.loads(document.since(etag, 0))["places"] == everything
    assert everything["rows"] == {"pieces": {"a": "<li>1</li>"}, "order": ["a"]}
    assert everything[""]["pieces"]["list"] == "<ul></ul>"


@given(st.lists(st.dictionaries(st.sampled_from("abcdef"), st.sampled_from("123")), min_size=1, max_size=12), st.data())
def test_who_asks_now_and_then_sees_what_everybody_sees(states: list[Shown], data: st.DataObject) -> None:
    document, versions = LiveDocument("d"), count(1)
    screens = [Screen() for _ in range(3)]
    for state in states:
        shuffled = {key: state[key] for key in data.draw(st.permutations(list(state)))}
        show(document, shuffled, next(versions))
        for screen in data.draw(st.sets(st.sampled_from(screens))):
            screen.take(json.loads(document.since(screen.etag, 0)))
            assert list(screen.places.get("rows", {}).items()) == [
                (key, f"<li>{text}</li>") for key, text in shuffled.items()
            ]


def test_an_order_of_before_is_known_by_the_etag_of_then() -> None:
    document = LiveDocument("d")
    show(document, {"a": "1", "b": "2"}, 1)
    first = document.etag
    show(document, {"a": "1", "b": "3"}, 2)
    second = document.etag
    show(document, {"b": "3", "a": "1"}, 3)
    assert [document.order("rows", each) for each in (first, second, document.etag)] == [
        ("a", "b"),
        ("a", "b"),
        ("b", "a"),
    ]
    assert document.order("rows", "e-1") == ()
    assert document.order("nowhere", first) == ()


def test_whoever_asks_for_every_state_there_was_is_answered_and_fills_no_memory() -> None:
    document = LiveDocument("d")
    for number in range(1, 4 * _SENT):
        show(document, {"a": str(number)}, number)
    for number in range(1, 4 * _SENT - 1):
        assert f"<li>{4 * _SENT - 1}</li>".encode() in document.since(f"d-{number}", 0)
    assert len(document._sent) <= _SENT
