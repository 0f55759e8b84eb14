"""The list cut into pages. Pure."""

from collections.abc import Sequence
from typing import Final, NamedTuple, TypeVar

T = TypeVar("T")

PAGE: Final = 50
"""Rows on a page: more than fit any screen, few enough for a phone to lay out at once."""


class Pages(NamedTuple):
    """One page of a list of so many: `number` is the page, never behind the last; the rows are `first` to `last`."""

    number: int
    last_page: int
    first: int
    last: int
    total: int

    @classmethod
    def of(cls, total: int, asked: int) -> "Pages":
        last_page = max(1, -(-total // PAGE))
        number = min(asked, last_page)
        return cls(number, last_page, min(total, (number - 1) * PAGE + 1), min(total, number * PAGE), total)

    def cut(self, shown: Sequence[T]) -> Sequence[T]:
        return shown[(self.number - 1) * PAGE : self.number * PAGE]

    def near(self) -> list[int]:
        """Those that have a link: the first, the last, this and its neighbours; 0 where some are left out."""
        known = sorted({1, self.last_page, *range(max(1, self.number - 1), min(self.last_page, self.number + 1) + 1)})
        found = known[:1]
        for each in known[1:]:
            # A gap of one page is that page.
            found += [each] if each == found[-1] + 1 else [each - 1, each] if each == found[-1] + 2 else [0, each]
        return found
