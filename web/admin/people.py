"""Administration of who may log in: people with passwords, programs with tokens; each secret is shown once."""

import secrets
from collections.abc import Mapping
from datetime import timedelta
from functools import partial
from typing import Final, NamedTuple

from flask import Blueprint, Response, render_template, request, url_for

from alerts.facts import User, UserRole
from rigwatch.clock import Millis
from store import acts, tokens, users
from store.tokens import ApiToken, TokenKind
from web import units
from web.access.login import actor, admin_only
from web.access.passwords import hash_password
from web.admin.context import AdminContext, ask_back, attempt, choice, done, done_text, show_secret, sure, text
from web.language.texts import N_
from web.language.texts import gettext as _

PASSWORD_BYTES: Final = 15
_ROLES: Final[Mapping[str, UserRole]] = {role.value: role for role in UserRole}
_LIVES: Final[Mapping[str, timedelta | None]] = {
    "never": None,
    "30d": timedelta(days=30),
    "90d": timedelta(days=90),
    "365d": timedelta(days=365),
}


_KIND_OF: Final[Mapping[str, TokenKind]] = {each.value: each for each in TokenKind}
_SITES_TEXT_MAX: Final = 10_000
_KINDS: Final[Mapping[TokenKind, str]] = {
    TokenKind.API: N_("for a program"),
    TokenKind.LINK: N_("link for reading"),
    TokenKind.KIOSK: N_("link to the wall alone"),
}
_ONCE: Final = N_("It cannot be shown again, only replaced: copy it now. The server keeps no more than a hash of it.")


class TokenLine(NamedTuple):
    """A token in the list, in words."""

    name: str
    role: str
    sites: str
    created: str
    used: str
    expires: str
    over: bool


