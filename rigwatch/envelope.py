"""Sealing and opening: bytes in, bytes out. No socket, no clock, no settings.

`0x01 | key id (4) | nonce (12) | AES-256-GCM ciphertext and tag`. The associated data is the first five bytes and the
topic's UTF-8, so that a message cannot be moved to another topic, nor its key id exchanged.
"""

import hashlib
import os
from collections import deque
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from rigwatch.errors import OpenError

VERSION: Final = 0x01
HEADER_LENGTH: Final = 5
NONCE_LENGTH: Final = 12
TAG_LENGTH: Final = 16
_BODY_AT: Final = HEADER_LENGTH + NONCE_LENGTH
_KEY_ID_LABEL: Final = b"rigwatch key id"
_NONCES_DRAWN: Final = 64


class SealKey:
    """One node's sealing key. Not comparable, not printable: it is a capability, not a value.

    A random 96-bit nonce is drawn for each message; NIST SP 800-38D §8.3 allows 2^32 messages under one key, which at
    one a second is 136 years.
    """

    __slots__ = ("_aead", "_header", "key_id")

    def __init__(self, key: bytes) -> None:
        if len(key) != 32:
            raise ValueError("a seal key has 32 bytes")
        self.key_id = hashlib.sha256(_KEY_ID_LABEL + key).digest()[:4]
        self._header = bytes([VERSION]) + self.key_id
        self._aead = AESGCM(key)

    def __repr__(self) -> str:
        return f"SealKey(key_id={self.key_id.hex()})"

    def seal(self, topic: str, plain: bytes, *, nonce: bytes | None = None) -> bytes:
        """The envelope of `plain` for `topic`. Give a `nonce` only to check test vectors: one used twice breaks GCM."""
        nonce = _next_nonce() if nonce is None else nonce
        if len(nonce) != NONCE_LENGTH:
            raise ValueError(f"a nonce has {NONCE_LENGTH} bytes")
        return self._header + nonce + self._aead.encrypt(nonce, plain, self._header + topic.encode())

    def open(self, topic: str, envelope: bytes) -> bytes:
        """The plain text; raises `OpenError` for anything that this key did not seal for this topic."""
        if key_id_of(envelope) != self.key_id:
            raise OpenError("sealed with another key")
        try:
            return self._aead.decrypt(
                envelope[HEADER_LENGTH:_BODY_AT], envelope[_BODY_AT:], envelope[:HEADER_LENGTH] + topic.encode()
            )
        except InvalidTag:
            raise OpenError("altered, moved from another topic, or sealed with another key") from None


# Drawn many at a time: each question to the system lets another thread go first, which costs more than sealing.
_nonces: deque[bytes] = deque()
if hasattr(os, "register_at_fork"):
    # A child must not use its parent's: a nonce used twice breaks GCM.
    os.register_at_fork(after_in_child=_nonces.clear)


def _next_nonce() -> bytes:
    while True:
        try:
            return _nonces.pop()
        except IndexError:
            drawn = os.urandom(NONCE_LENGTH * _NONCES_DRAWN)
            _nonces.extend(drawn[at : at + NONCE_LENGTH] for at in range(0, len(drawn), NONCE_LENGTH))


def key_id_of(envelope: bytes) -> bytes:
    """The four bytes that name the key; raises `OpenError` when this cannot be an envelope of this version."""
    if len(envelope) < _BODY_AT + TAG_LENGTH:
        raise OpenError("too short to be an envelope")
    if envelope[0] != VERSION:
        raise OpenError(f"envelope version {envelope[0]} is not {VERSION}")
    return bytes(envelope[1:HEADER_LENGTH])
