"""Incidents, what was decided about them, messages on their way, and who wanted quiet."""

from peewee import BigIntegerField, CharField, Database, IntegerField, Model, TextField


def up(_migrator: object, db: Database) -> None:
    class Incident(Model):
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
        # 1 while it is open or people must still be told of its end: what an engine starts from.
        live = IntegerField()
        detail = TextField()
        acknowledged_at = BigIntegerField(null=True)
        acknowledged_by = TextField(null=True)
        acknowledged_why = TextField(null=True)

        class Meta:
            table_name = "incident"
            database = db
            indexes = ((("live", "since"), False), (("site", "name", "since"), False))

    class Decision(Model):
        id = BigIntegerField(primary_key=True)
        incident_id = BigIntegerField(index=True)
        at = BigIntegerField()
        what = CharField(32)
        why = TextField()

        class Meta:
            table_name = "decision"
            database = db

    class Notification(Model):
        id = BigIntegerField(primary_key=True)
        incident_id = BigIntegerField(index=True)
        channel = CharField(128)
        kind = CharField(16)
        severity = CharField(16)
        title = TextField()
        body = TextField()
        incidents = TextField()
        state = CharField(16)
        created_at = BigIntegerField()
        next_at = BigIntegerField()
        attempts = IntegerField()
        attempt_at = BigIntegerField(null=True)
        sent_at = BigIntegerField(null=True)
        error = TextField()

        class Meta:
            table_name = "notification"
            database = db
            indexes = ((("state", "next_at"), False),)

    class Silence(Model):
        kind = CharField(16)
        matcher = TextField()
        starts_at = BigIntegerField()
        ends_at = BigIntegerField(index=True)
        every = CharField(16)
        lasts = BigIntegerField()
        by = TextField()
        why = TextField()
        created_at = BigIntegerField()
        ended_by = TextField(null=True)

        class Meta:
            table_name = "silence"
            database = db

    class Trail(Model):
        node_id = BigIntegerField(primary_key=True)
        detail = TextField()

        class Meta:
            table_name = "trail"
            database = db

    class Channel(Model):
        name = CharField(128, primary_key=True)
        address = TextField()
        refused_at = BigIntegerField(null=True)
        refused_why = TextField()

        class Meta:
            table_name = "channel"
            database = db

    db.create_tables([Incident, Decision, Notification, Silence, Trail, Channel])
    db.execute_sql("INSERT INTO mark (name, value) VALUES ('alerts_changed', 0)")
    db.execute_sql("INSERT INTO mark (name, value) VALUES ('alerts_term', 0)")
