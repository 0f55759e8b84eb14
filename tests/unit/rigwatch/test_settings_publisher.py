"""`publisher.toml` as a whole: nodes, how each is known to its server, and overrides by their number."""

from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from rigwatch.errors import SettingsError
from rigwatch.home import Home
from rigwatch.settings import PublisherSettings, ServerSettings, load_publisher

TOKEN = "rw1.confidential"
ONE = f'[[nodes]]\ntoken = "{TOKEN}"\n'
SHARED = '[[nodes]]\nnode = "rig2"\nserver = "mqtts://monitor.example"\npassphrase = "confidential words"\n'


def load(tmp_path: Path, text: str = ONE, **environ: str) -> PublisherSettings:
    (tmp_path / "publisher.toml").write_text(text, encoding="utf-8")
    return load_publisher(Home(tmp_path), environ)


def refusal(tmp_path: Path, text: str = ONE, **environ: str) -> str:
    with pytest.raises(SettingsError) as error:
        load(tmp_path, text, **environ)
    said = str(error.value)
    assert "\n" not in said
    assert "confidential" not in said
    return said


def test_a_node_needs_no_more_than_its_token(tmp_path: Path) -> None:
    (node,) = load(tmp_path).nodes
    assert (node.token, node.node, node.site, node.tags, node.sources) == (TOKEN, "", "", (), ())
    assert (node.interval, node.keepalive) == (timedelta(seconds=60), timedelta(seconds=10))


def test_a_file_may_name_several_nodes_with_their_sources(tmp_path: Path) -> None:
    settings = load(
        tmp_path,
        f'[outbox]\nsamples = 10\n{SHARED}interval = "5s"\n'
        'tags = ["shed a"]\n[[nodes.sources]]\nkind = "jsonrpc"\nurl = "http://127.0.0.1:8545"\n' + ONE,
    )
    first, second = settings.nodes
    assert (first.node, first.passphrase, first.interval) == ("rig2", "confidential words", timedelta(seconds=5))
    assert first.sources == ({"kind": "jsonrpc", "url": "http://127.0.0.1:8545"},)
    assert first.tags == ("shed a",)
    assert second.token == TOKEN
    assert settings.outbox.samples == 10


def test_a_missing_file_tells_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"publisher\.toml: not there; run 'rigwatch publish --join TOKEN'"):
        load_publisher(Home(tmp_path), {})


WRONG = {
    "no node": ("", "names no node; add a [[nodes]] table"),
    "nodes is a table": ("[nodes]\n", "nodes: should be a list, in brackets"),
    "neither": ('[[nodes]]\nnode = "rig1"\n', "nodes[1]: needs either token"),
    "both": (ONE + 'passphrase = "confidential words"\n', "nodes[1]: needs either token"),
    "passphrase alone": ('[[nodes]]\npassphrase = "confidential words"\n', "nodes[1]: with a passphrase, server"),
    "short passphrase": (SHARED.replace(" words", ""), "nodes[1]: passphrase has 12 characters; at least 16"),
    "second node": (ONE + ONE + 'interval = "0s"\n', "nodes[2].interval: should be from 1s to 1d (got '0s')"),
    "keepalive": (ONE + 'keepalive = "65536s"\n', "nodes[1].keepalive: should be from 1s to 18h12m15s"),
    "name": (ONE + 'node = "Rig 1"\n', "nodes[1]: node 'Rig 1' is not a valid name"),
    "site": (ONE + 'site = "-"\n', "nodes[1]: site '-' is not a valid name"),
    "token type": ('[[nodes]]\ntoken = ["rw1.confidential"]\n', "nodes[1].token: expected `str`, got `array`"),
    "unknown": (ONE + "tokn = 1\n", "nodes[1].tokn: unknown key; did you mean 'token'?"),
    "long display name": (ONE + f'name = "{"x" * 201}"\n', "nodes[1].name: expected `str` of length <= 200"),
    "tags": (ONE + 'tags = "a"\n', "nodes[1].tags: should be a list, in brackets"),
    "empty tag": (ONE + 'tags = ["a", ""]\n', "nodes[1].tags[2]: expected `str` of length >= 1"),
    "many tags": (ONE + f"tags = {['t'] * 33}\n", "nodes[1].tags: holds 33 items; at most 32 are allowed"),
    "many sources": (ONE + '[[nodes.sources]]\nkind = "host"\n' * 33, "nodes[1].sources: holds 33 items; at most 32"),
    "outbox": ("[outbox]\nsamples = 0\n" + ONE, "outbox.samples: expected `int` >= 1 (got 0)"),
    "outbox not a number": ("[outbox]\nmegabytes = nan\n" + ONE, "outbox.megabytes: expected `float` >= 0.1"),
    "source": (ONE + 'sources = ["user:confidential@h"]\n', "nodes[1].sources[1]: expected `object`, got `str`"),
    "sources": (ONE + 'sources = "user:confidential@h"\n', "nodes[1].sources: should be a list, in brackets"),
}


