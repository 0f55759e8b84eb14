"""Administration over HTTP: what each form does, who is said to have done it, and how programs log in."""

import html
import re
import threading

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from alerts.facts import User, UserRole
from rigwatch.home import Home
from rigwatch.keys import MasterKey
from rigwatch.pin import pin_of_file
from rigwatch.registry import Registry
from rigwatch.settings import ServerSettings
from rigwatch.tokens import JoinToken
from rigwatch.topics import NodeId
from store import Store, audit, housekeeping, outbox, reader, tokens, users
from store.audit import AuditEntry, AuditFilter
from tests.fake_clock import START, FakeClock
from tests.integration.web.conftest import HASH, basic
from tests.rigs import birth, rig
from tests.waiting import eventually
from tests.webhook import webhook
from web.access.csrf import FIELD, token_for
from web.access.guesses import GUESSES
from web.agent.files import NAME
from web.app import create_app

RIG = NodeId("main", "rig1")
ON_ITS_WAY = "A test message is on its way…"
ONE = "/admin/nodes/main/rig1"
HOUR = 3_600_000


class Root:
    """The admin root at a browser, whose forms carry their CSRF token."""

    def __init__(self, app: Flask, store: Store) -> None:
        self.client = app.test_client()
        self.client.environ_base["HTTP_AUTHORIZATION"] = basic("root")["Authorization"]
        self._store = store

    def page(self, path: str) -> str:
        return html.unescape(self.client.get(path).text)

    def send(self, path: str, base_url: str | None = None, **form: str) -> TestResponse:
        with self._store.read() as tx:
            user = users.get(tx, "root")
        assert user
        return self.client.post(path, base_url=base_url, data={**form, FIELD: token_for(user)})

    def refusal(self, path: str, **form: str) -> str:
        """The sentence in the banner of a form that was refused."""
        answer = self.send(path, **form)
        assert answer.status_code == 400, answer.text
        found = re.search(r'role="alert">([^<]+)<', answer.text)
        assert found, answer.text
        return html.unescape(found[1])

    def secret(self, path: str, **form: str) -> str:
        """What the page shows once."""
        answer = self.send(path, **form)
        assert answer.status_code == 200, answer.text
        assert answer.headers["Cache-Control"] == "no-store"
        found = re.search(r'id="secret"[^>]*>([^<]+)<', answer.text)
        assert found, answer.text
        return found[1]


@pytest.fixture
def root(app: Flask, store: Store, home: Home) -> Root:
    """With rig1, which was heard of."""
    MasterKey.random().save(home.secret_key)
    with store.write() as tx:
        users.add(tx, User("root", UserRole.ADMIN, HASH), START)
    store.take([rig("rig1").heard(birth(name="Own"))])
    return Root(app, store)


def entries(store: Store) -> list[AuditEntry]:
    with store.read() as tx:
        return audit.page(tx, AuditFilter(), 50)


def said(store: Store) -> list[tuple[str, str, str]]:
    """The audit list, oldest first."""
    return [(each.action, each.subject, each.detail) for each in reversed(entries(store))]


def test_enrolling_shows_a_token_that_lets_the_node_in(root: Root, home: Home, store: Store) -> None:
    token = JoinToken.decode(root.secret("/admin/nodes", node="rig2", site="garage", name="Big one"))
    assert token.node == NodeId("garage", "rig2")
    assert token.key == MasterKey.load(home.secret_key).node_key(token.node)
    assert token.pin == pin_of_file(home.tls / "ca.pem")
    assert Registry(home.nodes_json).get(token.node)
    assert "Big one" in root.page("/")
    assert said(store) == [
        ("node.enroll", "garage/rig2", ""),
        ("node.rename", "garage/rig2", "from rig2 to Big one"),
    ]
    assert {each.who for each in entries(store)} == {"root"}
    assert token.encode() not in str(entries(store))


