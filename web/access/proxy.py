"""Whom a request comes from when a proxy stands in front: its word is taken where the settings name it, only there."""

import ipaddress
import re
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Final, TypeAlias

from werkzeug.middleware.proxy_fix import ProxyFix

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network

_FOR: Final = "HTTP_X_FORWARDED_FOR"
_SAID_BY_PROXIES: Final = (
    *(_FOR, "HTTP_X_FORWARDED_PROTO", "HTTP_X_FORWARDED_HOST", "HTTP_X_FORWARDED_PORT"),
    *("HTTP_X_FORWARDED_PREFIX", "HTTP_FORWARDED"),
)
_MARKS: Final = (*_SAID_BY_PROXIES, "HTTP_X_REAL_IP", "HTTP_VIA")
_PROXIED: Final = "rigwatch.proxied"
_SSO_USER: Final = "rigwatch.sso_user"


def sso_user(environ: "WSGIEnvironment") -> str:
    """Whom a trusted proxy says that it has let in; empty where it says nothing. Not checked in any way."""
    said = environ.get(_SSO_USER, "")
    try:
        # WSGI has every header's bytes as if they were Latin-1 (PEP 3333).
        return str(said).encode("latin-1").decode()
    except UnicodeError:
        return str(said)


def is_proxied(environ: "WSGIEnvironment") -> bool:
    """Whether a proxy, named in the settings or not, says that the request is another's; one may say nothing."""
    return _PROXIED in environ or any(name in environ for name in _MARKS)


_SENSE: Final = {
    "HTTP_X_FORWARDED_PROTO": re.compile("https?"),
    "HTTP_X_FORWARDED_HOST": re.compile(r"[A-Za-z0-9._-]+(:\d{1,5})?|\[[0-9A-Fa-f:.]+\](:\d{1,5})?"),
    "HTTP_X_FORWARDED_PREFIX": re.compile(r"(/[A-Za-z0-9._~-]+)+/?"),
}
"""What makes sense as scheme, host and path of an address; anything else is as if it had not been said."""


def trusts(proxies: Sequence[str]) -> Callable[[str], bool]:
    """Whether an address is one of these, or in one of these networks."""
    networks: tuple[Network, ...] = tuple(ipaddress.ip_network(each) for each in proxies)

    def is_trusted(text: str) -> bool:
        address = _parsed(text)
        return address is not None and any(address in network for network in networks)

    return is_trusted


class TrustedProxies:
    """Puts the client's address, scheme, host and prefix in the place of a trusted proxy's; takes away what others say.

    The client is the last address of `X-Forwarded-For` that is not a trusted proxy itself: what stands before that was
    written by the client. Scheme, host and prefix are what the proxy nearest to us says. So is who has logged in there,
    in `sso_header`: it is taken out of every request, and kept of theirs.
    """

    def __init__(self, app: "WSGIApplication", trusted: Sequence[str], sso_header: str = "") -> None:
        self._app = app
        self._says_user = f"HTTP_{sso_header.upper().replace('-', '_')}" if sso_header else ""
        self._is_trusted = trusts(trusted)
        self._fixed = ProxyFix(app, x_for=0, x_proto=1, x_host=1, x_prefix=1)

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        is_trusted = self._is_trusted(environ.get("REMOTE_ADDR", ""))
        said = environ.pop(self._says_user, "") if self._says_user else ""
        if is_trusted and said:
            environ[_SSO_USER] = said
        if not is_trusted:
            if is_proxied(environ):
                environ[_PROXIED] = True
            for name in _SAID_BY_PROXIES:
                environ.pop(name, None)
            return self._app(environ, start_response)
        environ["REMOTE_ADDR"] = self._client(environ.get(_FOR, ""), environ["REMOTE_ADDR"])
        for name, sense in _SENSE.items():
            # The one nearest to us is the last; a proxy that does not write it lets the client's own pass.
            if not sense.fullmatch(environ.get(name, "").rpartition(",")[2].strip()):
                environ.pop(name, None)
        return self._fixed(environ, start_response)

    def _client(self, chain: str, nearest: str) -> str:
        """Without a chain, or with one that makes no sense at the decisive place, the nearest address that is known."""
        known = nearest
        for text in reversed(chain.split(",")):
            address = _parsed(text.strip())
            if address is None:
                return known
            known = str(address)
            if not self._is_trusted(known):
                return known
        return known


def _parsed(text: str) -> Address | None:
    """Some proxies write the port too: `192.0.2.1:80`, `[2001:db8::1]:80`."""
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address
