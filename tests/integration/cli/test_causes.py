"""What the list of incidents says of each: what it comes from, where that is known."""

from msgspec.structs import replace

from alerts.endings import REASONS
from rigwatch.ending import Ending
from store import Store
from tests.alerting import Driver
from tests.processes import Rigwatch
from tests.rigs import birth, will


def test_a_cause_that_is_known_stands_in_the_list(rigwatch: Rigwatch, store: Store) -> None:
    driver = Driver(store)
    driver.tick()
    driver.hear(birth(1))
    driver.hear(replace(will(1), reason=REASONS[Ending.CLOSED]))
    driver.tick(5)
    (line,) = rigwatch.run("incidents").stdout.splitlines()
    assert line.endswith("lost: probably its publisher ended (its machine closed the connection)")
