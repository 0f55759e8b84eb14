"""What each node took of the store on its last day: see `alerts.quota`."""

from peewee import Database


def up(_migrator: object, db: Database) -> None:
    for name, kind in (
        ("day", "INTEGER"),
        ("day_samples", "BIGINT"),
        ("day_bytes", "BIGINT"),
        ("day_refused", "BIGINT"),
    ):
        db.execute_sql(f"ALTER TABLE node ADD COLUMN {name} {kind} NOT NULL DEFAULT 0")
