"""TLS as a client of the broker speaks it: whom it trusts, and what becomes of a handshake that fails."""

import ssl
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final

from rigwatch.errors import SettingsError

_CHECK_OWN_SIGNATURE: Final = ssl.VerifyFlags(0x4000)
"""OpenSSL's X509_V_FLAG_CHECK_SS_SIGNATURE."""
_NOT_YET_VALID: Final = 9
_EXPIRED: Final = 10
"""OpenSSL's X509_V_ERR_CERT_NOT_YET_VALID and X509_V_ERR_CERT_HAS_EXPIRED."""


class _ClosedOnFailure(ssl.SSLSocket):
    """paho forgets a socket whose handshake failed, so this one closes itself then."""

    def do_handshake(self, block: bool = False) -> None:  # noqa: FBT001, FBT002 - the signature of SSLSocket
        try:
            super().do_handshake(block)
        except BaseException:
            self.close()
            raise


@lru_cache(maxsize=8)
def client_context(ca: str | None) -> ssl.SSLContext:
    """The context of a client that trusts the PEM `ca`, or the system's authorities. Raises `SettingsError`.

    Kept, because reading the authorities costs milliseconds and a thousand simulated nodes trust the same one.
    """
    try:
        context = ssl.create_default_context(cadata=ca)
        if ca is not None:
            # An authority that was fetched by its key: what else it says has to be said by that key.
            context.verify_flags |= _CHECK_OWN_SIGNATURE
    except (ssl.SSLError, ValueError):
        raise SettingsError("the certificate authority to trust is not a certificate in PEM") from None
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.sslsocket_class = _ClosedOnFailure
    return context


def clock_suspected(failure: ssl.SSLCertVerificationError) -> str:
    """What to say beside a certificate that is refused for its dates; a clock may never have been set. Else ""."""
    if failure.verify_code not in (_NOT_YET_VALID, _EXPIRED):
        return ""
    return f" by this machine's clock, which says {datetime.now(UTC):%Y-%m-%d %H:%M} UTC; if that is wrong, set it"
