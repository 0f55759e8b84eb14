"""TLS of the server: a small authority of its own and a certificate made at first start, in `tls/` of the home.

Each file holds a key and what it signs for, so that one replacement changes both or none. Who checks certificates is
not here: clients trust the authority through the join token.
"""

import ipaddress
import logging
import socket
import ssl
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import psutil
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from filelock import Timeout

from rigwatch.clock import Millis, as_datetime, millis_of
from rigwatch.errors import RigwatchError
from rigwatch.home import Home, write_private
from rigwatch.lock import private_lock
from rigwatch.settings.server import BrokerSettings

# The authority is what every rig was told to trust: it has to outlive the installation.
_AUTHORITY_LIFE: Final = timedelta(days=365 * 30)
_AUTHORITY: Final = "authority.pem"
_LOCK_TIMEOUT: Final = 10.0
# What browsers accept of a server.
_CERTIFICATE_LIFE: Final = timedelta(days=397)
_RENEW_BEFORE: Final = timedelta(days=60)
# A rig whose clock is behind still accepts a certificate made a moment ago.
_BACKDATE: Final = timedelta(days=2)
# A clock before this was never set: this program is younger. What is made meanwhile counts from here on.
_EARLIEST: Final = datetime(2025, 1, 1, tzinfo=UTC)
# That of the authority says nothing, and a server whose clock was ahead at the first start must not be one that
# no rig trusts for years.
_AUTHORITY_BEGINS: Final = datetime(2020, 1, 1, tzinfo=UTC)
_LAST: Final = datetime(9999, 12, 30, tzinfo=UTC)

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Pair:
    key: ec.EllipticCurvePrivateKey
    certificate: x509.Certificate

    @property
    def pem(self) -> bytes:
        return _key_pem(self.key) + _pem(self.certificate)


def context_of(certificate: Path, key: Path) -> ssl.SSLContext:
    """A context from PEM files, a user's own for example; raises `RigwatchError` that names what is wrong with them."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    load_into(context, certificate, key)
    return context


def load_into(context: ssl.SSLContext, certificate: Path, key: Path) -> None:
    """Gives a context in use a new certificate: connections made from now on get it. Raises `RigwatchError`."""
    try:
        # Without a password callback OpenSSL would ask on the terminal.
        context.load_cert_chain(certificate, key, password=lambda: b"")
    except FileNotFoundError:
        missing = certificate if not certificate.exists() else key
        raise RigwatchError(f"{missing}: is not there; it is the TLS certificate or key of the settings") from None
    except (OSError, ssl.SSLError) as exc:
        raise RigwatchError(
            f"{certificate} and {key}: are not a PEM certificate and its unencrypted key ({exc})"
        ) from exc


def certificate_paths(home: Home, names: Sequence[str], now: Millis) -> tuple[Path, Path]:
    """Certificate and key files, made or renewed if need be; both are the same file."""
    path = home.tls / "server.pem"
    authority = _authority(home, now)
    wanted, moment = _names(names), max(as_datetime(now), _EARLIEST)
    if not _is_good(path, authority, wanted, moment):
        # Broker and dashboard start together, and a rig may know either by this certificate's key: both serve the same.
        with _alone(path):
            if not _is_good(path, authority, wanted, moment):
                write_private(path, _issue(authority, wanted, moment).pem + _pem(authority.certificate))
    return path, path


def ca_pem(home: Home, now: Millis | None = None) -> str:
    """The authority's certificate, which clients are to trust; made if there is none yet. Raises `RigwatchError`."""
    moment = now if now is not None else millis_of(datetime.now(UTC))
    return _pem(_authority(home, moment).certificate).decode()


def has_authority(home: Home) -> bool:
    """Whether there is one; nothing is made."""
    return (home.tls / _AUTHORITY).exists()


def authority_made_at(home: Home) -> Millis:
    """When the authority was made, by the clock of then. Raises `RigwatchError` when it cannot be read."""
    known = _load(home.tls / _AUTHORITY)
    if known is None:
        raise RigwatchError(f"{home.tls / _AUTHORITY}: is not there")
    # It begins long before, whatever the clock said.
    return millis_of(known.certificate.not_valid_after_utc - _AUTHORITY_LIFE)


def trusted_by_clients(home: Home, broker: BrokerSettings) -> str | None:
    """What a rig has to trust: our authority, the one that `tls_ca` names, or the system's (None).

    Raises `RigwatchError` when a file is missing or is no certificate.
    """
    if broker.mode == "embedded" and not broker.tls_certificate:
        return ca_pem(home)
    if not broker.tls_ca:
        return None
    path = home.path / broker.tls_ca
    try:
        text = path.read_text("ascii")
        x509.load_pem_x509_certificates(text.encode())
    except (OSError, ValueError) as exc:
        raise RigwatchError(f"{path}: cannot be read as the PEM certificate that tls_ca should name ({exc})") from exc
    return text


