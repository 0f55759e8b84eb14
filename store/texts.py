"""Texts that others wrote, as a column can hold them."""

import msgspec

_encoder = msgspec.json.Encoder()


def storable(text: str, most: int | None = None) -> str:
    """PostgreSQL has no NUL in a text, SQLite ends some at it, and neither has half a character; cut to `most`."""
    return text.replace("\0", "").encode("utf-8", "replace").decode()[:most]


def escaped(text: str) -> str:
    """For `LIKE … ESCAPE '!'`, which then finds the text itself."""
    for special in "!%_":
        text = text.replace(special, f"!{special}")
    return text


def as_json(value: object) -> str:
    """As a column holds it, or a query takes it for a list."""
    return _encoder.encode(value).decode()
