"""What stands in the configuration of a Mosquitto that takes the plain tree along."""

from tests.integration.broker.peer import Login


def bridge_lines(port: int, login: Login, *more: str) -> list[str]:
    """To our broker at `port`, with further lines of the connection."""
    assert isinstance(login.password, str)
    return [
        "connection rigwatch",
        f"address 127.0.0.1:{port}",
        f"remote_username {login.user}",
        f"remote_password {login.password}",
        "topic rigwatch/v1/+/+/state in 1",
        "topic rigwatch/v1/+/+/availability in 1",
        *more,
    ]
