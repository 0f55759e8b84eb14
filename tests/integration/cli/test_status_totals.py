"""`status` adds up one algorithm, and gives each of several its own total."""

from rigwatch.clock import SystemClock
from rigwatch.messages import Sample
from store import Store, housekeeping
from tests.processes import Rigwatch
from tests.rigs import birth, report, rig


def there(store: Store, name: str, rate: float, algorithm: str) -> None:
    now, made = SystemClock().now(), rig(name)
    reported = report(Sample(n=now, at=now, hashrate=rate, algorithm=algorithm), sent_at=now)
    with store.write() as tx:
        housekeeping.beat(tx, "subscriber", now=now, connected_at=now)
    store.take([made.heard(birth(interval=3600), now), made.heard(reported, now)])


def test_status_gives_each_algorithm_its_total(rigwatch: Rigwatch, local: Store) -> None:
    there(local, "a", 836e6, "ethash")
    told = rigwatch.run("status").stdout
    assert "added up" not in told
    assert "Hashrate now" not in told
    there(local, "b", 24.1e3, "rx/0")
    told = rigwatch.run("status").stdout
    assert "Hashrate now: 836.00 MH/s ethash · 24.10 kH/s rx/0\n" in told
    assert "Totals per minute, all algorithms added up" in told
