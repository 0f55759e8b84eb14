"""Administration of lines by which several rigs join, each named by its host: made, listed, ended."""

from collections.abc import Mapping
from datetime import timedelta
from functools import partial
from typing import Final, NamedTuple

from flask import Blueprint, Response, render_template, request, url_for

from rigwatch.clock import Millis
from rigwatch.codes import RIGS_MAX, Invitation, JoinCodes
from rigwatch.errors import RigwatchError
from rigwatch.topics import NAME_MAX, NodeId
from store import acts
from web.access.login import admin_only
from web.admin.context import AdminContext, Wrong, ask_back, attempt, choice, done, done_text, show_secret, sure, text
from web.agent.line import agent_hashes, lines_with, origin_asked
from web.language.texts import gettext as _

_LIVES: Final[Mapping[str, timedelta]] = {
    "8h": timedelta(hours=8),
    "1h": timedelta(hours=1),
    "24h": timedelta(hours=24),
    "7d": timedelta(days=7),
}


class CodeLine(NamedTuple):
    """A code in the list, in words."""

    name: str
    site: str
    prefix: str
    rigs: int
    ends: str
    admitted: tuple[NodeId, ...]


class CodesAdmin:
    """The page about codes of several rigs; they stand in a file of the home."""

    def __init__(self, admin: AdminContext) -> None:
        self._admin = admin
        self._codes = JoinCodes(admin.home.join_codes)

    def register(self, blueprint: Blueprint) -> None:
        blueprint.add_url_rule("/codes", "codes", self.page)
        for path, name, do in (("/codes", "codes_add", self.add), ("/codes/end", "codes_end", self.end)):
            blueprint.add_url_rule(path, name, partial(attempt, do, self._page), methods=["POST"])

    @admin_only
    def page(self) -> str:
        return self._page()

    def add(self) -> Response:
        admin, life = self._admin, choice("life", _LIVES, label=_("Good for"))
        site = text("site", label=_("Site"), most=NAME_MAX)
        prefix = text("prefix", label=_("Names begin with"), most=NAME_MAX, least=0)
        rigs = _number("rigs")
        # What it lacks for a line is known before there is a code.
        hashes = agent_hashes(admin.home)
        origin = origin_asked(admin.home, admin.settings, admin.now(), url=request.url_root)
        code = admin.act(acts.codes.make, codes=self._codes, site=site, prefix=prefix, rigs=rigs, life=life)
        lines = lines_with(code, origin, hashes)
        return show_secret(
            _("A line for %(rigs)s rigs", rigs=rigs),
            back=url_for("admin.codes"),
            secret=lines.linux,
            line_windows=lines.windows,
            label=_("Run this on each of them: Linux on x86-64, nothing has to be installed there"),
            command="",
            hint=_("Who has the line can add nodes until it is used up or over: send it as you would send a password."),
        )

    def end(self) -> Response:
        name = text("name", label=_("Name"), most=NAME_MAX)
        if not sure():
            return ask_back(
                _("End the code %(name)s?", name=name),
                button=_("End it"),
                explained=_("Its line lets nobody in from then on. Rigs that have joined by it stay."),
                back=url_for("admin.codes"),
            )
        self._admin.act(acts.codes.end, name, codes=self._codes)
        return done(url_for("admin.codes"), "ended")

    def _page(self, problem: str = "") -> str:
        try:
            found = self._codes.groups(self._admin.now())
        except RigwatchError as exc:
            # The page is of use without them.
            found, problem = {}, problem or str(exc)
        return render_template(
            "admin_codes.html",
            problem=problem,
            done=done_text(),
            codes=[self._line(name, each) for name, each in found.items()],
            lives=tuple(_LIVES),
            rigs_max=RIGS_MAX,
        )

    def _line(self, name: str, each: Invitation) -> CodeLine:
        admitted = tuple(admission.id for admission in each.admitted)
        return CodeLine(name, each.site, each.node, each.rigs, self._until(each.until), admitted)

    def _until(self, moment: Millis) -> str:
        return self._admin.zone.full(moment)


def _number(name: str) -> int:
    written = text(name, label=_("Rigs"), most=6)
    if not (written.isascii() and written.isdigit()):
        raise Wrong(_("%(label)s: should be a number", label=_("Rigs")))
    return int(written)
