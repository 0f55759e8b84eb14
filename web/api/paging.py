"""Lists in pages: how many at once, and where the next page begins. By key, so that no page is dearer than another."""

from collections.abc import Callable, Sequence
from typing import Annotated, Final, TypeAlias, TypeVar

from msgspec import Meta

from rigwatch.topics import NAME_PATTERN

T = TypeVar("T")

CURSOR: Final = rf"{NAME_PATTERN[:-1]}/{NAME_PATTERN[1:]}"
"""What a list of nodes goes on behind: `site/node`."""
LIMIT: Final = 100
Limit: TypeAlias = Annotated[int, Meta(ge=1, le=1000, description="At most so many.")]


def page(items: Sequence[T], limit: int, key: Callable[[T], str]) -> tuple[Sequence[T], str | None]:
    """The first `limit` of items that begin behind the cursor, and the cursor of what follows; None = nothing does."""
    shown = items[:limit]
    return shown, key(shown[-1]) if len(items) > limit else None
