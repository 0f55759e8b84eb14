"""Accounts of third parties, in `accounts.toml`: names, roles, argon2 hashes. Nodes and services are not listed."""

import json
import re
import secrets
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import msgspec
from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError
from filelock import Timeout

from broker.rights import Account, Role
from broker.topics import is_filter
from rigwatch.errors import RigwatchError
from rigwatch.home import Home, write_private
from rigwatch.lock import private_lock
from rigwatch.topics import check_name

# OWASP's figures for argon2id with 19 MiB: some 20 ms a check, so that a flood of logins stays cheap to answer.
_HASHER: Final = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_.-]{0,63}")
_ROLES: Final = {Role.CONSUMER, Role.ADMIN, Role.DEVICE}
_OURS: Final = frozenset({"rigwatch", "homeassistant"})
_RESERVED: Final = frozenset({"subscriber", "watch"})
_LOCK_TIMEOUT: Final = 10
_HEAD: Final = "# MQTT accounts; written by 'rigwatch account'. Changes are taken over within two seconds.\n"


class StoredAccount(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One table of the file. `deny`: topic filters refused although the role allows them; `sites`: all that a consumer
    reads of, where there are any; `topics`: a device's own, with all that is below them."""

    role: Role
    password: str
    deny: tuple[str, ...] = ()
    sites: tuple[str, ...] = ()
    topics: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"StoredAccount({self.role})"


class AccountFile:
    """Reads the file afresh when it changed; asking costs one `stat`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._seen: tuple[int, int, int] | None = None
        self._accounts: dict[str, StoredAccount] = {}

    @classmethod
    def of(cls, home: Home) -> "AccountFile":
        return cls(home.path / "accounts.toml")

    def all(self) -> dict[str, StoredAccount]:
        """By name; raises `RigwatchError` when the file cannot be understood, and keeps what it knew."""
        try:
            stat = self.path.stat()
        except FileNotFoundError:
            self._accounts, self._seen = {}, None
            return self._accounts
        seen = (stat.st_mtime_ns, stat.st_size, stat.st_ino)
        if seen != self._seen:
            self._accounts = _read(self.path)
            self._seen = seen
        return self._accounts

    def add(
        self,
        name: str,
        role: Role,
        *,
        deny: tuple[str, ...] = (),
        sites: tuple[str, ...] = (),
        topics: tuple[str, ...] = (),
    ) -> str:
        """Makes an account and returns its password, which is stored nowhere. Raises `RigwatchError`."""
        # Many plugs take no more than 32 characters.
        password = secrets.token_urlsafe(24)
        made = StoredAccount(role, _HASHER.hash(password), deny, sites, topics)
        _check(name, made)
        with self._changing() as accounts:
            if name in accounts:
                raise RigwatchError(
                    f"account {name}: is there already; 'rigwatch account password {name}' gives it a new password"
                )
            _check_alone(name, topics, accounts)
            accounts[name] = made
        return password

    def set_password(self, name: str) -> str:
        """Gives it a new password, and returns that; who is connected with the old one is closed within two seconds.

        Raises `RigwatchError` when there is no such account.
        """
        password = secrets.token_urlsafe(24)
        with self._changing() as accounts:
            if name not in accounts:
                raise self._missing(name)
            accounts[name] = msgspec.structs.replace(accounts[name], password=_HASHER.hash(password))
        return password

    def remove(self, name: str) -> None:
        """Its clients are closed within two seconds. Raises `RigwatchError` when there is none."""
        with self._changing() as accounts:
            if accounts.pop(name, None) is None:
                raise self._missing(name)

    def _missing(self, name: str) -> RigwatchError:
        return RigwatchError(f"account {name[:80]}: is not in {self.path}")

    @contextmanager
    def _changing(self) -> Iterator[dict[str, StoredAccount]]:
        try:
            with private_lock(self.path.with_suffix(".lock"), timeout=_LOCK_TIMEOUT):
                accounts = dict(self.all())
                yield accounts
                write_private(self.path, _HEAD + "".join(_table(name, accounts[name]) for name in sorted(accounts)))
        except Timeout:
            raise RigwatchError(f"{self.path}: another command has been changing it for {_LOCK_TIMEOUT} s") from None
        except OSError as exc:
            raise RigwatchError(f"{self.path}: cannot be locked ({exc.strerror or exc})") from exc


def account_of(name: str, stored: StoredAccount) -> Account:
    return Account(name, stored.role, deny=stored.deny, sites=stored.sites, topics=stored.topics)


def verify(stored_hash: str, password: bytes) -> bool:
    """Whether the password is right. Takes some 20 ms and 19 MiB, so never in the event loop."""
    try:
        return _HASHER.verify(stored_hash, password)
    except (Argon2Error, InvalidHashError):
        return False


def _check(name: str, stored: StoredAccount) -> None:
    if not _NAME.fullmatch(name) or name in _RESERVED:
        raise RigwatchError(f"account {name[:80]!r}: use 1 to 64 of a-z, 0-9, '.', '-', '_', not a service's name")
    if stored.role not in _ROLES:
        raise RigwatchError(f"account {name}: the role {stored.role} is not 'consumer', 'admin' or 'device'")
    for topic_filter in stored.deny:
        if not is_filter(topic_filter):
            raise RigwatchError(f"account {name}: {topic_filter[:200]!r} in 'deny' is not an MQTT topic filter")
    if stored.sites and stored.role is not Role.CONSUMER:
        raise RigwatchError(f"account {name}: 'sites' is for consumers; an admin reads and writes every topic")
    for site in stored.sites:
        check_name(site, f"account {name}: site")
    _check_topics(name, stored)


def _check_topics(name: str, stored: StoredAccount) -> None:
    if bool(stored.topics) is not (stored.role is Role.DEVICE):
        raise RigwatchError(f"account {name}: 'topics' are a device's, and a device has some")
    for topic in stored.topics:
        if not topic or not is_filter(topic) or {"+", "#"} & set(topic) or topic.startswith(("/", "$")):
            raise RigwatchError(f"account {name}: {topic[:200]!r} is not a topic that a device can have for its own")
        if topic.split("/")[0] in _OURS:
            raise RigwatchError(f"account {name}: what is below {topic.split('/')[0]!r} belongs to rigwatch")


def _check_alone(name: str, topics: tuple[str, ...], accounts: Mapping[str, StoredAccount]) -> None:
    """One device must not speak for another."""
    for topic in topics:
        for other, stored in accounts.items():
            for theirs in stored.topics:
                if f"{topic}/".startswith(f"{theirs}/") or f"{theirs}/".startswith(f"{topic}/"):
                    raise RigwatchError(f"account {name}: {topic} is {other}'s already ({theirs})")


def _read(path: Path) -> dict[str, StoredAccount]:
    try:
        table = tomllib.loads(path.read_text("utf-8")).get("accounts", {})
        accounts = msgspec.convert(table, dict[str, StoredAccount])
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError, msgspec.ValidationError) as exc:
        raise RigwatchError(f"{path}: cannot be read as accounts ({exc})") from exc
    for name, stored in accounts.items():
        _check(name, stored)
    return accounts


def _table(name: str, stored: StoredAccount) -> str:
    # A JSON string is a TOML basic string.
    lines = [f"\n[accounts.{json.dumps(name)}]", f"role = {json.dumps(stored.role)}"]
    lines.append(f"password = {json.dumps(stored.password)}")
    if stored.deny:
        lines.append(f"deny = {json.dumps(list(stored.deny))}")
    if stored.sites:
        lines.append(f"sites = {json.dumps(list(stored.sites))}")
    if stored.topics:
        lines.append(f"topics = {json.dumps(list(stored.topics))}")
    return "\n".join(lines) + "\n"
