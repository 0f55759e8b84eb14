"""The pages of administration, `/admin/…`: put together here, each group in a file of its own."""

from flask import Blueprint

from rigwatch.clock import Clock
from rigwatch.home import Home
from rigwatch.settings import ServerSettings
from store import Store
from web.admin.context import AdminContext
from web.admin.nodes import NodesAdmin
from web.admin.people import PeopleAdmin
from web.admin.records import RecordsAdmin
from web.zone import Zone


def create(settings: ServerSettings, store: Store, clock: Clock, *, home: Home, zone: Zone) -> Blueprint:
    blueprint = Blueprint("admin", __name__, url_prefix="/admin")
    admin = AdminContext(settings, store, clock, home, zone)
    for group in (NodesAdmin(admin), PeopleAdmin(admin), RecordsAdmin(admin)):
        group.register(blueprint)
    return blueprint
