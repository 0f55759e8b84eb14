"""The commands about alerts, each as a real process."""

import re

from rigwatch.clock import SystemClock
from rigwatch.home import Home
from rigwatch.messages import NodeState, Status
from store import open_store
from tests.processes import Rigwatch
from tests.rigs import birth, report, rig, sample, will
from tests.webhook import webhook

MINUTE = 60_000


def configure(rigwatch: Rigwatch, text: str) -> None:
    rigwatch.home.mkdir(exist_ok=True)
    (rigwatch.home / "server.toml").write_text(text)


def test_test_alert_says_which_channel_worked_and_exits_1_when_one_did_not(rigwatch: Rigwatch) -> None:
    with webhook() as good, webhook() as bad:
        bad.status = 500
        configure(rigwatch, f'[alerts.channel.good]\nurl="{good.url}"\n[alerts.channel.bad]\nurl="{bad.url}"\n')
        done = rigwatch.run("test-alert")
    assert done.returncode == 1
    assert re.search(r"^ok +good", done.stdout, re.MULTILINE)
    assert re.search(r"^failed +bad .*500", done.stdout, re.MULTILINE)
    assert good.titles == ["TEST: rigwatch can reach you"]


def test_test_alert_exits_0_when_all_worked(rigwatch: Rigwatch) -> None:
    with webhook() as good:
        configure(rigwatch, f'[alerts]\nchannels=["{good.url}"]\n')
        assert rigwatch.run("test-alert").returncode == 0


def test_test_alert_without_channels_says_where_they_go(rigwatch: Rigwatch) -> None:
    configure(rigwatch, "")
    done = rigwatch.run("test-alert")
    assert done.returncode == 2
    assert "there is no channel; add one in the page, or to alerts.channels" in done.stderr


def test_a_silence_is_made_listed_and_ended(rigwatch: Rigwatch) -> None:
    configure(rigwatch, "")
    made = rigwatch.run("silence", "add", "--for", "2h", "--by", "ann", "--why", "fan swap", "site=garage", "rule=lost")
    assert made.stdout.strip() == "1", made.stderr
    listed = rigwatch.run("silence", "list").stdout
    assert "site=garage rule=lost" in listed
    assert "by ann: fan swap" in listed
    assert rigwatch.run("silence", "end", "1").returncode == 0
    assert rigwatch.run("silence", "list").stdout == ""
    assert rigwatch.run("silence", "end", "1").returncode == 1


def test_a_matcher_that_cannot_match_is_refused(rigwatch: Rigwatch) -> None:
    configure(rigwatch, "")
    done = rigwatch.run("silence", "add", "--for", "2h", "rule=losst")
    assert done.returncode == 2
    assert "known are lost" in done.stderr


def test_maintenance_recurs_when_told_to(rigwatch: Rigwatch) -> None:
    configure(rigwatch, "")
    made = rigwatch.run("maintenance", "add", "--for", "2h", "--every", "sun 03:00", "host=box1")
    assert made.returncode == 0, made.stderr
    assert "every sun 03:00" in rigwatch.run("maintenance", "list").stdout
    assert rigwatch.run("maintenance", "add", "--for", "2h", "--every", "someday", "host=box1").returncode == 2


def test_rules_test_says_what_would_have_fired(rigwatch: Rigwatch) -> None:
    configure(rigwatch, "")
    store = open_store("sqlite:///rigwatch.db", Home(rigwatch.home))
    node = rig("rig1", "garage")
    now = SystemClock().now()
    store.take([node.heard(Status(NodeState.ONLINE, 1, host="box", interval=60), now - 61 * MINUTE)])
    for minute in range(60, 0, -1):
        at = now - minute * MINUTE
        if minute == 10:
            store.take([node.heard(will(), at)])
        if minute == 5:
            store.take([node.heard(birth(2), at)])
        if 5 < minute <= 9:
            continue
        peers = 0 if 20 <= minute < 40 else 25
        store.take([node.heard(report(sample(at, peers=peers), session=2 if minute <= 5 else 1, sent_at=at), at)])
    store.close()
    done = rigwatch.run("rules", "test", "--since", "2h")
    assert "garage/rig1 has no peers  (20 min" in done.stdout, done.stdout + done.stderr
    assert "garage/rig1 lost  (5 min): its connection broke" in done.stdout
    assert "from 56 samples, 3 comings and goings in 2h" in done.stdout
    configure(rigwatch, '[alerts.no_peers]\nhold="30m"\n')
    assert "has no peers" not in rigwatch.run("rules", "test", "--since", "2h").stdout


def test_incidents_and_ack_answer_in_one_line_when_there_is_nothing(rigwatch: Rigwatch) -> None:
    configure(rigwatch, "")
    assert rigwatch.run("incidents").stdout == ""
    done = rigwatch.run("ack", "garage/rig1")
    assert done.returncode == 1
    assert "nothing is open" in done.stderr


def test_doctor_says_when_nobody_would_be_told(at_home: Rigwatch) -> None:
    assert re.search(r"^warning +channels +nobody is told", at_home.run("doctor").stdout, re.MULTILINE)
