"""`rules test`: what the rules would have told, as they are, or as they would be."""

from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from cli.alerts import millis_of, moment
from cli.invocation import Invocation, app, invocation
from cli.output import say
from rigwatch.errors import SettingsError, TopicError
from rigwatch.settings.rule_values import rule_changes
from rigwatch.topics import NodeId, check_name

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from alerts.trial import RuleTrialResult, TrialSide
    from store import Store

rules = typer.Typer(no_args_is_help=True, help="The rules of the alerts.")
app.add_typer(rules, name="rules")

_SHOWN_MAX = 20


@rules.command("test")
def rules_test(
    context: typer.Context,
    since: Annotated[str, typer.Option(help="How far back the history is looked at.")] = "24h",
    *,
    assignments: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="RULE.KEY=VALUE", help="What it would be with this: 'hot.threshold=90'."),
    ] = None,
    site: Annotated[str, typer.Option(help="With --set: only for this site.")] = "",
    node: Annotated[str, typer.Option(help="With --set: only for this node, site/node.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="With --set: print one JSON object.")] = False,
) -> None:
    """Replay the stored history through the rules and say what would have fired; with --set, against the rules of now.

    Nothing is changed, and nobody is told.
    """
    call = invocation(context)
    with call.store() as store:
        if assignments:
            _compare(call, store, assignments, since=since, place=_place(site, node), as_json=as_json)
        elif site or node or as_json:
            raise SettingsError("--site, --node and --json belong to --set")
        else:
            _replay(call, store, since)


def _place(site: str, node: str) -> tuple[str, str]:
    """Site and node; raises `SettingsError`."""
    try:
        if node:
            named = NodeId.parse(node)
            return named.site, named.node
        if site:
            check_name(site, "site")
    except TopicError as exc:
        raise SettingsError(str(exc)) from None
    return site, ""


def _replay(call: Invocation, store: "Store", since: str) -> None:
    from alerts.notification import headline
    from alerts.policy import Policy
    from alerts.words import duration
    from subscriber.replay import fired, replay

    now = call.clock.now()
    settings = call.layered(store).settings
    policy = Policy(settings.alerts, settings.web.timezone)
    replayed = replay(store, policy, since=now - millis_of(since, "--since"), now=now)
    found = fired(replayed)
    for each in found:
        lasted = duration((each.resolved_at or now) - each.since) + ("" if each.resolved_at else ", still")
        say(
            f"{moment(each.since, policy.zone)}  {each.severity.value:<8}  {headline(each)}  "
            f"({lasted}): {each.evidence}"
        )
    count, messages = len(found), len(replayed.notifications)
    seen = f"{replayed.samples} samples, {replayed.changes} comings and goings"
    say(f"{count} incidents and {messages} messages from {seen} in {since}")
    if replayed.samples and not replayed.changes:
        say("when nodes came and went is not known for that time; a loss shows as a silence")


def _compare(
    call: Invocation, store: "Store", assignments: list[str], *, since: str, place: tuple[str, str], as_json: bool
) -> None:
    from alerts.rule import Rule
    from store import page_settings
    from subscriber.rule_trial import rule_trial

    site, node = place
    changes = rule_changes(assignments, site="" if node else site, node=f"{site}/{node}" if node else "")
    now = call.clock.now()
    with store.read() as tx:
        change = page_settings.tentative(tx, changes, layers=call.layers)
    result = rule_trial(
        store,
        (change.before.settings, change.after.settings),
        {Rule(path[-2]) for path in changes},
        place=place,
        since=now - millis_of(since, "--since"),
        now=now,
    )
    if as_json:
        say(msgspec.json.encode(result).decode())
        return
    zone = call.zone(store)
    _say_side("now", result.before, zone)
    _say_side("then", result.after, zone)
    _say_bounds(result, zone)


def _say_side(name: str, side: "TrialSide", zone: "ZoneInfo") -> None:
    from alerts.trial import described

    say(f"{name}: {side.count} incidents")
    for each in side.fired[:_SHOWN_MAX]:
        say(f"  {moment(each.since, zone)}  {described(each)}")
    if side.count > _SHOWN_MAX:
        say(f"  and {side.count - _SHOWN_MAX} earlier ones")


def _say_bounds(result: "RuleTrialResult", zone: "ZoneInfo") -> None:
    span = f"from {moment(result.since, zone)} until {moment(result.until, zone)}"
    say(f"{result.samples} samples of {result.nodes} nodes, {span}")
    if result.is_cut:
        say("that is less than was asked for: more would take too long")
