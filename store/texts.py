"""Texts that others wrote, as a column can hold them."""


def storable(text: str, most: int | None = None) -> str:
    """PostgreSQL has no NUL in a text, SQLite ends some at it, and neither has half a character; cut to `most`."""
    return text.replace("\0", "").encode("utf-8", "replace").decode()[:most]