class PeopleAdmin:
    """The pages about users and about API tokens."""

    def __init__(self, admin: AdminContext) -> None:
        self._admin = admin

    def register(self, blueprint: Blueprint) -> None:
        blueprint.add_url_rule("/users", "users", self.users)
        blueprint.add_url_rule("/tokens", "tokens", self.tokens)
        for name, do in {
            "users/add": self.add_user,
            "users/role": self.set_role,
            "users/password": self.new_password,
            "users/remove": self.remove_user,
            "users/totp": self.reset_totp,
            "tokens/add": self.add_token,
            "tokens/remove": self.remove_token,
        }.items():
            view = partial(attempt, do, self._users if name.startswith("users/") else self._tokens)
            blueprint.add_url_rule(f"/{name}", name.replace("/", "_"), view, methods=["POST"])

    # users

    @admin_only
    def users(self) -> str:
        return self._users()

    def add_user(self) -> Response:
        name, role = _user_name(), choice("role", _ROLES, label=_("Role"))
        sites, password = _sites(role), secrets.token_urlsafe(PASSWORD_BYTES)
        made = User(name, role if sites is None else UserRole.VIEWER, hash_password(password), sites)
        self._admin.act(acts.users.add, made)
        return _show_password(name, password)

    def set_role(self) -> Response:
        name, role = _user_name(), choice("role", _ROLES, label=_("Role"))
        sites = _sites(role)
        if sites is None:
            self._admin.act(acts.users.set_role, name, role=role)
        else:
            self._admin.act(acts.users.set_sites, name, sites=sites)
        return done(url_for("admin.users"), "role")

    def new_password(self) -> Response:
        name = _user_name()
        if not sure():
            return ask_back(
                _("Give %(name)s a new password?", name=name),
                button=_("New password"),
                explained=_(
                    "The old one stops working at once. It is your own: the browser will ask you for the new one."
                )
                if name == actor().name
                else _("The old one stops working at once."),
                back=url_for("admin.users"),
            )
        password = secrets.token_urlsafe(PASSWORD_BYTES)
        self._admin.act(acts.users.set_password, name, password_hash=hash_password(password))
        return _show_password(name, password)

    def remove_user(self) -> Response:
        name = _user_name()
        if not sure():
            return ask_back(
                _("Remove the user %(name)s?", name=name),
                button=_("Remove"),
                explained=_(
                    "Whoever is logged in by that name is out at once. What was done under it stays in the audit list."
                ),
                back=url_for("admin.users"),
            )
        self._admin.act(acts.users.remove, name)
        return done(url_for("admin.users"), "removed")

    def reset_totp(self) -> Response:
        name = _user_name()
        if not sure():
            return ask_back(
                _("Reset the second factor of %(name)s?", name=name),
                button=_("Reset"),
                explained=_("The password is enough again, and that user is logged out everywhere."),
                back=url_for("admin.users"),
            )
        self._admin.act(acts.totp.reset, name)
        return done(url_for("admin.users"), "totp")

    # tokens

    @admin_only
    def tokens(self) -> str:
        return self._tokens()

    def add_token(self) -> Response:
        name, role = _token_name(), choice("role", _ROLES, label=_("Role"))
        life = choice("life", _LIVES, label=_("Expires"))
        # A form that was loaded before there were kinds has no such field.
        kind = choice("kind", _KIND_OF, label=_("Kind")) if "kind" in request.form else TokenKind.API
        sites = _sites(role)
        token = self._admin.act(acts.tokens.add, name, role=role, life=life, kind=kind, sites=sites)
        if kind is not TokenKind.API:
            return show_secret(
                _("The link %(name)s is made", name=name),
                back=url_for("admin.tokens"),
                secret=url_for("link.open", token=token, _external=True),
                label=_("The address, shown once"),
                command="",
                steps="",
                hint=_("Whoever has it may look without logging in. Remove it here, and it opens nothing any more."),
            )
        return show_secret(
            _("The token %(name)s is made", name=name),
            back=url_for("admin.tokens"),
            secret=token,
            label=_("The token, shown once"),
            command=f"curl -H @- ADDRESS <<'END'\nAuthorization: Bearer {token}\nEND",
            steps=_("A program sends it as a header with each request; like this it stands in no list of processes:"),
            hint=_(_ONCE),
        )

    def remove_token(self) -> Response:
        name = _token_name()
        if not sure():
            return ask_back(
                _("Remove the token %(name)s?", name=name),
                button=_("Remove"),
                explained=_("The program that uses it is refused from then on."),
                back=url_for("admin.tokens"),
            )
        self._admin.act(acts.tokens.remove, name)
        return done(url_for("admin.tokens"), "removed")

    # what is shown

    def _users(self, problem: str = "") -> str:
        with self._admin.store.read() as tx:
            listed = users.every(tx)
        return render_template(
            "admin_users.html",
            problem=problem,
            done=done_text(),
            users=listed,
            roles=tuple(_ROLES),
            name_max=acts.users.NAME_MAX,
        )

    def _tokens(self, problem: str = "") -> str:
        now = self._admin.now()
        with self._admin.store.read() as tx:
            listed = tokens.every(tx)
        return render_template(
            "admin_tokens.html",
            problem=problem,
            done=done_text(),
            tokens=[self._token_line(each, now) for each in listed],
            roles=tuple(_ROLES),
            kinds=_KINDS,
            lives=tuple(_LIVES),
        )

    def _token_line(self, token: ApiToken, now: Millis) -> TokenLine:
        zone = self._admin.zone
        return TokenLine(
            name=token.name,
            role=_(token.role.value) if token.kind is TokenKind.API else _(_KINDS[token.kind]),
            sites=", ".join(token.sites or ()),
            created=zone.full(token.created_at),
            used=_("never")
            if token.last_used_at is None
            else _("%(age)s ago", age=units.age(now - token.last_used_at)),
            expires=_("never") if token.expires_at is None else zone.full(token.expires_at),
            over=token.is_over(now),
        )


def _user_name() -> str:
    return text("name", label=_("Name"), most=acts.users.NAME_MAX)


def _sites(role: UserRole) -> dict[str, UserRole] | None:
    """What the field says: names with commas or blanks between, each perhaps with its role; None: all sites."""
    given = request.form.get("sites", "")[:_SITES_TEXT_MAX]
    return acts.sites_of(given.replace(",", " ").split(), role)


def _token_name() -> str:
    return text("name", label=_("Name"), most=acts.tokens.NAME_MAX)


def _show_password(name: str, password: str) -> Response:
    return show_secret(
        _("The password of %(name)s", name=name),
        back=url_for("admin.users"),
        secret=password,
        label=_("The password, shown once"),
        command="",
        steps="",
        hint=_(_ONCE),
    )
