"""What the import contracts cannot see: who imports by name."""

import ast
from pathlib import Path

from publisher.command import _COMMANDS

ROOT = Path(__file__).resolve().parents[3]
ROOMS = ("cli", "subscriber", "web", "legacy", "broker", "publisher", "store", "alerts", "rigwatch")
BY_NAME = {"import_module", "__import__", "exec", "eval", "run_module", "run_path"}


def imports_by_name(path: Path) -> bool:
    calls = (node.func for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.Call))
    return any((call.id if isinstance(call, ast.Name) else getattr(call, "attr", "")) in BY_NAME for call in calls)


def test_one_arrow_runs_up_and_nobody_else_imports_another_room_by_name() -> None:
    found = {
        str(path.relative_to(ROOT)) for room in ROOMS for path in (ROOT / room).rglob("*.py") if imports_by_name(path)
    }
    # `python -m rigwatch` calls the command line; a rig's commands stand in modules of its own room.
    assert found - {"publisher/command.py"} == {"rigwatch/__main__.py"}
    assert all(command.module.startswith("publisher.") for command in _COMMANDS.values())
