"""Whom a rig is told to trust: by a public key where the broker shows the authority itself, else by its certificate."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm

from rigwatch import tls
from rigwatch.authority import shown_by
from rigwatch.endpoint import Endpoint
from rigwatch.home import Home
from rigwatch.pin import pins_of_pem
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
    pins = pins_of_pem(ca)
    return pins[0] if len(pins) == 1 and _is_self_signed(x509.load_pem_x509_certificate(ca.encode())) else ""


def _is_self_signed(certificate: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(certificate)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


def _shown(home: Home, broker: BrokerSettings, url: str, own: str) -> set[str]:
    """The pins of what the broker shows to whoever connects."""
    if broker.mode == "external":
        return shown_by(Endpoint.parse(url), _LOOK_S)
    if not broker.tls_certificate:
        return {own}
    return _of_file(home.path / broker.tls_certificate)


def _of_file(path: Path) -> set[str]:
    try:
        return set(pins_of_pem(path.read_text("ascii")))
    except (OSError, ValueError):
        # The broker, which cannot use it either, says so better.
        return set()
