"""The table of plugs and meters, as a Peewee model bound to no database; see `models.py`."""

from peewee import BigIntegerField, CharField, CompositeKey, DoubleField, IntegerField, Model, TextField


class DeviceModel(Model):
    """A plug or meter. `said` is what it said last, as JSON.

    People write everything but `said`, the subscriber only that: neither overwrites the other.
    """

    name = CharField(64, primary_key=True)
    kind = CharField(64)
    topic = TextField()
    outlet = IntegerField(null=True)
    added_at = BigIntegerField()
    said = TextField()

    class Meta:
        table_name = "device"


class DeviceNodeModel(Model):
    """A node that hangs on a plug."""

    device = CharField(64)
    node_id = BigIntegerField()

    class Meta:
        table_name = "device_node"
        primary_key = CompositeKey("device", "node_id")


class EnergyHourModel(Model):
    """What was drawn through a plug in an hour."""

    device = CharField(64)
    hour = BigIntegerField()
    watt_hours = DoubleField()

    class Meta:
        table_name = "energy_hour"
        primary_key = CompositeKey("device", "hour")


DEVICE_MODELS: tuple[type[Model], ...] = (DeviceModel, DeviceNodeModel, EnergyHourModel)
