"""Which cards nobody can see at the moment: those of a source that fails, of which no other source knows. Pure."""

from collections.abc import Sequence
from typing import Final

from publisher.summary import Gathered, failure
from rigwatch.figures import GPUS_MAX, Gpu

_KNOWN_MAX: Final = 4 * GPUS_MAX


class Roll:
    """What each source of a node has told of cards since the publisher started.

    A card is not gone because the only source that knows of it fails. It is gone when a source that knows it works and
    tells of it no more; that holds also where a miner went down with the card.
    """

    def __init__(self) -> None:
        self._last: dict[str, tuple[Gpu, ...]] = {}
        self._known: dict[str, dict[str, None]] = {}

    def unseen(self, gathered: Sequence[Gathered]) -> tuple[Gpu, ...]:
        """The cards, without figures, that only failing sources know of and told of when they were last read."""
        failing = [each.source for each in gathered if failure(each.reads)]
        for each in gathered:
            told = [read.reading.gpus for read in each.reads if read.reading and read.reading.gpus is not None]
            if told:
                self._remember(each.source, told[-1])
        known = {gpu for source, gpus in self._known.items() if source not in failing for gpu in gpus}
        return tuple(gpu for source in failing for gpu in self._last.get(source, ()) if gpu.id not in known)

    def _remember(self, source: str, gpus: Sequence[Gpu]) -> None:
        self._last[source] = tuple(Gpu(id=gpu.id, name=gpu.name) for gpu in gpus)
        known = self._known.get(source, {}) | dict.fromkeys(gpu.id for gpu in gpus)
        # A miner that tells of other cards at every read must not fill the memory.
        self._known[source] = dict.fromkeys(list(known)[-_KNOWN_MAX:])