@pytest.mark.parametrize(("text", "said"), WRONG.values(), ids=WRONG)
def test_a_wrong_setting_is_refused_with_its_node_counted_from_one(tmp_path: Path, text: str, said: str) -> None:
    assert refusal(tmp_path, text).startswith(f"{tmp_path / 'publisher.toml'}: {said}")


def test_a_node_is_overridden_by_its_number(tmp_path: Path) -> None:
    settings = load(
        tmp_path,
        ONE + ONE,
        RIGWATCH_NODES__2__TOKEN="rw1.other",
        RIGWATCH_NODES__1__INTERVAL="2m",
        RIGWATCH_NODES__1__TAGS='["a", "b"]',
        RIGWATCH_OUTBOX__SAMPLES="7",
    )
    assert [node.token for node in settings.nodes] == [TOKEN, "rw1.other"]
    assert (settings.nodes[0].interval, settings.nodes[0].tags) == (timedelta(minutes=2), ("a", "b"))
    assert settings.outbox.samples == 7


def test_the_environment_may_complete_what_the_file_leaves_out(tmp_path: Path) -> None:
    settings = load(tmp_path, "[[nodes]]\n", RIGWATCH_NODES__1__TOKEN=TOKEN)
    assert settings.nodes[0].token == TOKEN


@pytest.mark.parametrize(
    "variable",
    ["RIGWATCH_NODES__0__TOKEN", "RIGWATCH_NODES__2__TOKEN", "RIGWATCH_NODES__RIG1__TOKEN", "RIGWATCH_NODES__TOKEN"],
)
def test_an_override_of_a_node_that_the_file_does_not_have_is_refused(tmp_path: Path, variable: str) -> None:
    said = refusal(tmp_path, ONE, **{variable: "confidential"})
    assert said == f"{variable}: 'nodes' is a list; name an item of the file by its number, from 1"


@pytest.mark.parametrize(
    ("variable", "said"),
    [
        ("RIGWATCH_NODES__1__TOKN", "no such setting; did you mean 'token'?"),
        ("RIGWATCH_NODE__1__TOKEN", "no such section; did you mean 'nodes'?"),
        ("RIGWATCH_NODES__1__SOURCES", "is not a value as TOML writes it"),
        ("RIGWATCH_NODES__1__SOURCES__1__URL", "'sources' is not a section"),
    ],
)
def test_a_misspelt_override_is_refused(tmp_path: Path, variable: str, said: str) -> None:
    assert refusal(tmp_path, ONE + "[[nodes.sources]]\n", **{variable: "[confidential"}).startswith(
        f"{variable}: {said}"
    )


def test_every_section_of_the_servers_file_may_be_overridden_in_the_same_environment(tmp_path: Path) -> None:
    for section in msgspec.structs.fields(ServerSettings):
        assert load(tmp_path, **{f"RIGWATCH_{section.name.upper()}__X": "1"}).nodes


def test_settings_do_not_show_their_secrets(tmp_path: Path) -> None:
    settings = load(tmp_path, ONE + SHARED)
    assert "confidential" not in f"{settings!r} {settings}"


def test_the_place_of_a_token_file_is_a_setting_of_its_own(tmp_path: Path) -> None:
    settings = load(tmp_path, "[[nodes]]\n", RIGWATCH_NODES__1__TOKEN_FILE="/run/secrets/token")
    assert (settings.nodes[0].token, settings.nodes[0].token_file) == ("", "/run/secrets/token")
