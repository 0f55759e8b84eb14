"""Plugs and meters at the wall, whose nodes hang on them, and what each said last."""

from peewee import BigIntegerField, CharField, CompositeKey, Database, IntegerField, Model, TextField


def up(_migrator: object, db: Database) -> None:
    class Device(Model):
        name = CharField(64, primary_key=True)
        kind = CharField(64)
        topic = TextField()
        outlet = IntegerField(null=True)
        added_at = BigIntegerField()
        said = TextField()

        class Meta:
            table_name = "device"
            database = db

    class DeviceNode(Model):
        device = CharField(64)
        node_id = BigIntegerField()

        class Meta:
            table_name = "device_node"
            database = db
            primary_key = CompositeKey("device", "node_id")

    db.create_tables([Device, DeviceNode])
    db.execute_sql("INSERT INTO mark (name, value) VALUES ('devices_changed', 0)")
    db.execute_sql("INSERT INTO mark (name, value) VALUES ('devices_said', 0)")