def test_enrolling_shows_a_line_where_rigs_reach_the_dashboard_over_tls(root: Root, home: Home) -> None:
    (home.path / "agent").mkdir()
    (home.path / "agent" / NAME).write_bytes(b"the agent")
    assert 'id="line"' not in root.send("/admin/nodes", node="rig2", site="garage", name="").text
    # As a proxy with a certificate of its own has it.
    page = root.send("/admin/nodes", "https://rigs.example", node="rig2", site="garage", name="").text
    shown = re.search(r'id="line"[^>]*>([^<]+)<', page)
    assert shown, page
    line = html.unescape(shown[1])
    assert line.startswith("curl -fsS https://rigs.example/agent/install.sh | sh -s -- https://rigs.example/agent - ")
    code = line.rpartition(" ")[2]
    given = root.client.post("/agent/join", headers={"X-Rigwatch-Code": code})
    assert JoinToken.decode(given.text).node == NodeId("garage", "rig2")


def test_where_no_line_can_be_made_the_new_token_is_shown_all_the_same(root: Root, home: Home) -> None:
    (home.path / "agent").mkdir()
    (home.path / "agent" / NAME).write_bytes(b"the agent")
    root.secret("/admin/nodes", node="rig2", site="main")
    home.join_codes.write_text("{")
    answer = root.send("/admin/nodes/main/rig2/rotate", "https://rigs.example", overlap="1h")
    assert answer.status_code == 200
    assert 'id="line"' not in answer.text
    assert "rw2." in answer.text


def test_enrolling_again_changes_no_key(root: Root) -> None:
    first = root.secret("/admin/nodes", node="rig2", site="main")
    assert root.secret("/admin/nodes", node="rig2", site="main") == first
    assert root.secret("/admin/nodes/main/rig2/token") == first


@pytest.mark.parametrize(
    ("form", "why"),
    [
        ({"node": "Rig 2", "site": "main"}, "node 'Rig 2' is not a valid name"),
        ({"node": "rig2", "site": "a/b"}, "site 'a/b' is not a valid name"),
        ({"node": "", "site": "main"}, "Name: should have 1 to 64 characters"),
        ({"node": "x" * 65, "site": "main"}, "Name: should have 1 to 64 characters"),
        ({"node": "rig2", "site": "main", "name": "x" * 81}, "Shown as: should have 0 to 80 characters"),
        ({"node": "rig2", "site": "main", "name": "a\u202eb"}, "letters that can be seen"),
        ({}, "Site: should have"),
    ],
)
def test_a_name_that_cannot_be_is_explained(root: Root, home: Home, form: dict[str, str], why: str) -> None:
    assert why in root.refusal("/admin/nodes", **form)
    assert not home.nodes_json.exists()


def test_without_a_key_it_says_what_to_do(root: Root, home: Home, store: Store) -> None:
    home.secret_key.unlink()
    assert "run 'rigwatch init' first" in root.refusal("/admin/nodes", node="rig2", site="main")
    assert said(store) == []


def test_a_registry_that_cannot_be_read_is_named_and_the_list_is_still_there(root: Root, home: Home) -> None:
    home.nodes_json.write_text("{")
    page = root.page("/admin/")
    assert "cannot be read as the list of enrolled nodes" in page
    assert "Own" in page


def test_a_name_given_here_is_shown_everywhere_and_can_be_taken_back(root: Root, store: Store) -> None:
    assert root.send(f"{ONE}/name", name="  The loud one ").headers["Location"] == f"{ONE}?done=renamed"
    assert "It is called that now." in root.page(f"{ONE}?done=renamed")
    assert "The loud one" in root.page("/")
    root.send(f"{ONE}/name", name="")
    assert "The loud one" not in root.page("/")
    assert [detail for _, _, detail in said(store)] == [
        "from Own to The loud one",
        "from The loud one back to its own name",
    ]


def test_a_nodes_page_leads_admins_to_its_administration(root: Root, app: Flask) -> None:
    assert f'href="{ONE}"' in root.page("/node/main/rig1")
    assert ONE not in app.test_client().get("/node/main/rig1", headers=basic()).text


