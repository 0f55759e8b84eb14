"""The tables of alerts, as Peewee models bound to no database; see `models.py`."""

from peewee import BigIntegerField, CharField, IntegerField, Model, TextField


class IncidentModel(Model):
    """One rule that holds for one subject. `detail` is the whole of it as JSON; the columns are for finding it.

    The acknowledgement is written by people only, everything else by the engine only: neither overwrites the other.
    """

    id = BigIntegerField(primary_key=True)
    rule = CharField(32)
    scope = CharField(16)
    site = CharField(64)
    name = TextField()
    state = CharField(16)
    severity = CharField(16)
    since = BigIntegerField()
    resolved_at = BigIntegerField(null=True)
    parent_id = BigIntegerField(null=True, index=True)
    live = IntegerField()
    detail = TextField()
    acknowledged_at = BigIntegerField(null=True)
    acknowledged_by = TextField(null=True)
    acknowledged_why = TextField(null=True)

    class Meta:
        table_name = "incident"
        indexes = (
            (("live", "since"), False),
            (("site", "name", "since"), False),
            # All that a list can be narrowed by, so that what is not wanted is passed over without reading its row.
            (("state", "since", "id", "parent_id", "severity", "rule", "scope", "site", "name"), False),
        )


class DecisionModel(Model):
    """A line of an incident's story."""

    id = BigIntegerField(primary_key=True)
    incident_id = BigIntegerField(index=True)
    at = BigIntegerField()
    what = CharField(32)
    why = TextField()

    class Meta:
        table_name = "decision"


class LeaseModel(Model):
    """Who leads: `term` grows with each holder, `beat` moves while it works; see `store/leader_lease.py`."""

    name = CharField(64, primary_key=True)
    holder = CharField(255, null=True)  # NULL = free
    term = BigIntegerField()
    beat = BigIntegerField()

    class Meta:
        table_name = "lease"


class NotificationModel(Model):
    """A message to one channel, written with the transition that caused it, marked after each attempt to send it."""

    id = BigIntegerField(primary_key=True)
    incident_id = BigIntegerField(index=True)
    channel = CharField(128)
    kind = CharField(16)
    severity = CharField(16)
    title = TextField()
    body = TextField()
    incidents = TextField()  # JSON list of all incidents it speaks of
    state = CharField(16)
    created_at = BigIntegerField()
    next_at = BigIntegerField()
    attempts = IntegerField()
    copies = IntegerField(default=0)  # attempts that may have arrived
    attempt_at = BigIntegerField(null=True)
    sent_at = BigIntegerField(null=True)
    error = TextField()

    class Meta:
        table_name = "notification"
        indexes = ((("state", "next_at"), False), (("created_at",), False), (("channel", "id"), False))


class SilenceModel(Model):
    """Somebody wants quiet: a silence, or maintenance."""

    kind = CharField(16)
    matcher = TextField()  # JSON
    starts_at = BigIntegerField()
    ends_at = BigIntegerField(index=True)
    every = CharField(16)
    lasts = BigIntegerField()  # ms
    by = TextField()
    why = TextField()
    created_at = BigIntegerField()
    ended_by = TextField(null=True)

    class Meta:
        table_name = "silence"


class NodeHistoryModel(Model):
    """What is remembered of a node for its rules, as JSON."""

    node_id = BigIntegerField(primary_key=True)
    detail = TextField()

    class Meta:
        table_name = "trail"


class ChannelModel(Model):
    """A channel that was refused for good; `address` is a hash, so that another address is tried again."""

    name = CharField(128, primary_key=True)
    address = TextField()
    refused_at = BigIntegerField(null=True)
    refused_why = TextField()

    class Meta:
        table_name = "channel"


class MovedChatModel(Model):
    """A Telegram group that became a supergroup, and so has another number."""

    chat = BigIntegerField(primary_key=True)
    moved_to = BigIntegerField()
    moved_at = BigIntegerField()

    class Meta:
        table_name = "moved_chat"


class SeenChatModel(Model):
    """A Telegram chat that wrote to the bot without being listed; what it calls itself."""

    chat = BigIntegerField(primary_key=True)
    title = TextField()
    seen_at = BigIntegerField()

    class Meta:
        table_name = "seen_chat"


ALERT_MODELS: tuple[type[Model], ...] = (
    IncidentModel,
    DecisionModel,
    LeaseModel,
    NotificationModel,
    SilenceModel,
    NodeHistoryModel,
    ChannelModel,
    MovedChatModel,
    SeenChatModel,
)
