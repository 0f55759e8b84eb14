"""The one family of errors that rigwatch raises on purpose; anything else is a defect and keeps its traceback.

The text of each is one line that a user can act on: what is wrong, where, and what would be right.
"""


class RigwatchError(Exception):
    """Something went wrong outside the program; `exit_code` is what the command ends with."""

    exit_code = 1


class SettingsError(RigwatchError):
    """A settings file, an environment override or a command's argument is wrong."""

    exit_code = 2


class TokenError(RigwatchError):
    """A join token cannot be read."""

    exit_code = 2


class StoreError(RigwatchError):
    """The database cannot be opened, or refuses to work."""


class NotDone(StoreError):
    """What was asked for does not fit what is stored, so nothing was changed; the database works."""


class WireError(RigwatchError):
    """Bytes from the network that are not ours: they are counted and dropped, never fatal."""


class TopicError(WireError):
    """A topic or a name outside the grammar of `docs/protocol.md`."""


class OpenError(WireError):
    """An envelope that was not sealed for this topic with this key, or is not an envelope."""


class DecodeError(WireError):
    """Plain text that is not the JSON message it should be."""
