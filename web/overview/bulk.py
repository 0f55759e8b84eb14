"""What an admin does about many nodes at once: those picked in the list, or all that the list fits."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Final, NamedTuple
from urllib.parse import parse_qsl

from flask import Response, make_response, render_template, request, url_for
from werkzeug.datastructures import MultiDict

from alerts.silence import SilenceKind
from alerts.silence_request import SilenceRequest
from rigwatch.errors import NotDone, RigwatchError, StoreError
from rigwatch.joining import Joining
from rigwatch.registry import Registry
from rigwatch.topics import NodeId
from store import acts, alerts, nodes
from store.transaction import Transaction
from web.access.login import actor
from web.access.sites import may_change, need_change
from web.admin.context import AdminContext, Wrong, ask_back, attempt, choice, sure, tag_list, text
from web.language.texts import N_
from web.language.texts import gettext as _
from web.overview.listing import Listing
from web.snapshot import Snapshots
from web.trouble import Trouble

MOST: Final = 200
"""Nodes that are silenced, moved or retired in one go: each is an entry of its own for people to look through."""
MOST_AT_ALL: Final = 10_000


class BulkAct(NamedTuple):
    """What can be done: how it is said of what it was done to, and, where it is asked back, what it means."""

    done: str
    do: Callable[[Sequence[NodeId]], "Outcome"]
    most: int = MOST
    button: str = ""
    meaning: str = ""


@dataclass(slots=True)
class Outcome:
    """What became of each node; `tokens` are secrets, shown once."""

    done: list[NodeId] = field(default_factory=list)
    refused: list[tuple[NodeId, str]] = field(default_factory=list)
    tokens: list[tuple[NodeId, str]] = field(default_factory=list)

    @contextmanager
    def of(self, node: NodeId) -> Iterator[None]:
        """One that cannot be done leaves the others to be done. A database that does not answer ends it all."""
        try:
            yield
        except RigwatchError as exc:
            if isinstance(exc, StoreError) and not isinstance(exc, NotDone):
                raise
            self.refused.append((node, str(exc)))
        else:
            self.done.append(node)


class BulkActs:
    """The form below the list."""

    def __init__(self, admin: AdminContext, snapshots: Snapshots) -> None:
        self._admin = admin
        self._snapshots = snapshots
        self._acts: Mapping[str, BulkAct] = {
            "tag": BulkAct(
                N_("Nodes tagged: %(number)s"),
                partial(self._tag, add=True),
                MOST_AT_ALL,
            ),
            "untag": BulkAct(
                N_("Nodes without these tags now: %(number)s"),
                partial(self._tag, add=False),
                MOST_AT_ALL,
            ),
            "silence": BulkAct(
                N_("Nodes silenced: %(number)s"),
                partial(self._quiet, SilenceKind.SILENCE),
            ),
            "maintenance": BulkAct(
                N_("Nodes in maintenance now: %(number)s"),
                partial(self._quiet, SilenceKind.MAINTENANCE),
            ),
            "acknowledge": BulkAct(
                N_("Nodes whose incidents are acknowledged: %(number)s"),
                self._acknowledge,
                MOST_AT_ALL,
            ),
            "move": BulkAct(
                N_("Nodes moved: %(number)s"),
                self._move,
                button=N_("Move"),
                meaning=N_(
                    "Their histories, names and past incidents go along. Their keys stop working: each is shown as "
                    "offline until its rig has the new token that comes next."
                ),
            ),
            "retire": BulkAct(
                N_("Nodes retired: %(number)s"),
                self._retire,
                button=N_("Retire"),
                meaning=N_(
                    "Their keys stop working, no page shows them and no alert speaks of them. Their histories are "
                    "kept as long as any, and each can come back with a new token."
                ),
            ),
        }

    def act(self) -> Response:
        return attempt(self._act, self._told)

    def _act(self) -> Response:
        wanted: BulkAct = choice("act", self._acts, label=_("What to do"))
        picked = self._picked()
        if not picked:
            raise Wrong(_("Nodes: pick at least one"))
        for site in {each.site for each in picked}:
            need_change(site)
        if len(picked) > wanted.most:
            raise Wrong(
                _(
                    "Nodes: at most %(most)s at a time, these are %(number)s; narrow the list",
                    most=wanted.most,
                    number=len(picked),
                )
            )
        if wanted.button and not sure():
            what = picked[0] if len(picked) == 1 else _("nodes: %(number)s", number=len(picked))
            return ask_back(
                f"{_(wanted.button)}? {what}",
                button=_(wanted.button),
                explained=_(wanted.meaning),
                back=url_for("overview.page"),
            )
        outcome = wanted.do(picked)
        return make_response(self._told("", wanted, outcome))

    def _told(self, problem: str = "", wanted: BulkAct | None = None, outcome: Outcome | None = None) -> str:
        outcome = outcome or Outcome()
        said = _(wanted.done, number=len(outcome.done)) if wanted else ""
        return render_template("overview_done.html", problem=problem, done=said, outcome=outcome)

    def _picked(self) -> list[NodeId]:
        """`every` is the query of a list: all that it fits at this moment, whatever is picked."""
        every = request.form.get("every")
        if every is None:
            return list(dict.fromkeys(map(NodeId.parse, request.form.getlist("node"))))
        listing = Listing.parse(MultiDict(parse_qsl(every.removeprefix("?"))))
        return [each.facts.id for each in listing.apply(self._snapshots.at(self._admin.now()).fleet.views)]

    def _tag(self, picked: Sequence[NodeId], *, add: bool) -> Outcome:
        """Of the tags that people give; those that a node has by itself stay."""
        given, outcome = tag_list(text("tags", label=_("Tags"), most=400)), Outcome()
        with self._admin.store.write() as tx:
            for node in picked:
                with outcome.of(node):
                    known = nodes.one(tx, node)
                    had = known.given_tags if known else ()
                    tags = [*had, *given] if add else [tag for tag in had if tag not in given]
                    acts.nodes.tag(tx, actor(), self._admin.now(), node, tags=list(dict.fromkeys(tags)))
        return outcome

    def _quiet(self, kind: SilenceKind, picked: Sequence[NodeId]) -> Outcome:
        length, why = request.form.get("length", ""), request.form.get("why", "")
        outcome = Outcome()
        with self._admin.store.write() as tx:
            for node in picked:
                asked = SilenceRequest(kind, {"site": node.site, "node": node.node}, length, why)
                acts.silences.add(tx, actor(), self._admin.now(), asked, zone=self._admin.zone.tz)
                outcome.done.append(node)
        return outcome

    def _acknowledge(self, picked: Sequence[NodeId]) -> Outcome:
        """What counts of them now; of a group of nodes, the group."""
        fleet, wanted, outcome = self._snapshots.at(self._admin.now()).fleet, frozenset(picked), Outcome()
        with self._admin.store.write() as tx:
            done: set[int] = set()
            for each in fleet.views:
                if each.facts.id not in wanted:
                    continue
                with outcome.of(each.facts.id):
                    numbers = {self._answered_for(tx, trouble) for trouble in each.troubles}
                    known = {number for number in numbers - done if self._acknowledged(tx, number)}
                    if not known and not numbers & done:
                        raise Wrong(_("no incident that nobody has acknowledged"))
                    done |= known
        return outcome

    def _answered_for(self, tx: Transaction, trouble: Trouble) -> int:
        """The group, where it is of nothing that the viewer may not change."""
        parent = alerts.one(tx, trouble.parent) if trouble.parent is not None else None
        return parent.id if parent is not None and may_change(parent.subject.site) else trouble.number

    def _acknowledged(self, tx: Transaction, number: int) -> bool:
        incident = alerts.one(tx, number)
        why = request.form.get("why", "")
        return incident is not None and acts.incidents.acknowledge(tx, actor(), self._admin.now(), incident, why=why)

    def _move(self, picked: Sequence[NodeId]) -> Outcome:
        site, outcome = text("site", label=_("Site"), most=64), Outcome()
        need_change(site)
        joining = Joining(self._admin.home, self._admin.settings)
        for node in picked:
            with outcome.of(node):
                target = self._admin.act(acts.nodes.move, node, site=site, registry=joining.registry)
                outcome.tokens.append((target, joining.token(target, self._admin.now())))
        return outcome

    def _retire(self, picked: Sequence[NodeId]) -> Outcome:
        registry, outcome = Registry(self._admin.home.nodes_json), Outcome()
        for node in picked:
            with outcome.of(node):
                self._admin.act(acts.nodes.retire, node, registry=registry)
        return outcome
