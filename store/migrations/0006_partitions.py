"""PostgreSQL keeps samples in partitions by `n`, so that forgetting them drops tables; SQLite stays as it is.

What is there becomes one partition as it stands: nothing is copied but what lies ahead of now. It is read once.
"""

import time

from peewee import Database, SqliteDatabase

_HOUR = 3_600_000


def up(_migrator: object, db: Database) -> None:
    if isinstance(db, SqliteDatabase):
        return
    db.execute_sql("ALTER TABLE sample RENAME TO sample_before")
    db.execute_sql("ALTER INDEX sample_pkey RENAME TO sample_before_pkey")
    db.execute_sql("CREATE TABLE sample (LIKE sample_before) PARTITION BY RANGE (n)")
    db.execute_sql("ALTER TABLE sample ADD PRIMARY KEY (node_id, n)")
    db.execute_sql("ALTER TABLE sample ADD FOREIGN KEY (node_id) REFERENCES node (id) ON DELETE CASCADE")
    db.execute_sql("CREATE TABLE sample_rest PARTITION OF sample DEFAULT")
    if not db.execute_sql("SELECT EXISTS (SELECT 1 FROM sample_before)").fetchone()[0]:
        db.execute_sql("DROP TABLE sample_before")
        return
    # Up to a full hour, from which the subscriber goes on.
    end = (time.time_ns() // 1_000_000 // _HOUR + 1) * _HOUR
    db.execute_sql(
        "WITH ahead AS (DELETE FROM sample_before WHERE n >= %s RETURNING *) "
        "INSERT INTO sample_rest SELECT * FROM ahead",
        (end,),
    )
    db.execute_sql(f"ALTER TABLE sample ATTACH PARTITION sample_before FOR VALUES FROM (MINVALUE) TO ({end})")
