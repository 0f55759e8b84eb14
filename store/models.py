"""The tables, as Peewee models bound to no database: the schema test compares them with what the migrations build.

Queries on the hot path are written in SQL beside the function that runs them; see `docs/adr/` for why.
NULL means "not known" everywhere, 0 a measured zero. Times are milliseconds since 1970 UTC by the server's clock.
"""

from peewee import (
    BigIntegerField,
    BooleanField,
    CharField,
    CompositeKey,
    DoubleField,
    ForeignKeyField,
    IntegerField,
    Model,
    TextField,
)

from store.access_models import ACCESS_MODELS
from store.alert_models import ALERT_MODELS
from store.device_models import DEVICE_MODELS


class NodeModel(Model):
    """A node: who it is, what it last said, its latest values, and running sums over the history that is kept."""

    site = CharField(64)
    node = CharField(64)
    name = TextField(default="")
    host = TextField(default="")
    version = TextField(default="")
    tags = TextField(default="[]")  # JSON list
    sources = TextField(default="[]")  # JSON list
    interval = BigIntegerField(default=60_000)  # ms
    state = CharField(16, null=True)  # NULL = never heard of
    state_at = BigIntegerField(null=True)
    reason = TextField(default="")
    session = BigIntegerField(default=0)
    enrolled_at = BigIntegerField(null=True)
    first_seen_at = BigIntegerField(null=True)
    last_report_at = BigIntegerField(null=True)
    clock_offset = BigIntegerField(null=True)  # ms
    latest = TextField(null=True)  # JSON of the latest live sample
    latest_at = BigIntegerField(null=True)
    kept_samples = BigIntegerField(default=0)  # sums over this node's rows of `node_hour`
    kept_count = BigIntegerField(default=0)
    kept_hashrate = DoubleField(default=0)
    kept_peers_count = BigIntegerField(default=0)
    kept_peers = DoubleField(default=0)
    given_name = TextField(null=True)  # by the server's administrators; it wins over `name`
    given_tags = TextField(null=True)  # JSON list, besides `tags`
    retired_at = BigIntegerField(null=True)  # from then on hidden, its history kept
    highest_n = BigIntegerField(default=0)  # of its samples, those that are forgotten included
    tail_at = BigIntegerField(null=True)  # when its last sample was taken, live or not; see `carried`
    tail_rate = DoubleField(null=True)  # thousandths of H/s
    tail_until = BigIntegerField(null=True)  # fresh until then
    stray = BigIntegerField(default=0)  # the furthest that `n` and the time of any of its samples were apart, ms
    born_at = BigIntegerField(null=True)  # when its last session was first heard of alive
    generation = IntegerField(default=0)  # of the newest key it was heard with
    other_session = BigIntegerField(default=0)  # the highest of the other kind: see `ingest.Known`
    day = IntegerField(default=0)  # the last on which samples came, since 1970; with the next three see `quota.DayUse`
    day_samples = BigIntegerField(default=0)
    day_bytes = BigIntegerField(default=0)
    day_refused = BigIntegerField(default=0)
    contested_at = BigIntegerField(null=True)  # when two publishers of it were last seen
    contest = TextField(default="")  # by what
    origin = TextField(null=True)  # `<site>/<node>` as which it was first known, where it was moved since

    class Meta:
        table_name = "node"
        indexes = ((("site", "node"), True),)


class SampleModel(Model):
    """One sample. Scaled integers and the distance from `n` instead of whole times: half the bytes of plain columns.

    `n` starts with the rig's milliseconds, so that the key clusters a node's samples by time as well.
    """

    node = ForeignKeyField(NodeModel, index=False, on_delete="CASCADE")
    n = BigIntegerField()
    lag = BigIntegerField()  # at - n, ms
    hashrate = DoubleField(null=True)  # thousandths of H/s
    peers = BigIntegerField(null=True)
    block = BigIntegerField(null=True)
    syncing = BooleanField(null=True)
    accepted = BigIntegerField(null=True)
    rejected = BigIntegerField(null=True)
    stale = BigIntegerField(null=True)
    share_age = BigIntegerField(null=True)  # at - last_share_at, ms
    temperature = IntegerField(null=True)  # tenths of °C
    power = IntegerField(null=True)  # tenths of W
    fan = IntegerField(null=True)  # tenths of %
    cpu = IntegerField(null=True)  # tenths of %
    uptime = BigIntegerField(null=True)  # tenths of s
    pool_latency = IntegerField(null=True)  # tenths of ms
    extra = TextField(null=True)  # JSON of what is rare: gpus, errors, block_hash …; the names when they changed

    class Meta:
        table_name = "sample"
        primary_key = CompositeKey("node", "n")


