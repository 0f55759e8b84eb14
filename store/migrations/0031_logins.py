"""Who is logged in by a browser, second factors, roles for given sites, and links that only read."""

from peewee import BigIntegerField, CharField, CompositeKey, Database, Model, SmallIntegerField, TextField


def up(_migrator: object, db: Database) -> None:
    class LoginSession(Model):
        hash = CharField(64, primary_key=True)
        account = CharField(64, index=True)
        created_at = BigIntegerField()
        seen_at = BigIntegerField()
        expires_at = BigIntegerField(index=True)
        stays = SmallIntegerField()
        wants_code = SmallIntegerField()
        agent = TextField()

        class Meta:
            table_name = "login_session"
            database = db

    class RecoveryCode(Model):
        account = CharField(64)
        hash = CharField(64)

        class Meta:
            table_name = "recovery_code"
            database = db
            primary_key = CompositeKey("account", "hash")

    db.create_tables([LoginSession, RecoveryCode])
    for table, column in (
        ("account", "sites TEXT"),
        ("account", "totp_secret TEXT"),
        ("account", "totp_at BIGINT"),
        ("account", "totp_step BIGINT"),
        ("api_token", "kind TEXT"),
        ("api_token", "sites TEXT"),
    ):
        db.execute_sql(f"ALTER TABLE {table} ADD COLUMN {column}")
