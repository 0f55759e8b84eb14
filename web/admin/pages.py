"""The pages of administration, `/admin/…`: put together here, each group in a file of its own."""

from flask import Blueprint

from rigwatch.clock import Clock
from rigwatch.home import Home
from rigwatch.settings import ServerSettings
from store import Store
from web.admin.desk import Desk
from web.admin.nodes import NodesDesk
from web.admin.people import PeopleDesk
from web.admin.records import RecordsDesk
from web.zone import Zone


def create(settings: ServerSettings, store: Store, clock: Clock, *, home: Home, zone: Zone) -> Blueprint:
    blueprint = Blueprint("admin", __name__, url_prefix="/admin")
    desk = Desk(settings, store, clock, home, zone)
    for group in (NodesDesk(desk), PeopleDesk(desk), RecordsDesk(desk)):
        group.register(blueprint)
    return blueprint
