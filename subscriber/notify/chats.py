"""The numbers that Telegram's chats have now, shared by who writes to them and who listens."""

from collections.abc import Iterable, Mapping

_STEPS = 8


class Chats:
    """Settings name a chat for ever by the number it had; `unsaved` are moves that are not yet in the store."""

    def __init__(self) -> None:
        self._moved: dict[int, int] = {}
        self.unsaved: dict[int, int] = {}

    def now(self, chat: int) -> int:
        """The chat's number today."""
        for _ in range(_STEPS):
            if chat not in self._moved:
                break
            chat = self._moved[chat]
        return chat

    def all(self, chats: Iterable[int]) -> frozenset[int]:
        """The numbers that they have, and had."""
        return frozenset(number for chat in chats for number in (chat, self.now(chat)))

    def move(self, chat: int, to: int) -> None:
        if chat != to and self.now(to) != chat:
            self._moved[chat] = self.unsaved[chat] = to

    def know(self, moved: Mapping[int, int]) -> None:
        """What the store remembers of earlier."""
        self._moved = {**moved, **self._moved}
