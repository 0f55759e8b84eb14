"""As which each node that was moved was known first: programs that watch it by its name know it as that."""

from peewee import Database


def up(_migrator: object, db: Database) -> None:
    db.execute_sql("ALTER TABLE node ADD COLUMN origin TEXT")
