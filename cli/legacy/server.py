"""The old server's settings into `server.toml`, and who could open its page into the users of the dashboard."""

import os
import tomllib
from collections.abc import Sequence
from typing import TYPE_CHECKING

from cli.invocation import Invocation
from cli.legacy.report import ImportReport, counted
from cli.people import actor_of
from rigwatch.address import is_loopback, web_url
from rigwatch.home import write_private
from rigwatch.registry import Registry
from rigwatch.settings import ServerSettings
from rigwatch.settings.loader import SettingPlace, build, overlay, read_toml
from rigwatch.settings.server import PUBLISHER_SECTIONS
from rigwatch.settings.writing import Setting, add_settings, lines_for

if TYPE_CHECKING:
    from legacy.found import Installation
    from legacy.server_config import LegacyUser, ServerConfig


def take_settings(call: Invocation, report: ImportReport, found: "Installation", *, with_key: bool) -> ServerSettings:
    """The settings that hold afterwards, or would. What the user has set stays, whatever the old file says."""
    settings = call.server()
    for config in found.servers.values():
        wanted = _wanted(call, report, config, with_key=with_key)
        settings = _add(call, report, wanted, settings)
        if config.person is not None:
            _take_person(call, report, settings, config.person)
        for line in config.left:
            report.line("left", line)
        if is_loopback(settings.web.host):
            report.line(
                "left", "the page", f"on this machine only, at {web_url(settings.web)}, until [web] host is set"
            )
        if config.uses_postgres and not found.addresses:
            advice = "name it as well: rigwatch import-legacy postgresql://user@host/hashdb"
            report.step(f"The old history is in PostgreSQL; {advice}")
    return settings


def _wanted(call: Invocation, report: ImportReport, config: "ServerConfig", *, with_key: bool) -> list[Setting]:
    """What is to be added; what is there already is said here."""
    document = read_toml(call.home.server_toml)
    wanted: list[Setting] = []
    for wanted_setting in config.wanted_settings:
        setting = wanted_setting.setting
        if setting.section == ("alerts",) and (
            others := sorted({"telegram", "channel"} & document.get("alerts", {}).keys())
        ):
            # A second way to the same people would tell them everything twice.
            report.line(
                "kept", " and ".join(f"[alerts.{name}]" for name in others), f"not added to it: {wanted_setting.shown}"
            )
        elif not setting.stands_in(document):
            wanted.append(setting)
            report.line("taken", f"{setting.name} = {wanted_setting.shown}")
        elif setting.found_in(document) == setting.value:
            report.line("there", f"{setting.name} = {wanted_setting.shown}")
        else:
            own = "what is set here" if setting.secret else setting.found_in(document)
            report.line("kept", f"{setting.name} = {own}", f"the old one was {wanted_setting.shown}")
    return [*wanted, *_passphrase(call, report, config, with_key=with_key)]


def _passphrase(call: Invocation, report: ImportReport, config: "ServerConfig", *, with_key: bool) -> Sequence[Setting]:
    if not config.passphrase:
        return ()
    document = read_toml(call.home.server_toml)
    if not with_key:
        if not any(each.stands_in(document) for each in config.passphrase):
            report.line(
                "left",
                "EncryptionKey",
                "every old rig knows it; each node gets its own key. --use-encryption-key makes it the passphrase",
            )
        return ()
    if any(each.stands_in(document) for each in config.passphrase):
        report.line("kept", "[security]", "enrollment or passphrase is set here")
        return ()
    enrolled = len(Registry(call.home.nodes_json).nodes())
    if enrolled:
        why = f"{counted(enrolled, 'node')} of this server would need a new token; set [security] by hand if they shall"
        report.line("left", f"EncryptionKey: {why}")
        return ()
    report.line("taken", "[security] enrollment = open, passphrase = the old EncryptionKey")
    return config.passphrase


def _add(call: Invocation, report: ImportReport, wanted: Sequence[Setting], before: ServerSettings) -> ServerSettings:
    if not wanted:
        return before
    path = call.home.server_toml
    text = path.read_bytes().decode("utf-8")
    after = add_settings(text, wanted)
    if after is None:
        report.line("left", str(path), "its sections are written in a way that nothing can be added to; nothing was")
        report.step(f"Add to {path}:", *lines_for(wanted))
        return before
    raw = overlay(ServerSettings, tomllib.loads(after), os.environ, elsewhere=PUBLISHER_SECTIONS)
    settings = build(ServerSettings, raw, SettingPlace(f"{path} with the old settings"))
    if not report.dry:
        write_private(path, after)
        report.step("Restart rigwatch if it runs: settings count from its next start.")
        if any(each.section == ("alerts",) for each in wanted):
            report.step(f"See whether messages arrive: {call.command} test-alert")
    return settings


def _take_person(call: Invocation, report: ImportReport, settings: ServerSettings, person: "LegacyUser") -> None:
    """A viewer: the old page could be looked at, and no more."""
    from alerts.facts import User, UserRole
    from store import acts, users
    from web.access.passwords import hash_password

    user = User(person.name, UserRole.VIEWER, "" if report.dry else hash_password(person.password))
    with call.store(settings) as store, store.write() as tx:
        if users.get(tx, person.name) is not None:
            report.line("kept", f"user {person.name}", "is there already, its password is not changed")
            return
        report.line("taken", f"user {person.name}", "may look; 'rigwatch user role' lets it change things as well")
        if not report.dry:
            acts.users.add(tx, actor_of(""), call.clock.now(), user, remark="from the old server")
