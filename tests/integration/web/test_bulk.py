"""What an admin does about many nodes at once, from the list."""

import re

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from rigwatch.home import Home
from rigwatch.keys import MasterKey
from rigwatch.registry import Registry
from rigwatch.tokens import JoinToken
from rigwatch.topics import NodeId
from store import Store, alerts, nodes, silences, users
from tests.alerting import Driver
from tests.fake_clock import START, FakeClock
from tests.integration.web.test_admin import Root, entries, root, said
from tests.rigs import birth, rig, will
from web.access.csrf import FIELD, token_for

__all__ = ["root"]


def send(root: Root, store: Store, *picked: str, **form: str) -> TestResponse:
    with store.read() as tx:
        user = users.get(tx, "root")
    assert user
    data = {"node": [f"main/{name}" for name in picked], FIELD: token_for(user), **form}
    return root.client.post("/nodes", data=data)


def tags(store: Store, name: str) -> tuple[str, ...]:
    with store.read() as tx:
        known = nodes.one(tx, NodeId("main", name))
    assert known
    return known.given_tags


@pytest.fixture
def rigs(root: Root, store: Store) -> Root:
    store.take([rig(f"rig{number}").heard(birth(host="tower")) for number in range(2, 61)])
    return root


def test_only_an_admin_is_shown_boxes_and_may_use_them(rigs: Root, store: Store, ada: FlaskClient) -> None:
    assert rigs.page("/").count('form="bulk" name="node"') == 50
    assert 'form="bulk"' not in ada.get("/").text
    assert 'id="bulk"' not in ada.get("/").text
    # The one part that both are sent is not the same.
    assert 'form=\\"bulk\\"' in rigs.client.get("/live").text
    assert "bulk" not in ada.get("/live").text
    with store.read() as tx:
        user = users.get(tx, "ada")
    assert user
    refused = ada.post("/nodes", data={"act": "tag", "tags": "x", "node": "main/rig1", FIELD: token_for(user)})
    assert refused.status_code == 403
    assert rigs.client.post("/nodes", data={"act": "tag", "tags": "x", "node": "main/rig1"}).status_code == 403
    assert tags(store, "rig1") == ()
    assert said(store) == []


def test_tags_are_added_to_those_that_each_has_and_taken_away(rigs: Root, store: Store) -> None:
    send(rigs, store, "rig1", act="tag", tags="old")
    answer = send(rigs, store, "rig1", "rig2", act="tag", tags="garage, old")
    assert "Nodes tagged: 2" in answer.text
    assert (tags(store, "rig1"), tags(store, "rig2")) == (("old", "garage"), ("garage", "old"))
    send(rigs, store, "rig1", "rig2", act="untag", tags="old")
    assert (tags(store, "rig1"), tags(store, "rig2")) == (("garage",), ("garage",))
    assert said(store)[1:3] == [("node.tag", "main/rig1", "old, garage"), ("node.tag", "main/rig2", "garage, old")]
    assert {each.who for each in entries(store)} == {"root"}


def test_all_that_the_list_fits_are_meant_and_not_its_page_alone(rigs: Root, store: Store) -> None:
    every = re.findall(r'name="every" value="([^"]*)"', rigs.page("/?host=tower"))
    assert every == ["?host=tower"]
    answer = send(rigs, store, act="tag", tags="tall", every=every[0])
    assert "Nodes tagged: 59" in answer.text
    assert tags(store, "rig60") == ("tall",)
    assert tags(store, "rig1") == ()


def test_each_is_silenced_for_itself(rigs: Root, store: Store) -> None:
    send(rigs, store, "rig1", "rig2", act="silence", length="30m", why="fan")
    send(rigs, store, "rig3", act="maintenance", length="1h")
    with store.read() as tx:
        running = silences.running(tx, START)
    assert {(each.matcher.node, each.kind.value, each.ends_at - START) for each in running} == {
        ("rig1", "silence", 1_800_000),
        ("rig2", "silence", 1_800_000),
        ("rig3", "maintenance", 3_600_000),
    }
    answer = send(rigs, store, "rig4", act="silence", length="for ever")
    assert answer.status_code == 400
    assert "Nothing was done" in answer.text
    with store.read() as tx:
        assert len(silences.running(tx, START)) == 3


