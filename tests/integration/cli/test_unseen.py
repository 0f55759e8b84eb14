"""Control characters of others reach no terminal: not by a table, not by an export, not by a traceback."""

import csv
import io
import json
import re
import subprocess
import sys

import pytest

from alerts.book import Decision
from alerts.engine import StepResult
from alerts.incident import Acknowledged, Incident, IncidentState, Scope, Subject
from alerts.rule import Rule, Severity
from rigwatch.figures import Gpu, Miner
from rigwatch.messages import Sample
from store import Store, alerts
from tests.fake_clock import START
from tests.processes import ROOT, Rigwatch, clean_environment
from tests.rigs import report, rig

EVIL = "red\x1b[31m\x1b]0;title\x07\x9b2J\u202egnp\u2066\r\nforged line\x7f"
UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


@pytest.fixture
def number(store: Store) -> int:
    """Of an incident whose words were written by somebody else, all of them."""
    subject = Subject(Scope.HOST, "main", EVIL)
    made = Incident(1, Rule.LOST, subject, IncidentState.FIRING, START, Severity.CRITICAL, evidence=EVIL, members=3)
    told = Decision(1, START, "firing", EVIL)
    with store.write() as tx:
        alerts.save(tx, StepResult(incidents=(made,), decisions=(told,)), 1)
    with store.write() as tx:
        alerts.acknowledge(tx, 1, Acknowledged(START, EVIL, EVIL))
    return made.id


@pytest.mark.parametrize("command", [("incidents",), ("incidents", "1"), ("explain", "1"), ("status",)])
def test_a_table_shows_them_written_out(
    rigwatch: Rigwatch, store: Store, number: int, command: tuple[str, ...]
) -> None:
    store.take([rig().heard(report())])
    done = rigwatch.run(*command)
    # No subscriber runs here, which `status` says by its exit code.
    assert done.returncode == (command == ("status",)), done.stderr
    assert not UNSEEN.search(done.stdout), done.stdout
    assert number == 1
    if command != ("status",):
        assert r"red\x1b[31m" in done.stdout
        # Nobody can make a line of their own in it.
        assert not [line for line in done.stdout.splitlines() if line.startswith("forged")]


def test_an_export_says_the_same_and_commands_nothing(rigwatch: Rigwatch, store: Store) -> None:
    taken = Sample(
        n=START, at=START, miner=Miner(EVIL, "1"), pool="=1+1", block_hash="\x1b=2", gpus=(Gpu(EVIL, EVIL),),
        errors={EVIL: EVIL},
    )  # fmt: skip
    store.take([rig().heard(report(taken))])
    written = rigwatch.run("export", "--format", "csv").stdout
    assert not UNSEEN.search(written), written
    (row,) = csv.DictReader(io.StringIO(written))
    assert row["miner"].startswith(r"red\x1b[31m")
    assert row["pool"] == "'=1+1"
    assert row["block_hash"] == r"\x1b=2"
    # What is JSON stays JSON, and means what it meant.
    assert json.loads(row["errors"]) == {EVIL: EVIL}
    assert json.loads(row["gpus"])[0]["name"] == EVIL
    lines = rigwatch.run("export", "--format", "jsonl").stdout
    assert not UNSEEN.search(lines)
    assert json.loads(lines)["errors"] == {EVIL: EVIL}


@pytest.mark.parametrize("words", ["=1", "+1", "-1", "@x", "\uff1d1", " =1", "\t=1"])
def test_what_begins_like_a_formula_is_text_to_a_spreadsheet(rigwatch: Rigwatch, store: Store, words: str) -> None:
    store.take([rig().heard(report(Sample(n=START, at=START, pool=words)))])
    (row,) = csv.DictReader(io.StringIO(rigwatch.run("export", "--format", "csv").stdout))
    assert not row["pool"].lstrip().startswith(("=", "+", "-", "@", "\uff1d"))


@pytest.mark.parametrize("error", ["RigwatchError", "ValueError"])
def test_a_traceback_commands_nothing(error: str) -> None:
    program = (
        "import sys, cli.commands as cli\n"
        "from rigwatch.errors import RigwatchError\n"
        f"def broken(): raise {error}({EVIL!r})\n"
        "cli.app = broken\n"
        "cli.wants_debug = lambda: True\n"
        "cli.main()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, cwd=ROOT, env=clean_environment(),
        check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "Traceback (most recent call last):" in done.stderr
    assert r"red\x1b[31m" in done.stderr
    assert not UNSEEN.search(done.stderr.replace("\r", "")), done.stderr
