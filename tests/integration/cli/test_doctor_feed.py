"""What `doctor` says of a broker of the owner's own that the feed goes to."""

import pytest

from tests.mosquitto import StartMosquitto
from tests.processes import Rigwatch

PASSWORDS = {"tree": "right"}


@pytest.mark.parametrize(
    ("password", "said"),
    [("right", "ok       feed       mqtt://127.0.0.1:{port}, and it takes our account"),
     ("wrong", "failed   feed       mqtt://127.0.0.1:{port}: Not authorized")],
)  # fmt: skip
def test_it_says_whether_that_broker_takes_the_account(
    rigwatch: Rigwatch, start_mosquitto: StartMosquitto, password: str, said: str
) -> None:
    there = start_mosquitto(passwords=PASSWORDS)
    assert rigwatch.run("init").returncode == 0
    rigwatch.environment["RIGWATCH_FEED__STATE"] = "true"
    rigwatch.environment["RIGWATCH_FEED__BROKER"] = f"mqtt://tree:{password}@127.0.0.1:{there.port}"
    examined = rigwatch.run("doctor")
    assert said.format(port=there.port) in examined.stdout
    assert password == "right" or "wrong" not in examined.stdout
