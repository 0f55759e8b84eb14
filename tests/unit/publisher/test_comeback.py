from random import Random

from publisher.comeback import Comeback
from rigwatch.backoff import Backoff


def _backoff() -> Backoff:
    return Backoff(first=2.0, most=60.0, random=Random(1))  # noqa: S311 - jitter


def comeback() -> tuple[Comeback, Backoff]:
    backoff = _backoff()
    return Comeback(backoff, stable=60), backoff


def test_a_broker_that_dies_again_and_again_is_not_waited_for_longer_each_time() -> None:
    after, backoff = comeback()
    for _ in range(10):
        assert after.lost(1.0) <= 2.0
        assert after.unreachable() <= 4.0
        assert backoff.failures == 2
        after.online()


def test_whoever_is_thrown_out_again_and_again_by_a_broker_that_stays_waits_longer_each_time() -> None:
    after, backoff = comeback()
    for times in range(1, 10):
        after.online()
        after.lost(1.0)
        assert backoff.failures == times


def test_what_was_away_once_is_forgiven_once() -> None:
    after, backoff = comeback()
    after.unreachable()
    after.online()
    for times in range(1, 5):
        after.lost(1.0)
        after.online()
        assert backoff.failures == times


def test_a_connection_that_lasted_begins_anew() -> None:
    after, backoff = comeback()
    for _ in range(5):
        after.lost(59.9)
    assert backoff.failures == 5
    after.lost(60)
    assert backoff.failures == 1


def test_who_shares_its_key_with_another_publisher_stays_away_for_half_a_minute_at_least() -> None:
    rival = Backoff(first=90.0, most=90.0, least=30.0, random=Random(3))  # noqa: S311 - jitter
    after = Comeback(_backoff(), stable=60, rival=rival)
    for lasted in (0.5, 1.0, 100.0):
        after.online()
        after.contested()
        assert 30.0 <= after.lost(lasted) <= 90.0


def test_who_is_alone_again_comes_back_as_ever() -> None:
    rival = Backoff(first=90.0, most=90.0, least=30.0, random=Random(3))  # noqa: S311 - jitter
    after = Comeback(_backoff(), stable=60, rival=rival)
    after.contested()
    after.lost(1.0)
    after.online()
    assert after.lost(1.0) <= 4.0
