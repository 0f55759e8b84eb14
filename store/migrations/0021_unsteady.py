"""A node that comes and goes many times a minute takes one row of its history for all of that."""

from peewee import Database


def up(_migrator: object, db: Database) -> None:
    db.execute_sql("ALTER TABLE node_change ADD COLUMN times INTEGER NOT NULL DEFAULT 1")
    db.execute_sql("ALTER TABLE node_change ADD COLUMN until BIGINT")