class NodeChangeModel(Model):
    """A node came or went; its state until its next change. Each node keeps one from before what is kept."""

    node = ForeignKeyField(NodeModel, index=False, on_delete="CASCADE")
    at = BigIntegerField()
    state = CharField(16)
    reason = TextField()
    interval = BigIntegerField(null=True)  # ms, from then on; NULL = of before that was noted
    times = IntegerField(default=1)  # how many changes the row stands for
    until = BigIntegerField(null=True)  # the last of them, where they are several

    class Meta:
        table_name = "node_change"
        primary_key = CompositeKey("node", "at")


class NodeMinuteModel(Model):
    """Samples of one node with a hashrate in one minute, of the recent past: see `mark.minutes_from`."""

    minute = IntegerField()  # since 1970
    node = ForeignKeyField(NodeModel, index=False, on_delete="CASCADE")
    count = IntegerField()
    hashrate = DoubleField()  # sum, thousandths of H/s

    class Meta:
        table_name = "node_minute"
        primary_key = CompositeKey("minute", "node")


class NodeHourModel(Model):
    """Sums of one node over one hour. `count` and `peers_count` are the samples that had the figure."""

    hour = IntegerField()  # since 1970
    node = ForeignKeyField(NodeModel, index=False, on_delete="CASCADE")
    samples = IntegerField()
    count = IntegerField()
    hashrate = DoubleField()  # sum, thousandths of H/s
    peers_count = IntegerField()
    peers = DoubleField()  # sum

    class Meta:
        table_name = "node_hour"
        primary_key = CompositeKey("hour", "node")


class FleetMinuteModel(Model):
    """The whole fleet in one minute: the sum of each node's mean, or of its last sample while that is fresh, and how
    many nodes that were. Without what nodes count for after their last sample: see `carried`."""

    minute = IntegerField(primary_key=True)  # since 1970
    hashrate = DoubleField()  # thousandths of H/s; each mean is rounded to one, so that the order of adding is nothing
    nodes = IntegerField()

    class Meta:
        table_name = "fleet_minute"


class HeartbeatModel(Model):
    """The sign of life of a subscriber: when, and since when it has a broker (NULL = it has none)."""

    name = CharField(64, primary_key=True)
    beat_at = BigIntegerField()
    connected_at = BigIntegerField(null=True)

    class Meta:
        table_name = "heartbeat"


class RunningModel(Model):
    """What a subscriber runs with, as JSON: see `store/running.py`."""

    name = CharField(255, primary_key=True)
    detail = TextField()

    class Meta:
        table_name = "running"


class MarkModel(Model):
    """How far housekeeping has come. `minutes_from`: `node_minute` has every row from this minute on.
    `carried_from`: from this minute on `fleet_minute` has what is between samples."""

    name = CharField(64, primary_key=True)
    value = BigIntegerField()

    class Meta:
        table_name = "mark"


class AccountModel(Model):
    """A user of the dashboard."""

    name = CharField(64, unique=True)
    role = CharField(16)
    password_hash = TextField()
    created_at = BigIntegerField()
    sites = TextField(null=True)  # NULL = all, in `role`; else a JSON object, site to role
    totp_secret = TextField(null=True)  # base32; asked for once `totp_at` is not NULL
    totp_at = BigIntegerField(null=True)
    totp_step = BigIntegerField(null=True)  # the last one a code of which was taken

    class Meta:
        table_name = "account"


MODELS: tuple[type[Model], ...] = (
    *(
        NodeModel,
        SampleModel,
        NodeChangeModel,
        NodeMinuteModel,
        NodeHourModel,
        FleetMinuteModel,
        HeartbeatModel,
        RunningModel,
        MarkModel,
        AccountModel,
    ),
    *ALERT_MODELS,
    *ACCESS_MODELS,
    *DEVICE_MODELS,
)
