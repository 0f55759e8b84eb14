"""From wtc-miner-monitor to rigwatch as its user goes: the server while it runs, then a rig."""

import json
import re

from rigwatch.clock import SystemClock
from tests.e2e.station import START_S, Station
from tests.integration.publisher.sources.chain_server import chain_server, geth
from tests.legacy import minutes_before, write_client, write_server, write_sqlite
from tests.processes import Rigwatch
from tests.waiting import eventually

NODES = 3


def exported(rigwatch: Rigwatch, node: str) -> list[tuple[int, float | None]]:
    done = rigwatch.run("export", "--format", "jsonl", "--node", node)
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    return [(line["at"], line.get("hashrate")) for line in lines]


def test_a_server_is_taken_over_while_rigwatch_runs_and_a_rig_follows(station: Station) -> None:
    rigwatch, now = station.rigwatch, SystemClock().now()
    old = write_server(rigwatch.folder / "wtc-server", web_port=station.web_port).parent
    rows = [
        row
        for node in range(1, NODES + 1)
        for row in minutes_before(now, range(5, 2400), node=node, name=f"Comp {node}")
    ]
    write_sqlite(old / "hash.db", rows)
    station.up()
    assert "main/comp-1" not in station.page().rows

    first = rigwatch.run("import-legacy", str(old))
    assert (first.returncode, first.stderr) == (0, "")
    assert f"taken  {len(rows):,} rows" in first.stdout
    second = rigwatch.run("import-legacy", str(old))
    assert "there  history: nothing in it is new" in second.stdout

    for node in range(1, NODES + 1):
        station.wait_for_status(f"main/comp-{node}", "pending")
        assert [rate for _, rate in exported(rigwatch, f"comp-{node}")] == [8000 + age for age in range(2399, 4, -1)]
    # `page` fails where there is none: it has a chart of what the old tool measured, and no alarm.
    assert "enrolled, never seen yet" in station.page("node/main/comp-1").text
    status = rigwatch.run("status")
    assert re.search(r"^ *main/comp-1 +pending +\S+ +9\.20 kH/s ", status.stdout, re.MULTILINE), status.stdout
    assert f"{3 * 8.005:.2f} kH/s       3" in status.stdout
    assert rigwatch.run("incidents").stdout.count("comp-") == 0

    # The walk to the rig: its old client's folder, and the line that the server printed.
    found = re.search(r"main/comp-2 \(old node 2, Comp 2\)\n +rigwatch import-legacy \. --join (rw2\S+)", first.stdout)
    assert found
    rig = station.rig("rig2")
    with chain_server(geth({"net_peerCount": "0xc", "eth_blockNumber": "0x7a120", "eth_hashrate": "0x1fbb"})) as chain:
        client = write_client(rigwatch.folder / "wtc-client", number=2, name="Comp 2", rpc_port=chain.port, seconds=1)
        joined = rigwatch.run("import-legacy", str(client.parent), "--join", "-", home=rig, text=found.group(1))
        assert (joined.returncode, joined.stderr) == (0, "")
        assert "taken  node main/comp-2: chain client on port" in joined.stdout
        again = rigwatch.run("import-legacy", str(client), "--join", found.group(1), home=rig)
        assert "there  node main/comp-2: is in" in again.stdout

        rigwatch.start("publish", home=rig)
        station.wait_for_status("main/comp-2", "online", timeout=START_S)
        eventually(lambda: exported(rigwatch, "comp-2")[-1][1] == 8123, timeout=START_S, what="its first own sample")
    third = rigwatch.run("import-legacy", str(old))
    assert "main/comp-2 (old" not in third.stdout
    assert "main/comp-3 (old" in third.stdout
    told = rigwatch.run("incidents").stdout
    assert not re.search(r"comp-[13]", told), told
