"""Counters that tell readers that something changed, moved in the transaction that changes it."""

from store.transaction import Transaction

_BUMP = "UPDATE mark SET value = value + 1 WHERE name = ?"
_READ = "SELECT value FROM mark WHERE name = ?"
_STAMP = """
SELECT (SELECT value FROM mark WHERE name = 'alerts_changed'),
       (SELECT value FROM mark WHERE name = 'incidents_changed')
"""


def touch(tx: Transaction) -> None:
    """Tells the engine, wherever it runs, that people have changed something."""
    tx.run(_BUMP, ("alerts_changed",))


def changed(tx: Transaction) -> int:
    """Differs after every `touch`."""
    return int(tx.value(_READ, ("alerts_changed",)))


def told(tx: Transaction) -> None:
    """Tells readers that incidents, their stories or their messages changed; whoever drives the alerts says so."""
    tx.run(_BUMP, ("incidents_changed",))


def settings_touched(tx: Transaction) -> None:
    """Tells every part that somebody has changed a setting in the page."""
    tx.run(_BUMP, ("settings_changed",))


def settings_changed(tx: Transaction) -> int:
    """Differs after every `settings_touched`; some 10 µs."""
    return int(tx.value(_READ, ("settings_changed",)))


def stamp(tx: Transaction) -> tuple[int, int]:
    """Differs whenever anything that a page about incidents shows has changed; some 10 µs."""
    people, engine = tx.rows(_STAMP)[0]
    return int(people), int(engine)
