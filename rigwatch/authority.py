"""The authority that a short token names by its public key: its certificate is fetched from the server itself.

The first connection trusts nobody and says nothing: it only looks at the certificates that the server shows, and takes
the authority's if it has the key that the token names. The second is then an ordinary one, verified by that authority:
so a server certificate that is renewed, or an authority that is signed anew with its key, changes nothing for a rig.
"""

import socket
import ssl
from contextlib import suppress
from functools import lru_cache
from typing import Any, Final

from rigwatch.endpoint import Endpoint
from rigwatch.errors import RigwatchError
from rigwatch.pin import pin_of_der

_DER: Final = 2
"""`_ssl.ENCODING_DER`."""


class WrongServer(RigwatchError):
    """Whoever answers there does not show the authority that the token names."""


@lru_cache(maxsize=64)
def authority_of(host: str, port: int, pin: str, timeout: float) -> str:
    """The authority's certificate in PEM, asked for once a process; raises `WrongServer`, OSError.

    Whoever uses it has to have its own signature checked: somebody else may have put the key into one of his making.
    Blocks for `timeout` seconds at most for each step.
    """
    with suppress(ValueError):
        for certificate in _shown(host, port, timeout):
            if pin_of_der(certificate) == pin:
                return ssl.DER_cert_to_PEM_cert(certificate)
    raise WrongServer("is not the server that the token is for: it does not show the authority that the token names")


def forget_authorities() -> None:
    """They are asked for again: one may have been signed anew, which makes another certificate of the same key."""
    authority_of.cache_clear()


def trusted_for(endpoint: Endpoint, timeout: float) -> str | None:
    """The PEM to verify a server with, None for the system's authorities; as `authority_of`."""
    if endpoint.ca is not None or not endpoint.pin:
        return endpoint.ca
    return authority_of(endpoint.host, endpoint.port, endpoint.pin, timeout)


def shown_by(endpoint: Endpoint, timeout: float) -> set[str]:
    """The public keys of the certificates that a server shows; none where it cannot be asked."""
    with suppress(OSError, ValueError):
        return {pin_of_der(each) for each in _shown(endpoint.host, endpoint.port, timeout)}
    return set()


def _shown(host: str, port: int, timeout: float) -> list[bytes]:
    """What the server shows in DER, its own certificate first. Raises OSError."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    # Nothing is sent and nothing believed here: whoever answers only has to show what it has.
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with (
        socket.create_connection((host, port), timeout) as plain,
        context.wrap_socket(plain, server_hostname=host) as secure,
    ):
        return _chain(secure)


def _chain(secure: Any) -> list[bytes]:  # noqa: ANN401 - what it has of these depends on Python's version
    if hasattr(secure, "get_unverified_chain"):
        return list(secure.get_unverified_chain() or ())
    found = secure._sslobj.get_unverified_chain()  # noqa: SLF001 - its public name came with 3.13
    return [each.public_bytes(_DER) for each in found or ()]
