"""What a rig asks of its server before it is a node: script, agent, token, and whether its first report has come.

Nobody logs in here: a one-time code is what counts, and without one nothing is to be had but the script. All of it over
TLS alone; on the machine itself also without. What a stranger can do with these addresses: `docs/security.md` §6.
"""

import logging
import re
import threading
from functools import partial
from typing import Final

from flask import Blueprint, Response, request, send_file
from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from rigwatch.address import is_loopback
from rigwatch.clock import Clock, Millis
from rigwatch.codes import Invitation, JoinCodes
from rigwatch.errors import RigwatchError
from rigwatch.home import Home
from rigwatch.joining import Joining
from rigwatch.registry import Registry
from rigwatch.settings import ServerSettings
from rigwatch.topics import NodeId
from store import Store, acts, nodes
from store.acts.actor import Actor, Way
from web.access.guesses import source_of
from web.access.proxy import is_proxied
from web.agent.files import NAME, SCRIPT, SCRIPT_WINDOWS, WINDOWS, agent_file

log = logging.getLogger(__name__)

CODE: Final = "X-Rigwatch-Code"
HOST: Final = "X-Rigwatch-Host"
MACHINE: Final = "X-Rigwatch-Machine"
_MACHINE: Final = re.compile(r"[0-9a-f]{64}")
_HOST_MAX: Final = 255
GUESSES: Final = RateLimitItemPerMinute(10)
"""Wrong codes from one address."""
GUESSES_IN_ALL: Final = RateLimitItemPerMinute(300)
"""From all addresses together."""
DOWNLOADS: Final = 3
"""At once: each has a thread of the server as long as it lasts, and the dashboard needs some of the eight."""
_ALL: Final = "all"


