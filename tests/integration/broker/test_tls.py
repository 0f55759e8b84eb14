"""MQTT over TLS: what a rig trusts, what it is protected from, and certificates that change under a running broker."""

import asyncio
import ssl
import warnings
from contextlib import suppress
from pathlib import Path

import msgspec
import pytest

from broker.certificates import Certificate
from broker.service import new_event_loop
from rigwatch.clock import SystemClock
from rigwatch.home import Home
from rigwatch.keys import MasterKey
from rigwatch.mqtt import Endpoint, LastWill, MqttConnection, Unreachable
from rigwatch.mqtt import MqttLogin as PahoLogin
from rigwatch.settings.server import BrokerSettings, ServerSettings
from rigwatch.tls import ca_pem, certificate_paths
from tests.fake_clock import START, FakeClock
from tests.integration.broker.peer import Peer
from tests.integration.broker.running import RIG1, broker_running, prepare_house, serving
from tests.ports import free_port
from tests.waiting import eventually_async

# As in production; test_amqtt_rows.py runs on asyncio's own loop, as Windows does.
LOOP = new_event_loop

STATUS1 = "rigwatch/v1/main/rig1/status"


async def test_a_publisher_reports_over_tls_and_its_will_is_sent(tmp_path: Path) -> None:
    async with broker_running(tmp_path, tls=True) as house, await house.watcher() as watcher:
        login = PahoLogin(str(RIG1), house.master.node_key(RIG1).mqtt_password, str(RIG1))
        endpoint = Endpoint("localhost", house.tls_port, tls=True, ca=ca_pem(house.home))
        node = await MqttConnection.open(endpoint, login, on_message=lambda _: None, will=LastWill(STATUS1, b"lost"))
        await node.publish(STATUS1, b"online", retain=True)
        assert (await watcher.receive()).payload == b"online"
        house.registry.revoke(RIG1, now=2)
        await node.lost
        assert (await watcher.receive()).payload == b"lost"


async def test_a_rig_does_not_talk_to_an_impostor(tmp_path: Path) -> None:
    other = Home(tmp_path / "other")
    other.prepare()
    async with broker_running(tmp_path / "broker", tls=True) as house:
        endpoint = Endpoint("localhost", house.tls_port, tls=True, ca=ca_pem(other))
        with pytest.raises(Unreachable):
            await MqttConnection.open(endpoint, PahoLogin("a", "secret", "a"), on_message=lambda _: None)


async def test_versions_before_tls_1_2_are_refused(tmp_path: Path) -> None:
    async with broker_running(tmp_path, tls=True) as house:
        old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
        old.set_ciphers("ALL:@SECLEVEL=0")
        with warnings.catch_warnings():
            # That they are old is the point.
            warnings.simplefilter("ignore", DeprecationWarning)
            old.maximum_version = old.minimum_version = ssl.TLSVersion.TLSv1_1
        with pytest.raises((ssl.SSLError, ConnectionError)):
            await asyncio.open_connection("127.0.0.1", house.tls_port, ssl=old, server_hostname="localhost")


async def test_the_users_own_certificate_is_served(tmp_path: Path) -> None:
    elsewhere = Home(tmp_path / "elsewhere")
    elsewhere.prepare()
    own, _ = certificate_paths(elsewhere, [], SystemClock().now())
    settings = ServerSettings(
        broker=BrokerSettings(
            host="127.0.0.1", port=free_port(), plain_port=free_port(), tls_certificate="own.pem", tls_key="own.pem"
        )
    )
    house = prepare_house(tmp_path / "home", settings)
    (house.home.path / "own.pem").write_bytes(own.read_bytes())
    async with serving(house.home, settings) as bound:
        trusting = ssl.create_default_context(cadata=ca_pem(elsewhere))
        peer = await Peer.join(bound.port, house.node(), tls=trusting)
        assert peer.code == 0
        peer.drop()
    assert not (house.home.tls / "server.pem").exists()


async def test_a_renewed_certificate_is_served_without_a_restart(tmp_path: Path) -> None:
    home, clock = Home(tmp_path), FakeClock()
    home.prepare()
    MasterKey.random().save(home.secret_key)
    certificate = Certificate(home, BrokerSettings(), clock)
    context, before = certificate.context, certificate_paths(home, [], START)[0].read_bytes()
    keeping = asyncio.create_task(certificate.keep_fresh())
    clock.set_wall(START + 380 * 24 * 3600 * 1000)
    await clock.advance(601)
    assert await eventually_async(lambda: (home.tls / "server.pem").read_bytes() != before)
    assert await eventually_async(lambda: served(context) not in before.decode())
    assert certificate.context is context
    keeping.cancel()
    await asyncio.gather(keeping, return_exceptions=True)


def served(context: ssl.SSLContext) -> str:
    """The certificate that a client gets to see, in PEM."""
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname, client.verify_mode = False, ssl.CERT_NONE
    there, back = ssl.MemoryBIO(), ssl.MemoryBIO()
    asking = client.wrap_bio(back, there)
    answering = context.wrap_bio(there, back, server_side=True)
    for side in (asking, answering, asking):
        with suppress(ssl.SSLWantReadError):
            side.do_handshake()
    found = asking.getpeercert(binary_form=True)
    assert found is not None
    return ssl.DER_cert_to_PEM_cert(found)


async def test_own_files_that_break_leave_the_old_certificate_in_use(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    home, clock = Home(tmp_path), FakeClock()
    home.prepare()
    own = tmp_path / "own.pem"
    own.write_bytes(certificate_paths(home, [], START)[0].read_bytes())
    settings = msgspec.structs.replace(BrokerSettings(), tls_certificate="own.pem", tls_key="own.pem")
    certificate = Certificate(home, settings, clock)
    own.write_text("half of a new one")
    await certificate.refresh()
    await certificate.refresh()
    assert caplog.text.count("the old one stays") == 1
    own.unlink()
    await certificate.refresh()
    assert caplog.text.count("the old one stays") == 2
