"""The master key and everything derived from it: one secret, so that any node can be checked without a database.

Key material never appears in a repr, a log or an error of this module.
"""

import base64
import binascii
import hashlib
import hmac
import secrets
from functools import cached_property
from pathlib import Path
from typing import Final, Self

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from rigwatch.envelope import SealKey
from rigwatch.errors import RigwatchError, SettingsError
from rigwatch.home import write_private
from rigwatch.topics import NodeId

KEY_LENGTH: Final = 32
SALT: Final = b"rigwatch/v1"
PASSPHRASE_MIN: Final = 16
_SCRYPT_N: Final = 2**15
# OpenSSL counts its own working space against the limit; 2^15 * 8 * 128 bytes is 32 MiB, its default limit exactly.
_SCRYPT_MEMORY: Final = 64 * 1024 * 1024


def derive(key: bytes, info: str) -> bytes:
    """HKDF-SHA256 (RFC 5869) of `key` with the project's salt: 32 bytes bound to `info`."""
    return HKDF(algorithm=SHA256(), length=KEY_LENGTH, salt=SALT, info=info.encode()).derive(key)


def encode_base64url(raw: bytes) -> str:
    """RFC 4648 §5, without padding."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def decode_base64url(text: str) -> bytes:
    """The bytes behind `encode_base64url`; raises `ValueError` for anything else, without repeating it."""
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("not base64url") from None
    # Python also reads the other alphabet, padding and stray last bits: one value would have many texts.
    if encode_base64url(raw) != text:
        raise ValueError("not base64url")
    return raw


def encode_key(key: bytes) -> str:
    """43 characters for 32 bytes."""
    return encode_base64url(key)


def decode_key(text: str) -> bytes:
    """The 32 bytes behind `encode_key`; raises `ValueError` for anything else, without repeating it."""
    key = decode_base64url(text)
    if len(key) != KEY_LENGTH:
        raise ValueError(f"{len(key)} bytes instead of {KEY_LENGTH}")
    return key


class NodeKey:
    """What one node holds: its MQTT password and its sealing key are derived from it, each once.

    `generation` is known to whoever derived the key; who got it with a join token does not need it.
    """

    def __init__(self, key: bytes, generation: int = 0) -> None:
        if len(key) != KEY_LENGTH:
            raise ValueError(f"a node key has {KEY_LENGTH} bytes")
        self._key = key
        self.generation = generation

    def __repr__(self) -> str:
        return "NodeKey(…)"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, NodeKey) and hmac.compare_digest(self._key, other._key)

    def __hash__(self) -> int:
        return hash(self._key)

    @classmethod
    def decode(cls, text: str) -> Self:
        """Reads `encoded`; raises `ValueError`."""
        return cls(decode_key(text))

    @cached_property
    def encoded(self) -> str:
        """The key itself, for a join token. A secret."""
        return encode_key(self._key)

    @cached_property
    def mqtt_password(self) -> str:
        """A secret. Knowing it does not tell the sealing key, so a broker that leaks it leaks no report."""
        return encode_key(derive(self._key, "mqtt"))

    @cached_property
    def seal_key(self) -> SealKey:
        return SealKey(derive(self._key, "seal"))


class MasterKey:
    """The server's one secret."""

    def __init__(self, key: bytes) -> None:
        if len(key) != KEY_LENGTH:
            raise ValueError(f"a master key has {KEY_LENGTH} bytes")
        self._key = key

    def __repr__(self) -> str:
        return "MasterKey(…)"

    @classmethod
    def random(cls) -> Self:
        return cls(secrets.token_bytes(KEY_LENGTH))

    @classmethod
    def from_passphrase(cls, passphrase: str) -> Self:
        """Stretches a shared passphrase (scrypt, about 0.1 s and 32 MiB); `SettingsError` when it is too short."""
        if len(passphrase) < PASSPHRASE_MIN:
            raise SettingsError(f"passphrase: has {len(passphrase)} characters; at least {PASSPHRASE_MIN} are needed")
        return cls(
            hashlib.scrypt(
                passphrase.encode(), salt=SALT, n=_SCRYPT_N, r=8, p=1, dklen=KEY_LENGTH, maxmem=_SCRYPT_MEMORY
            )
        )

    @classmethod
    def load(cls, path: Path) -> Self:
        """Reads `secret.key`; raises `RigwatchError` when it is missing, unreadable or not a key."""
        try:
            text = path.read_text("ascii").strip()
        except FileNotFoundError:
            raise RigwatchError(f"{path}: not there; run 'rigwatch init' first, or copy it from your backup") from None
        except (OSError, UnicodeDecodeError) as exc:
            raise RigwatchError(f"{path}: cannot be read as a key ({_why(exc)})") from exc
        try:
            return cls(decode_key(text))
        except ValueError as exc:
            raise RigwatchError(f"{path}: is not a rigwatch key ({exc}); restore it from your backup") from None

    def save(self, path: Path) -> None:
        """Writes `secret.key`, mode 0600, whole or not at all."""
        write_private(path, encode_key(self._key) + "\n")

    def node_key(self, node: NodeId, generation: int = 0) -> NodeKey:
        """The node's key; a higher generation is what revoking and rotating mean."""
        return NodeKey(derive(self._key, f"node/{node.site}/{node.node}/{generation}"), generation)

    def settings_key(self) -> bytes:
        """Seals the secrets among the settings that the store keeps (`rigwatch.settings.sealed`)."""
        return derive(self._key, "settings")

    def service_password(self, name: str) -> str:
        """The MQTT password of one of the server's own accounts ('subscriber', 'watch'). A secret."""
        return encode_key(derive(self._key, f"service/{name}"))


def _why(exc: OSError | UnicodeDecodeError) -> str:
    return exc.strerror or str(exc) if isinstance(exc, OSError) else "not text"
