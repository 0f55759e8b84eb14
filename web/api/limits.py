"""How much one user may ask of the API in a minute. Wrong passwords are counted in `web/access/login.py`."""

import time
from collections.abc import Callable
from functools import partial
from typing import Final

from flask import Response
from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import SlidingWindowCounterRateLimiter
from werkzeug.exceptions import TooManyRequests

from web.access.login import current_user
from web.api.operation import Budget, Operation

_LIMITS: Final = {budget: RateLimitItemPerMinute(budget.value) for budget in Budget}
_WORDS: Final = {Budget.READ: "requests", Budget.DOWNLOAD: "downloads", Budget.CHANGE: "changes"}


class Budgets:
    """Counts in this process: several web processes allow as many times as much."""

    def __init__(self) -> None:
        self._limiter = SlidingWindowCounterRateLimiter(MemoryStorage())

    def within(self, operation: Operation) -> Callable[..., Response]:
        """The operation as a view that answers 429 once its budget is spent."""
        return partial(self._run, operation)

    def _run(self, operation: Operation, **arguments: object) -> Response:
        user, budget = current_user(), operation.budget
        key = (budget.name, user.name if user else "")
        if not self._limiter.hit(_LIMITS[budget], *key):
            reset = self._limiter.get_window_stats(_LIMITS[budget], *key).reset_time
            wait = max(1, round(reset - time.time()))
            raise TooManyRequests(f"More than {budget.value} {_WORDS[budget]} in a minute; wait.", retry_after=wait)
        return operation.run(**arguments)