def _authority(home: Home, now: Millis) -> _Pair:
    path, moment = home.tls / _AUTHORITY, max(as_datetime(now), _EARLIEST)
    known = _load(path)
    if known is not None and not _is_valid(known.certificate, moment):
        log.warning(
            "the authority's certificate is not valid, as after a first start with a wrong clock; it is signed anew "
            "with the same key. Rigs that do not trust it need their token again (rigwatch enroll NODE) from=%s to=%s",
            known.certificate.not_valid_before_utc.date(), known.certificate.not_valid_after_utc.date(),
        )  # fmt: skip
        known = _signed(known.key, known.certificate.subject, moment)
        write_private(path, known.pem)
        write_private(home.tls / "ca.pem", _pem(known.certificate))
    if known is None:
        write_private(path, _new_authority(moment).pem, keep=True)
        # Broker and dashboard may start together for the first time: whoever came second takes the other's.
        known = _load(path)
        assert known is not None
        write_private(home.tls / "ca.pem", _pem(known.certificate))
    return known


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    lock = path.with_suffix(".lock")
    try:
        with private_lock(lock, timeout=_LOCK_TIMEOUT):
            yield
    except Timeout:
        raise RigwatchError(f"{lock}: held by another rigwatch process; try again when it has ended") from None
    except OSError as exc:
        raise RigwatchError(f"{lock}: cannot be locked ({exc.strerror or exc})") from exc


def _load(path: Path) -> _Pair | None:
    try:
        data = path.read_bytes()
        key = serialization.load_pem_private_key(data, password=None)
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise TypeError("not an elliptic curve key")
        return _Pair(key, x509.load_pem_x509_certificates(data)[0])
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError) as exc:
        raise RigwatchError(
            f"{path}: cannot be read as a key and its certificate ({exc}); restore it from your backup, or remove it "
            "to have a new one made"
        ) from exc


def _is_valid(certificate: x509.Certificate, now: datetime) -> bool:
    return certificate.not_valid_before_utc <= now < certificate.not_valid_after_utc


def _is_good(path: Path, authority: _Pair, wanted: set[str], now: datetime) -> bool:
    pair = _load(path)
    if pair is None or not _is_valid(pair.certificate, now):
        return False
    if _pem(authority.certificate) not in path.read_bytes():
        # Rigs take the authority from what the server shows.
        return False
    left = pair.certificate.not_valid_after_utc - now
    # It cannot outlive the authority.
    if left < _RENEW_BEFORE and pair.certificate.not_valid_after_utc < authority.certificate.not_valid_after_utc:
        return False
    try:
        pair.certificate.verify_directly_issued_by(authority.certificate)
    except (ValueError, TypeError, x509.InvalidVersion):
        return False
    except Exception:  # noqa: BLE001 - cryptography raises InvalidSignature; anything else means "not by this one" too
        return False
    names = pair.certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return wanted <= {str(name.value) for name in names}


def _new_authority(now: datetime) -> _Pair:
    key = ec.generate_private_key(ec.SECP256R1())
    # Two installations' authorities must differ in name, or clients that trust both pick the wrong one.
    return _signed(key, _name(f"rigwatch authority {x509.random_serial_number():x}"[:34]), now)


def _signed(key: ec.EllipticCurvePrivateKey, name: x509.Name, now: datetime) -> _Pair:
    builder = (
        _builder(name, name, key, x509.random_serial_number())
        .not_valid_before(_AUTHORITY_BEGINS)
        .not_valid_after(_LAST if now > _LAST - _AUTHORITY_LIFE else now + _AUTHORITY_LIFE)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
    )
    return _Pair(key, builder.sign(key, hashes.SHA256()))


def _issue(authority: _Pair, names: Iterable[str], now: datetime) -> _Pair:
    key = ec.generate_private_key(ec.SECP256R1())
    issuer = authority.certificate
    identifier = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    builder = (
        _builder(_name("rigwatch"), issuer.subject, key, x509.random_serial_number())
        .not_valid_before(max(now - _BACKDATE, issuer.not_valid_before_utc))
        .not_valid_after(min(now + _CERTIFICATE_LIFE, issuer.not_valid_after_utc))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier), critical=False)
        .add_extension(x509.SubjectAlternativeName([_san(name) for name in sorted(names)]), critical=False)
    )
    return _Pair(key, builder.sign(authority.key, hashes.SHA256()))


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, serial: int
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(serial)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _names(names: Iterable[str]) -> set[str]:
    """Everything that a client on this network may call this machine."""
    own = {"localhost", socket.gethostname().lower(), socket.getfqdn().lower()}
    for addresses in psutil.net_if_addrs().values():
        own |= {each.address for each in addresses if each.family in (socket.AF_INET, socket.AF_INET6)}
    # Link-local addresses carry a scope that no certificate can, and change with the interface.
    return {str(_san(name).value) for name in own | set(names) if name and "%" not in name}


def _san(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name.strip("[]")))
    except ValueError:
        return x509.DNSName(name.encode("idna").decode() if not name.isascii() else name)


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