class AgentPages:
    """The addresses below `/agent`."""

    def __init__(self, settings: ServerSettings, store: Store, clock: Clock, home: Home) -> None:
        self._settings = settings
        self._store = store
        self._clock = clock
        self._home = home
        self._codes = JoinCodes(home.join_codes)
        self._registry = Registry(home.nodes_json)
        self._guesses = MovingWindowRateLimiter(MemoryStorage())
        self._downloads = threading.BoundedSemaphore(DOWNLOADS)

    def script(self) -> Response:
        """The same for everybody: there is no secret in it."""
        return _closed() or send_file(SCRIPT, mimetype="text/x-shellscript", etag=False, max_age=None)

    def script_windows(self) -> Response:
        """The same for PowerShell."""
        return _closed() or send_file(SCRIPT_WINDOWS, mimetype="text/plain", etag=False, max_age=None)

    def file(self) -> Response:
        return self._file(NAME)

    def file_windows(self) -> Response:
        return self._file(WINDOWS)

    def _file(self, name: str) -> Response:
        if refused := _closed():
            return refused
        if self._invited() is None:
            return self._refused()
        try:
            agent = agent_file(self._home, name)
        except RigwatchError as exc:
            log.error("the agent cannot be handed out why=%s", exc)
            return _said(503, "The server cannot hand the agent out; its log says why.")
        if agent is None:
            return _said(404, "This server has no agent to hand out; 'make agent' builds it.")
        if not self._downloads.acquire(blocking=False):
            return _said(503, "Others are fetching the agent; try again in a moment.", {"Retry-After": "3"})
        try:
            response = send_file(agent.path, mimetype="application/octet-stream", etag=False, max_age=None)
            # Passed through directly, its end would not be told.
            response.direct_passthrough = False
            response.call_on_close(self._downloads.release)
        except BaseException:
            self._downloads.release()
            raise
        return response

    def join(self) -> Response:
        """The node's token, to the first who comes with its code; with a group's code a new node's."""
        if refused := _closed():
            return refused
        invited = self._invited()
        if invited is None:
            return self._refused()
        now = self._clock.now()
        return self._join_group(now) if invited.is_group else self._join_one(now)

    def _join_group(self, now: int) -> Response:
        machine = request.headers.get(MACHINE, "")
        if not _MACHINE.fullmatch(machine):
            return _said(400, "The agent does not say which machine this is; it is older than this line.")
        host, actor = request.headers.get(HOST, "")[:_HOST_MAX], Actor(_source(), Way.CODE)
        try:
            joining = Joining(self._home, self._settings)
            admitting = partial(acts.codes.admit, codes=self._codes, code=_code(), machine=machine, host=host)
            with self._store.write() as tx:
                found = admitting(tx, actor, now, joining=joining)
            if found is None:
                return _said(409, "This code has let in as many rigs as it was made for; print a new line.")
            if not self._has_key(found.id, found.generation):
                return _said(409, "This rig's key was revoked or replaced since; print a line for its node.")
            token = joining.token_of(found.id, found.generation)
        except RigwatchError as exc:
            log.error("a rig with a right code got no token why=%s", exc)
            return _said(503, "The server cannot give the token out; its log says why.")
        log.info("a rig has fetched its token node=%s address=%s", found.id, actor.name)
        return _said(200, token)

    def _join_one(self, now: int) -> Response:
        try:
            # What it lacks for a token is known before the code is spent.
            joining = Joining(self._home, self._settings)
            found = self._codes.spend(_code(), now, self._is_good)
            if found is None:
                return _said(409, "This code has been used, or its node has got another key; print a new line.")
            # Of the key that the code is for: a node that is revoked in this moment is not enrolled again.
            token = joining.token_of(found.id, found.generation)
        except RigwatchError as exc:
            log.error("a rig with a right code got no token why=%s", exc)
            return _said(503, "The server cannot give the token out; its log says why.")
        self._note(found, now)
        return _said(200, token)

    def reported(self) -> Response:
        """Whether the node's first report since it joined is stored."""
        if refused := _closed():
            return refused
        found = self._invited()
        if found is None:
            return self._refused()
        joined = self._joined(found)
        if joined is None:
            return _said(202, "Nothing has come of it yet.")
        node, since = joined
        with self._store.read() as tx:
            known = nodes.one(tx, node)
        at = None if known is None else known.last_report_at
        if at is None or at < since:
            return _said(202, "Nothing has come of it yet.")
        return _said(200, str(node))

    def _joined(self, found: Invitation) -> tuple[NodeId, Millis] | None:
        """As which node, and when, this rig has joined by its code."""
        if not found.is_group:
            return None if found.spent_at is None else (found.id, found.spent_at)
        admission = found.admission_of(request.headers.get(MACHINE, ""))
        return None if admission is None else (admission.id, admission.at)

    def _is_good(self, invitation: Invitation) -> bool:
        """A code of a node that was revoked or rotated since is none of its key of today."""
        return self._has_key(invitation.id, invitation.generation)

    def _has_key(self, node: NodeId, generation: int) -> bool:
        known = self._registry.get(node)
        return known is not None and not known.revoked and known.generation == generation

    def _invited(self) -> Invitation | None:
        """Whom the code of this request invites; who has guessed too often is not even looked at."""
        if not self._may_guess():
            return None
        try:
            return self._codes.find(_code(), self._clock.now())
        except RigwatchError as exc:
            log.error("one-time codes cannot be read why=%s", exc)
            return None

    def _refused(self) -> Response:
        wait = {"Retry-After": "60"}
        # What is not looked at counts for nothing: one address would else use up the guesses of all.
        if not self._guesses.test(GUESSES_IN_ALL, _ALL):
            return _said(429, "Too many wrong codes came from everywhere; wait a minute, or join with the token.", wait)
        if not self._guesses.hit(GUESSES, _source()):
            return _said(429, "Too many wrong codes came from your address; wait a minute.", wait)
        self._guesses.hit(GUESSES_IN_ALL, _ALL)
        return _said(403, "This code is not one of the last hour; print a new line.")

    def _may_guess(self) -> bool:
        return self._guesses.test(GUESSES, _source()) and self._guesses.test(GUESSES_IN_ALL, _ALL)

    def _note(self, found: Invitation, now: int) -> None:
        source = _source()
        log.info("a rig has fetched its token node=%s address=%s", found.id, source)
        try:
            with self._store.write() as tx:
                acts.nodes.join(tx, Actor(source, Way.CODE), now, found.id)
        except RigwatchError as exc:
            log.warning("not noted in the audit list node=%s why=%s", found.id, exc)


def create(settings: ServerSettings, store: Store, clock: Clock, *, home: Home) -> Blueprint:
    pages = AgentPages(settings, store, clock, home)
    blueprint = Blueprint("agent", __name__, url_prefix="/agent")
    blueprint.add_url_rule("/install.sh", "script", pages.script)
    blueprint.add_url_rule("/install.ps1", "script_windows", pages.script_windows)
    blueprint.add_url_rule(f"/{NAME}", "file", pages.file)
    blueprint.add_url_rule(f"/{WINDOWS}", "file_windows", pages.file_windows)
    blueprint.add_url_rule("/join", "join", pages.join, methods=["POST"])
    blueprint.add_url_rule("/reported", "reported", pages.reported)
    return blueprint


def _source() -> str:
    return source_of(request.remote_addr or "")


def _code() -> str:
    return request.headers.get(CODE, "")


def _closed() -> Response | None:
    """A refusal of what anybody could read on its way. A proxy on this machine that is not named in the settings does
    not make a stranger's plain request one of ours."""
    if request.is_secure:
        return None
    if is_loopback(request.remote_addr or "") and not is_proxied(request.environ):
        return None
    return _said(403, "This is to be had over TLS alone; see [web] in docs/operations.md.")


def _said(status: int, text: str, headers: dict[str, str] | None = None) -> Response:
    return Response(f"{text}\n", status, headers, content_type="text/plain; charset=utf-8")
