"""How often a message may have arrived, and where Telegram's groups have moved to."""

from peewee import Database


def up(_migrator: object, db: Database) -> None:
    db.execute_sql("ALTER TABLE notification ADD COLUMN copies INTEGER NOT NULL DEFAULT 0")
    # Whether one that had failed may have arrived stood in its error only. To psycopg two % are one, to LIKE as good.
    db.execute_sql("UPDATE notification SET copies = 1 WHERE state = 'queued' AND error LIKE '%%time%%'")
    db.execute_sql(
        "CREATE TABLE moved_chat (chat BIGINT NOT NULL PRIMARY KEY, moved_to BIGINT NOT NULL, moved_at BIGINT NOT NULL)"
    )
