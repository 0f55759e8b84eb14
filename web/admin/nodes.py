"""Administration of nodes: enrolled, named, tagged, moved, taken out and brought back; their tokens shown once."""

import logging
import math
from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import partial
from typing import Final, NamedTuple

from flask import Blueprint, Response, abort, render_template, request, url_for

from rigwatch.clock import Millis
from rigwatch.errors import RigwatchError
from rigwatch.joining import Joining
from rigwatch.registry import Enrollment, Registry
from rigwatch.topics import NodeId
from store import acts, nodes
from store.nodes import Listed
from web import units
from web.access.login import admin_only
from web.access.sites import may_see, need_change, visible_sites
from web.admin.context import (
    PAGE,
    AdminContext,
    Wrong,
    ask_back,
    attempt,
    choice,
    done,
    done_text,
    page_number,
    show_secret,
    sure,
    tag_list,
    text,
)
from web.agent.line import JoinLines, NoLine, join_lines, origin_asked
from web.language.texts import N_
from web.language.texts import gettext as _

log = logging.getLogger(__name__)

_OVERLAPS: Final[Mapping[str, timedelta]] = {
    "1h": timedelta(hours=1),
    "24h": timedelta(hours=24),
    "7d": timedelta(days=7),
    "30d": timedelta(days=30),
}
_SEARCH_MAX: Final = 100


class Key(NamedTuple):
    """How it stands with a node's key: a word, the class of its pill, and what it means."""

    word: str
    look: str
    meaning: str


class AdminNodeLine(NamedTuple):
    """A node in the list."""

    node: Listed
    key: Key
    last: str
    href: str


