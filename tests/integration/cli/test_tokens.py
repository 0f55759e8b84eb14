"""`rigwatch token`, and what changes at the command line leave in the audit list."""

import re
from collections.abc import Callable

from alerts.facts import UserRole
from rigwatch.keys import MasterKey
from store import Store, audit, tokens
from store.audit import AuditFilter
from tests.processes import Rigwatch


def said(store: Store) -> list[tuple[str, str, str]]:
    """Who, what and of what, oldest first."""
    with store.read() as tx:
        listed = audit.page(tx, AuditFilter(), 50)
    return [(each.who, each.action, each.subject) for each in reversed(listed)]


def test_a_token_is_printed_alone_listed_without_it_and_removed(
    rigwatch: Rigwatch, open_here: Callable[[], Store]
) -> None:
    store = open_here()
    made = rigwatch.run("token", "add", "prometheus", "--expires", "90d", "--by", "ann")
    assert made.returncode == 0, made.stderr
    token = made.stdout.strip()
    with store.read() as tx:
        found = tokens.find(tx, tokens.hash_of(token))
    assert found
    assert (found.role, found.expires_at) == (UserRole.VIEWER, found.created_at + 90 * 86_400_000)
    listed = rigwatch.run("token", "list").stdout
    assert re.fullmatch(r"prometheus\tviewer\tused never used\tends \d{4}-\d\d-\d\d \d\d:\d\d\n", listed)
    assert token not in listed
    again = rigwatch.run("token", "add", "prometheus")
    assert (again.returncode, again.stdout) == (1, "")
    assert "token prometheus: is there already" in again.stderr
    assert rigwatch.run("token", "remove", "prometheus", "--by", "ann").returncode == 0
    assert rigwatch.run("token", "list").stdout == ""
    assert said(store) == [
        ("ann (command line)", "token.add", "prometheus"),
        ("ann (command line)", "token.remove", "prometheus"),
    ]


def test_wrong_roles_names_and_times_are_wrong_usage(rigwatch: Rigwatch, open_here: Callable[[], Store]) -> None:
    store = open_here()
    for options, why in (
        (("--role", "king"), "--role: should be viewer or admin"),
        (("--expires", "soon"), "--expires: "),
        (("--expires", "9999d"), "ten years at most"),
    ):
        done = rigwatch.run("token", "add", "t", *options)
        assert done.returncode == 2
        assert why in done.stderr
    with store.read() as tx:
        assert tokens.every(tx) == []


def test_users_and_nodes_changed_at_the_command_line_are_in_the_audit_list(
    rigwatch: Rigwatch, open_here: Callable[[], Store]
) -> None:
    store = open_here()
    MasterKey.random().save(rigwatch.home / "secret.key")
    for command in (
        ("user", "add", "bob", "--by", "ann"),
        ("user", "password", "bob", "--by", "ann"),
        ("user", "role", "bob", "--role", "admin", "--by", "ann"),
        ("user", "add", "eve", "--role", "admin", "--by", "ann"),
        ("user", "remove", "bob", "--by", "ann"),
    ):
        assert rigwatch.run(*command).returncode == 0, command
    for word in ("enroll", "enroll", "rotate", "revoke"):
        assert rigwatch.run(word, "rig1").returncode == 0, word
    actions = [(action, subject) for _, action, subject in said(store)]
    assert actions == [
        ("user.add", "bob"),
        ("user.password", "bob"),
        ("user.role", "bob"),
        ("user.add", "eve"),
        ("user.remove", "bob"),
        ("node.enroll", "main/rig1"),
        ("node.token", "main/rig1"),
        ("node.rotate", "main/rig1"),
        ("node.revoke", "main/rig1"),
    ]
    assert all(who.endswith(" (command line)") for who, _, _ in said(store))
