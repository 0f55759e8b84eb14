"""What is asked for a channel of each kind, and the Apprise address that it makes. Pure.

Apprise's own forms are said where they differ from what people have: a webhook's address is theirs as it is.
"""

import re
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from rigwatch.errors import RigwatchError
from rigwatch.settings.addresses import check_url
from rigwatch.settings.channels import TELEGRAM
from web.language.texts import N_
from web.language.texts import gettext as _

_TOPIC: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
_MAIL: Final = re.compile(r"[^\s@,;/?#]+@[^\s@,;/?#]+\.[^\s@,;/?#]{2,}")
_HOST: Final = re.compile(r"[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\]")
_DISCORD: Final = re.compile(
    r"https://(?:[a-z]+\.)?discord(?:app)?\.com/api/webhooks/(\d{5,25})/([\w-]{20,120})/?", re.ASCII
)
_SLACK: Final = re.compile(r"https://hooks\.slack\.com/services/(\w+)/(\w+)/(\w+)/?", re.ASCII)
_PORT_MAX: Final = 65535

Values = Mapping[str, str]


class WrongField(RigwatchError):
    """A field of the form says something that cannot be; the text names it and what would be right."""


class FormField(NamedTuple):
    """An input; `secret` ones are never shown again. `options` makes it a choice."""

    name: str
    label: str
    hint: str = ""
    kind: str = "text"
    given: str = ""
    required: bool = True
    options: tuple[tuple[str, str], ...] = ()

    @property
    def secret(self) -> bool:
        return self.kind == "password"


class ChannelKind(NamedTuple):
    """`schemes` are those of Apprise by which an address is known as one of this kind; `steps` is how people get it."""

    name: str
    label: str
    steps: str
    fields: tuple[FormField, ...]
    address: Callable[[Values], str]
    schemes: frozenset[str]


def _ntfy(values: Values) -> str:
    topic, server, token = values["topic"], values["server"].rstrip("/"), values["token"]
    if not _TOPIC.fullmatch(topic):
        raise WrongField(_("Topic: should have 1 to 64 letters, digits, - or _"))
    query = f"?{urlencode({'token': token})}" if token else ""
    if server in ("", "https://ntfy.sh"):
        return f"ntfy://{topic}{query}"
    parts = _web(server, "Server")
    return f"{'ntfys' if parts[0] == 'https' else 'ntfy'}://{parts[1]}/{topic}{query}"


def _mail(values: Values) -> str:
    host, port, security = values["host"], values["port"], values["security"]
    if not _HOST.fullmatch(host):
        raise WrongField(_("Mail server: should be a name such as smtp.example.org"))
    if not (port.isascii() and port.isdecimal() and 0 < int(port[:6]) <= _PORT_MAX):
        raise WrongField(_("Port: should be a number from 1 to 65535"))
    recipients = [each.strip() for each in values["to"].split(",")]
    for label, mail in ((N_("From"), values["from"]), *((N_("To"), each) for each in recipients)):
        if not _MAIL.fullmatch(mail):
            raise WrongField(_("%(field)s: should be an address such as ada@example.org", field=_(label)))
    if values["password"] and not values["user"]:
        raise WrongField(_("User: a password needs a user"))
    login = {"user": values["user"], "pass": values["password"]} if values["user"] else {}
    query = {**login, "from": values["from"], "to": ",".join(recipients), "mode": security}
    return f"mailto{'' if security == 'insecure' else 's'}://{host}:{port}?{urlencode(query, quote_via=quote)}"


def _discord(values: Values) -> str:
    found = _DISCORD.fullmatch(values["webhook"])
    if not found:
        raise WrongField(_("Webhook: should look like https://discord.com/api/webhooks/1234567890/AbC-def"))
    return f"discord://{found[1]}/{found[2]}"


def _slack(values: Values) -> str:
    found = _SLACK.fullmatch(values["webhook"])
    if not found:
        raise WrongField(_("Webhook: should look like https://hooks.slack.com/services/T000/B000/XXXX"))
    return f"slack://{found[1]}/{found[2]}/{found[3]}"


