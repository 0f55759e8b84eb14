"""Single values of the old settings: numbers that may be written as texts, YES and NO."""

from collections.abc import Mapping

from legacy.loose_json import Value


def text_of(settings: Mapping[str, Value], key: str) -> str:
    """Empty where it is absent."""
    value = settings.get(key.lower())
    return "" if value is None else str(value).strip()


def number_of(settings: Mapping[str, Value], key: str) -> int | None:
    """A whole number; None where there is none. Raises `ValueError` for anything else, without repeating it."""
    value = settings.get(key.lower())
    if value is None or value == "":
        return None
    try:
        return int(str(value))
    except ValueError:
        raise ValueError(f"{key} is not a whole number") from None


def is_yes(settings: Mapping[str, Value], key: str) -> bool:
    return text_of(settings, key).upper() in {"YES", "TRUE", "1"}
