"""Each node's highest `n`: what is above it is new, and need not be looked for among its samples."""

from peewee import Database


def up(_migrator: object, db: Database) -> None:
    db.execute_sql("ALTER TABLE node ADD COLUMN highest_n BIGINT NOT NULL DEFAULT 0")
    db.execute_sql("UPDATE node SET highest_n = coalesce((SELECT max(s.n) FROM sample s WHERE s.node_id = node.id), 0)")
