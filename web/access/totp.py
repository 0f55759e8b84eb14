"""Codes of a second factor (RFC 6238, six digits, 30 s): which step one belongs to, and how a phone gets the secret."""

import hmac
from typing import Final

import pyotp
import segno
from markupsafe import Markup

from rigwatch.clock import Millis

STEP_MS: Final[Millis] = 30_000
DIGITS: Final = 6
_ISSUER: Final = "rigwatch"
# One step to either side: a phone's clock is seldom right to the second, and typing takes a moment.
_AROUND: Final = (0, -1, 1)


def new_secret() -> str:
    """160 random bits, in base32."""
    return pyotp.random_base32(32)


def step_of(secret: str, code: str, now: Millis) -> int | None:
    """The step of which `code` is; None where it is of none that is near."""
    typed = "".join(code.split())
    if len(typed) != DIGITS or not (typed.isascii() and typed.isdecimal()):
        return None
    codes, step = pyotp.TOTP(secret, digits=DIGITS), now // STEP_MS
    near = [step + each for each in _AROUND if step + each >= 0]
    right = [each for each in near if hmac.compare_digest(codes.generate_otp(each), typed)]
    return max(right, default=None)


def address(secret: str, name: str, host: str) -> str:
    """What the picture says: `otpauth://totp/…`."""
    return pyotp.TOTP(secret, digits=DIGITS).provisioning_uri(name=f"{name}@{host}", issuer_name=_ISSUER)


def picture(text: str) -> Markup:
    """A QR code as SVG, black on white whatever the page's colours are: cameras want it so."""
    svg = segno.make(text, error="m", micro=False).svg_inline(scale=4, border=4, dark="#000", light="#fff")
    return Markup(svg)  # noqa: S704 - drawn here, holds no text