class NodesAdmin:
    """The pages about nodes. Keys are in the registry file, names and tags in the store."""

    def __init__(self, admin: AdminContext) -> None:
        self._admin = admin
        self._registry = Registry(admin.home.nodes_json)

    def register(self, blueprint: Blueprint) -> None:
        one = "/nodes/<site>/<node>"
        blueprint.add_url_rule("/", "page", self.page)
        blueprint.add_url_rule("/nodes", "enroll", partial(attempt, self.enroll, self._list), methods=["POST"])
        blueprint.add_url_rule(one, "node", self.one)
        for name, do in {
            "name": self.rename,
            "tags": self.tag,
            "token": self.token,
            "rotate": self.rotate,
            "revoke": self.revoke,
            "move": self.move,
            "retire": self.retire,
            "restore": self.restore,
        }.items():
            blueprint.add_url_rule(f"{one}/{name}", f"node_{name}", self._form(do), methods=["POST"])

    def _form(self, do: Callable[[Listed], Response]) -> Callable[[str, str], Response]:
        """The view of a form about one node: what it answers, or the node's page with why not."""

        def view(site: str, node: str) -> Response:
            known = self._known(site, node)
            return attempt(lambda: do(known), lambda problem: self._one(known, problem))

        return view

    # pages

    @admin_only
    def page(self) -> str:
        return self._list()

    @admin_only
    def one(self, site: str, node: str) -> str:
        return self._one(self._known(site, node))

    # changes

    def enroll(self) -> Response:
        site = text("site", label=_("Site"), most=64)
        need_change(site)
        node = NodeId(site, text("node", label=_("Name"), most=64))
        name = text("name", label=_("Shown as"), most=nodes.NAME_MAX, least=0)
        token = self._admin.act(acts.nodes.enroll, node, joining=self._joining())
        if name:
            self._admin.act(acts.nodes.rename, node, name=name)
        return self._show(node, token, _("%(node)s is enrolled", node=node))

    def rename(self, known: Listed) -> Response:
        name = text("name", label=_("Name"), most=nodes.NAME_MAX, least=0)
        self._admin.act(acts.nodes.rename, known.id, name=name)
        return done(_address(known.id), "renamed")

    def tag(self, known: Listed) -> Response:
        self._admin.act(acts.nodes.tag, known.id, tags=tag_list(request.form.get("tags", "")))
        return done(_address(known.id), "tagged")

    def token(self, known: Listed) -> Response:
        """The join token once more, for a rig that was set up anew; for a revoked node the token of its next key."""
        if known.retired_at is not None:
            raise Wrong(_("node %(node)s: is retired; bring it back first", node=known.id))
        is_new = not self._registry.lets_in(known.id)
        token = self._admin.act(acts.nodes.enroll, known.id, joining=self._joining())
        return self._show(
            known.id,
            token,
            _("%(node)s is enrolled again", node=known.id) if is_new else _("%(node)s has this token", node=known.id),
        )

    def rotate(self, known: Listed) -> Response:
        overlap, joining = choice("overlap", _OVERLAPS, label=_("The old key works for")), self._joining()
        self._admin.act(acts.nodes.rotate, known.id, registry=joining.registry, overlap=overlap)
        return self._show(
            known.id, joining.token(known.id, self._admin.now()), _("%(node)s has a new key", node=known.id)
        )

    def revoke(self, known: Listed) -> Response:
        if not sure():
            return ask_back(
                _("Revoke the key of %(node)s?", node=known.id),
                button=_("Revoke"),
                explained=_(
                    "The rig is cut off within two seconds, and its old token never works again. "
                    "What it has measured meanwhile stays on it until it gets a new token."
                ),
                back=_address(known.id),
            )
        self._admin.act(acts.nodes.revoke, known.id, registry=self._registry)
        return done(_address(known.id), "revoked")

    def move(self, known: Listed) -> Response:
        target = NodeId(text("to", label=_("Site"), most=64), known.id.node)
        if not sure():
            return ask_back(
                _("Move %(node)s to %(site)s?", node=known.id, site=target.site),
                button=_("Move"),
                explained=_(
                    "Its history, its name and its past incidents go along. Its key stops working: "
                    "the rig is shown as offline until you give it the new token that comes next."
                ),
                back=_address(known.id),
            )
        need_change(target.site)
        joining = self._joining()
        self._admin.act(acts.nodes.move, known.id, site=target.site, registry=joining.registry)
        return self._show(
            target,
            joining.token(target, self._admin.now()),
            _("%(node)s has moved here from %(site)s", node=target, site=known.id.site),
        )

    def retire(self, known: Listed) -> Response:
        if not sure():
            return ask_back(
                _("Retire %(node)s?", node=known.id),
                button=_("Retire"),
                explained=_(
                    "Its key stops working, no page shows it and no alert speaks of it. Its history is kept "
                    "as long as any, and it can come back with a new token."
                ),
                back=_address(known.id),
            )
        self._admin.act(acts.nodes.retire, known.id, registry=self._registry)
        return done(url_for("admin.page"), "retired")

    def restore(self, known: Listed) -> Response:
        token = self._admin.act(acts.nodes.restore, known.id, joining=self._joining())
        return self._show(known.id, token, _("%(node)s is back", node=known.id))

    # steps

    def _joining(self) -> Joining:
        return Joining(self._admin.home, self._admin.settings)

    def _known(self, site: str, node: str) -> Listed:
        """404 for a node that nobody knows; `TopicError`, which is one too, for what is no name."""
        name = NodeId(site, node)
        with self._admin.store.read() as tx:
            return nodes.one(tx, name) or abort(404, _("There is no node %(node)s.", node=name))

    # what is shown

    def _show(self, node: NodeId, token: str, title: str) -> Response:
        lines = self._join_lines(node)
        return show_secret(
            title,
            back=_address(node),
            secret=token,
            label=_("Its join token"),
            # Not with the token: anyone on a machine can read what its programs were started with.
            command="rigwatch publish --join -",
            steps=_(
                "Run this on the rig, paste the token and press Enter; it reports from then on, and after a restart:"
            ),
            hint=_("Who has the token can speak for this node: send it as you would send a password."),
            line=lines.linux,
            line_windows=lines.windows,
        )

    def _join_lines(self, node: NodeId) -> JoinLines:
        """The lines for a rig without rigwatch; "" where this server has none to give."""
        admin, now = self._admin, self._admin.now()
        try:
            return join_lines(
                admin.home, node, origin_asked(admin.home, admin.settings, now, url=request.url_root), now
            )
        except NoLine:
            return JoinLines("", "")
        except RigwatchError as exc:
            # The token is there whatever becomes of the line, and is shown only now.
            log.warning("no line to join with node=%s why=%s", node, exc)
            return JoinLines("", "")

    def _list(self, problem: str = "") -> str:
        asked, number = request.args.get("q", "")[:_SEARCH_MAX], page_number()
        retired = request.args.get("show") == "retired"
        with self._admin.store.read() as tx:
            every = [each for each in nodes.every(tx) if may_see(each.id.site)]
        found = [each for each in every if (each.retired_at is not None) is retired and _fits(each, asked)]
        keys, unreadable = self._keys()
        now = self._admin.now()
        return render_template(
            "admin_nodes.html",
            problem=problem or unreadable,
            done=done_text(),
            lines=[self._line(each, keys, now) for each in found[(number - 1) * PAGE : number * PAGE]],
            found=len(found),
            asked=asked,
            retired=retired,
            retired_count=sum(each.retired_at is not None for each in every),
            page=number,
            pages=max(1, math.ceil(len(found) / PAGE)),
            sites=sorted({each.id.site for each in every} | (visible_sites() or set())) or ["main"],
        )

    def _one(self, known: Listed, problem: str = "") -> str:
        # Looked at anew: a form that failed may have been overtaken.
        with self._admin.store.read() as tx:
            fresh = nodes.one(tx, known.id) or known
        keys, unreadable = self._keys()
        line = self._line(fresh, keys, self._admin.now())
        return render_template(
            "admin_node.html",
            problem=problem or unreadable,
            done=done_text(),
            line=line,
            node=fresh,
            overlaps=tuple(_OVERLAPS),
            retired="" if fresh.retired_at is None else self._admin.zone.full(fresh.retired_at),
            name_max=nodes.NAME_MAX,
        )

    def _keys(self) -> tuple[dict[NodeId, Enrollment], str]:
        """The registry, or why it cannot be read; the page is of use without it."""
        try:
            return self._registry.nodes(), ""
        except RigwatchError as exc:
            return {}, str(exc)

    def _line(self, node: Listed, keys: Mapping[NodeId, Enrollment], now: Millis) -> AdminNodeLine:
        at = node.last_report_at
        if at is not None:
            last = _("%(age)s ago", age=units.age(now - at))
        else:
            last = _("never") if node.first_seen_at is None else _("none yet")
        return AdminNodeLine(node, self._key(keys.get(node.id), now), last, _address(node.id))

    def _key(self, known: Enrollment | None, now: Millis) -> Key:
        if known is None:
            if self._admin.settings.security.enrollment == "open":
                return Key(N_("passphrase"), "unknown", _("it came by the shared passphrase"))
            return Key(N_("not enrolled"), "offline", _("it may not connect"))
        if known.revoked:
            return Key(N_("revoked"), "offline", _("no key of it works; a new token gives it the next one"))
        if known.previous_until is not None and known.previous_until > now:
            until = self._admin.zone.full(known.previous_until)
            return Key(N_("rotating"), "maintenance", _("its key before the newest works until %(time)s", time=until))
        return Key(N_("enrolled"), "online", _("its key works"))


def _address(node: NodeId) -> str:
    return url_for("admin.node", site=node.site, node=node.node)


def _fits(node: Listed, asked: str) -> bool:
    words = (node.title, node.own_name, str(node.id), node.host, *node.own_tags, *node.given_tags)
    return asked.casefold() in " ".join(words).casefold()
