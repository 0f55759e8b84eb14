"""Addresses of the server: what join tokens carry, and where its own parts find the broker and the dashboard."""

import ipaddress
import socket
from urllib.parse import urlsplit

from rigwatch.endpoint import bracketed
from rigwatch.settings.server import BrokerSettings, WebSettings

# Documentation address (RFC 5737): connecting a UDP socket sends nothing, it only chooses the way out.
_ELSEWHERE = ("192.0.2.1", 9)
_ANYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}  # noqa: S104 - what they are replaced by


def reachable(host: str) -> str:
    """The address by which this machine reaches a listener of its own that is bound to `host`."""
    return _ANYWHERE.get(host, host)


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach what is bound to `host`."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def outward_address() -> str:
    """The address that other machines of the network most likely know this one by, else its name."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(_ELSEWHERE)
            address: str = probe.getsockname()[0]
        except OSError:
            return socket.gethostname()
    return address


def own_addresses() -> set[str]:
    """All addresses of this machine."""
    import psutil  # noqa: PLC0415 - only a server's

    interfaces = psutil.net_if_addrs().values()
    return {
        each.address.partition("%")[0]
        for addresses in interfaces
        for each in addresses
        if each.family in (socket.AF_INET, socket.AF_INET6)
    }


def broker_url(broker: BrokerSettings) -> str:
    """What a rig connects to: TLS where there is one, never a login."""
    if broker.mode == "external":
        parts = urlsplit(broker.url)
        port = f":{parts.port}" if parts.port else ""
        return f"{parts.scheme}://{bracketed(parts.hostname or '')}{port}"
    bound = broker.host if broker.port else broker.plain_host
    host = broker.advertise or (bound if bound not in _ANYWHERE else outward_address())
    return (
        f"mqtts://{bracketed(host)}:{broker.port}" if broker.port else f"mqtt://{bracketed(host)}:{broker.plain_port}"
    )


def local_broker_url(broker: BrokerSettings) -> str:
    """What a publisher on the server itself connects to: plain MQTT over loopback where it is offered."""
    if broker.mode == "embedded" and broker.plain_port:
        return f"mqtt://{bracketed(reachable(broker.plain_host))}:{broker.plain_port}"
    return broker_url(broker)


def web_url(web: WebSettings, *, advertise: str = "") -> str:
    """What a person opens in a browser; `advertise` is the name that this machine goes by, where it has one."""
    host = web.host if web.host not in _ANYWHERE else advertise or outward_address()
    return f"{'https' if serves_tls(web) else 'http'}://{bracketed(host)}:{web.port}/"


def serves_tls(web: WebSettings) -> bool:
    """Any address that other machines reach is served over TLS, unless switched off in so many words."""
    return web.tls != "off" and not is_loopback(web.host)
