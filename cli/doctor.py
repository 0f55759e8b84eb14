"""`doctor`: looks at settings, ports, database, broker, clock and certificates, and says what to do about each."""

import os
import shutil
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import typer

from cli import extras, whole
from cli.invocation import Invocation, app, invocation
from cli.output import say
from cli.watch import connect
from rigwatch import address, process
from rigwatch.clock import as_datetime
from rigwatch.errors import RigwatchError, StoreError
from rigwatch.master import master_key
from rigwatch.registry import Registry
from rigwatch.settings import ServerSettings

if TYPE_CHECKING:
    from publisher.inspection import SourceResult
    from subscriber.feed.setup import Broker

WARN_BEFORE = timedelta(days=21)
"""So long before a certificate of the user's ends `doctor` says so."""
DISK_LOW = 500_000_000
"""Bytes free in the home under which people should act."""
CONTESTED_SHOWN = 5
PLAUSIBLE = 1_767_225_600
"""2026-01-01: a clock before it was never set."""
FAR_AHEAD = PLAUSIBLE + 10 * 365 * 86_400
"""A clock behind it was set wrong, or this version has been in use for ten years."""


class Verdict(StrEnum):
    """What came of one check."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """One line of the report; a text that is not OK says what to do."""

    name: str
    verdict: Verdict
    text: str


@app.command()
def doctor(context: typer.Context) -> None:
    """Check this installation and say what to do.

    Exits 0 when nothing has failed, else 1.
    """
    call = invocation(context)
    worst = False
    for finding in _examine(call):
        say(f"{finding.verdict.value:<8} {finding.name:<10} {finding.text}")
        worst = worst or finding.verdict is Verdict.FAILED
    raise typer.Exit(1 if worst else 0)


def _examine(call: Invocation) -> Iterator[Diagnosis]:
    yield _check("home", lambda: _home(call))
    yield _check("clock", _clock)
    if call.home.publisher_toml.exists():
        yield _check("publisher", lambda: _publisher(call))
        yield from _sources(call)
    if not call.home.server_toml.exists() and (call.home.publisher_toml.exists() or not extras.has_server()):
        # A rig: what follows is a server's.
        return
    try:
        settings = call.server()
    except RigwatchError as exc:
        yield Diagnosis("settings", Verdict.FAILED, str(exc))
        return
    yield _check("settings", lambda: _settings(call, settings))
    yield _check("timezone", lambda: _timezone(settings))
    yield _check("key", lambda: _key(call, settings))
    yield _check("tls", lambda: _certificates(call, settings))
    yield _check("nodes", lambda: _nodes(call))
    yield _check("files", lambda: _files(call, settings))
    yield _check("database", lambda: _database(call, settings))
    yield _check("machines", lambda: _machines(call, settings))
    if settings.broker.advertise and settings.broker.mode == "embedded":
        yield _check("address", lambda: _address(settings))
    yield _check("broker", lambda: _broker(call, settings))
    if settings.feed.broker:
        yield _check("feed", lambda: _feed(call, settings))
    yield _check("dashboard", lambda: _dashboard(settings))
    yield _check("channels", lambda: _channels(call, settings))
    yield _check("running", lambda: _running(call, settings))


def _check(name: str, look: Callable[[], tuple[Verdict, str]]) -> Diagnosis:
    try:
        verdict, text = look()
    except RigwatchError as exc:
        return Diagnosis(name, Verdict.FAILED, str(exc))
    return Diagnosis(name, verdict, text)


def _home(call: Invocation) -> tuple[Verdict, str]:
    home = call.home
    if not home.path.exists():
        return Verdict.FAILED, f"{home.path} is not there; run 'rigwatch init' or 'rigwatch publish --join TOKEN'"
    home.prepare()
    if os.name == "posix" and home.secret_key.exists() and home.secret_key.stat().st_mode & 0o077:
        return Verdict.FAILED, f"{home.secret_key} can be read by others; run 'chmod 600 {home.secret_key}'"
    free = shutil.disk_usage(home.path).free
    if free < DISK_LOW:
        return Verdict.WARNING, f"{home.path}: only {free // 1_000_000} MB free; make room, or shorten database.keep"
    return Verdict.OK, f"{home.path}, {free // 1_000_000_000} GB free"


def _clock() -> tuple[Verdict, str]:
    if time.time() < PLAUSIBLE:
        return (
            Verdict.FAILED,
            "the machine's clock was never set; set up NTP (on Debian: apt install systemd-timesyncd)",
        )
    shown = f"{time.strftime('%Y-%m-%d %H:%M:%S', time.gmtime())} UTC"
    if time.time() > FAR_AHEAD:
        advice = "rigs refuse the certificate of a server that is ahead; set it, and set up NTP"
        return Verdict.FAILED, f"the machine's clock says {shown}, far ahead of this version; {advice}"
    return Verdict.OK, shown


def _settings(call: Invocation, settings: ServerSettings) -> tuple[Verdict, str]:
    try:
        with call.store(settings) as store:
            problems = call.layered(store).problems
    except StoreError:
        # Said below, of the database.
        problems = ()
    if problems:
        return Verdict.WARNING, f"of what was set in the page this does not count: {'; '.join(problems)}"
    return Verdict.OK, str(call.home.server_toml)


def _certificates(call: Invocation, settings: ServerSettings) -> tuple[Verdict, str]:
    from rigwatch.validity import validities

    now = call.clock.now()
    found = list(validities(call.home, settings))
    troubles = [trouble for each in found if (trouble := each.trouble(now, WARN_BEFORE))]
    if troubles:
        ended = any(not each.begins <= as_datetime(now) < each.ends for each in found)
        return Verdict.FAILED if ended else Verdict.WARNING, "; ".join(troubles)
    ends = ", ".join(f"{each.what} until {each.ends:%Y-%m-%d}" for each in found)
    return Verdict.OK, ends or "none is in use yet"


def _timezone(settings: ServerSettings) -> tuple[Verdict, str]:
    try:
        ZoneInfo(settings.web.timezone)
    except (KeyError, OSError, ValueError):
        return Verdict.WARNING, f"{settings.web.timezone!r} does not exist, so UTC is shown; correct web.timezone"
    return Verdict.OK, settings.web.timezone


def _key(call: Invocation, settings: ServerSettings) -> tuple[Verdict, str]:
    master_key(call.home, settings)
    return Verdict.OK, "passphrase" if settings.security.passphrase else str(call.home.secret_key)


def _nodes(call: Invocation) -> tuple[Verdict, str]:
    known = Registry(call.home.nodes_json).nodes().values()
    count = sum(not each.revoked for each in known)
    return Verdict.OK, f"{count} enrolled" + (f", {len(known) - count} revoked" if count < len(known) else "")


def _files(call: Invocation, settings: ServerSettings) -> tuple[Verdict, str]:
    if lacks := whole.missing(call.home, settings, enrolled=0):
        return Verdict.FAILED, f"not there: {'; '.join(lacks)}; restore them from your backup"
    if whole.is_replaced(call.home, settings):
        told = "its authority is younger than nodes that were told to trust one, and refuse this one"
        return Verdict.WARNING, f"{call.home.tls}: {told}; restore tls from your backup, or give each rig a new token"
    return Verdict.OK, "all that the rigs count on is there"


def _publisher(call: Invocation) -> tuple[Verdict, str]:
    from publisher.plan import plans_of

    plans = plans_of(call.publisher(), call.home, clock=call.clock)
    return Verdict.OK, ", ".join(f"{plan.node} to {plan.account.endpoint}" for plan in plans)


def _sources(call: Invocation) -> Iterator[Diagnosis]:
    """Reads every source once; nothing where the settings are wrong anyway."""
    from cli.sources import read_all

    try:
        looks = read_all(call)
    except RigwatchError:
        return
    several = len({look.node for look in looks}) > 1
    yield from (_of_source(look, f"{look.node.node} {look.source}" if several else look.source) for look in looks)


def _of_source(look: "SourceResult", name: str) -> Diagnosis:
    """A source that lacks what it should have has failed, though the rest could be read."""
    from publisher.description import summary_of
    from publisher.inspection import lacks_of

    if look.reading is None:
        return Diagnosis(name, Verdict.FAILED, look.error)
    if look.reading.lacks:
        return Diagnosis(name, Verdict.FAILED, look.reading.lacks)
    odd = "; ".join(lacks_of(look.reading))
    return Diagnosis(name, Verdict.OK, summary_of(look.reading) + (f" (not readable: {odd})" if odd else ""))


def _database(call: Invocation, settings: ServerSettings) -> tuple[Verdict, str]:
    from alerts.status import is_broker_down
    from store import open_store, reader

    with closing(open_store(settings.database.url, call.home)) as store, store.read() as tx:
        nodes, server = len(reader.nodes(tx)), reader.server(tx)
    many = f"{nodes} node{'' if nodes == 1 else 's'}"
    if is_broker_down(server, call.clock.now()):
        return Verdict.WARNING, f"{many}; the subscriber is not running or has no broker; start 'rigwatch up'"
    return Verdict.OK, f"{many}; the subscriber is at work"


def _machines(call: Invocation, settings: ServerSettings) -> tuple[Verdict, str]:
    from alerts.presence import is_contested
    from store import open_store, reader

    with closing(open_store(settings.database.url, call.home)) as store, store.read() as tx:
        contested = [facts for facts in reader.nodes(tx) if is_contested(facts, call.clock.now())]
    if contested:
        found = "; ".join(f"{facts.id}: {facts.contest}" for facts in contested[:CONTESTED_SHOWN])
        return Verdict.FAILED, f"{found}; run 'rigwatch enroll' for one of them and 'rigwatch publish --join' there"
    return Verdict.OK, "each node is published from one"


def _broker(call: Invocation, settings: ServerSettings) -> tuple[Verdict, str]:
    if settings.broker.mode == "external":
        host, port = _external(settings)
        return (
            (Verdict.OK, f"{host}:{port} answers")
            if _listening(host, port)
            else (Verdict.FAILED, f"{host}:{port} does not answer; see whether the broker of broker.url runs")
        )
    broker = settings.broker
    host, port = (broker.plain_host, broker.plain_port) if broker.plain_port else (broker.host, broker.port)
    if not _listening(address.reachable(host), port):
        return Verdict.WARNING, f"nothing listens on port {port}; start 'rigwatch up' or 'rigwatch broker'"
    process.ask(lambda: _log_in(call, settings))
    return Verdict.OK, f"{address.broker_url(broker)}, and it knows our key"


def _address(settings: ServerSettings) -> tuple[Verdict, str]:
    """Whether what tokens carry leads here. Behind a router's forwarded port it does not, and all is well."""
    name, own = settings.broker.advertise, address.own_addresses()
    try:
        found = {str(each[4][0]) for each in socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)}
    except OSError:
        return Verdict.FAILED, f"broker.advertise: {name} is not known here; rigs may not find it either"
    if not found & own:
        leads = f"{name} leads to {', '.join(sorted(found))}, none of this machine's addresses"
        return (
            Verdict.WARNING,
            f"broker.advertise: {leads}; right behind a router that passes its port on, else correct it",
        )
    return Verdict.OK, f"rigs connect to {address.broker_url(settings.broker)}, which is this machine"


