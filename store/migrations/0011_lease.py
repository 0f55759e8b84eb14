"""Who drives the alerts, as a row with an end instead of a lock that its holder keeps while it is frozen."""

from peewee import BigIntegerField, CharField, Database, Model


def up(_migrator: object, db: Database) -> None:
    class Lease(Model):
        name = CharField(64, primary_key=True)
        holder = CharField(255, null=True)
        term = BigIntegerField()
        beat = BigIntegerField()

        class Meta:
            table_name = "lease"
            database = db

    db.create_tables([Lease])
    db.execute_sql(
        "INSERT INTO lease (name, holder, term, beat) "
        "SELECT 'alerts', NULL, value, 0 FROM mark WHERE name = 'alerts_term'"
    )
