import csv
import io
import json
import subprocess
import sys

import pytest

from rigwatch.clock import SystemClock
from rigwatch.figures import Gpu, Miner
from rigwatch.messages import Sample
from store import Store, nodes, reader
from tests.fake_clock import START
from tests.processes import Rigwatch, clean_environment
from tests.rigs import report, rig, sample

MINUTE = 60_000
FULL = Sample(
    n=START + 1,
    at=START,
    hashrate=8123.4,
    peers=0,
    syncing=False,
    temperature=-3.5,
    gpus=(Gpu(id="GPU-1", name='RTX "4090"'),),
    miner=Miner("=cmd()", "6.22"),
    pool="pöol.example:4444",
    errors={"nvidia": "no,\ndriver"},
)


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def keys(rigwatch: Rigwatch, *arguments: str) -> list[tuple[str, str, int]]:
    done = rigwatch.run("export", "--format", "jsonl", *arguments)
    assert (done.returncode, done.stderr) == (0, "")
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    return [(line["site"], line["node"], line["at"]) for line in lines]


def test_it_writes_a_json_object_a_sample_with_what_is_known(rigwatch: Rigwatch, store: Store) -> None:
    store.take([rig("b").heard(report(FULL)), rig("a").heard(report(sample(START, hashrate=0)))])
    done = rigwatch.run("export", "--format", "jsonl")
    assert (done.returncode, done.stderr) == (0, "")
    first, second = map(json.loads, done.stdout.splitlines())
    time = "2025-10-09T08:53:20.000Z"
    assert first == {"site": "main", "node": "a", "n": START, "at": START, "time": time, "hashrate": 0.0}
    assert second["miner"] == {"name": "=cmd()", "version": "6.22"}
    assert (second["n"], second["pool"], second["syncing"]) == (START + 1, "pöol.example:4444", False)
    assert second["errors"] == {"nvidia": "no,\ndriver"}


def test_csv_has_the_same_figures_and_no_formulas(rigwatch: Rigwatch, store: Store) -> None:
    store.take([rig().heard(report(FULL))])
    done = rigwatch.run("export", "--format", "csv")
    assert (done.returncode, done.stderr) == (0, "")
    (row,) = rows(done.stdout)
    assert (row["site"], row["node"], row["n"], row["at"]) == ("main", "rig1", str(START + 1), str(START))
    assert (row["hashrate"], row["peers"], row["syncing"], row["block"]) == ("8123.4", "0", "false", "")
    assert (row["temperature"], row["miner"], row["pool"]) == ("-3.5", "'=cmd() 6.22", "pöol.example:4444")
    assert json.loads(row["gpus"]) == [{"id": "GPU-1", "name": 'RTX "4090"'}]
    assert json.loads(row["errors"]) == {"nvidia": "no,\ndriver"}


def test_it_goes_by_site_node_and_time_and_narrows_by_each(rigwatch: Rigwatch, store: Store) -> None:
    now = SystemClock().now()
    old, new = now - 26 * 60 * MINUTE, now - 60 * MINUTE
    for each in (rig("b", "west"), rig("b"), rig("a")):
        store.take([each.heard(report(sample(new), sample(old), sent_at=now), now)])
    every = [(site, node, at) for site, node in (("main", "a"), ("main", "b"), ("west", "b")) for at in (old, new)]
    assert keys(rigwatch) == every
    assert keys(rigwatch, "--since", "24h") == [line for line in every if line[2] == new]
    assert keys(rigwatch, "--node", "b") == [line for line in every if line[1] == "b"]
    assert keys(rigwatch, "--site", "west", "--node", "b", "--since", "2h") == [("west", "b", new)]


def test_history_comes_in_slices_each_sample_once(store: Store) -> None:
    far = START + 2500 * MINUTE
    times = [START + minute * MINUTE for minute in range(2500)]
    for begin in range(0, 2500, 500):
        part = [sample(at) for at in times[begin : begin + 500]]
        store.take([rig().heard(report(*part, sent_at=far), far), rig("other").heard(report(*part, sent_at=far), far)])
    slices = list(store.history(rig().id, since=times[10]))
    assert [len(part) for part in slices] == [1000, 1000, 490]
    assert [each.at for part in slices for each in part] == times[10:]


def test_csv_of_an_empty_database_is_its_head(rigwatch: Rigwatch, local: Store) -> None:
    with local.read() as tx:
        assert reader.nodes(tx) == []
    done = rigwatch.run("export", "--format", "csv")
    assert done.returncode == 0
    assert done.stdout.startswith("site,node,n,at,time,hashrate,")
    assert done.stdout.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--node", "rig9"), "node rig9: is not in the database; "),
        (("--site", "main", "--node", "rig9"), "node rig9: is not in the database at site main; "),
        (("--site", "east"), "site east: has no node in the database; "),
    ],
)
def test_who_is_not_there_is_said_in_one_line(
    rigwatch: Rigwatch, local: Store, arguments: tuple[str, ...], words: str
) -> None:
    local.take([rig().heard(report())])
    done = rigwatch.run("export", "--format", "jsonl", *arguments)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"rigwatch: {words}")
    assert done.stderr.count("\n") == 1


def test_a_retired_nodes_history_is_exported_too(rigwatch: Rigwatch, local: Store) -> None:
    local.take([rig().heard(report())])
    with local.write() as tx:
        nodes.retire(tx, rig().id, START)
    assert rigwatch.run("export", "--format", "jsonl", "--node", "rig1").stdout.count("\n") == 1


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_a_reader_that_has_enough_ends_it_quietly(rigwatch: Rigwatch, local: Store, kind: str) -> None:
    far = START + 2500 * MINUTE
    for begin in range(0, 2500, 500):
        part = [sample(START + minute * MINUTE) for minute in range(begin, begin + 500)]
        local.take([rig().heard(report(*part, sent_at=far), far)])
    environment = {**rigwatch.environment, "RIGWATCH_HOME": str(rigwatch.home)}
    with subprocess.Popen(
        [sys.executable, "-m", "rigwatch", "export", "--format", kind],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=clean_environment(environment),
    ) as process:
        assert process.stdout
        assert process.stderr
        assert process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(timeout=20) == 1
