"""Which key each node was heard with last, and the session beside its current one: see `alerts.ingest.NodeSession`."""

from peewee import Database


def up(_migrator: object, db: Database) -> None:
    db.execute_sql("ALTER TABLE node ADD COLUMN generation INTEGER NOT NULL DEFAULT 0")
    db.execute_sql("ALTER TABLE node ADD COLUMN other_session BIGINT NOT NULL DEFAULT 0")
