"""Connections to PostgreSQL that notice on either side when the other machine is gone; what is asked is not known here.

A machine without power says nothing. Without this its transaction would hold its rows, and its turn at the alerts, for
the two hours after which TCP begins to ask; and a subscriber whose database is gone would wait for a quarter of one.
Nor does a process that was stopped, whose transaction the server ends when nothing was said in it for some seconds; one
that computes in it, for thousands of nodes on a busy machine, or waits for a file, says that it is there.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import psycopg
from peewee import PostgresqlDatabase
from playhouse.pool import PooledPostgresqlDatabase

ANSWER_S: Final = 15
"""How long a peer may leave what it was sent unconfirmed, or keep silent when asked whether it is there."""

CONNECT: Final[dict[str, Any]] = {
    # Of our side: asked after 5 s of silence, and twice more.
    "keepalives_idle": 5,
    "keepalives_interval": 5,
    "keepalives_count": 2,
    "tcp_user_timeout": ANSWER_S * 1000,
    # Whatever the environment says: names and errors may have any letter.
    "client_encoding": "utf8",
}
"""Parameters for `psycopg.connect`."""

TALK_S: Final = 1.0
"""How often a transaction in which nothing is asked says that its process is there: well within the server's 5 s."""
TALKS: Final = 60
"""So often in one transaction. Whoever is at one for that long hangs, and gives back what it holds."""

# The same of the server's side, and an end for transactions of a process that was stopped in the middle of one. As
# settings of the session, since start-up parameters are refused by some poolers; of those that this server knows.
_GUARD: Final = """
SELECT set_config(wanted.name, wanted.value, false), pg_backend_pid()
FROM (VALUES ('tcp_keepalives_idle', '5'), ('tcp_keepalives_interval', '5'), ('tcp_keepalives_count', '2'),
             ('tcp_user_timeout', '15000'), ('idle_in_transaction_session_timeout', '5000')) AS wanted (name, value)
JOIN pg_settings ON pg_settings.name = wanted.name
"""


_GUARD_TRANSACTION: Final = "SET LOCAL idle_in_transaction_session_timeout = '5s'"


def guard(connection: "psycopg.Connection[Any]") -> None:
    """Makes the server notice when we are gone; the connection is outside of a transaction, in autocommit.

    Behind a pooler (PgBouncer, hosted databases) the next transaction may be another connection's, which knows neither
    the settings of this one nor what was prepared on it: then nothing is prepared, and each transaction is guarded.
    """
    rows = connection.execute(_GUARD).fetchall()
    # A pooler makes up the number that it gives a client as the server's.
    if any(number != connection.info.backend_pid for _, number in rows):
        connection.prepare_threshold = None


def is_pooled(connection: "psycopg.Connection[Any]") -> bool:
    """Whether `guard` has found a pooler between us and the server."""
    return connection.prepare_threshold is None


@contextmanager
def talking(connection: "psycopg.Connection[Any]") -> Iterator[None]:
    """Inside of a transaction: the server does not take this process for one that was stopped, until it is."""
    if is_pooled(connection):
        connection.execute(_GUARD_TRANSACTION)
    ended = threading.Event()

    def talk() -> None:
        for _ in range(TALKS):
            if ended.wait(TALK_S) or not _spoke(connection):
                return

    thread = threading.Thread(target=talk, name="postgres", daemon=True)
    try:
        thread.start()
    except RuntimeError:
        # No thread to be had: the transaction has the server's few seconds, as it would anyway.
        yield
        return
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _spoke(connection: "psycopg.Connection[Any]") -> bool:
    """Between two statements, of which a COPY is one; whether there is any use in going on."""
    with connection.lock:
        if connection.pgconn.transaction_status != psycopg.pq.TransactionStatus.INTRANS:
            return not connection.closed
        try:
            connection.pgconn.exec_(b"SELECT 1")
        except psycopg.Error:
            # Whoever asks something next is told.
            return False
    return True


class Guarded(PostgresqlDatabase):
    """A database whose connections are guarded."""

    def _connect(self) -> Any:  # noqa: ANN401 - Peewee's is not annotated
        connection = super()._connect()  # type: ignore[misc] # Peewee's stubs leave it out
        guard(connection)
        return connection


class GuardedPool(PooledPostgresqlDatabase, Guarded):  # type: ignore[misc] # playhouse has no stubs
    """The same, kept and lent again."""
