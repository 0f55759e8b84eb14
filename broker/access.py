"""Who is at the door: checks logins against derived passwords and accounts. Touches no session and no socket."""

import asyncio
import hmac
import logging
import secrets
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Final

from broker.accounts import AccountFile, account_of, verify
from broker.connect import Connect, ConnectOptions, Will
from broker.reasons import Reason
from broker.rights import Account, Action, Role, allowed
from rigwatch.clock import Clock
from rigwatch.envelope import HEADER_LENGTH
from rigwatch.errors import TopicError
from rigwatch.keys import MasterKey, NodeKey
from rigwatch.registry import NodeAccess
from rigwatch.topics import NodeId

log = logging.getLogger(__name__)

SERVICES: Final = {"subscriber": Role.SUBSCRIBER, "watch": Role.WATCH}
# Checks of argon2 hashes that may wait for the one thread that does them; more are told to come back.
_QUEUE: Final = 32
# A CONNACK has up to sixty bytes.
_LEAST_PACKET: Final = 64
_STRICT: Final = {Role.NODE, Role.SUBSCRIBER, Role.WATCH}


@dataclass(frozen=True, slots=True)
class Admitted:
    """`key` names the session: a client id belongs to its account, so nobody can take over another account's client."""

    account: Account
    key: str
    proof: bytes = field(repr=False)
    """What the password was checked against; when that changes, the login is no longer good."""
    will: Will | None = None
    """The will that counts. One outside the rights of a third party is left out, and its login stands."""
    assigned_id: str = ""
    """The client id, where the client had none and is told (MQTT 5)."""


@dataclass(frozen=True, slots=True)
class Refused:
    """`reason` is one of few, for the log and the figures; the client is told `code`."""

    code: Reason
    reason: str
    is_known: bool = False
    """Whether there is such a user."""


Verdict = Admitted | Refused

_WRONG = Refused(Reason.WRONG_LOGIN, "wrong password", is_known=True)
_UNKNOWN = Refused(Reason.WRONG_LOGIN, "unknown user")
_NO_LOGIN = Refused(Reason.WRONG_LOGIN, "no login")
_WRONG_ID = Refused(Reason.CLIENT_ID_REFUSED, "client id does not fit the user name")
_BUSY = Refused(Reason.BUSY, "too many logins at once")
_METHOD = Refused(Reason.BAD_AUTHENTICATION_METHOD, "authentication method other than a password")
_NARROW = Refused(Reason.PACKET_TOO_LARGE, "takes no packet of a sensible size")
_WILL = Refused(Reason.NOT_AUTHORIZED, "will outside the account's rights")


