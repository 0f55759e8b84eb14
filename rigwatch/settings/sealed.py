"""Secrets among the settings as the store keeps them: sealed, each bound to the setting that it is of."""

import json
import secrets
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from rigwatch.keys import decode_base64url, encode_base64url
from rigwatch.settings.loader import Secret
from rigwatch.settings.toml_lines import KeyPath

_NONCE: Final = 12


class SettingsSeal:
    """AES-256-GCM under a key of the installation's; a database, or a copy of one, gives nothing of them away."""

    def __init__(self, key: bytes) -> None:
        self._cipher = AESGCM(key)

    def __repr__(self) -> str:
        return "SettingsSeal(…)"

    def seal(self, path: KeyPath, secret: str) -> str:
        """base64url of nonce, ciphertext and tag. With the path as associated data: what was sealed for one setting
        cannot be moved to another."""
        nonce = secrets.token_bytes(_NONCE)
        return encode_base64url(nonce + self._cipher.encrypt(nonce, secret.encode(), _bound(path)))

    def open(self, path: KeyPath, sealed: str) -> Secret:
        """Raises `ValueError`, without repeating anything, for what this key has not sealed for this setting."""
        raw = decode_base64url(sealed)
        if len(raw) < _NONCE:
            raise ValueError("not sealed, too short")
        try:
            return Secret(self._cipher.decrypt(raw[:_NONCE], raw[_NONCE:], _bound(path)).decode())
        except (InvalidTag, UnicodeDecodeError):
            raise ValueError("not sealed with this installation's key") from None


def _bound(path: KeyPath) -> bytes:
    return json.dumps(path).encode()