def test_what_counts_of_the_picked_is_acknowledged(rigs: Root, store: Store, clock: FakeClock) -> None:
    driver = Driver(store, clock)
    driver.tick()
    driver.hear(will(), rig("rig1"))
    driver.tick(10)
    answer = send(rigs, store, "rig1", "rig2", act="acknowledge", why="on my way")
    assert "Nodes whose incidents are acknowledged: 1" in answer.text
    assert "main/rig2</strong>: no incident that nobody has acknowledged" in answer.text
    with store.read() as tx:
        (incident,) = [each for number in range(1, 5) if (each := alerts.one(tx, number))]
    assert incident.acknowledged
    assert (incident.acknowledged.by, incident.acknowledged.why) == ("root", "on my way")


def test_moving_is_asked_back_and_shows_each_its_new_token(rigs: Root, store: Store, home: Home) -> None:
    question = send(rigs, store, "rig1", "rig2", act="move", site="attic")
    assert "Move? nodes: 2" in question.text
    assert question.text.count('name="node"') == 2
    with store.read() as tx:
        assert nodes.one(tx, NodeId("attic", "rig1")) is None
    answer = send(rigs, store, "rig1", "rig2", "nobody", act="move", site="attic", sure="yes")
    assert answer.headers["Cache-Control"] == "no-store"
    tokens = [JoinToken.decode(each) for each in re.findall(r"<code>(rw\d\.[^<]+)</code>", answer.text)]
    assert [each.node for each in tokens] == [NodeId("attic", "rig1"), NodeId("attic", "rig2")]
    registry = Registry(home.nodes_json)
    for each in tokens:
        known = registry.get(each.node)
        assert known
        assert each.key == MasterKey.load(home.secret_key).node_key(each.node, known.generation)
    assert "main/nobody</strong>: node main/nobody: there is none" in answer.text


def test_retired_nodes_leave_the_list(rigs: Root, store: Store) -> None:
    assert "Retire? nodes: 2" in send(rigs, store, "rig1", "rig2", act="retire").text
    assert "Nodes retired: 2" in send(rigs, store, "rig1", "rig2", act="retire", sure="yes").text
    page = rigs.page("/?sort=name")
    assert 'data-key="main/rig3"' in page
    assert 'data-key="main/rig1"' not in page


@pytest.mark.parametrize(
    ("form", "words"),
    [
        ({"act": "explode"}, "What to do: should be one of tag"),
        ({"act": "tag", "tags": "x"}, "Nodes: pick at least one"),
        ({"act": "tag", "tags": "", "node": "main/rig1"}, "Tags: should have 1 to 400"),
        ({"act": "move", "site": "a b", "node": "main/rig1", "sure": "yes"}, "a b"),
        ({"act": "tag", "tags": "x", "every": "?sort=nothing"}, "sort: "),
    ],
)
def test_what_makes_no_sense_changes_nothing(rigs: Root, store: Store, form: dict[str, str], words: str) -> None:
    answer = rigs.send("/nodes", **form)
    assert words in answer.text
    assert said(store) == []
    assert tags(store, "rig1") == ()
    # A node that cannot be moved there is named; what could not be read at all is refused.
    assert answer.status_code == (200 if form["act"] == "move" else 400)


def test_more_than_people_can_look_through_are_not_retired_at_once(rigs: Root, store: Store) -> None:
    store.take([rig(f"more{number}").heard(birth()) for number in range(200)])
    answer = rigs.send("/nodes", act="retire", every="?", sure="yes")
    assert "at most 200 at a time, these are 260; narrow the list" in answer.text
    assert 'data-key="main/rig1"' in rigs.page("/?q=rig1")
