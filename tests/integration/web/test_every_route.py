"""Every route there is, from the URL map itself: closed to strangers, to viewers where it changes something, and to
other sites' forms; and a refusal changes nothing."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from itertools import count

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from alerts.facts import User, UserRole
from rigwatch.home import Home
from rigwatch.keys import MasterKey
from rigwatch.registry import Registry
from rigwatch.topics import NodeId
from store import Store, tokens, users
from tests.fake_clock import START
from tests.integration.web.conftest import HASH, basic
from tests.integration.web.routes import NODE, SITE, Try, every
from tests.rigs import birth, report, rig
from web.access.csrf import FIELD, HEADER, token_for
from web.access.reach import OWN

ADDRESSES = (f"192.0.2.{each % 250}" if each < 250 else f"198.51.{each // 250}.{each % 250}" for each in count())
"""A new one for each wrong password: one address may give ten."""


@pytest.fixture
def inhabited(app: Flask, store: Store, home: Home) -> Flask:
    """With a node that reported and is enrolled, the admin root beside the viewer ada, and a viewer's token."""
    MasterKey.random().save(home.secret_key)
    Registry(home.nodes_json).enroll(NodeId(SITE, NODE), START)
    store.take([rig(NODE).heard(birth()), rig(NODE).heard(report())])
    with store.write() as tx:
        users.add(tx, User("root", UserRole.ADMIN, HASH), START)
    return app


