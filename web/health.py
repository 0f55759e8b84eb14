"""Whether this process lives and can work, for supervisors and load balancers."""

from flask import Blueprint, Response, jsonify

from rigwatch.clock import Clock
from subscriber.alerts.status import is_blind
from subscriber.store import Store


def create(store: Store, clock: Clock) -> Blueprint:
    blueprint = Blueprint("health", __name__)

    def healthz() -> Response:
        """The process answers; open to everybody, and so says nothing else."""
        return jsonify(status="ok")

    def readyz() -> Response:
        """The store answers as well, else 503. A subscriber without a broker does not make the dashboard unready."""
        subscriber = "away" if is_blind(store.server(), clock.now()) else "connected"
        return jsonify(status="ready", subscriber=subscriber)

    blueprint.add_url_rule("/healthz", view_func=healthz)
    blueprint.add_url_rule("/readyz", view_func=readyz)
    return blueprint