async def _log_in(call: Invocation, settings: ServerSettings) -> None:
    connection = await connect(call, settings, lambda _message: None)
    await connection.close()


def _feed(call: Invocation, settings: ServerSettings) -> tuple[Verdict, str]:
    from subscriber.feed.setup import other_broker

    other = other_broker(settings.feed, call.home)
    process.ask(lambda: _reach(other))
    return Verdict.OK, f"{other.endpoint}, and it takes our account"


async def _reach(other: "Broker") -> None:
    from rigwatch.mqtt import MqttConnection

    # Under another name: of two with one client id the broker would end the one that publishes.
    login = replace(other.login, client_id=f"{other.login.client_id}.doctor")
    connection = await MqttConnection.open(other.endpoint, login, on_message=lambda _message: None)
    await connection.close()


def _dashboard(settings: ServerSettings) -> tuple[Verdict, str]:
    url = address.web_url(settings.web)
    if not _listening(address.reachable(settings.web.host), settings.web.port):
        return Verdict.WARNING, f"nothing listens on port {settings.web.port}; start 'rigwatch up' or 'rigwatch web'"
    if settings.web.tls == "off" and not address.is_loopback(settings.web.host):
        advice = "anybody on the way can read passwords; leave tls = 'off' to networks that you trust"
        return Verdict.WARNING, f"{url} is plain HTTP: {advice}"
    return Verdict.OK, url