def contents(home: Home) -> list[object]:
    """Every row of every table, and every file that is not the database's."""
    with closing(sqlite3.connect(home.database)) as database, database:
        tables = [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        rows = [(name, _rows(database, name)) for name in sorted(tables)]
    files = [
        (path.name, path.read_bytes())
        for path in sorted(home.path.rglob("*"))
        if path.is_file() and not path.name.startswith("rigwatch.db")
    ]
    return [rows, files]


def _rows(database: sqlite3.Connection, table: str) -> list[object]:
    if table == "audit":
        # That somebody was refused is noted, a bounded number of times: `test_login.py`.
        return database.execute("SELECT * FROM audit WHERE action <> 'user.refused'").fetchall()
    return database.execute(f"SELECT * FROM {table} ORDER BY 1, 2").fetchall()  # noqa: S608 - a name of SQLite's own


@pytest.fixture
def unchanged(inhabited: Flask, home: Home) -> Iterator[None]:
    assert every(inhabited)
    before = contents(home)
    yield
    assert contents(home) == before


def ask(app: Flask, each: Try, headers: dict[str, str], **data: str) -> TestResponse:
    """With a form that is right but for what `data` says otherwise."""
    form = {"name": "eve", "node": "rig9", "site": "main", "role": "admin", "sure": "yes", "to": "garage", **data}
    address = {"REMOTE_ADDR": next(ADDRESSES)}
    body = form if each.changes else None
    answer = app.test_client().open(
        each.path, method=each.method, headers=headers, data=body, environ_overrides=address
    )
    answer.get_data()
    answer.close()
    return answer


def is_hidden(answer: TestResponse) -> bool:
    return NODE.encode() not in answer.data


def test_the_map_holds_what_the_rest_of_this_looks_at(inhabited: Flask) -> None:
    tried = every(inhabited)
    assert len({each.path for each in tried}) > 20
    assert {"GET", "HEAD", "POST"} <= {each.method for each in tried}
    assert any(each.admin_only for each in tried)
    assert all(each.admin_only or each.changes for each in tried if each.path.startswith("/admin"))


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize(
    "headers",
    [
        {},
        basic("root", "wrong"),
        {"Authorization": f"Bearer {tokens.make()}"},
        {"Authorization": "Bearer "},
        {"Authorization": "Digest username=root"},
        {"X-Forwarded-User": "root", "X-Remote-User": "root"},
    ],
    ids=("nothing", "a wrong password", "no token", "an empty token", "another scheme", "a name alone"),
)
def test_a_stranger_is_refused(inhabited: Flask, headers: dict[str, str]) -> None:
    for each in every(inhabited):
        answer = ask(inhabited, each, headers)
        assert answer.status_code == 401, str(each)
        assert is_hidden(answer) or NODE in each.path
        assert answer.headers["WWW-Authenticate"].endswith('realm="rigwatch"')


@pytest.mark.usefixtures("unchanged")
def test_a_viewer_changes_nothing_and_sees_no_administration(inhabited: Flask, store: Store) -> None:
    with store.read() as tx:
        ada = users.get(tx, "ada")
    assert ada
    for each in every(inhabited):
        # The form is wrong for those that are her own: she may send them, and they change nothing.
        answer = ask(inhabited, each, {**basic("ada"), HEADER: token_for(ada)})
        refused = (each.changes and each.endpoint not in OWN) or each.admin_only
        assert (answer.status_code == 403) is refused, f"{each}: {answer.status_code}"
        assert answer.status_code != 401


def test_a_viewers_token_changes_nothing_either(inhabited: Flask, store: Store, home: Home) -> None:
    token = tokens.make()
    hashed = tokens.hash_of(token)
    with store.write() as tx:
        tokens.add(tx, "t", UserRole.VIEWER, hashed, now=START, expires_at=None)
    first = every(inhabited)[0]
    assert ask(inhabited, first, {"Authorization": f"Bearer {token}"}).status_code == 200
    before = contents(home)
    for each in every(inhabited):
        answer = ask(inhabited, each, {"Authorization": f"Bearer {token}"})
        refused = each.changes or each.admin_only or each.endpoint in OWN
        assert (answer.status_code == 403) is refused, f"{each}: {answer.status_code}"
    assert contents(home) == before


@pytest.mark.usefixtures("unchanged")
def test_an_admins_change_needs_the_csrf_token_of_that_admin(inhabited: Flask, store: Store) -> None:
    with store.read() as tx:
        ada, root = users.get(tx, "ada"), users.get(tx, "root")
    assert ada
    assert root
    cut = token_for(root)[:-4]
    for each in every(inhabited):
        if not each.changes:
            continue
        for wrong in ("", "x", "ä", cut, token_for(ada), "A" * 88):
            refused = ask(inhabited, each, basic("root"), **{FIELD: wrong})
            assert refused.status_code == 403, f"{each} with {wrong!r}"
            assert b"load it again" in refused.data
        assert ask(inhabited, each, {**basic("root"), HEADER: "x"}).status_code == 403, str(each)


def test_an_admin_is_refused_nowhere(inhabited: Flask, store: Store) -> None:
    for each in every(inhabited):
        # Looked up anew: among the changes are a new password and a removal.
        with store.read() as tx:
            root = users.get(tx, "root")
        assert root
        answer = ask(inhabited, each, basic("root"), **{FIELD: token_for(root)})
        assert answer.status_code not in {401, 403}, f"{each}: {answer.status_code}"
        assert answer.status_code < 500, f"{each}: {answer.status_code}"


def test_a_csrf_token_dies_with_the_password(store: Store, inhabited: Flask) -> None:
    with store.read() as tx:
        root = users.get(tx, "root")
    assert root
    old = token_for(root)
    change = next(each for each in every(inhabited) if each.endpoint == "admin.users_add")
    with store.write() as tx:
        users.set_password(tx, "root", HASH.replace("$", "$x", 1))
    with store.read() as tx:
        again = users.get(tx, "root")
    assert again
    assert old != token_for(again)
    with store.write() as tx:
        users.set_password(tx, "root", HASH)
    assert ask(inhabited, change, basic("root"), **{FIELD: old}).status_code == 200


@pytest.mark.usefixtures("unchanged")
def test_unknown_addresses_and_methods_are_refused_like_the_known(inhabited: Flask) -> None:
    for path in ("/nothing", "/admin/nothing", "/api/v1/nothing", "/favicon.ico"):
        for method in ("GET", "POST", "DELETE"):
            assert ask(inhabited, Try(method, path, "", admin_only=False), {}).status_code == 401, f"{method} {path}"
            assert ask(inhabited, Try(method, path, "", admin_only=False), basic()).status_code in {404, 405}


@pytest.mark.parametrize("value", ["-1", "x" * 5000, "%00", "9" * 400, "0", "٣"])
def test_bad_query_values_are_an_answer_and_no_defect(inhabited: Flask, value: str) -> None:
    names = ("q", "page", "before", "after", "sort", "dir", "status", "site", "host", "tag", "limit", "since", "until",
             "span", "who", "kind", "show", "done", "cursor", "minutes", "step", "number")  # fmt: skip
    asked = "&".join(f"{name}={value.replace(' ', '+')}" for name in names)
    with inhabited.test_client() as client:
        for each in every(inhabited):
            if each.method == "GET":
                for query in (asked, *(f"{name}={value.replace(' ', '+')}" for name in names)):
                    answer = client.get(f"{each.path}?{query}", headers=basic("root"))
                    assert answer.status_code < 500, f"{each}?{query[:60]}: {answer.status_code}"
                    answer.close()


def test_a_page_far_behind_the_last_is_empty_and_quick(root_client: FlaskClient) -> None:
    assert "There is no page 90000" in root_client.get("/admin/?page=90000").text
    assert root_client.get("/admin/audit?before=1").status_code == 200
    assert root_client.get("/admin/audit?before=9223372036854775807").status_code == 200


@pytest.fixture
def root_client(inhabited: Flask) -> FlaskClient:
    client = inhabited.test_client()
    client.environ_base["HTTP_AUTHORIZATION"] = basic("root")["Authorization"]
    return client