def test_nobody_puts_words_into_our_mouth(root: Root) -> None:
    assert "hacked" not in root.page("/admin/?done=you+were+hacked")


def test_tags_are_read_as_people_write_them(root: Root, store: Store) -> None:
    root.send(f"{ONE}/tags", tags=" loud,chain:etc  loud;x ")
    with store.read() as tx:
        assert [each.tags for each in reader.nodes(tx)] == [("loud", "chain:etc", "loud;x")]
    assert "Tags: at most 16" in root.refusal(f"{ONE}/tags", tags=" ".join(map(str, range(17))))
    assert "Tags: at most 16" in root.refusal(f"{ONE}/tags", tags="x" * 41)


def test_a_new_key_leaves_the_old_one_its_time(root: Root, home: Home, clock: FakeClock) -> None:
    old = root.secret("/admin/nodes", node="rig1", site="main")
    new = root.secret(f"{ONE}/rotate", overlap="24h")
    assert JoinToken.decode(new).key != JoinToken.decode(old).key
    known = Registry(home.nodes_json).get(RIG)
    assert known
    assert known.previous_until == clock.now() + 24 * HOUR
    assert "works until 2025-10-10" in root.page(ONE)
    assert "should be one of 1h, 24h" in root.refusal(f"{ONE}/rotate", overlap="99y")


def test_a_node_that_is_not_enrolled_has_no_key_to_change(root: Root) -> None:
    assert "is not enrolled" in root.refusal(f"{ONE}/rotate", overlap="24h")


@pytest.mark.parametrize("what", ["revoke", "retire"])
def test_taking_out_asks_back_first(root: Root, home: Home, store: Store, what: str) -> None:
    root.secret("/admin/nodes", node="rig1", site="main")
    asked = root.send(f"{ONE}/{what}")
    assert asked.status_code == 200
    assert 'name="sure" value="yes"' in asked.text
    known = Registry(home.nodes_json).get(RIG)
    assert known
    assert not known.revoked
    assert root.send(f"{ONE}/{what}", sure="yes").status_code == 303
    known = Registry(home.nodes_json).get(RIG)
    assert known
    assert known.revoked
    with store.read() as tx:
        assert [str(each.id) for each in reader.nodes(tx)] == ([] if what == "retire" else ["main/rig1"])
    assert said(store)[-1] == (f"node.{what}", "main/rig1", "")


def test_a_revoked_node_is_enrolled_again_with_its_next_key(root: Root, store: Store) -> None:
    old = root.secret("/admin/nodes", node="rig1", site="main")
    assert ("Show its join token" in root.page(ONE), "New key" in root.page(ONE)) == (True, True)
    root.send(f"{ONE}/revoke", sure="yes")
    assert ("Enrol it again" in root.page(ONE), "New key" in root.page(ONE)) == (True, False)
    new = root.secret(f"{ONE}/token")
    assert JoinToken.decode(new).key != JoinToken.decode(old).key
    assert [action for action, _, _ in said(store)] == ["node.enroll", "node.revoke", "node.enroll"]
    assert root.secret(f"{ONE}/token") == new
    assert said(store)[-1] == ("node.token", "main/rig1", "shown again")


def test_what_rigs_and_people_write_is_text_and_nothing_more(root: Root, store: Store) -> None:
    bad = '"><script>alert(1)</script>'
    store.take([rig("rig1").heard(birth(2, name=bad, host=bad))])
    root.send(f"{ONE}/name", name=bad)
    root.send(f"{ONE}/tags", tags=bad)
    root.send("/admin/users/add", name=bad, role="viewer")
    root.send("/admin/tokens/add", name=bad, role="viewer", life="never")
    for path in ("/", "/node/main/rig1", "/wall", "/admin/", ONE, "/admin/users", "/admin/tokens", "/admin/audit"):
        page = root.client.get(path)
        assert page.status_code == 200, path
        assert "<script>alert" not in page.text, path
        assert "&lt;script&gt;alert" in page.text, path
    asked = root.send("/admin/users/remove", name=bad)
    assert "<script>alert" not in asked.text


