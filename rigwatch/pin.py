"""A certificate known by its public key, as curl's `--pinnedpubkey` and RFC 7469 write it: `sha256//` and base64.

Read from the certificate without a library of certificates, which would cost a rig three megabytes of memory.
"""

import base64
import hashlib
import re
import ssl
from pathlib import Path
from typing import Final

from rigwatch.errors import RigwatchError

PIN_PREFIX: Final = "sha256//"
_PEM: Final = re.compile(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)
_SEQUENCE: Final = 0x30
_VERSION: Final = 0xA0
# RFC 5280, §4.1: serial number, signature algorithm, issuer, validity, subject, and then the key.
_BEFORE_KEY: Final = (0x02, _SEQUENCE, _SEQUENCE, _SEQUENCE, _SEQUENCE)
_LENGTH_BYTES_MAX: Final = 4


def pin_of_der(certificate: bytes) -> str:
    """Raises ValueError for what is no certificate."""
    return PIN_PREFIX + base64.b64encode(hashlib.sha256(_public_key(certificate)).digest()).decode()


def pins_of_pem(text: str) -> list[str]:
    """Of each certificate in it, in its order; keys and comments between them mean nothing. Raises ValueError."""
    return [pin_of_der(ssl.PEM_cert_to_DER_cert(each)) for each in _PEM.findall(text)]


def pin_of_file(path: Path) -> str:
    """Of the first certificate in a PEM file, a server's own; raises `RigwatchError`."""
    try:
        pins = pins_of_pem(path.read_text("ascii"))
    except (OSError, ValueError) as exc:
        raise RigwatchError(f"{path}: cannot be read as a PEM certificate ({exc})") from exc
    if not pins:
        raise RigwatchError(f"{path}: cannot be read as a PEM certificate (there is none in it)")
    return pins[0]


def _public_key(certificate: bytes) -> bytes:
    """The SubjectPublicKeyInfo with its head, as it stands in the certificate."""
    start, end = _inside(certificate, 0, len(certificate), _SEQUENCE)
    at, end = _inside(certificate, start, end, _SEQUENCE)
    if certificate[at : at + 1] == bytes([_VERSION]):
        _, at = _inside(certificate, at, end, _VERSION)
    for tag in _BEFORE_KEY:
        _, at = _inside(certificate, at, end, tag)
    _, after = _inside(certificate, at, end, _SEQUENCE)
    return certificate[at:after]


def _inside(data: bytes, at: int, end: int, tag: int) -> tuple[int, int]:
    """Where the content of the element at `at` begins and ends, within `end`; raises ValueError for another tag."""
    if at + 2 > end or data[at] != tag:
        raise ValueError("not a certificate")
    size, start = data[at + 1], at + 2
    if size >= 0x80:
        count = size & 0x7F
        if not 0 < count <= _LENGTH_BYTES_MAX or start + count > end:
            raise ValueError("not a certificate")
        size, start = int.from_bytes(data[start : start + count], "big"), start + count
    if start + size > end:
        raise ValueError("not a certificate")
    return start, start + size
