"""`user …`: who may open the dashboard. `account …`: third-party MQTT accounts."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from cli.invocation import app, invocation
from cli.output import say
from cli.people import Author, recorded
from rigwatch.clock import Millis
from rigwatch.errors import SettingsError
from rigwatch.home import Home
from rigwatch.settings import ServerSettings

if TYPE_CHECKING:
    from alerts.facts import UserRole
    from broker.accounts import AccountFile
    from store import Store

PASSWORD_BYTES = 15

user = typer.Typer(no_args_is_help=True, help="Users of the dashboard.")
account = typer.Typer(no_args_is_help=True, help="MQTT accounts of third parties.")
app.add_typer(user, name="user")
app.add_typer(account, name="account")

Name = Annotated[str, typer.Argument(metavar="NAME")]


@user.command("add")
def add_user(
    context: typer.Context,
    name: Name,
    role: Annotated[str, typer.Option(help="viewer or admin.")] = "viewer",
    by: Author = "",
) -> None:
    """Add a dashboard user; print the password once, alone on stdout."""
    from alerts.facts import User
    from store import users
    from web.access.passwords import hash_password

    wanted = role_of(role)
    if not name or ":" in name or len(name) > 100:
        raise SettingsError("NAME: should be 1 to 100 characters without a colon, which HTTP Basic cannot carry")
    call, password = invocation(context), secrets.token_urlsafe(PASSWORD_BYTES)
    with open_users(call.home, call.server()) as store:
        user, now = User(name, wanted, hash_password(password)), call.clock.now()
        add = recorded(lambda tx: users.add(tx, user, now), "user.add", name, detail=wanted.value, by=by, now=now)
        store.change(add)
    typer.echo(password)


@user.command("password")
def new_password(context: typer.Context, name: Name, by: Author = "") -> None:
    """Give a user a new password; print it once, alone on stdout."""
    from store import users
    from web.access.passwords import hash_password

    call, password = invocation(context), secrets.token_urlsafe(PASSWORD_BYTES)
    with open_users(call.home, call.server()) as store:
        hashed, now = hash_password(password), call.clock.now()
        store.change(recorded(lambda tx: users.set_password(tx, name, hashed), "user.password", name, by=by, now=now))
    typer.echo(password)


@user.command("role")
def new_role(
    context: typer.Context,
    name: Name,
    role: Annotated[str, typer.Option(help="viewer or admin.")],
    by: Author = "",
) -> None:
    """Let a user only look (viewer) or change everything (admin), from the next request on."""
    from store import users

    wanted, call = role_of(role), invocation(context)
    now = call.clock.now()
    with open_users(call.home, call.server()) as store:
        line = {"detail": wanted.value, "by": by}
        store.change(recorded(lambda tx: users.set_role(tx, name, wanted), "user.role", name, **line, now=now))


@user.command("remove")
def remove_user(context: typer.Context, name: Name, by: Author = "") -> None:
    """Remove a dashboard user."""
    from store import users

    call = invocation(context)
    with open_users(call.home, call.server()) as store:
        now = call.clock.now()
        store.change(recorded(lambda tx: users.remove(tx, name), "user.remove", name, by=by, now=now))


@user.command("list")
def list_users(context: typer.Context) -> None:
    """List the dashboard's users and roles."""
    call = invocation(context)
    with open_users(call.home, call.server()) as store:
        for each in store.users():
            say(f"{each.name}\t{each.role}")


@account.command("add")
def add_account(
    context: typer.Context,
    name: Name,
    *,
    role: Annotated[str, typer.Option(help="consumer (reads) or admin (reads and writes).")] = "consumer",
    site: Annotated[list[str] | None, typer.Option(help="The only site it reads of; may be repeated.")] = None,
    deny: Annotated[list[str] | None, typer.Option(help="A topic filter to take away; may be repeated.")] = None,
) -> None:
    """Add an MQTT account; print the password once, alone on stdout."""
    from broker.rights import Role

    if role not in tuple(each.value for each in (Role.CONSUMER, Role.ADMIN)):
        raise SettingsError(f"--role: should be consumer or admin (got {role!r})")
    typer.echo(_accounts(context).add(name, Role(role), deny=tuple(deny or ()), sites=tuple(site or ())))


@account.command("list")
def list_accounts(context: typer.Context) -> None:
    """List the MQTT accounts: name, role, sites, and what is denied."""
    for name, stored in sorted(_accounts(context).all().items()):
        sites, denied = ", ".join(stored.sites) or "all sites", ", ".join(stored.deny)
        say(f"{name}\t{stored.role}\t{sites}" + (f"\twithout {denied}" if denied else ""))


@account.command("password")
def new_account_password(context: typer.Context, name: Name) -> None:
    """Give an MQTT account a new password; print it once, alone on stdout. Its connections end."""
    typer.echo(_accounts(context).set_password(name))


@account.command("remove")
def remove_account(context: typer.Context, name: Name) -> None:
    """Remove an MQTT account; its connections end."""
    _accounts(context).remove(name)


def _accounts(context: typer.Context) -> "AccountFile":
    from broker.accounts import AccountFile

    return AccountFile.of(invocation(context).home)


def role_of(text: str) -> "UserRole":
    """A dashboard user's or token's role; raises `SettingsError`."""
    from alerts.facts import UserRole

    if text not in tuple(UserRole):
        raise SettingsError(f"--role: should be {' or '.join(UserRole)} (got {text!r})")
    return UserRole(text)


def set_first_user(home: Home, settings: ServerSettings, name: str, password: str, *, now: Millis) -> None:
    """Adds the administrator, or gives one that an interrupted setup left a new password."""
    from alerts.facts import UserRole
    from web.access.passwords import hash_password

    with open_users(home, settings) as store:
        if store.user(name) is None:
            store.add_user(name, hash_password(password), UserRole.ADMIN, now=now)
        else:
            store.set_password(name, hash_password(password))


@contextmanager
def open_users(home: Home, settings: ServerSettings) -> "Iterator[Store]":
    """The store, where dashboard users and tokens are."""
    from store import open_store

    store = open_store(settings.database.url, home)
    try:
        yield store
    finally:
        store.close()
