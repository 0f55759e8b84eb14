"""The pages of administration, `/admin/…`: put together here, each group in a file of its own."""

from flask import Blueprint

from web.admin.bot import BotAdmin
from web.admin.channels import ChannelsAdmin
from web.admin.codes import CodesAdmin
from web.admin.context import AdminContext
from web.admin.display import DisplayAdmin
from web.admin.nodes import NodesAdmin
from web.admin.people import PeopleAdmin
from web.admin.records import RecordsAdmin
from web.admin.rules import RulesAdmin


def create(admin: AdminContext) -> Blueprint:
    blueprint = Blueprint("admin", __name__, url_prefix="/admin")
    groups = (NodesAdmin, CodesAdmin, PeopleAdmin, ChannelsAdmin, BotAdmin, RulesAdmin, DisplayAdmin, RecordsAdmin)
    for group in groups:
        group(admin).register(blueprint)
    return blueprint
