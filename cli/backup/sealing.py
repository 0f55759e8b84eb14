"""A stream that only who knows a passphrase can read, or change unseen: in chunks, whose order and end are sealed too.

    "rigwatch sealed 1\\n" | log2 N of scrypt (1) | salt (16) | chunks

The key is scrypt(passphrase, salt, N, r = 8, p = 1), 32 bytes, of this file alone. Each chunk is AES-256-GCM of 64 KiB,
the last of what is left; its nonce is its number (11 bytes, big endian) and 1 if it is the last, else 0; associated
data is the header. So a chunk that is missing, doubled, of another file or in another place does not open, and a
file that was cut has no last one.
"""

import io
import os
from typing import BinaryIO, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from rigwatch.errors import RigwatchError

MAGIC: Final = b"rigwatch sealed 1\n"
CHUNK: Final = 64 * 1024
_TAG: Final = 16
_SALT: Final = 16
_HEADER: Final = len(MAGIC) + 1 + _SALT
_COST: Final = 16
"""64 MB and some tenths of a second, also where a Raspberry Pi has to."""
_COST_MAX: Final = 20
"""A file may ask for 1 GB at most."""


class SealingError(RigwatchError):
    """The stream is not what was written, or the passphrase another."""


class SealingWriter(io.RawIOBase):
    """What is written to it goes sealed to `file`; whole only after `finish`."""

    def __init__(self, file: BinaryIO, passphrase: str, *, cost: int = _COST) -> None:
        self._file = file
        self._header = MAGIC + bytes([cost]) + os.urandom(_SALT)
        self._cipher = _cipher(self._header, passphrase)
        self._number = 0
        self._waiting = bytearray()
        file.write(self._header)

    def writable(self) -> bool:
        return True

    def write(self, data: "bytes | bytearray | memoryview") -> int:  # type: ignore[override] # a narrower Buffer
        self._waiting += data
        # One more byte than a chunk has to be there: the last chunk is known by being the last.
        while len(self._waiting) > CHUNK:
            self._seal(bytes(self._waiting[:CHUNK]), last=False)
            del self._waiting[:CHUNK]
        return len(data)

    def finish(self) -> None:
        self._seal(bytes(self._waiting), last=True)
        self._waiting.clear()

    def _seal(self, plain: bytes, *, last: bool) -> None:
        self._file.write(self._cipher.encrypt(_nonce(self._number, last=last), plain, self._header))
        self._number += 1


class OpeningReader(io.RawIOBase):
    """Reads what a `SealingWriter` wrote; raises `SealingError` before it gives out a byte that is not as it was."""

    def __init__(self, file: BinaryIO, passphrase: str) -> None:
        self._file = file
        self._header = file.read(_HEADER)
        if len(self._header) < _HEADER or not self._header.startswith(MAGIC):
            raise SealingError("is cut short")
        self._cipher = _cipher(self._header, passphrase)
        self._number = 0
        self._ahead = file.read(CHUNK + _TAG)
        self._plain = b""
        self._ended = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "bytearray | memoryview") -> int:  # type: ignore[override] # a narrower Buffer
        while not self._plain and not self._ended:
            self._open()
        part = self._plain[: len(buffer)]
        buffer[: len(part)] = part
        self._plain = self._plain[len(part) :]
        return len(part)

    def _open(self) -> None:
        sealed, self._ahead = self._ahead, self._file.read(CHUNK + _TAG)
        self._ended = not self._ahead
        try:
            self._plain = self._cipher.decrypt(_nonce(self._number, last=self._ended), sealed, self._header)
        except InvalidTag:
            first = "the passphrase is another, or it was changed" if not self._number else "it was cut or changed"
            raise SealingError(f"cannot be opened: {first}") from None
        self._number += 1


def is_sealed(beginning: bytes) -> bool:
    return beginning.startswith(MAGIC)


def _nonce(number: int, *, last: bool) -> bytes:
    return number.to_bytes(11) + bytes([last])


def _cipher(header: bytes, passphrase: str) -> AESGCM:
    cost, salt = header[len(MAGIC)], header[len(MAGIC) + 1 :]
    if not 1 <= cost <= _COST_MAX:
        raise SealingError("cannot be opened: its header was changed")
    return AESGCM(Scrypt(salt=salt, length=32, n=2**cost, r=8, p=1).derive(passphrase.encode()))
