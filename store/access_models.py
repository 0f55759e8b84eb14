"""The tables of access and administration, as Peewee models bound to no database; see `models.py`."""

from peewee import BigIntegerField, BooleanField, CharField, Model, TextField


class AuditModel(Model):
    """A change that a person made: who, when, what. Only ever added to."""

    at = BigIntegerField()
    who = TextField()
    action = CharField(64)
    subject = TextField()
    detail = TextField()

    class Meta:
        table_name = "audit"


class ApiTokenModel(Model):
    """A program's way in. `hash` is SHA-256 of the token, in hexadecimal: 256 random bits need no slow hash."""

    name = CharField(64, unique=True)
    role = CharField(16)
    hash = CharField(64, unique=True)
    created_at = BigIntegerField()
    last_used_at = BigIntegerField(null=True)  # within a minute
    expires_at = BigIntegerField(null=True)  # NULL = never

    class Meta:
        table_name = "api_token"


class SettingModel(Model):
    """A setting that was set in the page. `path` is a JSON list of keys, `value` JSON as TOML has it, or sealed."""

    path = CharField(512, primary_key=True)
    value = TextField()
    sealed = BooleanField()
    changed_at = BigIntegerField()
    changed_by = TextField()

    class Meta:
        table_name = "setting"


ACCESS_MODELS: tuple[type[Model], ...] = (AuditModel, ApiTokenModel, SettingModel)
