"""`/api/v1/`: what the dashboard shows and does, for programs. A resource a file; `docs/api.md` is its manual."""

from collections.abc import Sequence

import msgspec
from flask import Blueprint, Response

from rigwatch.clock import Clock
from store import Store
from web.api import fleet, incidents, nodes, samples, series, silences
from web.api.document import openapi
from web.api.limits import Budgets
from web.api.operation import JSON, Operation
from web.snapshot import Snapshots
from web.zone import Zone


def create(snapshots: Snapshots, store: Store, clock: Clock, *, zone: Zone) -> Blueprint:
    blueprint = Blueprint("api", __name__, url_prefix="/api/v1")
    operations = [
        *nodes.operations(snapshots, clock),
        *series.operations(snapshots, store, clock),
        *samples.operations(snapshots, store, clock),
        *fleet.operations(snapshots, store, clock),
        *incidents.operations(store, clock),
        *silences.operations(store, clock, zone=zone),
    ]
    budgets = Budgets()
    for each in (*operations, _describing(operations)):
        view = budgets.within(each)
        blueprint.add_url_rule(each.path, each.name, view, methods=[each.method], provide_automatic_options=False)
    return blueprint


def _describing(operations: Sequence[Operation]) -> Operation:
    """The one operation that the file does not describe: itself."""
    document = msgspec.json.encode(openapi(operations))

    def view() -> Response:
        return Response(document, content_type=JSON)

    return Operation(path="/openapi.json", name="openapi", tag="", summary="This file", view=view, answer=None)
