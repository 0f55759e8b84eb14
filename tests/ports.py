"""Free TCP ports on loopback, chosen by the operating system, so that tests can run beside each other."""

import socket
from contextlib import ExitStack


def free_port() -> int:
    """A port that nobody listened on a moment ago; another program could still take it before its user does."""
    return free_ports(1)[0]


def free_ports(count: int) -> list[int]:
    """As many different free ports; all are held until the last is known, so that none is given twice."""
    with ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [int(each.getsockname()[1]) for each in sockets]


def is_listening(port: int, host: str = "127.0.0.1") -> bool:
    """Whether a connection to the port succeeds now."""
    with socket.socket() as probe:
        probe.settimeout(1.0)
        return probe.connect_ex((host, port)) == 0