def test_a_retired_node_is_listed_apart_and_comes_back_with_a_new_token(root: Root, store: Store) -> None:
    old = root.secret("/admin/nodes", node="rig1", site="main")
    root.send(f"{ONE}/retire", sure="yes")
    assert "Own" not in root.page("/")
    assert "1 retired" in root.page("/admin/")
    assert "Own" in root.page("/admin/?show=retired")
    assert "bring it back first" in root.refusal(f"{ONE}/token")
    new = root.secret(f"{ONE}/restore")
    assert JoinToken.decode(new).key != JoinToken.decode(old).key
    with store.read() as tx:
        assert [str(each.id) for each in reader.nodes(tx)] == ["main/rig1"]
    assert "there is none that this could be done to" in root.refusal(f"{ONE}/restore")


def test_a_node_moves_with_its_history_and_its_old_key_dies(root: Root, home: Home, store: Store) -> None:
    old = JoinToken.decode(root.secret("/admin/nodes", node="rig1", site="main"))
    assert "Move main/rig1 to garage?" in root.send(f"{ONE}/move", to="garage").text
    new = JoinToken.decode(root.secret(f"{ONE}/move", to="garage", sure="yes"))
    assert (new.node, new.key != old.key) == (NodeId("garage", "rig1"), True)
    registry = Registry(home.nodes_json).nodes()
    assert (registry[RIG].revoked, registry[new.node].revoked) == (True, False)
    with store.read() as tx:
        assert [(str(each.id), each.title) for each in reader.nodes(tx)] == [("garage/rig1", "Own")]
    assert said(store)[-1] == ("node.move", "main/rig1", "to garage")


def test_a_node_does_not_move_onto_another_or_nowhere(root: Root, home: Home, store: Store) -> None:
    store.take([rig("rig1", "garage").heard(birth())])
    assert "is there already" in root.refusal(f"{ONE}/move", to="garage", sure="yes")
    assert "where it is already" in root.refusal(f"{ONE}/move", to="main", sure="yes")
    assert "not a valid name" in root.refusal(f"{ONE}/move", to="the moon", sure="yes")
    assert not home.nodes_json.exists()


def test_an_unknown_node_is_404(root: Root) -> None:
    assert root.client.get("/admin/nodes/main/rig9").status_code == 404
    assert root.send("/admin/nodes/main/rig9/revoke", sure="yes").status_code == 404
    assert root.send("/admin/nodes/MAIN/x/revoke", sure="yes").status_code == 404


def test_long_lists_are_paged_and_searched(root: Root, store: Store) -> None:
    with store.write() as tx:
        housekeeping.set_enrolled(tx, {NodeId("main", f"node{number:03}"): START for number in range(120)})
    first, second = root.page("/admin/"), root.page("/admin/?page=2")
    assert "Page 1 of 2" in first
    assert ("node000" in first, "node119" in first) == (True, False)
    assert ("node000" in second, "node119" in second) == (False, True)
    found = root.page("/admin/?q=NODE11")
    assert ("node110" in found, "node109" in found) == (True, False)


def test_a_form_of_one_process_is_good_for_another(root: Root, store: Store, clock: FakeClock, home: Home) -> None:
    form = re.search(r'name="csrf_token" value="([^"]+)"', root.page("/admin/users"))
    assert form
    other = create_app(ServerSettings(), store, clock=clock, home=home).test_client()
    done = other.post(f"{ONE}/name", data={"name": "x", FIELD: form[1]}, headers=basic("root"))
    assert done.status_code == 303


# people


