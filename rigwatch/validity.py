"""When the certificates that rigs and browsers rely on end: read from their files, of which none is made here."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509

from rigwatch.clock import Millis, as_datetime
from rigwatch.errors import RigwatchError
from rigwatch.home import Home
from rigwatch.settings.server import ServerSettings

AUTHORITY_BEFORE: Final = timedelta(days=365)
"""So long before the authority's end people are told: each rig needs a new token then."""


@dataclass(frozen=True, slots=True)
class Validity:
    """`what` it is for people, `remedy` what to do before it ends; `before`: how long before that, None = as is set."""

    what: str
    path: Path
    begins: datetime
    ends: datetime
    remedy: str
    before: timedelta | None = None

    def trouble(self, now: Millis, before: timedelta) -> str:
        """What is wrong with it now, or will be soon; empty: nothing."""
        moment = as_datetime(now)
        if moment < self.begins:
            return f"{self.what} ({self.path}) is valid from {self.begins:%Y-%m-%d} on only; {self.remedy}"
        if moment >= self.ends:
            return f"{self.what} ({self.path}) ended on {self.ends:%Y-%m-%d}; {self.remedy}"
        if self.ends - moment < (self.before or before):
            days = (self.ends - moment).days
            return f"{self.what} ({self.path}) ends on {self.ends:%Y-%m-%d}, in {days} days; {self.remedy}"
        return ""


def validities(home: Home, settings: ServerSettings) -> Iterator[Validity]:
    """Of what is there. The certificate that rigwatch makes for itself is renewed by itself, so it is not among them.

    Raises `RigwatchError` for a file that cannot be read.
    """
    renew = "renew it, rigwatch takes it over within a minute"
    again = "give each rig its token again ('rigwatch enroll NODE')"
    if settings.broker.tls_certificate:
        yield _of("the broker's certificate", home.path / settings.broker.tls_certificate, renew)
    if settings.broker.tls_ca:
        yield _of("the authority that rigs trust", home.path / settings.broker.tls_ca, f"renew it and {again}")
    if settings.web.tls_certificate:
        yield _of("the dashboard's certificate", home.path / settings.web.tls_certificate, renew)
    own = home.tls / "ca.pem"
    if own.exists() and not settings.broker.tls_certificate:
        remedy = f"remove {own.parent}, restart rigwatch, and {again}"
        yield _of("rigwatch's own authority", own, remedy, AUTHORITY_BEFORE)


def expiring(home: Home, settings: ServerSettings, now: Millis, before: timedelta) -> dict[str, str]:
    """What is wrong with certificates now, or will be before `before` is over, by what they are."""
    try:
        found = list(validities(home, settings))
    except RigwatchError as exc:
        return {"a file of the settings": str(exc)}
    return {each.what: trouble for each in found if (trouble := each.trouble(now, before))}


def _of(what: str, path: Path, remedy: str, before: timedelta | None = None) -> Validity:
    try:
        found = x509.load_pem_x509_certificates(path.read_bytes())[0]
    except (OSError, ValueError, IndexError) as exc:
        raise RigwatchError(f"{path}: cannot be read as a PEM certificate ({exc})") from exc
    return Validity(what, path, found.not_valid_before_utc, found.not_valid_after_utc, remedy, before)
