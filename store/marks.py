"""Counters that tell readers that something changed, moved in the transaction that changes it."""

from store.work import Transaction

_BUMP = "UPDATE mark SET value = value + 1 WHERE name = ?"
_READ = "SELECT value FROM mark WHERE name = ?"
_STAMP = """
SELECT (SELECT value FROM mark WHERE name = 'alerts_changed'),
       (SELECT value FROM mark WHERE name = 'incidents_changed')
"""


def touch(work: Transaction) -> None:
    """Tells the engine, wherever it runs, that people have changed something."""
    work.run(_BUMP, ("alerts_changed",))


def changed(work: Transaction) -> int:
    """Differs after every `touch`."""
    return int(work.rows(_READ, ("alerts_changed",))[0][0])


def told(work: Transaction) -> None:
    """Tells readers that incidents, their stories or their messages changed; whoever drives the alerts says so."""
    work.run(_BUMP, ("incidents_changed",))


def stamp(work: Transaction) -> tuple[int, int]:
    """Differs whenever anything that a page about incidents shows has changed; some 10 µs."""
    people, engine = work.rows(_STAMP)[0]
    return int(people), int(engine)
