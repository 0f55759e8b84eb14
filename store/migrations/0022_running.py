"""What each subscriber runs with, so that commands and pages can say what it has not taken over."""

from peewee import CharField, Database, Model, TextField


def up(_migrator: object, db: Database) -> None:
    class Running(Model):
        name = CharField(255, primary_key=True)
        detail = TextField()

        class Meta:
            table_name = "running"
            database = db

    db.create_tables([Running])
