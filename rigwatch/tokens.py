"""The join token: one line that carries all a rig needs to reach its server and to be believed there."""

from dataclasses import dataclass
from typing import Final, Self

import msgspec

from rigwatch.errors import TokenError, TopicError
from rigwatch.keys import NodeKey, decode_base64url, encode_base64url
from rigwatch.topics import NodeId

_PREFIX: Final = "rw1."
_ADVICE: Final = "copy the whole line that 'rigwatch enroll' printed"


class _Body(msgspec.Struct, frozen=True):
    url: str
    site: str
    node: str
    key: str
    ca: str | None = None


@dataclass(frozen=True, slots=True)
class JoinToken:
    """Where to connect, as which node, with which key, trusting which certificate authority (PEM, or the system's)."""

    url: str
    node: NodeId
    key: NodeKey
    ca: str | None

    def encode(self) -> str:
        """The token's text. A secret: who has it can speak for this node."""
        body = _Body(url=self.url, site=self.node.site, node=self.node.node, key=self.key.encoded, ca=self.ca)
        return _PREFIX + encode_base64url(msgspec.json.encode(body))

    @classmethod
    def decode(cls, text: str) -> Self:
        """Reads a token; raises `TokenError` that never repeats any of it, since it is a secret."""
        text = "".join(text.split())
        if not text.startswith(_PREFIX):
            raise TokenError(f"join token: does not begin with '{_PREFIX}'; {_ADVICE}")
        encoded = text.removeprefix(_PREFIX)
        try:
            raw = decode_base64url(encoded)
            body = msgspec.json.decode(raw, type=_Body)
            node, key = NodeId(body.site, body.node), NodeKey.decode(body.key)
        except (msgspec.MsgspecError, ValueError, TopicError):
            raise TokenError(f"join token: cut short or altered; {_ADVICE}") from None
        return cls(url=body.url, node=node, key=key, ca=body.ca)
