"""A certificate known by its public key, as curl's `--pinnedpubkey` and RFC 7469 write it: `sha256//` and base64."""

import base64
import hashlib
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from rigwatch.errors import RigwatchError

PIN_PREFIX: Final = "sha256//"


def pin_of(certificate: x509.Certificate) -> str:
    key = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return PIN_PREFIX + base64.b64encode(hashlib.sha256(key).digest()).decode()


def pin_of_der(certificate: bytes) -> str:
    """Raises ValueError for what is no certificate."""
    return pin_of(x509.load_der_x509_certificate(certificate))


def pin_of_file(path: Path) -> str:
    """Of the first certificate in a PEM file, a server's own; raises `RigwatchError`."""
    try:
        return pin_of(x509.load_pem_x509_certificates(path.read_bytes())[0])
    except (OSError, ValueError) as exc:
        raise RigwatchError(f"{path}: cannot be read as a PEM certificate ({exc})") from exc