def test_a_password_is_shown_once_and_logs_in(root: Root, app: Flask, store: Store) -> None:
    password = root.secret("/admin/users/add", name="bob", role="viewer")
    assert app.test_client().get("/", headers=basic("bob", password)).status_code == 200
    assert password not in root.page("/admin/users")
    assert password not in str(entries(store))
    assert said(store) == [("user.add", "bob", "viewer")]


def test_a_role_counts_at_once(root: Root, app: Flask) -> None:
    password = root.secret("/admin/users/add", name="bob", role="viewer")
    bob = app.test_client()
    assert bob.get("/admin/users", headers=basic("bob", password)).status_code == 403
    root.send("/admin/users/role", name="bob", role="admin")
    assert bob.get("/admin/users", headers=basic("bob", password)).status_code == 200


def test_nobody_locks_everybody_out(root: Root, store: Store) -> None:
    assert "is the last admin" in root.refusal("/admin/users/role", name="root", role="viewer")
    assert "is the last admin" in root.refusal("/admin/users/remove", name="root", sure="yes")
    assert said(store) == []


@pytest.mark.parametrize(
    ("form", "why"),
    [
        ({"name": "a:b", "role": "viewer"}, "no colon"),
        ({"name": "bob", "role": "king"}, "Role: should be one of viewer, admin"),
        ({"name": "root", "role": "viewer"}, "user root: is there already"),
        ({"role": "viewer"}, "Name: should have 1 to 64 characters"),
    ],
)
def test_a_user_that_cannot_be_is_explained(root: Root, store: Store, form: dict[str, str], why: str) -> None:
    assert why in root.refusal("/admin/users/add", **form)
    with store.read() as tx:
        assert {user.name for user in users.every(tx)} == {"ada", "root"}


def test_a_new_password_asks_back_and_ends_the_old_one(root: Root, app: Flask) -> None:
    old = root.secret("/admin/users/add", name="bob", role="viewer")
    assert "Give bob a new password?" in root.send("/admin/users/password", name="bob").text
    new = root.secret("/admin/users/password", name="bob", sure="yes")
    assert app.test_client().get("/", headers=basic("bob", old)).status_code == 401
    assert app.test_client().get("/", headers=basic("bob", new)).status_code == 200


# programs


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def test_a_token_logs_a_program_in_until_it_ends(root: Root, stranger: FlaskClient, clock: FakeClock) -> None:
    token = root.secret("/admin/tokens/add", name="prometheus", role="viewer", life="30d")
    assert stranger.get("/", headers=bearer(token)).status_code == 200
    assert stranger.get("/", headers={"Authorization": f"bearer {token}"}).status_code == 200
    assert stranger.get("/admin/users", headers=bearer(token)).status_code == 403
    assert token not in root.page("/admin/tokens")
    clock.move(30 * 24 * 3600)
    refused = stranger.get("/", headers=bearer(token))
    assert refused.status_code == 401
    assert refused.headers["WWW-Authenticate"] == 'Bearer realm="rigwatch"'
    assert "expired" in root.page("/admin/tokens")


def test_a_token_that_is_removed_counts_no_more(root: Root, stranger: FlaskClient, store: Store) -> None:
    token = root.secret("/admin/tokens/add", name="t", role="admin", life="never")
    assert stranger.get("/admin/users", headers=bearer(token)).status_code == 200
    assert "Remove the token t?" in root.send("/admin/tokens/remove", name="t").text
    root.send("/admin/tokens/remove", name="t", sure="yes")
    assert stranger.get("/", headers=bearer(token)).status_code == 401
    assert [action for action, _, _ in said(store)] == ["token.add", "token.remove"]


def test_a_program_changes_things_without_a_csrf_token_and_under_its_name(root: Root, app: Flask, store: Store) -> None:
    token = root.secret("/admin/tokens/add", name="deploy", role="admin", life="never")
    done = app.test_client().post(f"{ONE}/name", data={"name": "By a program"}, headers=bearer(token))
    assert done.status_code == 303
    assert entries(store)[0].who == "token:deploy"


