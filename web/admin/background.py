"""Work of the pages of administration that outlives a request, and the application that it was asked of: in processes
of their own, so that none of it holds a page up."""

from rigwatch.clock import Clock
from rigwatch.home import Home
from web.admin.channel_test import ChannelTest
from web.admin.rule_trials import RuleTrials


class Background:
    """One a process."""

    def __init__(self, home: Home, clock: Clock) -> None:
        self.channels = ChannelTest(home, clock)
        self.rules = RuleTrials(home, clock)
