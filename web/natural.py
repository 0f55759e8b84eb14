"""Names in the order in which people count. Pure."""

import re
from functools import lru_cache
from typing import Final

_DIGITS: Final = re.compile(r"(\d+)")


# A page of ten thousand nodes asks for each name's again and again.
@lru_cache(maxsize=65_536)
def natural(text: str) -> tuple[str | int, ...]:
    """A sort key by which rig2 comes before rig10."""
    return tuple(int(part) if at % 2 else part for at, part in enumerate(_DIGITS.split(text.casefold())))
