"""What people decide about quiet: silences and maintenance, made and ended."""

from datetime import tzinfo

from msgspec.structs import replace

from alerts.silence import Silence
from alerts.silence_request import SilenceRequest, silence_of
from alerts.words import duration
from rigwatch.clock import Millis
from rigwatch.errors import NotDone
from store import silences
from store.acts.actor import Actor, reasoned
from store.transaction import Transaction


def add(tx: Transaction, actor: Actor, now: Millis, request: SilenceRequest, *, zone: tzinfo) -> Silence:
    """Takes effect within a second. Raises `SilenceRequestError`."""
    silence = silence_of(request, now, zone, by=actor.signature)
    silence = replace(silence, id=silences.add(tx, silence))
    every = f" every {silence.every}" if silence.every else ""
    about = f"{silence.matcher}{every} for {duration(silence.lasts or silence.ends_at - silence.starts_at)}"
    actor.note(tx, now, f"{silence.kind}.add", f"quiet {silence.id}", detail=reasoned(about, silence.why))
    return silence


def end(tx: Transaction, actor: Actor, now: Millis, number: int) -> Silence:
    """Ends it now; it stays for the record. `NotDone` when none with this number is running or planned."""
    found = next((each for each in silences.running(tx, now) if each.id == number), None)
    # On PostgreSQL somebody else may have ended it since it was looked for.
    if found is None or not silences.end(tx, number, by=actor.signature, now=now):
        raise NotDone(f"silence {number}: there is none that is not over; 'rigwatch silence list' shows them")
    actor.note(tx, now, f"{found.kind}.end", f"quiet {number}")
    return replace(found, ends_at=now, ended_by=actor.signature)
