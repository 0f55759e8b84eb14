"""The list in pages."""

import pytest

from web.overview.pages import Pages


@pytest.mark.parametrize(
    ("total", "asked", "pages"),
    [
        (0, 1, Pages(1, 1, 0, 0, 0)),
        (50, 1, Pages(1, 1, 1, 50, 50)),
        (51, 2, Pages(2, 2, 51, 51, 51)),
        (51, 9, Pages(2, 2, 51, 51, 51)),
        (10_000, 7, Pages(7, 200, 301, 350, 10_000)),
    ],
)
def test_a_page_never_lies_behind_the_last(total: int, asked: int, pages: Pages) -> None:
    assert Pages.of(total, asked) == pages
    assert list(pages.cut(range(1, total + 1))) == list(range(pages.first, pages.last + 1)) * bool(total)


@pytest.mark.parametrize(
    ("asked", "near"),
    [
        (1, [1, 2, 0, 20]),
        (3, [1, 2, 3, 4, 0, 20]),
        (4, [1, 2, 3, 4, 5, 0, 20]),
        (5, [1, 0, 4, 5, 6, 0, 20]),
        (20, [1, 0, 19, 20]),
    ],
)
def test_links_lead_to_the_neighbours_and_the_ends(asked: int, near: list[int]) -> None:
    assert Pages.of(1000, asked).near() == near