def _webhook(values: Values) -> str:
    scheme, place, path, query = _web(values["url"], "Address")
    # Apprise takes what has no - before it for settings of its own.
    further = f"?{urlencode([(f'-{key}', value) for key, value in parse_qsl(query)])}" if query else ""
    return f"json{'s' if scheme == 'https' else ''}://{place}{path}{further}"


def _other(values: Values) -> str:
    return values["url"]


def _web(url: str, label: str) -> tuple[str, str, str, str]:
    """Scheme, login with host and port, path and query of an http or https address."""
    try:
        check_url(url, label)
    except ValueError:
        raise WrongField(_("%(field)s: should look like https://server.example/path", field=_(label))) from None
    parts = urlsplit(url)
    return parts.scheme, parts.netloc, parts.path, parts.query


_SECURITY: Final = (("starttls", "STARTTLS (587)"), ("ssl", "TLS (465)"), ("insecure", N_("none")))

KINDS: Final[Mapping[str, ChannelKind]] = {
    each.name: each
    for each in (
        ChannelKind(
            "ntfy",
            "ntfy",
            N_("Install the ntfy app and subscribe to a topic that nobody guesses. Enter the same topic here."),
            (
                FormField("topic", N_("Topic"), N_("Whoever knows it can read along."), kind="password"),
                FormField("server", N_("Server"), kind="url", given="https://ntfy.sh"),
                FormField(
                    *("token", N_("Access token"), N_("Only if your server wants one.")),
                    kind="password",
                    required=False,
                ),
            ),
            _ntfy,
            frozenset({"ntfy", "ntfys"}),
        ),
        ChannelKind(
            "mail",
            N_("Mail"),
            N_("Your provider's help says which server and port to use. Many want an app password."),
            (
                FormField("host", N_("Mail server"), N_("Such as smtp.example.org.")),
                FormField("port", N_("Port"), kind="number", given="587"),
                FormField("security", N_("Encryption"), given="starttls", options=_SECURITY),
                FormField("user", N_("User"), required=False),
                FormField("password", N_("Password"), kind="password", required=False),
                FormField("from", N_("From"), kind="email"),
                FormField("to", N_("To"), N_("Several with commas between them.")),
            ),
            _mail,
            frozenset({"mailto", "mailtos"}),
        ),
        ChannelKind(
            "discord",
            "Discord",
            N_("In Discord open the channel's settings, Integrations, Webhooks. Make one and copy its URL."),
            (FormField("webhook", N_("Webhook URL"), kind="password"),),
            _discord,
            frozenset({"discord"}),
        ),
        ChannelKind(
            "slack",
            "Slack",
            N_("On api.slack.com/apps make an app, switch Incoming Webhooks on, add one and copy its URL."),
            (FormField("webhook", N_("Webhook URL"), kind="password"),),
            _slack,
            frozenset({"slack"}),
        ),
        ChannelKind(
            "webhook",
            N_("Webhook"),
            N_("Your own address gets each message as JSON, by POST, with title and message in it."),
            (FormField("url", N_("Address"), N_("Such as https://server.example/path."), kind="password"),),
            _webhook,
            frozenset({"json", "jsons"}),
        ),
        ChannelKind(
            "other",
            N_("Something else"),
            N_("Apprise knows over a hundred services. Its pages say how the address of each is written."),
            (FormField("url", N_("Apprise address"), N_("Such as pover://user@token."), kind="password"),),
            _other,
            frozenset(),
        ),
    )
}
"""By name, in the order in which they are offered."""


def kind_of(scheme: str) -> ChannelKind:
    """The kind by which an address with this scheme is asked for."""
    return next((each for each in KINDS.values() if scheme.lower() in each.schemes), KINDS["other"])


def kind_label(scheme: str) -> str:
    """What a list calls it."""
    if scheme.lower() in ("tgram", TELEGRAM):
        return "Telegram"
    kind = kind_of(scheme)
    return scheme if kind.name == "other" else kind.label
