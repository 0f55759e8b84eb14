"""How long to stay away from a broker after it was lost; waiting itself happens elsewhere."""

from rigwatch.backoff import Backoff


class Comeback:
    """How long to stay away from a broker that was lost or not to be had; all in seconds.

    A broker that was away and came back went for reasons of its own, so the next time begins anew. One that is there
    all the time and hangs up again and again is given more time each time. Where it was another publisher with the same
    key that took the connection over, `rival` gives the time: the two must not throw each other out at full speed.
    """

    def __init__(self, backoff: Backoff, *, stable: float, rival: Backoff | None = None) -> None:
        self._backoff = backoff
        self._stable = stable
        self._rival = rival
        self._was_away = False
        self._is_contested = False

    def contested(self) -> None:
        """There is another publisher."""
        self._is_contested = True

    def unreachable(self) -> float:
        """There was no answer."""
        self._was_away = True
        return self._backoff.delay()

    def online(self) -> None:
        """It is there, and has let us in; whether there is still another publisher will be told."""
        self._is_contested = False
        if self._was_away:
            self._was_away = False
            self._backoff.reset()

    def lost(self, lasted: float) -> float:
        """The connection ended after so long."""
        if self._is_contested and self._rival is not None:
            return self._rival.delay()
        if lasted >= self._stable:
            self._backoff.reset()
        return self._backoff.delay()
