"""The pages of administration, `/admin/…`: put together here, each group in a file of its own."""

from flask import Blueprint

from web.admin.bot import BotAdmin
from web.admin.channels import ChannelsAdmin
from web.admin.codes import CodesAdmin
from web.admin.context import AdminContext
from web.admin.nodes import NodesAdmin
from web.admin.people import PeopleAdmin
from web.admin.records import RecordsAdmin


def create(admin: AdminContext) -> Blueprint:
    blueprint = Blueprint("admin", __name__, url_prefix="/admin")
    for group in (
        NodesAdmin(admin),
        CodesAdmin(admin),
        PeopleAdmin(admin),
        ChannelsAdmin(admin),
        BotAdmin(admin),
        RecordsAdmin(admin),
    ):
        group.register(blueprint)
    return blueprint
