"""Proof that a change was asked for by a page of ours, and not by another site in the same browser.

A browser that has logged in by Basic sends the password along with every request, whoever made the page that asks. The
token is derived from the user's name and stored password hash, which every process of this dashboard knows and no
other site does: nothing is kept, several processes and restarts agree, and a new password makes old tokens worthless.
"""

import base64
import binascii
import hashlib
import hmac
import secrets
from typing import Final

from flask import request
from markupsafe import Markup

from alerts.facts import User

FIELD: Final = "csrf_token"
"""The name of the hidden field; scripts send `HEADER` instead."""
HEADER: Final = "X-CSRF-Token"
_CONTEXT: Final = b"rigwatch csrf/v1\0"
_LENGTH: Final = hashlib.sha256().digest_size


def token_for(user: User) -> str:
    """Differs each time, so that compressing a page with it tells nothing of it; each stays right."""
    mask = secrets.token_bytes(_LENGTH)
    return base64.urlsafe_b64encode(mask + _mixed(mask, _proof(user))).decode()


def is_right(user: User, token: str) -> bool:
    try:
        raw = base64.urlsafe_b64decode(token.encode())
    except (binascii.Error, ValueError):
        return False
    mask, mixed = raw[:_LENGTH], raw[_LENGTH:]
    return len(mixed) == _LENGTH and hmac.compare_digest(_mixed(mask, mixed), _proof(user))


def field_for(user: User | None) -> Markup:
    """The hidden field of a form; nothing for who is not logged in."""
    if user is None:
        return Markup()
    return Markup('<input type="hidden" name="{}" value="{}">').format(FIELD, token_for(user))


def sent() -> str:
    """The token of the request at hand; empty where there is none."""
    return request.headers.get(HEADER) or request.form.get(FIELD, "")


def _proof(user: User) -> bytes:
    return hmac.digest(user.password_hash.encode(), _CONTEXT + user.name.encode(), hashlib.sha256)


def _mixed(mask: bytes, text: bytes) -> bytes:
    return bytes(one ^ other for one, other in zip(mask, text, strict=True))
