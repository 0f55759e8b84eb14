"""Puts the dashboard together: one Flask application from settings, a store and a clock, with nothing global."""

from typing import Any

from flask import Flask

from rigwatch import __version__
from rigwatch.clock import Clock
from rigwatch.home import Home
from rigwatch.layers import ServerLayers
from rigwatch.settings import ServerSettings
from store import Store
from web import api, assets, errors, health, manifest, metrics, nav, wall
from web.access import cors, headers, login
from web.access.authenticator import Authenticator
from web.access.proxied import Proxied
from web.access.proxy import TrustedProxies
from web.access.sessions import BrowserLogins
from web.account import page as account
from web.admin import pages as admin
from web.admin.background import Background
from web.admin.context import AdminContext
from web.agent import page as agent
from web.charts import series
from web.compare import page as compare
from web.display import choice as viewer
from web.display import page as display
from web.incidents import page as incidents
from web.language import choice as language
from web.language import texts, words
from web.login import link
from web.login import page as login_page
from web.login.context import LoginContext
from web.node import page as node
from web.overview import page as overview
from web.snapshot import Snapshots
from web.zone import Zone

_BODY_MAX = 1024 * 1024


def create_app(
    settings: ServerSettings,
    store: Store,
    *,
    clock: Clock,
    home: Home,
    layers: ServerLayers | None = None,
    background: Background | None = None,
) -> Flask:
    """The application; it opens nothing and starts nothing. The store stays the caller's to close.

    `home` is for administration alone: keys and the list of nodes are in it. The pages work without them. So are
    `layers`, where the settings come from, and `background`, the work that outlives a request.
    """
    app = Flask(__name__)
    app.config["MAX_CONTENT_LENGTH"] = _BODY_MAX
    context = LoginContext(store, clock, Authenticator(store, clock), BrowserLogins(settings.web, store, clock))
    _configure_access(app, settings, context)
    _configure_templates(app)
    layers, background = layers or ServerLayers(home, {}), background or Background(home, clock)
    admin_context = AdminContext(settings, store, clock, home, Zone.find(settings.web.timezone), layers, background)
    _configure_blueprints(app, settings, store, clock=clock, admin_context=admin_context)
    app.register_blueprint(login_page.create(context))
    app.register_blueprint(link.create(context))
    app.register_blueprint(account.create(context, zone=admin_context.zone))
    if settings.web.trusted_proxies:
        web = settings.web
        app.wsgi_app = TrustedProxies(app.wsgi_app, web.trusted_proxies, web.sso_header)  # type: ignore[method-assign]
    return app


def _configure_access(app: Flask, settings: ServerSettings, context: LoginContext) -> None:
    language.register(app)
    headers.register(app)
    errors.register(app)
    cors.register(app, settings.web.cors_origins)
    login.register(
        app, context.passwords, context.browsers, Proxied(context.store, context.clock, creates=settings.web.sso_create)
    )


def _configure_templates(app: Flask) -> None:
    app.jinja_env.trim_blocks = True
    app.jinja_env.lstrip_blocks = True
    texts.register(app.jinja_env)
    app.add_template_global(words.links, "language_links")
    assets.register(app)

    def always() -> dict[str, Any]:
        return {"version": __version__, "user": login.current_user()}

    app.context_processor(always)
    app.add_template_global(nav.places, "places")
    app.add_template_global(nav.home, "home")
    app.add_template_global(viewer.theme, "theme")


def _configure_blueprints(
    app: Flask, settings: ServerSettings, store: Store, *, clock: Clock, admin_context: AdminContext
) -> None:
    home, zone = admin_context.home, admin_context.zone
    app.register_blueprint(health.create(store, clock))
    app.register_blueprint(words.create())
    app.register_blueprint(manifest.create())
    snapshots = Snapshots(settings, store, zone, admin_context.background.ahead)
    app.register_blueprint(overview.create(admin_context, snapshots))
    app.register_blueprint(agent.create(settings, store, clock, home=home))
    app.register_blueprint(admin.create(admin_context))
    app.register_blueprint(incidents.create(settings, store, clock, zone=zone))
    app.register_blueprint(node.create(settings, store, snapshots, clock, zone=zone))
    app.register_blueprint(display.create(zone))
    app.register_blueprint(series.create(store, snapshots, clock))
    app.register_blueprint(compare.create(snapshots, clock, zone=zone))
    app.register_blueprint(wall.create(settings, snapshots, clock, zone=zone))
    app.register_blueprint(api.create(snapshots, store, clock, zone=zone))
    app.register_blueprint(metrics.create(store, snapshots, clock))
