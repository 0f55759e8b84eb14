"""Whom a rig is told to trust: by a public key where the broker shows the authority itself, else by its certificate."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography import x509

from rigwatch import tls
from rigwatch.authority import is_self_signed, shown_by
from rigwatch.endpoint import Endpoint
from rigwatch.home import Home
from rigwatch.pin import pin_of
from rigwatch.settings.server import BrokerSettings

_LOOK_S: Final = 3.0
"""An external broker has so long to show its certificates; otherwise its tokens are long ones."""


@dataclass(frozen=True, slots=True)
class Trust:
    """As in a join token: `ca` in PEM, or `pin` of one that the broker shows, or neither: the system's authorities."""

    ca: str | None = None
    pin: str = ""


def trust_of_rigs(home: Home, broker: BrokerSettings, url: str, *, whole: bool = False) -> Trust:
    """What rigs that connect to `url` have to trust; with `whole` by certificate in any case.

    Asks an external broker with an authority of its own. Raises `RigwatchError` where a file is no certificate.
    """
    ca = tls.trusted_by_clients(home, broker) if url.startswith("mqtts:") else None
    if ca is None or whole:
        return Trust(ca)
    pin = _pin(ca)
    return Trust(pin=pin) if pin and pin in _shown(home, broker, url, pin) else Trust(ca)


def _pin(ca: str) -> str:
    """ "" for several authorities, and for one that others vouch for: a pin names one, and it alone."""
    found = x509.load_pem_x509_certificates(ca.encode())
    return pin_of(found[0]) if len(found) == 1 and is_self_signed(found[0]) else ""


def _shown(home: Home, broker: BrokerSettings, url: str, own: str) -> set[str]:
    """The pins of what the broker shows to whoever connects."""
    if broker.mode == "external":
        return shown_by(Endpoint.parse(url), _LOOK_S)
    if not broker.tls_certificate:
        return {own}
    return _of_file(home.path / broker.tls_certificate)


def _of_file(path: Path) -> set[str]:
    try:
        return {pin_of(each) for each in x509.load_pem_x509_certificates(path.read_bytes())}
    except (OSError, ValueError):
        # The broker, which cannot use it either, says so better.
        return set()
