"""The real servers that other tests stand on behave as their fixtures promise."""

import psycopg
import pytest
from paho.mqtt import publish
from paho.mqtt.client import MQTTv311

from tests.mosquitto import Mosquitto, StartMosquitto
from tests.ports import free_ports, is_listening
from tests.postgres import PostgresServer
from tests.waiting import eventually


def test_each_database_is_new_and_empty(postgres_server: PostgresServer) -> None:
    first, second = postgres_server.create_database(), postgres_server.create_database()
    with psycopg.connect(first) as connection:
        connection.execute("CREATE TABLE node (name text)")
    with psycopg.connect(second) as connection:
        assert connection.execute("SELECT to_regclass('node')").fetchone() == (None,)
    postgres_server.drop_database(first)
    postgres_server.drop_database(second)


def test_a_database_is_dropped_although_a_connection_is_open(postgres_server: PostgresServer) -> None:
    url = postgres_server.create_database()
    with psycopg.connect(url) as connection:
        postgres_server.drop_database(url)
        with pytest.raises(psycopg.OperationalError):
            connection.execute("SELECT 1")


def test_free_ports_are_different_and_nobody_listens_there() -> None:
    ports = free_ports(20)
    assert len(set(ports)) == 20
    assert not any(is_listening(port) for port in ports)


def test_mosquitto_lets_in_who_knows_the_password_and_nobody_else(start_mosquitto: StartMosquitto) -> None:
    broker = start_mosquitto(passwords={"rig": "right"})
    _publish(broker, password="right")
    with pytest.raises(Exception, match=r"[Nn]ot authori[sz]ed"):
        _publish(broker, password="wrong")


def test_mosquitto_is_gone_after_a_kill(mosquitto: Mosquitto) -> None:
    mosquitto.kill()
    eventually(lambda: not is_listening(mosquitto.port))


def _publish(broker: Mosquitto, *, password: str) -> None:
    publish.single(
        "a/b",
        b"hello",
        hostname="127.0.0.1",
        port=broker.port,
        auth={"username": "rig", "password": password},
        protocol=MQTTv311,
    )
