"""An end is called good only when it is: what has become another thing is closed, and not called well."""

from tests.unit.alerts.timeline import Timeline

RIG = "garage/rig1"


def failing(*sources: str) -> Timeline:
    line = Timeline(RIG)
    line.reads(RIG, *sources)
    line.at(30).report(RIG, hashrate=None, peers=None, errors={"xmrig": "refused"})
    line.at(300).expect("WARNING: garage/rig1 cannot be read in full")
    return line


def test_a_source_that_answers_again_is_told() -> None:
    line = failing("xmrig", "host")
    line.report(RIG, hashrate=45e6, errors={})
    line.at(400).expect("OK: garage/rig1 can be read in full again")


def test_a_source_that_was_not_read_does_not_work_again() -> None:
    line = failing("xmrig")
    line.report(RIG, errors={})
    line.at(1000).expect_nothing()
    line.report(RIG, hashrate=45e6)
    line.at(1100).expect("OK: garage/rig1 can be read in full again")


def test_a_source_that_was_taken_out_of_the_settings_does_not_work_again() -> None:
    line = failing("xmrig", "host")
    line.reads(RIG, "host")
    line.report(RIG, errors={}, temperature=50)
    line.at(400).expect("CLOSED: garage/rig1 cannot be read in full for 4 min 30 s, xmrig: not read any more")
    line.at(9000).expect_nothing()


def test_a_silent_node_whose_will_comes_does_not_report_again() -> None:
    line = Timeline(RIG)
    line.at(60).reports_stop(RIG)
    line.at(250).expect("CRITICAL: garage/rig1 silent")
    line.at(260).dies(RIG).expect("CLOSED: garage/rig1 silent for 20 s, it is lost")
    line.at(262).expect("CRITICAL: garage/rig1 lost")


def test_a_lost_node_that_says_goodbye_is_not_back() -> None:
    line = Timeline(RIG)
    line.at(10).dies(RIG)
    line.at(20).expect("CRITICAL: garage/rig1 lost")
    line.at(70).stops(RIG).expect("CLOSED: garage/rig1 lost for 1 min, it said goodbye")
    line.at(130).expect("WARNING: garage/rig1 stopped")
    line.at(190).dies(RIG).expect("CLOSED: garage/rig1 stopped for 2 min, it is lost")
    line.at(192).expect("CRITICAL: garage/rig1 lost")
    line.at(200).comes_back(RIG).expect("OK: garage/rig1 back, after 10 s")
