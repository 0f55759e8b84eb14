"""Incidents are listed by state and age with every filter answered from the index; a mark says when to look again."""

from peewee import Database


def up(_migrator: object, db: Database) -> None:
    db.execute_sql(
        "CREATE INDEX incident_listed ON incident (state, since, id, parent_id, severity, rule, scope, site, name)"
    )
    db.execute_sql("CREATE INDEX notification_created_at ON notification (created_at)")
    db.execute_sql("INSERT INTO mark (name, value) VALUES ('incidents_changed', 0)")
