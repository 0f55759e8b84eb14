"""How long a node's pool takes to answer."""

from peewee import Database


def up(_migrator: object, db: Database) -> None:
    db.execute_sql("ALTER TABLE sample ADD COLUMN pool_latency INTEGER")
