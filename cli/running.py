"""What the running subscriber has not taken over of the settings that this command sees; asked through the store."""

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from cli.invocation import Invocation
from rigwatch.master import master_key
from rigwatch.settings import ServerSettings
from rigwatch.settings.fingerprint import FINGERPRINTS, LIVE, differing, fingerprints

if TYPE_CHECKING:
    from store import Store

ALIVE_MS: Final = 10_000
ANSWER_TIMEOUT_S: Final = 6.0
"""How long a subscriber may take to take over what was written just now."""


@dataclass(frozen=True, slots=True)
class Difference:
    """`is_known`: a subscriber of this home runs. `live` are sections it should have taken over, `after_restart` those
    that it cannot; `channels` those it lacks or has with another address; `problem` what it says of the file."""

    is_known: bool = False
    live: tuple[str, ...] = ()
    after_restart: tuple[str, ...] = ()
    channels: tuple[str, ...] = ()
    problem: str = ""
    unstorable: tuple[str, ...] = ()

    @property
    def lines(self) -> list[str]:
        """What to say of it, what is worst first; none where there is nothing to say."""
        lines = []
        if self.problem:
            lines.append(f"the running subscriber goes on with what was set before: {self.problem}")
        if self.channels:
            lines.append(f"the running subscriber has not taken this over: {', '.join(self.channels)}")
        elif self.live and not self.problem:
            lines.append(f"the running subscriber has not taken over {_tables(self.live)}")
        if self.after_restart:
            tables = _tables(self.after_restart)
            lines.append(f"the running subscriber has other settings in {tables}, which count after a restart")
        if self.unstorable:
            lines.append(f"the database cannot hold all that these send, see the log: {', '.join(self.unstorable)}")
        return lines


def difference(call: Invocation, settings: ServerSettings, store: "Store", channels: Collection[str]) -> Difference:
    """`channels` are the keys and addresses that the settings name, as `key=address`."""
    from store import running as stored
    from subscriber.login import login_of

    master = master_key(call.home, settings)
    name, since = login_of(settings, master, call.home).client_id, call.clock.now() - ALIVE_MS
    with store.read() as tx:
        found = stored.alive(tx, since).get(name)
    if found is None:
        return Difference()
    sections = differing(found.sections, fingerprints(settings, master.service_password(FINGERPRINTS)))
    has = {f"{key}={address}" for key, address in found.channels.items()}
    return Difference(
        is_known=True,
        live=tuple(each for each in sections if each in LIVE),
        after_restart=tuple(each for each in sections if each not in LIVE),
        channels=tuple(sorted(each.partition("=")[0] for each in set(channels) - has)),
        problem=found.problem,
        unstorable=tuple(sorted({"/".join(topic.split("/")[2:4]) for topic in found.unstorable})),
    )


def settled(look: Callable[[], Difference]) -> Difference:
    """What is left after the subscriber has had its time to take over what was written just now."""
    deadline = time.monotonic() + ANSWER_TIMEOUT_S
    while True:
        found = look()
        if not (found.live or found.channels) or found.problem or time.monotonic() > deadline:
            return found
        time.sleep(0.3)


def _tables(sections: Collection[str]) -> str:
    return ", ".join(f"[{each}]" for each in sections)
