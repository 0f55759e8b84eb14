"""The one line that makes a rig a node: fetch the script from this server, and give it a code."""

import shlex
from dataclasses import dataclass
from typing import Final

from rigwatch.address import serves_tls, web_url
from rigwatch.clock import Millis
from rigwatch.codes import JoinCodes
from rigwatch.errors import RigwatchError
from rigwatch.home import Home
from rigwatch.pin import pin_of_file
from rigwatch.registry import Registry
from rigwatch.settings import ServerSettings
from rigwatch.tls import certificate_paths
from rigwatch.topics import NodeId
from web.agent.files import WINDOWS, agent_file

NO_PIN: Final = "-"
"""In the place of a pin: the server's certificate is one that everybody trusts."""


class NoLine(RigwatchError):
    """This server cannot hand the agent out; the text says what to do for that."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where rigs reach these addresses: the dashboard's URL, and the pin of its certificate ("" = a public one)."""

    url: str
    pin: str


def origin_of(home: Home, settings: ServerSettings, now: Millis) -> Origin:
    """Of a dashboard that serves TLS itself; raises `NoLine` for one that other machines do not reach that way."""
    web = settings.web
    if not serves_tls(web):
        raise NoLine(
            "there is no line to join with: rigs do not reach this dashboard over TLS; 'rigwatch open' and a new start "
            "change that"
        )
    if web.tls_certificate:
        certificate = home.path / web.tls_certificate
    else:
        names = [settings.broker.advertise] if settings.broker.advertise else []
        certificate, _key = certificate_paths(home, names, now)
    return Origin(web_url(web, advertise=settings.broker.advertise), pin_of_file(certificate))


def origin_asked(home: Home, settings: ServerSettings, now: Millis, *, url: str) -> Origin:
    """The same for who looks at the dashboard at `url`: a proxy with a certificate of its own may stand before it."""
    if url.startswith("https:") and not serves_tls(settings.web):
        return Origin(url, "")
    return origin_of(home, settings, now)


@dataclass(frozen=True, slots=True)
class AgentHashes:
    """Of what this server hands out; `windows` is "" where it has nothing for that."""

    linux: str
    windows: str


@dataclass(frozen=True, slots=True)
class JoinLines:
    """One code, for whichever system comes with it; `windows` is "" where there is nothing for that."""

    linux: str
    windows: str


def join_lines(home: Home, node: NodeId, origin: Origin, now: Millis) -> JoinLines:
    """Lines with a new code for a node that is enrolled; a secret for an hour, or until it is used.

    Raises `NoLine` where there is no agent to hand out, `RigwatchError` where the code cannot be kept.
    """
    hashes = agent_hashes(home)
    enrolled = Registry(home.nodes_json).get(node)
    if enrolled is None or enrolled.revoked:
        raise NoLine(f"node {node}: is not enrolled")
    return lines_with(JoinCodes(home.join_codes).make(node, enrolled.generation, now), origin, hashes)


def agent_hashes(home: Home) -> AgentHashes:
    """Raises `NoLine` where there is no agent to hand out. Asked before a code is made."""
    agent = agent_file(home)
    if agent is None:
        raise NoLine("there is no line to join with: this server has no agent to hand out; 'make agent' builds it")
    windows = agent_file(home, WINDOWS)
    return AgentHashes(agent.sha256, windows.sha256 if windows else "")


def lines_with(code: str, origin: Origin, hashes: AgentHashes) -> JoinLines:
    """The lines of a code, as long a secret as that is one."""
    url, pin = f"{origin.url.rstrip('/')}/agent", origin.pin or NO_PIN
    # Whoever the certificate belongs to, only who has this key is listened to; so no authority has to be known.
    trust = f"-k --pinnedpubkey {origin.pin} " if origin.pin else ""
    words = ["sh", "-s", "--", url, pin, hashes.linux, code]
    linux = f"curl -fsS {trust}{shlex.quote(f'{url}/install.sh')} | {shlex.join(words)}"
    if not hashes.windows:
        return JoinLines(linux, "")
    fetched = f"curl.exe -fsS {trust}{quoted(f'{url}/install.ps1')} | Out-String"
    arguments = " ".join(quoted(each) for each in (url, pin, hashes.windows, code))
    return JoinLines(linux, f"& ([scriptblock]::Create(({fetched}))) {arguments}")


def quoted(text: str) -> str:
    """As PowerShell takes a text in which nothing means anything."""
    return "'" + text.replace("'", "''") + "'"
