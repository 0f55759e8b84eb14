"""When each node's last session was first heard of alive: whether it has come back since the server began to listen."""

from peewee import Database


def up(_migrator: object, db: Database) -> None:
    db.execute_sql("ALTER TABLE node ADD COLUMN born_at BIGINT")
