"""What a process does not load: a server on a small machine pays for each of these in each process that has it."""

import subprocess
import sys

import pytest

from tests.processes import clean_environment

COMMAND_LINE = ("typer", "click", "rich", "cli.commands", "cli.invocation")
PAGE = ("flask", "werkzeug", "jinja2", "uvicorn", "a2wsgi", "babel", "web")
DATABASE = ("peewee", "psycopg", "playhouse", "store")
SEALING = ("cryptography", "msgspec")
OTHERS = ("apprise", "pyasic_rs", "legacy", "hypothesis", "pytest")

LEFT_OUT = {
    "cli.supervise": (*COMMAND_LINE, *PAGE, *DATABASE, *SEALING, "amqtt", "paho", "psutil", "broker", "subscriber"),
    "broker.service": (*COMMAND_LINE, *PAGE, *DATABASE, "paho", "subscriber", "publisher", "alerts"),
    "subscriber.service": (*COMMAND_LINE, *PAGE, "amqtt", "websockets", "broker", "publisher"),
    "web.server": ("typer", "rich", "cli.commands", "amqtt", "paho", "websockets", "publisher", "subscriber"),
    "publisher.agent": (*COMMAND_LINE, *PAGE, *DATABASE, "amqtt", "websockets", "broker", "subscriber", "alerts"),
}


@pytest.mark.parametrize("module", LEFT_OUT)
def test_a_process_does_not_load_what_it_does_not_need(module: str) -> None:
    code = f"import sys, cli.part, {module}; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], env=clean_environment(), capture_output=True, text=True, check=True, timeout=60
    )
    loaded = set(done.stdout.split())
    assert module in loaded
    assert loaded & {*LEFT_OUT[module], *OTHERS} == set()


def test_the_command_line_is_loaded_only_when_it_is_asked_for() -> None:
    code = "import sys, cli; before = 'typer' in sys.modules; cli.app; print(before, 'typer' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], env=clean_environment(), capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout == "False True\n"
