"""An installation of wtc-miner-monitor as it stands on somebody's disk: settings as people wrote them, and its rows."""

import sqlite3
from collections.abc import Iterable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import psycopg

from rigwatch.clock import Millis

KEY = "0123456789abcdef"
PASSWORD = "walton for ever"
TELEGRAM = "AAE-secret_token"
_SQLITE = """
CREATE TABLE hashlog (id INTEGER PRIMARY KEY AUTOINCREMENT, nodeid INTEGER, nodename VARCHAR(64), ts TIMESTAMP,
    hashrate INTEGER, ip VARCHAR(64), peercount INTEGER, blocknumber INTEGER)
"""
_POSTGRES = """
CREATE TABLE hashlog (id SERIAL PRIMARY KEY, nodeid INTEGER, nodename VARCHAR(64), ts TIMESTAMPTZ, hashrate BIGINT,
    ip VARCHAR(64), peercount INTEGER, blocknumber INTEGER)
"""
_ADD = "INSERT INTO hashlog (nodeid, nodename, ts, hashrate, ip, peercount, blocknumber) VALUES (?, ?, ?, ?, '', ?, ?)"


class Row(NamedTuple):
    """One row of `hashlog`; a time in milliseconds is written as the old server did, any text as it is."""

    node: int | None = 1
    name: str | None = "Comp 1"
    at: Millis | str | None = 0
    hashrate: int | None = 8000
    peers: int | None = 12
    block: int | None = 500_000

    def values(self) -> tuple[object, ...]:
        ts = f"{datetime.fromtimestamp(self.at / 1000, UTC):%Y-%m-%d %H:%M:%S}" if isinstance(self.at, int) else self.at
        return self.node, self.name, ts, self.hashrate, self.peers, self.block


def minutes_before(now: Millis, minutes: Iterable[int], node: int = 1, name: str = "Comp 1") -> list[Row]:
    """A row a minute, on full seconds."""
    return [Row(node, name, now // 1000 * 1000 - minute * 60_000, 8000 + minute) for minute in minutes]


def write_sqlite(path: Path, rows: Iterable[Row], *, wal: bool = False) -> Path:
    """Makes the old server's file, or adds to it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    is_new = not path.exists()
    with closing(sqlite3.connect(path)) as old:
        if wal:
            old.execute("PRAGMA journal_mode = wal")
        if is_new:
            old.execute(_SQLITE)
        old.executemany(_ADD, [row.values() for row in rows])
        old.commit()
    return path


def write_postgres(url: str, rows: Iterable[Row]) -> str:
    """The same in a `hashdb`."""
    with psycopg.connect(url) as old:
        old.execute(_POSTGRES.encode())
        with old.cursor() as cursor:
            # Times without a zone are UTC, as in the other one.
            cursor.execute("SET TIME ZONE 'UTC'")
            cursor.executemany(_ADD.replace("?", "%s").encode(), [row.values() for row in rows])
    return url


def write_server(folder: Path, *, web_port: int = 8090, hours: int = 48, postgres: str = "NO") -> Path:
    """`server-config.json` with tabs, CRLF and the commas that its description leaves out."""
    folder.mkdir(parents=True, exist_ok=True)
    text = (
        "\ufeff{\n"
        f'\t"MPort": "3333"\n\t"WEBPORT": "{web_port}",\n\t"EncryptionKey": "{KEY}",\n'
        f'\t"WEBUsername": "walton"\n\t"WEBPassword": "{PASSWORD}",\n'
        f'\t"UseTelegramBot": "YES",\n\t"TelegramBotAPIKey": "bot123456:{TELEGRAM}"\n'
        '\t"TelegramChannelID": "-1001234",\n'
        f'\t"Debug": "NO",\n\t"KeepLogsHours": {hours},\n\t"Postgres": "{postgres}",\n'
        '\t"TimeZoneLocation": "Europe/Zurich",\n}\n'
    )
    path = folder / "server-config.json"
    path.write_bytes(text.replace("\n", "\r\n").encode())
    return path


def write_client(
    folder: Path, *, number: int = 1, name: str = "Comp 1", rpc_port: int = 8545, gpu: str = "", seconds: int = 60
) -> Path:
    """`config.json` as its description has it."""
    folder.mkdir(parents=True, exist_ok=True)
    mode = f'"Mode": "GPU",\n"GpuMinerLocation": "{gpu}",' if gpu else '"Mode": "CPU",'
    path = folder / "config.json"
    path.write_text(
        f'{{\n"Id": {number}\n"Name": "{name}",\n"Server": "127.0.0.1:3333",\n"EncryptionKey": "{KEY}",\n'
        f'"Frequency": {seconds},\n{mode}\n"WaltonClientPath": "C:\\walton\\",\n"RpcPort": {rpc_port}\n}}\n',
        encoding="utf-8",
    )
    return path
