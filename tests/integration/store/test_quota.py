"""How much of the store a node may take a day: what is over it is left with the node, and nothing of it is lost."""

from msgspec.structs import replace

from alerts.ingest import ReceivedMessage, ReportTaken
from alerts.quota import DAY, DayUse, Quota
from rigwatch.clock import Millis
from rigwatch.settings.server import DatabaseSettings
from store import Store, reader
from tests.integration.conftest import OpenStore
from tests.rigs import birth, report, rig, sample

START = 1_760_000_400_000
MIDNIGHT = (START // DAY + 1) * DAY
SECOND, HOUR = 1000, 3_600_000


def sent(*numbers: int, at: Millis = START, size: int = 0, name: str = "rig1") -> ReceivedMessage:
    samples = (sample(n, n=n, hashrate=5) for n in numbers)
    return replace(rig(name).heard(report(*samples, sent_at=at), at), size=size)


def acked(store: Store, heard: ReceivedMessage) -> list[int]:
    verdict = store.take([heard])[0]
    assert isinstance(verdict, ReportTaken)
    return [timed.sample.n for timed in verdict.samples]


def stored(store: Store) -> list[int]:
    with store.read() as tx:
        return [n for (n,) in tx.rows("SELECT n FROM sample ORDER BY n")]


def today(store: Store) -> DayUse:
    with store.read() as tx:
        return reader.nodes(tx)[0].today


def test_what_is_over_the_samples_of_a_day_is_left_with_the_node_and_taken_on_the_next(store: Store) -> None:
    store.quota = Quota(samples=3, bytes=10**9)
    numbers = [START - 5000 + n for n in range(5)]
    assert acked(store, sent(*numbers)) == numbers[:3]
    assert acked(store, sent(*numbers)) == numbers[:3]
    assert (today(store).samples, today(store).refused) == (3, 4)
    assert acked(store, sent(*numbers, at=MIDNIGHT)) == numbers
    assert stored(store) == numbers
    with store.read() as tx:
        assert reader.averages(tx, 0)[rig().id].samples == 5
    assert today(store) == DayUse(MIDNIGHT // DAY, samples=2)


def test_what_is_over_the_bytes_of_a_day_is_left_with_the_node(store: Store) -> None:
    store.quota = Quota(samples=10**6, bytes=1000)
    assert len(acked(store, sent(*range(START, START + 10), size=3000))) == 3
    assert today(store).bytes == 900
    assert acked(store, sent(START + 50, size=300)) == []


def test_a_node_over_its_quota_is_watched_all_the_same(store: Store) -> None:
    store.quota = Quota(samples=1, bytes=10**9)
    store.take([rig().heard(birth())])
    acked(store, sent(START))
    later = START + 30 * SECOND
    assert acked(store, sent(later, at=later)) == []
    with store.read() as tx:
        facts = reader.nodes(tx)[0]
    assert facts.last_report_at == later
    assert facts.sample is not None
    assert facts.sample.at == later
    assert stored(store) == [START]


def test_one_node_s_quota_is_nobody_else_s(store: Store) -> None:
    store.quota = Quota(samples=1, bytes=10**9)
    verdicts = store.take([sent(START), sent(START + 1), sent(START, name="rig2")])
    assert [len(each.samples) for each in verdicts if isinstance(each, ReportTaken)] == [1, 0, 1]


def test_what_a_node_took_today_is_known_after_a_restart_and_to_every_subscriber(open_another: OpenStore) -> None:
    for number in range(3):
        store = open_another()
        store.quota = Quota(samples=2, bytes=10**9)
        acked(store, sent(START + number))
    assert stored(open_another()) == [START, START + 1]


def test_no_honest_rig_meets_the_quota() -> None:
    """A sample a second, twelve cards, and two days of them sent late: all on one day."""
    settings = DatabaseSettings()
    samples, size = 3 * 86_400, 2_400
    assert DayUse().add(samples, samples * size, 0).room(Quota(settings.daily_samples, settings.daily_bytes), size) > 0
