"""Whether this process lives and rigwatch works, for supervisors and load balancers. Open to everybody, so it names
no node, no address and no cause."""

import logging
import threading

from flask import Blueprint, Response, jsonify

from rigwatch.clock import Clock
from rigwatch.errors import StoreError
from store import Store, reader
from web.node_view import is_running

log = logging.getLogger(__name__)

_KEPT_S = 1.0
"""Strangers may ask as often as they like; the database is asked once in this time."""


class HealthEndpoint:
    """Remembers its last answer for a moment."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._lock = threading.Lock()
        self._until = float("-inf")
        self._reasons: list[str] = []

    def healthz(self) -> Response:
        """The process answers."""
        return jsonify(status="ok")

    def readyz(self) -> Response:
        """The database answers and a subscriber gave a sign of life within ten seconds; else 503 with the reasons.

        A subscriber without a broker is at work, and the dashboard says so: taking it away would help nobody.
        """
        reasons = self._looked()
        response = jsonify(status="not ready" if reasons else "ready", reasons=reasons)
        response.status_code = 503 if reasons else 200
        return response

    def _looked(self) -> list[str]:
        with self._lock:
            if self._clock.monotonic() >= self._until:
                self._reasons = self._look()
                self._until = self._clock.monotonic() + _KEPT_S
            return self._reasons

    def _look(self) -> list[str]:
        try:
            with self._store.read() as tx:
                server = reader.server(tx)
        except StoreError as exc:
            if not self._reasons:
                log.warning("not ready why=%s", exc)
            return ["the database does not answer"]
        return [] if is_running(server, self._clock.now()) else ["no subscriber gives a sign of life"]


def create(store: Store, clock: Clock) -> Blueprint:
    health = HealthEndpoint(store, clock)
    blueprint = Blueprint("health", __name__)
    blueprint.add_url_rule("/healthz", "healthz", health.healthz)
    blueprint.add_url_rule("/readyz", "readyz", health.readyz)
    return blueprint
