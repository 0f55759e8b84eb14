"""The join token: one word that carries all a rig needs to reach its server and to be believed there.

A short one (`rw2.`) names the authority to trust by its public key, and the rig fetches the certificate from the server
(`rigwatch.authority`). A long one (`rw1.`) holds the certificate itself.
"""

import base64
import hashlib
from dataclasses import dataclass
from typing import Final, Self

import msgspec

from rigwatch.errors import TokenError, TopicError
from rigwatch.keys import KEY_LENGTH, NodeKey, decode_base64url, decode_key, encode_base64url
from rigwatch.pin import PIN_PREFIX
from rigwatch.topics import NodeId

_LONG: Final = "rw1."
_SHORT: Final = "rw2."
PREFIXES: Final = (_LONG, _SHORT)
_PIN_LENGTH: Final = 32
_NO_PIN: Final = bytes(_PIN_LENGTH)
_CHECK_LENGTH: Final = 4
_ADVICE: Final = "copy the whole line that 'rigwatch enroll' printed"


class _Body(msgspec.Struct, frozen=True):
    url: str
    site: str
    node: str
    key: str
    ca: str | None = None


@dataclass(frozen=True, slots=True)
class JoinToken:
    """Where to connect, as which node, with which key.

    Whom to trust: the authority `ca` (PEM), or the one with the public key `pin` (`sha256//…`), or the system's.
    """

    url: str
    node: NodeId
    key: NodeKey
    ca: str | None
    pin: str = ""

    def encode(self) -> str:
        """The token's text, long only where it holds a certificate. A secret: who has it can speak for this node."""
        if self.ca is None:
            return self._short()
        body = _Body(url=self.url, site=self.node.site, node=self.node.node, key=self.key.encoded, ca=self.ca)
        return _LONG + encode_base64url(msgspec.json.encode(body))

    @classmethod
    def decode(cls, text: str) -> Self:
        """Reads a token of either form; raises `TokenError` that never repeats any of it, since it is a secret."""
        text = "".join(text.split())
        if not text.startswith(PREFIXES):
            raise TokenError(f"join token: does not begin with '{_LONG}' or '{_SHORT}'; {_ADVICE}")
        try:
            raw = decode_base64url(text[len(_LONG) :])
            return cls._of_long(raw) if text.startswith(_LONG) else cls._of_short(raw)
        except (msgspec.MsgspecError, ValueError, TopicError):
            raise TokenError(f"join token: cut short or altered; {_ADVICE}") from None

    def _short(self) -> str:
        pin = base64.b64decode(self.pin.removeprefix(PIN_PREFIX)) if self.pin else _NO_PIN
        body = decode_key(self.key.encoded) + pin + f"{self.node} {self.url}".encode()
        return _SHORT + encode_base64url(body + _check(body))

    @classmethod
    def _of_long(cls, raw: bytes) -> Self:
        body = msgspec.json.decode(raw, type=_Body)
        return cls(body.url, NodeId(body.site, body.node), NodeKey.decode(body.key), body.ca)

    @classmethod
    def _of_short(cls, raw: bytes) -> Self:
        body, check = raw[:-_CHECK_LENGTH], raw[-_CHECK_LENGTH:]
        if check != _check(body):
            raise ValueError("another check")
        key, pin = body[:KEY_LENGTH], body[KEY_LENGTH : KEY_LENGTH + _PIN_LENGTH]
        # Behind the first address a later server may say more.
        node, url, *_ = body[KEY_LENGTH + _PIN_LENGTH :].decode("utf-8").split(" ")
        named = "" if pin == _NO_PIN else PIN_PREFIX + base64.b64encode(pin).decode()
        return cls(url, NodeId.parse(node), NodeKey(key), None, named)


def is_token(text: str) -> bool:
    """Whether it means to be one, and not the name of a file."""
    return text.startswith(PREFIXES)


def _check(body: bytes) -> bytes:
    """A token that lost or changed a letter on its way would name another server, which is nobody's."""
    return hashlib.sha256(b"rigwatch token" + body).digest()[:_CHECK_LENGTH]
