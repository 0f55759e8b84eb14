"""PostgreSQL writes a changed row anew; rows that change with every report get room for that beside them.

Without it the new versions go to the end of the table, which grows to many times its size between two vacuums, and is
read from end to end for every page.
"""

from peewee import Database, SqliteDatabase


def up(_migrator: object, db: Database) -> None:
    if isinstance(db, SqliteDatabase):
        return
    db.execute_sql("ALTER TABLE node SET (fillfactor = 25)")
    # What is there already is laid out anew; a row a node, so that takes no time.
    db.execute_sql("CLUSTER node USING node_pkey")
    # Only the running hour of each node changes.
    db.execute_sql("ALTER TABLE node_hour SET (fillfactor = 60)")
