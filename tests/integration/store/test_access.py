"""Users' roles, API tokens and the audit list in the store, on each database."""

from collections.abc import Callable

import pytest

from alerts.facts import User, UserRole
from rigwatch.errors import NotDone, StoreError
from store import Store, audit, tokens, users
from store.audit import AuditFilter
from store.transaction import Transaction
from tests.fake_clock import START

MINUTE = 60_000


def test_the_last_admin_keeps_role_and_place(store: Store) -> None:
    with store.write() as tx:
        users.add(tx, User("ann", UserRole.ADMIN, "hash"), START)
    with store.write() as tx:
        users.add(tx, User("bob", UserRole.VIEWER, "hash"), START)
    do: Callable[[Transaction], None]
    for do in (
        lambda tx: users.set_role(tx, "ann", UserRole.VIEWER),
        lambda tx: users.remove(tx, "ann", keep_an_admin=True),
    ):
        with pytest.raises(NotDone, match="ann: is the last admin"), store.write() as tx:
            do(tx)
    with store.write() as tx:
        users.set_role(tx, "bob", UserRole.ADMIN)
    with store.write() as tx:
        users.remove(tx, "ann", keep_an_admin=True)
    with store.read() as tx:
        assert [(user.name, user.role) for user in users.every(tx)] == [("bob", UserRole.ADMIN)]


def test_a_token_is_found_by_its_hash_alone(store: Store) -> None:
    token = tokens.make()
    hashed = tokens.hash_of(token)
    with store.write() as tx:
        tokens.add(tx, "api", UserRole.VIEWER, hashed, now=START, expires_at=START + MINUTE)
    with store.read() as tx:
        found = tokens.find(tx, hashed)
    assert found
    assert (found.name, found.role, found.is_over(START), found.is_over(START + MINUTE)) == (
        *("api", UserRole.VIEWER),
        *(False, True),
    )
    with store.read() as tx:
        assert tokens.find(tx, tokens.hash_of(tokens.make())) is None
        assert token not in str(tx.rows("SELECT * FROM api_token"))
    with pytest.raises(NotDone, match="token api: is there already"), store.write() as tx:
        tokens.add(tx, "api", UserRole.ADMIN, "x", now=START, expires_at=None)
    with store.write() as tx:
        tokens.remove(tx, "api")
    with pytest.raises(NotDone, match="token api: there is none"), store.write() as tx:
        tokens.remove(tx, "api")


@pytest.mark.parametrize("text", ["", "rwt_" + "x" * 200, "xyz", "RWT_abc"])
def test_what_cannot_be_a_token_has_no_hash(text: str) -> None:
    assert tokens.hash_of(text) == ""


def test_the_last_use_is_noted_once_a_minute(store: Store) -> None:
    with store.write() as tx:
        tokens.add(tx, "api", UserRole.VIEWER, "h", now=START, expires_at=None)

    def wants(now: int) -> bool:
        with store.read() as tx:
            found = tokens.find(tx, "h")
        return found is not None and found.wants_note(now)

    assert wants(START)
    with store.write() as tx:
        tokens.note_use(tx, 1, START)
    assert not wants(START + MINUTE - 1)
    assert wants(START + MINUTE)
    # The clock was put back.
    assert wants(START - MINUTE)


def record(tx: Transaction, action: str, subject: str = "main/rig1", *, who: str = "ann", detail: str = "") -> None:
    audit.record(tx, who=who, action=action, subject=subject, detail=detail, now=START)


def actions(store: Store, wanted: AuditFilter, limit: int = 10, before: int | None = None) -> list[str]:
    with store.read() as tx:
        return [each.action for each in audit.page(tx, wanted, limit, before=before)]


def test_the_list_is_read_newest_first_and_narrowed(store: Store) -> None:
    with store.write() as tx:
        record(tx, "node.enroll")
    with store.write() as tx:
        record(tx, "node.rename", detail="to 100% Üb_er!")
    with store.write() as tx:
        record(tx, "user.add", "bob", who="root")
    assert actions(store, AuditFilter()) == ["user.add", "node.rename", "node.enroll"]
    assert actions(store, AuditFilter(kind="node")) == ["node.rename", "node.enroll"]
    assert actions(store, AuditFilter(who="root")) == ["user.add"]
    assert actions(store, AuditFilter(text="100%")) == ["node.rename"]
    assert actions(store, AuditFilter(text="B_ER!")) == ["node.rename"]
    assert actions(store, AuditFilter(text="_")) == ["node.rename"]
    assert actions(store, AuditFilter(text="%%")) == []
    assert actions(store, AuditFilter(kind="nod")) == []
    with store.read() as tx:
        newest = audit.page(tx, AuditFilter(), 1)[0]
    assert actions(store, AuditFilter(), 1, newest.number) == ["node.rename"]


def test_a_line_goes_with_its_change(store: Store) -> None:
    def broken(tx: Transaction) -> None:
        record(tx, "node.enroll")
        raise StoreError("the change failed")

    with pytest.raises(StoreError), store.write() as tx:
        broken(tx)
    assert actions(store, AuditFilter()) == []


def test_names_that_no_database_could_hold_are_held(store: Store) -> None:
    with store.write() as tx:
        record(tx, "user.add", "a\0b", detail="x" * 10_000)
    with store.read() as tx:
        (entry,) = audit.page(tx, AuditFilter(), 5)
    assert (entry.subject, len(entry.detail)) == ("ab", 500)
