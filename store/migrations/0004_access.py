"""Who changed what, tokens for programs, and what the server itself says of a node."""

from peewee import BigIntegerField, CharField, Database, Model, TextField


def up(_migrator: object, db: Database) -> None:
    class Audit(Model):
        at = BigIntegerField()
        who = TextField()
        action = CharField(64)
        subject = TextField()
        detail = TextField()

        class Meta:
            table_name = "audit"
            database = db

    class ApiToken(Model):
        name = CharField(64, unique=True)
        role = CharField(16)
        hash = CharField(64, unique=True)
        created_at = BigIntegerField()
        last_used_at = BigIntegerField(null=True)
        expires_at = BigIntegerField(null=True)

        class Meta:
            table_name = "api_token"
            database = db

    db.create_tables([Audit, ApiToken])
    # All may be NULL: with a default, SQLite would have to build the whole table anew.
    db.execute_sql("ALTER TABLE node ADD COLUMN given_name TEXT")
    db.execute_sql("ALTER TABLE node ADD COLUMN given_tags TEXT")
    db.execute_sql("ALTER TABLE node ADD COLUMN retired_at BIGINT")