class Access:
    """Decides about logins. Closed by default: what is not recognised is refused."""

    def __init__(self, master: MasterKey, nodes: NodeAccess, accounts: AccountFile, clock: Clock) -> None:
        self._nodes = nodes
        self._accounts = accounts
        self._clock = clock
        self._services = {name: master.service_password(name).encode() for name in SERVICES}
        self._hashing = ThreadPoolExecutor(1, thread_name_prefix="argon2")
        self._waiting = 0
        # Passwords that were right, keyed so that the table tells nothing: a reconnect need not cost a hash again.
        self._secret = secrets.token_bytes(32)
        self._known: dict[str, tuple[str, bytes]] = {}

    def check(self, connect: Connect) -> Verdict | None:
        """The verdict, or None when it takes a slow hash to know: then ask `check_slowly`."""
        objection = _objection(connect)
        if objection is not None:
            return objection
        assert connect.user is not None
        assert connect.password is not None
        if connect.user in SERVICES:
            return self._check_service(connect.user, connect)
        if "/" in connect.user:
            return self._check_node(connect.user, connect)
        stored = self._accounts.all().get(connect.user)
        if stored is None:
            return _UNKNOWN
        if self._known.get(connect.user) == (stored.password, self._digest(connect.password)):
            return self._admit_account(connect)
        return None

    async def check_slowly(self, connect: Connect) -> Verdict:
        """For accounts of `accounts.toml`; the hash is computed in a thread, one at a time."""
        assert connect.user is not None
        assert connect.password is not None
        stored = self._accounts.all().get(connect.user)
        if stored is None:
            return _UNKNOWN
        if self._waiting >= _QUEUE:
            return _BUSY
        self._waiting += 1
        try:
            right = await asyncio.get_running_loop().run_in_executor(
                self._hashing, verify, stored.password, connect.password
            )
        finally:
            self._waiting -= 1
        if not right:
            return _WRONG
        self._known[connect.user] = (stored.password, self._digest(connect.password))
        return self._admit_account(connect)

    def close(self) -> None:
        self._hashing.shutdown(wait=False, cancel_futures=True)

    def account_now(self, admitted: Account, proof: bytes) -> Account | None:
        """The account of a login that was right, as it is now; None when the same login would be refused."""
        if admitted.node is not None:
            right = any(_proof(key.mqtt_password) == proof for key in self._keys(admitted.node))
            return admitted if right else None
        if admitted.name in SERVICES:
            return admitted
        stored = self._accounts.all().get(admitted.name)
        return account_of(admitted.name, stored) if stored and _proof(stored.password) == proof else None

    def is_left_behind(self, node: NodeId, sealed: bytes) -> bool:
        """Whether no key that counts sealed this, nor the one that was rotated away last and has something to tell."""
        former = self._nodes.former_key(node)
        keys = (*self._keys(node), *((former,) if former else ()))
        return sealed[1:HEADER_LENGTH] not in {key.seal_key.key_id for key in keys}

    def _check_service(self, user: str, connect: Connect) -> Verdict:
        if not hmac.compare_digest(self._services[user], connect.password or b""):
            return _WRONG
        if connect.client_id != user and not connect.client_id.startswith(user + "."):
            return _WRONG_ID
        return self._admit(Account(user, SERVICES[user]), connect.client_id, b"", connect)

    def _check_node(self, user: str, connect: Connect) -> Verdict:
        try:
            node = NodeId.parse(user)
        except TopicError:
            return _UNKNOWN
        keys = self._keys(node)
        if not keys:
            return _UNKNOWN
        for key in keys:
            if hmac.compare_digest(key.mqtt_password.encode(), connect.password or b""):
                # Only now, or the answer would tell that the client id is known.
                if connect.client_id != user:
                    return _WRONG_ID
                return self._admit(Account(user, Role.NODE, node), user, _proof(key.mqtt_password), connect)
        return _WRONG

    def _admit_account(self, connect: Connect) -> Verdict:
        assert connect.user is not None
        stored = self._accounts.all().get(connect.user)
        if stored is None:
            return _UNKNOWN
        client_id, assigned_id = connect.client_id, ""
        if not client_id:
            # §3.1.3.1: without an id the broker gives one; in 3.1.1 it cannot say which, so there is nothing to come
            # back to.
            if not connect.clean_session and connect.options is None:
                return _WRONG_ID
            client_id = assigned_id = f"auto-{secrets.token_hex(8)}"
        account = account_of(connect.user, stored)
        key = f"{connect.user}:{client_id}"
        return self._admit(account, key, _proof(stored.password), connect, assigned_id=assigned_id)

    @staticmethod
    def _admit(account: Account, key: str, proof: bytes, connect: Connect, *, assigned_id: str = "") -> Verdict:
        will = connect.will
        if will is not None and not allowed(account, Action.PUBLISH, will.topic):
            # What others wrote has a will as a matter of course: Home Assistant, a bridge. What rigwatch is made of is
            # judged by its promise, and a node that would speak for another is none.
            if account.role in _STRICT:
                return _WILL
            will = None
        elif will is not None and account.role in _STRICT:
            # A death is told at once, and stays told.
            will = replace(will, delay=0, expiry=None)
        return Admitted(account, key, proof, will, assigned_id)

    def _keys(self, node: NodeId) -> tuple[NodeKey, ...]:
        return self._nodes.accepted_keys(node, self._clock.now())

    def _digest(self, password: bytes) -> bytes:
        return hmac.digest(self._secret, password, "sha256")


def _proof(password: str) -> bytes:
    return sha256(password.encode()).digest()


def _objection(connect: Connect) -> Refused | None:
    """What is wrong whoever it is."""
    options = connect.options or ConnectOptions()
    if options.has_authentication:
        return _METHOD
    if options.packet_maximum is not None and options.packet_maximum < _LEAST_PACKET:
        return _NARROW
    return None if connect.user and connect.password is not None else _NO_LOGIN
