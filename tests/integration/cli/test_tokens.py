"""`rigwatch token`, and what changes at the command line leave in the audit list."""

import re
from collections.abc import Callable

from alerts.facts import UserRole
from rigwatch.keys import MasterKey
from store import Store, audit, tokens
from store.audit import AuditFilter
from store.tokens import TokenKind
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


def test_a_link_is_an_address_that_opens_one_site_and_users_have_sites_too(
    rigwatch: Rigwatch, open_here: Callable[[], Store]
) -> None:
    store = open_here()
    made = rigwatch.run("token", "add", "tv", "--kiosk", "--site", "hall-2", "--expires", "90d")
    assert made.returncode == 0, made.stderr
    found = re.fullmatch(r"http://127\.0\.0\.1:\d+/link\?token=(rwt_\S+)\n", made.stdout)
    assert found, made.stdout
    with store.read() as tx:
        token = tokens.find(tx, tokens.hash_of(found[1]))
    assert token
    assert (token.kind, token.sites) == (TokenKind.KIOSK, ("hall-2",))
    assert "tv\tkiosk of hall-2\tused never used" in rigwatch.run("token", "list").stdout
    added = rigwatch.run("user", "add", "bea", "--site", "hall-1", "--site", "hall-2:admin")
    assert added.returncode == 0, added.stderr
    assert "bea\tviewer\thall-1:viewer, hall-2:admin" in rigwatch.run("user", "list").stdout
    assert rigwatch.run("user", "role", "bea", "--role", "admin").returncode == 0
    assert "bea\tadmin\n" in rigwatch.run("user", "list").stdout
    for wrong in (("--link", "--kiosk"), ("--site", "Hall 2"), ("--site", "a:king"), ("--link", "--role", "admin")):
        refused = rigwatch.run("token", "add", "other", *wrong)
        assert (refused.returncode, refused.stdout) == (2, ""), refused.stderr
        assert refused.stderr.count("\n") == 1
    lost = rigwatch.run("user", "totp-reset", "bea")
    assert (lost.returncode, lost.stdout) == (1, "")
    assert "there is none with a second factor" in lost.stderr


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
