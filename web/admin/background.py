"""Work that outlives a request, and the application that it was asked of, so that none of it holds a page up: that of
the pages of administration in processes of their own, reading ahead in threads."""

from rigwatch.clock import Clock
from rigwatch.home import Home
from web.admin.channel_test import ChannelTest
from web.admin.rule_trials import RuleTrials
from web.read_ahead import ReadAhead


class Background:
    """One a process."""

    def __init__(self, home: Home, clock: Clock) -> None:
        self.channels = ChannelTest(home, clock)
        self.rules = RuleTrials(home, clock)
        self.ahead = ReadAhead()

    def close(self) -> None:
        """Before the store is."""
        self.ahead.close()
