"""Figures as people read them: hashrates, counts, temperatures, ages. Nothing here knows a node, a colour or a page."""

from datetime import timedelta
from typing import Final, NamedTuple

from msgspec import Struct

from rigwatch.clock import Millis
from rigwatch.figures import FIGURES, HASHES, SECONDS
from web.language.texts import gettext as _
from web.language.texts import numeral

UNKNOWN: Final = "–"
"""What stands where a figure is not known; never 0, which is a measured value."""

_HASHRATE_UNITS: Final = ("H/s", "kH/s", "MH/s", "GH/s", "TH/s", "PH/s", "EH/s", "ZH/s")
_AGE_UNITS: Final = ((86_400, "d"), (3600, "h"), (60, "min"))


class Quantity(NamedTuple):
    """A figure and its unit, apart, so that a page can set the unit smaller; the unit of an unknown figure is empty."""

    text: str
    unit: str = ""

    def __str__(self) -> str:
        return f"{self.text} {self.unit}" if self.unit else self.text


NOT_KNOWN: Final = Quantity(UNKNOWN)


def hashrate(value: float | None) -> Quantity:
    """A hashrate in H/s, in the largest unit that leaves at least 1 of it; two decimals, none for whole H/s."""
    if value is None:
        return NOT_KNOWN
    text, unit = _scaled(value)
    return Quantity(numeral(text), unit)


def _scaled(value: float) -> tuple[str, str]:
    if value < 999.995:
        return f"{value:.2f}".removesuffix(".00"), _HASHRATE_UNITS[0]
    for unit in _HASHRATE_UNITS[1:]:
        value /= 1000
        # 999.995 is what two decimals would round up to 1000.00, which belongs to the next unit.
        if value < 999.995:
            return f"{value:.2f}", unit
    return f"{value:,.2f}", _HASHRATE_UNITS[-1]


def efficiency(value: float | None) -> Quantity:
    """H/s of each watt, to three digits: power is not measured any better."""
    if value is None:
        return NOT_KNOWN
    text, unit = _scaled(float(f"{value:.3g}"))
    return Quantity(numeral(text.rstrip("0").removesuffix(".") if "." in text else text), unit)


def power(watts: float) -> Quantity:
    """Of many machines: in kW from 10 of them."""
    if watts < 9999.5:
        return Quantity(numeral(f"{watts:,.0f}"), "W")
    if watts < 999_950:
        return Quantity(numeral(f"{watts / 1000:,.1f}"), "kW")
    return Quantity(numeral(f"{watts / 1e6:,.2f}"), "MW")


def count(value: int | None) -> str:
    """A whole number with its thousands apart."""
    return UNKNOWN if value is None else numeral(f"{value:,}")


def mean_count(value: float | None) -> str:
    """The mean of whole numbers, to one decimal."""
    return UNKNOWN if value is None else numeral(f"{value:,.1f}")


def uptime(seconds: float | None) -> Quantity:
    """A span in its largest whole unit."""
    return NOT_KNOWN if seconds is None else Quantity(*age(round(seconds * 1000)).split())


_WRITTEN: Final = {HASHES: hashrate, SECONDS: uptime}


def quantity(name: str, value: float | None) -> Quantity:
    """A figure of that name: whole, in its unit, but for those that have a way of their own."""
    unit = FIGURES[name].unit
    if unit in _WRITTEN:
        return _WRITTEN[unit](value)
    # Rounded to an integer, of which there is no -0.
    return NOT_KNOWN if value is None else Quantity(numeral(f"{round(value):,}"), unit.symbol)


def quantities(of: Struct, *names: str) -> tuple[Quantity, ...]:
    return tuple(quantity(name, getattr(of, name)) for name in names)


def change(now: float | None, mean: float | None) -> str:
    """By how many per cent `now` is off its mean, signed; unknown when either is, or when the mean is 0."""
    if now is None or not mean:
        return UNKNOWN
    # More than tenfold says "not comparable", and would widen the column for nothing.
    per_cent = max(-999.0, min(999.0, (now - mean) / mean * 100))
    rounded = round(per_cent)
    if rounded == 0:
        return "±0 %"
    return f"+{rounded} %" if rounded > 0 else f"−{-rounded} %"


def age(span: Millis | None) -> str:
    """A span in its largest whole unit, `12 s`, `3 min`, `5 h`, `2 d`; a negative one (two clocks apart) is `0 s`.

    `static/live.js` writes the same words, so that they can go on counting in the browser.
    """
    if span is None:
        return UNKNOWN
    seconds = max(0, span // 1000)
    for size, unit in _AGE_UNITS:
        if seconds >= size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


def period(duration: timedelta) -> str:
    """A span from the settings: hours up to three days, as people say "48 h", then days."""
    hours = duration / timedelta(hours=1)
    return numeral(f"{hours / 24:.4g} d" if hours > 72 else f"{hours:.4g} h")


def clock_error(offset: Millis) -> str:
    """Words for a node's clock that is `offset` ms behind the server's (negative: ahead)."""
    error = age(abs(offset))
    return _("clock %(time)s behind", time=error) if offset > 0 else _("clock %(time)s ahead", time=error)
