"""Nodes, samples, rollups, and the users of the dashboard."""

from peewee import (
    BigIntegerField,
    BooleanField,
    CharField,
    CompositeKey,
    Database,
    DoubleField,
    ForeignKeyField,
    IntegerField,
    Model,
    SqliteDatabase,
    TextField,
)


def up(_migrator: object, db: Database) -> None:
    # SQLite can store a table in the order of its key; PostgreSQL has no such table and refuses the words.
    clustered = isinstance(db, SqliteDatabase)

    class Node(Model):
        site = CharField(64)
        node = CharField(64)
        name = TextField()
        host = TextField()
        version = TextField()
        tags = TextField()
        sources = TextField()
        interval = BigIntegerField()
        state = CharField(16, null=True)
        state_at = BigIntegerField(null=True)
        reason = TextField()
        session = BigIntegerField()
        enrolled_at = BigIntegerField(null=True)
        first_seen_at = BigIntegerField(null=True)
        last_report_at = BigIntegerField(null=True)
        clock_offset = BigIntegerField(null=True)
        latest = TextField(null=True)
        latest_at = BigIntegerField(null=True)
        kept_samples = BigIntegerField()
        kept_count = BigIntegerField()
        kept_hashrate = DoubleField()
        kept_peers_count = BigIntegerField()
        kept_peers = DoubleField()

        class Meta:
            table_name = "node"
            database = db
            indexes = ((("site", "node"), True),)

    class Sample(Model):
        node = ForeignKeyField(Node, index=False, on_delete="CASCADE")
        n = BigIntegerField()
        lag = BigIntegerField()
        hashrate = DoubleField(null=True)
        peers = BigIntegerField(null=True)
        block = BigIntegerField(null=True)
        syncing = BooleanField(null=True)
        accepted = BigIntegerField(null=True)
        rejected = BigIntegerField(null=True)
        stale = BigIntegerField(null=True)
        share_age = BigIntegerField(null=True)
        temperature = IntegerField(null=True)
        power = IntegerField(null=True)
        fan = IntegerField(null=True)
        cpu = IntegerField(null=True)
        uptime = BigIntegerField(null=True)
        extra = TextField(null=True)

        class Meta:
            table_name = "sample"
            database = db
            primary_key = CompositeKey("node", "n")
            without_rowid = clustered

    class NodeMinute(Model):
        minute = IntegerField()
        node = ForeignKeyField(Node, index=False, on_delete="CASCADE")
        count = IntegerField()
        hashrate = DoubleField()

        class Meta:
            table_name = "node_minute"
            database = db
            primary_key = CompositeKey("minute", "node")
            without_rowid = clustered

    class NodeHour(Model):
        hour = IntegerField()
        node = ForeignKeyField(Node, index=False, on_delete="CASCADE")
        samples = IntegerField()
        count = IntegerField()
        hashrate = DoubleField()
        peers_count = IntegerField()
        peers = DoubleField()

        class Meta:
            table_name = "node_hour"
            database = db
            primary_key = CompositeKey("hour", "node")
            without_rowid = clustered

    class FleetMinute(Model):
        minute = IntegerField(primary_key=True)
        hashrate = DoubleField()
        nodes = IntegerField()

        class Meta:
            table_name = "fleet_minute"
            database = db

    class Heartbeat(Model):
        name = CharField(64, primary_key=True)
        beat_at = BigIntegerField()
        connected_at = BigIntegerField(null=True)

        class Meta:
            table_name = "heartbeat"
            database = db

    class Mark(Model):
        name = CharField(64, primary_key=True)
        value = BigIntegerField()

        class Meta:
            table_name = "mark"
            database = db

    class Account(Model):
        name = CharField(64, unique=True)
        role = CharField(16)
        password_hash = TextField()
        created_at = BigIntegerField()

        class Meta:
            table_name = "account"
            database = db

    db.create_tables([Node, Sample, NodeMinute, NodeHour, FleetMinute, Heartbeat, Mark, Account])
    db.execute_sql("INSERT INTO mark (name, value) VALUES ('minutes_from', 0)")
