"""Puts the dashboard together: one Flask application from settings, a store and a clock, with nothing global."""

from typing import Any

from flask import Flask
from flask_httpauth import HTTPBasicAuth

from rigwatch import __version__
from rigwatch.clock import Clock
from rigwatch.settings import ServerSettings
from subscriber.store import Store
from web import assets, errors, headers, health, login, overview
from web.zone import Zone

_BODY_MAX = 1024 * 1024


def create_app(settings: ServerSettings, store: Store, *, clock: Clock) -> Flask:
    """The application; it opens nothing and starts nothing. The store stays the caller's to close."""
    app = Flask(__name__)
    app.config["MAX_CONTENT_LENGTH"] = _BODY_MAX
    auth = _configure_access(app, store, clock)
    _configure_templates(app, auth)
    _configure_blueprints(app, settings, store, clock)
    return app


def _configure_access(app: Flask, store: Store, clock: Clock) -> HTTPBasicAuth:
    headers.register(app)
    errors.register(app)
    return login.register(app, store, clock)


def _configure_templates(app: Flask, auth: HTTPBasicAuth) -> None:
    app.jinja_env.trim_blocks = True
    app.jinja_env.lstrip_blocks = True
    assets.register(app)

    def always() -> dict[str, Any]:
        return {"version": __version__, "user": auth.current_user()}

    app.context_processor(always)


def _configure_blueprints(app: Flask, settings: ServerSettings, store: Store, clock: Clock) -> None:
    zone = Zone.find(settings.web.timezone)
    app.register_blueprint(health.create(store, clock))
    app.register_blueprint(overview.create(settings, store, clock, zone=zone))
