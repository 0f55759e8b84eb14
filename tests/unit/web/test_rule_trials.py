"""A look at the past that the dashboard asks for, and its bounds."""

from subscriber.rule_trial import SECONDS_MAX
from web.admin.rule_trials import LIMIT_S


def test_it_has_ended_by_itself_before_it_is_ended() -> None:
    """Three runs at most, and half a minute in which a slow machine starts the command and reads the history."""
    assert 3 * SECONDS_MAX + 30 <= LIMIT_S
