"""What is set in the page, sealed where it is secret; and chats that wrote to the bot without being listed."""

from peewee import BigIntegerField, BooleanField, CharField, Database, Model, TextField


def up(_migrator: object, db: Database) -> None:
    class Setting(Model):
        path = CharField(512, primary_key=True)
        value = TextField()
        sealed = BooleanField()
        changed_at = BigIntegerField()
        changed_by = TextField()

        class Meta:
            table_name = "setting"
            database = db

    class SeenChat(Model):
        chat = BigIntegerField(primary_key=True)
        title = TextField()
        seen_at = BigIntegerField()

        class Meta:
            table_name = "seen_chat"
            database = db

    db.create_tables([Setting, SeenChat])
    db.execute_sql("INSERT INTO mark (name, value) VALUES ('settings_changed', 0)")
    # The last result of a channel is asked for with each look at the list of channels.
    db.execute_sql("CREATE INDEX notification_channel_id ON notification (channel, id)")
