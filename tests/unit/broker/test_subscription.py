from itertools import permutations

from broker.subscription import PLAIN, Subscription


def test_what_is_plain_is_not_made_anew() -> None:
    assert PLAIN[1].merged(PLAIN[2]) is PLAIN[2]
    assert PLAIN[2].merged(PLAIN[1]) is PLAIN[2]
    assert PLAIN[1].judged(is_judged=False) is PLAIN[1]


def test_several_that_match_one_message_grant_all_that_each_does_in_any_order() -> None:
    first = Subscription(0, no_local=True, ids=(1,), is_judged=True)
    second = Subscription(2, as_published=True, ids=(2,), is_judged=True)
    for one, two, three in permutations((first, second, PLAIN[1])):
        found = one.merged(two, three)
        assert one.merged(two).merged(three) == found
        assert (found.qos, found.as_published, sorted(found.ids)) == (2, True, [1, 2])
        # One that may have everything, and one that wants its own back.
        assert (found.no_local, found.is_judged, found.is_plain) == (False, False, False)
        assert found.own == second.merged(PLAIN[1])


def test_what_all_leave_out_is_left_out() -> None:
    found = Subscription(1, no_local=True).merged(Subscription(0, no_local=True, as_published=True))
    assert (found.no_local, found.own) == (True, None)
