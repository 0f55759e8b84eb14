"""Which nodes two publishers were seen to publish, when last, and by what that was known."""

from peewee import Database


def up(_migrator: object, db: Database) -> None:
    db.execute_sql("ALTER TABLE node ADD COLUMN contested_at BIGINT")
    db.execute_sql("ALTER TABLE node ADD COLUMN contest TEXT NOT NULL DEFAULT ''")
