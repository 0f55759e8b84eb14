"""What was drawn through each plug, hour by hour."""

from peewee import BigIntegerField, CharField, CompositeKey, Database, DoubleField, Model


def up(_migrator: object, db: Database) -> None:
    class EnergyHour(Model):
        device = CharField(64)
        hour = BigIntegerField()
        watt_hours = DoubleField()

        class Meta:
            table_name = "energy_hour"
            database = db
            primary_key = CompositeKey("device", "hour")

    db.create_tables([EnergyHour])