def test_the_last_use_is_noted_but_not_each_time(
    root: Root, stranger: FlaskClient, store: Store, clock: FakeClock
) -> None:
    token = root.secret("/admin/tokens/add", name="t", role="viewer", life="never")

    def used() -> int | None:
        with store.read() as tx:
            return tokens.every(tx)[0].last_used_at

    assert used() is None
    stranger.get("/", headers=bearer(token))
    first = used()
    assert first == clock.now()
    clock.move(59)
    stranger.get("/", headers=bearer(token))
    assert used() == first
    clock.move(1)
    stranger.get("/", headers=bearer(token))
    assert used() == clock.now()


def test_wrong_tokens_count_as_wrong_passwords_do(root: Root, stranger: FlaskClient) -> None:
    right = root.secret("/admin/tokens/add", name="t", role="viewer", life="never")
    for _ in range(GUESSES.amount):
        assert stranger.get("/", headers=bearer(tokens.make())).status_code == 401
    assert stranger.get("/", headers=bearer(tokens.make())).status_code == 429
    # With guesses at other accounts they are the thirty of one address, after which nobody new is let in from there.
    for name in ("eve", "mallory"):  # thirty in all
        for _ in range(GUESSES.amount):
            assert stranger.get("/", headers=basic(name)).status_code == 401
    assert stranger.get("/", headers=basic("ada")).status_code == 429
    assert stranger.get("/", headers=bearer(right)).status_code == 200


# channels and the audit list


def test_channels_are_tested_one_by_one_while_the_pages_go_on(store: Store, clock: FakeClock, home: Home) -> None:
    with store.write() as tx:
        users.add(tx, User("root", UserRole.ADMIN, HASH), START)
    with webhook() as good, webhook() as bad:
        bad.status = 403
        good.hold = threading.Event()
        home.server_toml.write_text(
            f'[alerts.channel.good]\nurl = "{good.url}"\n[alerts.channel.bad]\nurl = "{bad.url}"\n'
        )
        root = Root(create_app(ServerSettings(), store, clock=clock, home=home), store)
        with store.write() as tx:
            outbox.refuse(tx, "good", "x", why="gone", now=START)
        assert "It refused what was sent: gone" in root.page("/admin/channels")
        assert root.send("/admin/channels/test").status_code == 303
        assert ON_ITS_WAY in root.page("/admin/channels")
        assert "running already" in root.refusal("/admin/channels/test")
        assert root.client.get("/").status_code == 200
        good.hold.set()
        eventually(lambda: ON_ITS_WAY not in root.page("/admin/channels"), timeout=40, what="the test has ended")
    page = root.page("/admin/channels")
    # What took the message is used again.
    assert re.search(r"good <small>Webhook</small></th>\s*<td><span[^>]*>works", page)
    assert re.search(r"bad <small>Webhook</small></th>\s*<td><span[^>]*>failed</span></td>\s*<td[^>]*>[^<]*403", page)
    assert good.titles == ["TEST: rigwatch can reach you"]
    assert said(store) == [("channel.test", "all channels", "")]


def test_the_audit_list_is_paged_from_the_newest_and_keeps_its_filter(root: Root, store: Store) -> None:
    with store.write() as tx:
        for number in range(150):
            who = "root" if number % 2 else "eve"
            audit.record(tx, who=who, action="node.tag", subject=f"n{number:03}", now=START)
    page = root.page("/admin/audit?kind=node")
    assert ("n149" in page, "n049" in page) == (True, False)
    older = re.search(r'href="([^"]+)" rel="next"', page)
    assert older
    assert "kind=node" in older[1]
    page = root.page(older[1])
    assert ("n049" in page, "n149" in page, "n000" in page) == (True, False, True)
    page = root.page("/admin/audit?who=eve")
    assert ("n148" in page, "n149" in page) == (True, False)
    assert "Nothing fits" in root.page("/admin/audit?q=nothing")
    assert "<script>" not in root.client.get("/admin/audit?q=<script>").text
