"""When each node came and went, for its history; what is known already is where it begins."""

from peewee import BigIntegerField, CharField, CompositeKey, Database, ForeignKeyField, Model, SqliteDatabase, TextField


def up(_migrator: object, db: Database) -> None:
    clustered = isinstance(db, SqliteDatabase)

    class Node(Model):
        class Meta:
            table_name = "node"
            database = db

    class NodeChange(Model):
        node = ForeignKeyField(Node, index=False, on_delete="CASCADE")
        at = BigIntegerField()
        state = CharField(16)
        reason = TextField()

        class Meta:
            table_name = "node_change"
            database = db
            primary_key = CompositeKey("node", "at")
            without_rowid = clustered

    db.create_tables([NodeChange])
    db.execute_sql(
        "INSERT INTO node_change (node_id, at, state, reason) "
        "SELECT id, state_at, state, reason FROM node WHERE state IS NOT NULL AND state_at IS NOT NULL"
    )
