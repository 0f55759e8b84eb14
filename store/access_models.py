"""The tables of access and administration, as Peewee models bound to no database; see `models.py`."""

from peewee import BigIntegerField, BooleanField, CharField, CompositeKey, Model, SmallIntegerField, TextField


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
    kind = TextField(null=True)  # NULL = a program's; see `store/tokens.py`
    sites = TextField(null=True)  # NULL = all; else a JSON list

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


class LoginSessionModel(Model):
    """A browser in which a user has logged in. `hash` is SHA-256 of what its cookie says, in hexadecimal."""

    hash = CharField(64, primary_key=True)
    account = CharField(64, index=True)
    created_at = BigIntegerField()
    seen_at = BigIntegerField()  # within a minute
    expires_at = BigIntegerField(index=True)
    stays = SmallIntegerField()  # 1: also without being used
    wants_code = SmallIntegerField()  # 1: the password was right, the second factor is still asked for
    agent = TextField()

    class Meta:
        table_name = "login_session"


class RecoveryCodeModel(Model):
    """A code that lets a user in once, without the second factor: SHA-256 of it, in hexadecimal."""

    account = CharField(64)
    hash = CharField(64)

    class Meta:
        table_name = "recovery_code"
        primary_key = CompositeKey("account", "hash")


ACCESS_MODELS: tuple[type[Model], ...] = (
    *(AuditModel, ApiTokenModel, SettingModel, LoginSessionModel, RecoveryCodeModel),
)
