"""`[alerts]` of `server.toml`: channels, the rules' figures and where they differ. `docs/alerts.md` explains each.

What the rules are and which figures they start from is the subscriber's business; here is only what may be written.
"""

from datetime import timedelta
from typing import Annotated, Literal

from msgspec import Meta, Struct

from rigwatch.errors import TopicError
from rigwatch.settings.addresses import NAME_MAX, check_channel, check_channel_name, check_chat, check_token, check_url
from rigwatch.settings.loader import Secret, between
from rigwatch.topics import NodeId, check_name

SeverityName = Literal["info", "warning", "critical"]
OFTEN_MAX = 50
Wait = Annotated[timedelta, between(timedelta(0), timedelta(days=30))]


class RuleSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """What may be set of a rule; what is left out comes from the next wider place: node, site, all, built in.

    `threshold` is where the rule begins to hold, `clear` where it ends again, both in the rule's own unit. `hold` is
    for how long it must hold before anybody is told, `clear_hold` for how long it must be over. `schedule` is when
    people are told, counted from the moment the rule fired. Trouble that comes and goes `often` times within
    `often_within` without reaching its hold is told as that; 0 = never.
    """

    enabled: bool | None = None
    threshold: float | None = None
    clear: float | None = None
    hold: Wait | None = None
    clear_hold: Wait | None = None
    severity: SeverityName | None = None
    schedule: tuple[Wait, ...] | None = None
    recovery: bool | None = None
    often: Annotated[int, Meta(ge=0, le=OFTEN_MAX)] | None = None


class Rules(Struct, frozen=True, forbid_unknown_fields=True):
    """One table a rule, as it stands in `[alerts]`, `[alerts.site.<site>]` and `[alerts.node."<site>/<node>"]`."""

    lost: RuleSettings = RuleSettings()
    silent: RuleSettings = RuleSettings()
    offline: RuleSettings = RuleSettings()
    no_peers: RuleSettings = RuleSettings()
    few_peers: RuleSettings = RuleSettings()
    no_hashrate: RuleSettings = RuleSettings()
    low_hashrate: RuleSettings = RuleSettings()
    hashrate_floor: RuleSettings = RuleSettings()
    block_lag: RuleSettings = RuleSettings()
    block_ahead: RuleSettings = RuleSettings()
    block_stalled: RuleSettings = RuleSettings()
    fork: RuleSettings = RuleSettings()
    source_failing: RuleSettings = RuleSettings()
    no_shares: RuleSettings = RuleSettings()
    rejected_shares: RuleSettings = RuleSettings()
    gpu_missing: RuleSettings = RuleSettings()
    board_missing: RuleSettings = RuleSettings()
    chips_missing: RuleSettings = RuleSettings()
    hot: RuleSettings = RuleSettings()
    cold: RuleSettings = RuleSettings()
    clock_off: RuleSettings = RuleSettings()
    samples_lost: RuleSettings = RuleSettings()
    quota: RuleSettings = RuleSettings()
    two_publishers: RuleSettings = RuleSettings()
    no_broker: RuleSettings = RuleSettings()
    no_database: RuleSettings = RuleSettings()
    channel_refused: RuleSettings = RuleSettings()
    certificate_expiry: RuleSettings = RuleSettings()


class ChannelSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """One way to people, by an Apprise address. Without `severities` or `sites` it gets all of them.

    `rate` messages go out in `per` at most; what waits longer is put together into one. 0 is the kind's own limit.
    `timeout` is how long an answer is waited for: some services take a message at once and answer after a minute.
    One that is `paused` gets nothing until it goes on; what is decided meanwhile is not sent later.
    """

    url: Secret
    paused: bool = False
    severities: tuple[SeverityName, ...] = ()
    sites: tuple[str, ...] = ()
    rate: Annotated[int, Meta(ge=0, le=10_000)] = 0
    per: Annotated[timedelta, between(timedelta(seconds=1), timedelta(days=1))] = timedelta(minutes=1)
    timeout: Annotated[timedelta, between(timedelta(seconds=1), timedelta(minutes=5))] = timedelta(seconds=75)

    def __post_init__(self) -> None:
        check_channel(self.url, "url")


class QuietSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """Hours of the day, in `[web] timezone`, in which messages of these severities wait for the morning."""

    start: Annotated[str, Meta(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")] = "22:00"
    end: Annotated[str, Meta(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")] = "07:00"
    severities: tuple[SeverityName, ...] = ()


class TelegramSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """A bot that is also listened to: its messages have buttons, and these chats may ask it. Empty token: off.

    `names` is what pages call the chats, by their ids; those in `paused` get nothing, but may ask.
    """

    token: Secret = Secret()
    chats: tuple[int, ...] = ()
    names: dict[str, Annotated[str, Meta(max_length=NAME_MAX)]] = {}
    paused: tuple[int, ...] = ()
    severities: tuple[SeverityName, ...] = ()
    sites: tuple[str, ...] = ()
    api: str = "https://api.telegram.org"

    def __post_init__(self) -> None:
        if self.token and not self.chats:
            raise ValueError("a token without chats: name the chat ids that may ask and are told, such as [123456]")
        if self.token:
            check_token(self.token, "token")
        for chat in (*self.chats, *self.paused):
            check_chat(chat)
        check_url(self.api, "api")


class HeartbeatSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """An address elsewhere that is asked regularly while all is well here, so that our own death is noticed."""

    url: Secret = Secret()
    every: Annotated[timedelta, between(timedelta(seconds=1), timedelta(hours=24))] = timedelta(minutes=1)

    def __post_init__(self) -> None:
        if self.url:
            check_url(self.url, "url")


class AlertSettings(Rules, frozen=True, forbid_unknown_fields=True):
    """The whole of `[alerts]`."""

    channels: tuple[Secret, ...] = ()
    channel: dict[str, ChannelSettings] = {}
    telegram: TelegramSettings = TelegramSettings()
    hold: Wait = timedelta(seconds=2)
    group_wait: Annotated[timedelta, between(timedelta(0), timedelta(minutes=5))] = timedelta(seconds=5)
    grace: Annotated[timedelta, between(timedelta(0), timedelta(hours=1))] = timedelta(seconds=90)
    flap_changes: Annotated[int, Meta(ge=2, le=100)] = 3
    flap_within: Annotated[timedelta, between(timedelta(seconds=10), timedelta(days=1))] = timedelta(minutes=10)
    often_within: Annotated[timedelta, between(timedelta(minutes=1), timedelta(days=1))] = timedelta(minutes=30)
    keep: Annotated[timedelta, between(timedelta(days=1), timedelta(days=3650))] = timedelta(days=90)
    link: str = ""
    quiet: QuietSettings = QuietSettings()
    heartbeat: HeartbeatSettings = HeartbeatSettings()
    site: dict[str, Rules] = {}
    node: dict[str, Rules] = {}

    @property
    def reaches_nobody(self) -> bool:
        """Whether no channel is in use, so that incidents are only seen by who looks."""
        bot = self.telegram
        chats = set(bot.chats) - set(bot.paused) if bot.token else None
        return not (self.channels or chats or any(not each.paused for each in self.channel.values()))

    def __post_init__(self) -> None:
        for number, url in enumerate(self.channels, 1):
            check_channel(url, f"channels[{number}]")
        for name in self.channel:
            check_channel_name(name)
        try:
            for site in self.site:
                check_name(site, "site")
            for node in self.node:
                NodeId.parse(node)
        except TopicError as exc:
            raise ValueError(str(exc)) from None
