"""Calls every operation of a client that was made from the OpenAPI file, and says in JSON what came of it.

Run by the Python that has what such a client needs, beside it: `PYTHON use_client.py ADDRESS TOKEN`.
"""

import importlib
import inspect
import json
import pkgutil
import sys
from collections.abc import Iterator
from typing import Any

import rigwatch_client.api as operations
from rigwatch_client import AuthenticatedClient
from rigwatch_client.models import Acknowledge, Match, NewSilence

_GIVEN = {"site": "main", "node": "rig1", "number": 1}
_BODIES = {
    "add_silence": NewSilence(match=Match(site="main"), lasts_s=60, why="work"),
    "acknowledge_incident": Acknowledge(why="on my way"),
}
# What another one makes comes first.
_LAST = ("end_silence",)


def calls() -> Iterator[tuple[str, Any]]:
    """Each operation with nothing but what it must be given."""
    found = {
        each.name.rpartition(".")[2]: importlib.import_module(each.name).sync_detailed
        for each in pkgutil.walk_packages(operations.__path__, f"{operations.__name__}.")
        if not each.ispkg
    }
    for name in sorted(found, key=lambda name: (name in _LAST, name)):
        wanted = inspect.signature(found[name]).parameters
        given = {key: _GIVEN[key] for key, each in wanted.items() if key in _GIVEN and each.default is each.empty}
        if "body" in wanted:
            given["body"] = _BODIES[name]
        with AuthenticatedClient(base_url=sys.argv[1], token=sys.argv[2]) as client:
            yield name, found[name](client=client, **given)


def main() -> None:
    said = {}
    for name, answer in calls():
        parsed = answer.parsed
        shown = parsed.to_dict() if hasattr(parsed, "to_dict") else parsed
        said[name] = {"status": answer.status_code, "kind": type(parsed).__name__, "answer": shown}
    sys.stdout.write(json.dumps(said))


if __name__ == "__main__":
    main()
