"""Proof that a change was asked for by a page of ours, and not by another site in the same browser.

A browser sends its cookie, or the password that it knows, along with requests, whoever made the page that asks. The
token is derived from the user's name and stored password hash, and from the session where there is one, which every
process of this dashboard knows and no other site does: nothing is kept, several processes and restarts agree, and a new
password or login makes old tokens worthless.

Before a login there is neither. The form then proves itself by a cookie that its page was given: see `web.login`.
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


def token_for(user: User, session: str = "") -> str:
    """Differs each time, so that compressing a page with it tells nothing of it; each stays right. `session`: hash of
    the one that the browser has."""
    return _masked(_of_user(user, session))


def is_right(user: User, token: str, session: str = "") -> bool:
    return _fits(token, _of_user(user, session))


def token_for_cookie(cookie: str) -> str:
    """The same for who has not logged in: only this server's pages know what the cookie says."""
    return _masked(_of_cookie(cookie))


def is_right_for_cookie(cookie: str, token: str) -> bool:
    return bool(cookie) and _fits(token, _of_cookie(cookie))


def field(token: str) -> Markup:
    """The hidden field of a form; nothing without a token."""
    return Markup('<input type="hidden" name="{}" value="{}">').format(FIELD, token) if token else Markup()


def sent() -> str:
    """The token of the request at hand; empty where there is none."""
    return request.headers.get(HEADER) or request.form.get(FIELD, "")


def _of_user(user: User, session: str) -> bytes:
    context = _CONTEXT + user.name.encode() + b"\0" + session.encode()
    return hmac.digest(user.password_hash.encode(), context, hashlib.sha256)


def _of_cookie(cookie: str) -> bytes:
    return hmac.digest(cookie.encode(), _CONTEXT, hashlib.sha256)


def _masked(proof: bytes) -> str:
    mask = secrets.token_bytes(_LENGTH)
    return base64.urlsafe_b64encode(mask + _mixed(mask, proof)).decode()


def _fits(token: str, proof: bytes) -> bool:
    try:
        raw = base64.urlsafe_b64decode(token.encode())
    except (binascii.Error, ValueError):
        return False
    mask, mixed = raw[:_LENGTH], raw[_LENGTH:]
    return len(mixed) == _LENGTH and hmac.compare_digest(_mixed(mask, mixed), proof)


def _mixed(mask: bytes, text: bytes) -> bytes:
    return bytes(one ^ other for one, other in zip(mask, text, strict=True))