def _channels(call: Invocation, settings: ServerSettings) -> tuple[Verdict, str]:
    from rigwatch.settings.channels import doubled
    from store import outbox
    from subscriber.notify.channels import channels_of

    with call.store(settings) as store, store.read() as tx:
        alerts = call.layered(store).settings.alerts
        channels = {each.key: each.address for each in channels_of(alerts)}
        refused = [name for name, (address, _) in outbox.refused(tx).items() if channels.get(name) == address]
    if not channels:
        return Verdict.WARNING, "nobody is told of anything; add a channel in the page, or to alerts.channels"
    if refused:
        advice = "correct their addresses, then run 'rigwatch test-alert'"
        return Verdict.FAILED, f"{', '.join(refused)} refused what was sent; {advice}"
    if twice := doubled(alerts):
        return Verdict.WARNING, f"{' and '.join(twice[0])} lead to one place, where each message comes twice"
    return Verdict.OK, f"{', '.join(channels)} ('rigwatch test-alert' tries them)"


def _running(call: Invocation, settings: ServerSettings) -> tuple[Verdict, str]:
    from cli.running import difference, settled
    from subscriber.notify.channels import channels_of

    with call.store(settings) as store:
        settings = call.layered(store).settings
        wanted = [f"{each.key}={each.address}" for each in channels_of(settings.alerts)]
        found = settled(lambda: difference(call, settings, store, wanted))
    if not found.is_known:
        return Verdict.WARNING, "no subscriber of this home is running, so nobody is told of anything"
    if not found.lines:
        return Verdict.OK, "the subscriber has taken over what is set"
    failed = found.problem or found.channels or found.live
    return Verdict.FAILED if failed else Verdict.WARNING, "; ".join(found.lines)


def _external(settings: ServerSettings) -> tuple[str, int]:
    from rigwatch.mqtt import Endpoint

    endpoint = Endpoint.parse(settings.broker.url)
    return endpoint.host, endpoint.port


def _listening(host: str, port: int) -> bool:
    try:
        with socket.create_connection((host, port), timeout=3):
            return True
    except OSError:
        return False
