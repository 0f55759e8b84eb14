"""`user …`: who may open the dashboard. `account …`: third-party MQTT accounts."""

import secrets
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from cli.invocation import Invocation, app, invocation
from cli.output import say
from cli.people import Author, act, act_on_file, actor_of
from rigwatch.errors import SettingsError
from rigwatch.settings import ServerSettings

if TYPE_CHECKING:
    from alerts.facts import UserRole
    from broker.accounts import AccountFile

PASSWORD_BYTES = 15

user = typer.Typer(no_args_is_help=True, help="Users of the dashboard.")
account = typer.Typer(no_args_is_help=True, help="MQTT accounts of third parties.")
app.add_typer(user, name="user")
app.add_typer(account, name="account")

Name = Annotated[str, typer.Argument(metavar="NAME")]
Sites = Annotated[
    list[str] | None, typer.Option(help="A site to see alone, as S or S:ROLE; may be repeated [default: all sites].")
]


@user.command("add")
def add_user(
    context: typer.Context,
    name: Name,
    *,
    role: Annotated[str, typer.Option(help="viewer or admin.")] = "viewer",
    site: Sites = None,
    by: Author = "",
) -> None:
    """Add a dashboard user; print the password once, alone on stdout."""
    from alerts.facts import User, UserRole
    from store import acts
    from web.access.passwords import hash_password

    sites = acts.sites_of(site or (), role_of(role))
    password = secrets.token_urlsafe(PASSWORD_BYTES)
    made = User(name, role_of(role) if sites is None else UserRole.VIEWER, hash_password(password), sites)
    act(invocation(context), by, acts.users.add, made)
    typer.echo(password)


@user.command("password")
def new_password(context: typer.Context, name: Name, by: Author = "") -> None:
    """Give a user a new password; print it once, alone on stdout."""
    from store import acts
    from web.access.passwords import hash_password

    password = secrets.token_urlsafe(PASSWORD_BYTES)
    act(invocation(context), by, acts.users.set_password, name, password_hash=hash_password(password))
    typer.echo(password)


@user.command("role")
def new_role(
    context: typer.Context,
    name: Name,
    *,
    role: Annotated[str, typer.Option(help="viewer or admin.")],
    site: Sites = None,
    by: Author = "",
) -> None:
    """Let a user only look (viewer) or change everything (admin), from the next login on.

    With --site only what is of these sites; without it, of all.
    """
    from store import acts

    sites = acts.sites_of(site or (), role_of(role))
    if sites is None:
        act(invocation(context), by, acts.users.set_role, name, role=role_of(role))
    else:
        act(invocation(context), by, acts.users.set_sites, name, sites=sites)


@user.command("remove")
def remove_user(context: typer.Context, name: Name, by: Author = "") -> None:
    """Remove a dashboard user."""
    from store import acts

    act(invocation(context), by, acts.users.remove, name)


@user.command("totp-reset")
def reset_totp(context: typer.Context, name: Name, by: Author = "") -> None:
    """Let a user log in without a code again, whose phone is gone; logs that user out everywhere."""
    from store import acts

    act(invocation(context), by, acts.totp.reset, name)


@user.command("list")
def list_users(context: typer.Context) -> None:
    """List the dashboard's users: name, role, sites, and totp for who logs in with a code as well."""
    from store import users

    with invocation(context).store() as store, store.read() as tx:
        for each in users.every(tx):
            sites = "" if each.sites is None else "\t" + ", ".join(f"{site}:{of}" for site, of in each.sites.items())
            say(f"{each.name}\t{each.role}{sites}" + ("\ttotp" if each.has_totp else ""))


@account.command("add")
def add_account(
    context: typer.Context,
    name: Name,
    *,
    role: Annotated[str, typer.Option(help="consumer (reads), admin (reads and writes) or device.")] = "consumer",
    site: Annotated[list[str] | None, typer.Option(help="The only site it reads of; may be repeated.")] = None,
    deny: Annotated[list[str] | None, typer.Option(help="A topic filter to take away; may be repeated.")] = None,
    topic: Annotated[
        list[str] | None, typer.Option(help="A topic of a device, with all below it; may be repeated.")
    ] = None,
) -> None:
    """Add an MQTT account; print the password once, alone on stdout."""
    from broker.rights import Role
    from store import acts

    if role not in tuple(each.value for each in (Role.CONSUMER, Role.ADMIN, Role.DEVICE)):
        raise SettingsError(f"--role: should be consumer, admin or device (got {role!r})")
    rights = ", ".join([role, *(site or ()), *(topic or ()), *(f"without {each}" for each in deny or ())])
    call, file = invocation(context), _accounts(context)
    lists = {"deny": tuple(deny or ()), "sites": tuple(site or ()), "topics": tuple(topic or ())}
    add = partial(file.add, name, Role(role), **lists)
    typer.echo(act_on_file(call, add, acts.accounts.add, name, change=add, rights=rights))


@account.command("list")
def list_accounts(context: typer.Context) -> None:
    """List the MQTT accounts: name, role, sites or topics, and what is denied."""
    found = _accounts(context).all()
    if not found:
        say("there is no MQTT account; 'rigwatch account add NAME' makes one", err=True)
    for name, stored in sorted(found.items()):
        sites, denied = ", ".join(stored.topics or stored.sites) or "all sites", ", ".join(stored.deny)
        say(f"{name}\t{stored.role}\t{sites}" + (f"\twithout {denied}" if denied else ""))


@account.command("password")
def new_account_password(context: typer.Context, name: Name) -> None:
    """Give an MQTT account a new password; print it once, alone on stdout. Its connections end."""
    from store import acts

    renew = partial(_accounts(context).set_password, name)
    typer.echo(act_on_file(invocation(context), renew, acts.accounts.set_password, name, change=renew))


@account.command("remove")
def remove_account(context: typer.Context, name: Name) -> None:
    """Remove an MQTT account; its connections end."""
    from store import acts

    drop = partial(_accounts(context).remove, name)
    act_on_file(invocation(context), drop, acts.accounts.remove, name, change=drop)


def _accounts(context: typer.Context) -> "AccountFile":
    from broker.accounts import AccountFile

    return AccountFile.of(invocation(context).home)


def role_of(text: str) -> "UserRole":
    """A dashboard user's or token's role; raises `SettingsError`."""
    from alerts.facts import UserRole

    if text not in tuple(UserRole):
        raise SettingsError(f"--role: should be {' or '.join(UserRole)} (got {text!r})")
    return UserRole(text)


def set_first_user(call: Invocation, settings: ServerSettings, name: str, password: str) -> None:
    """Adds the administrator, or gives one that an interrupted setup left a new password."""
    from alerts.facts import User, UserRole
    from store import acts, users
    from web.access.passwords import hash_password

    hashed, now = hash_password(password), call.clock.now()
    with call.store(settings) as store, store.write() as tx:
        if users.get(tx, name) is None:
            acts.users.add(tx, actor_of(""), now, User(name, UserRole.ADMIN, hashed))
        else:
            acts.users.set_password(tx, actor_of(""), now, name, password_hash=hashed)
