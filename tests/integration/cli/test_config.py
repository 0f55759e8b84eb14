"""`rigwatch config`: each setting with where it is from; `rules test --set`: a rule against itself."""

import json
from collections.abc import Iterator
from contextlib import closing

import pytest
from typer.testing import CliRunner, Result

from cli import app
from rigwatch.clock import SystemClock
from rigwatch.home import Home
from rigwatch.keys import MasterKey
from rigwatch.layers import ServerLayers
from rigwatch.messages import Report, Sample
from store import Store, acts, open_store, page_settings
from store.acts import Actor, Way
from tests.rigs import birth, rig

ROOT = Actor("root", Way.PAGE)
HOT = ("alerts", "hot", "threshold")
TOML = "[database]\n[alerts]\nhot.hold = '2m'\nchannels = [\n  'ntfy://file-secret',\n]\n"


@pytest.fixture
def local(home: Home) -> Iterator[Store]:
    with closing(open_store("sqlite:///rigwatch.db", home)) as opened:
        yield opened


@pytest.fixture
def settled(home: Home, local: Store, monkeypatch: pytest.MonkeyPatch) -> Home:
    """With something in the file, and something in the page."""
    for name in ("RIGWATCH_HOME", "RIGWATCH_DATABASE__URL"):
        monkeypatch.delenv(name, raising=False)
    home.path.chmod(0o700)
    home.server_toml.write_text(TOML)
    MasterKey.random().save(home.secret_key)
    layers = ServerLayers(home, {})
    with local.write() as tx:
        acts.settings.change(tx, ROOT, 1, {HOT: 91}, layers=layers)
        acts.channels.add(tx, ROOT, 1, "phone", values={"url": "ntfy://page-secret"}, layers=layers)
    return home


def run(home: Home, *words: str, **environment: str) -> Result:
    return CliRunner().invoke(app, ["--home", str(home.path), *words], env=environment)


def test_it_lists_what_is_no_default_and_where_it_is_from(settled: Home) -> None:
    done = run(settled, "config", RIGWATCH_WEB__TIMEZONE="Asia/Tokyo")
    assert [" ".join(line.split()) for line in done.stdout.splitlines()] == [
        'web.timezone = "Asia/Tokyo" RIGWATCH_WEB__TIMEZONE',
        "alerts.hot.threshold = 91.0 the page",
        'alerts.hot.hold = "2m" server.toml, line 3',
        "alerts.channels = [(set)] server.toml, line 4",
        "alerts.channel.phone.url = (set) the page",
    ]
    assert "secret" not in done.output


def test_below_a_name_it_lists_the_defaults_too(settled: Home) -> None:
    done = run(settled, "config", "alerts.hot", "--json")
    found = {each["setting"]: (each["value"], each["from"]) for each in map(json.loads, done.stdout.splitlines())}
    assert found["alerts.hot.threshold"] == ("91.0", "the page")
    # A threshold alone is meant without hysteresis.
    assert found["alerts.hot.clear"] == ("91.0", "default")
    assert found["alerts.hot.severity"] == ('"critical"', "default")
    wrong = run(settled, "config", "alerts.hott")
    assert wrong.exit_code != 0


def test_what_of_the_page_is_left_out_is_named(settled: Home, local: Store) -> None:
    MasterKey.random().save(settled.secret_key)
    done = run(settled, "config")
    assert "alerts.channel.phone.url: cannot be opened" in done.output
    assert "alerts.hot.threshold = 91.0" in done.stdout
    with local.read() as tx:
        assert len(page_settings.every(tx)) == 2


def test_a_rule_is_set_against_itself_and_nothing_changes(settled: Home, local: Store) -> None:
    made, now = rig("rig1"), SystemClock().now()
    local.take([made.heard(birth(), now - 7_200_000)])
    for minute in range(120, 0, -1):
        at = now - minute * 60_000
        sample = Sample(n=at, at=at, temperature=88.0 if minute > 60 else 60.0)
        local.take([made.heard(Report(1, at, (sample,)), at)])
    done = run(settled, "rules", "test", "--since", "3h", "--set", "hot.threshold=85", "--node", "main/rig1")
    assert done.exit_code == 0, done.output
    assert "now: 0 incidents" in done.stdout
    assert "then: 1 incidents" in done.stdout
    assert "main/rig1 is too hot" in done.stdout
    told = json.loads(run(settled, "rules", "test", "--since", "3h", "--set", "hot.threshold=85", "--json").stdout)
    assert (told["before"]["count"], told["after"]["count"], told["is_cut"]) == (0, 1, False)
    with local.read() as tx:
        assert page_settings.layered(tx, ServerLayers(settled, {})).settings.alerts.hot.threshold == 91


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("--set", "hot.threshold=hot"), "threshold: should be a number"),
        (("--set", "hot.hold=1m"), "is set by server.toml, line 3"),
        (("--set", "hot"), "write it as 'hot.threshold=90'"),
        (("--set", "hot.threshold=1", "--node", "rig1"), "rig1"),
        (("--node", "main/rig1"), "belong to --set"),
    ],
)
def test_what_cannot_be_asked_says_why(settled: Home, words: tuple[str, ...], why: str) -> None:
    done = run(settled, "rules", "test", *words)
    assert done.exit_code != 0
    assert why in str(done.exception)
