"""The authority that a short token names by its key: fetched from whoever answers, and believed only with that key."""

import datetime as dt
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from rigwatch import tls
from rigwatch.authority import forget_authorities
from rigwatch.clock import millis_of
from rigwatch.home import Home, write_private
from rigwatch.mqtt import Endpoint, MqttConnection, Unreachable
from rigwatch.pin import pin_of_file, pins_of_pem
from rigwatch.settings.loader import Secret
from rigwatch.settings.server import BrokerSettings
from rigwatch.tls import ca_pem, certificate_paths, context_of
from rigwatch.trust import Trust, trust_of_rigs
from tests.certificates import Authority, authority
from tests.integration.rigwatch.connecting import LOGIN, Heard
from tests.integration.rigwatch.test_mqtt_answers import accepting
from tests.mosquitto import StartMosquitto
from tests.ports import free_port
from tests.scripted_broker import scripted_broker

NOW = dt.datetime.now(dt.UTC)


@pytest.fixture(autouse=True)
def _forgotten() -> Iterator[None]:
    forget_authorities()
    yield
    forget_authorities()


def shows(trusted: Authority, *more: str) -> ssl.SSLContext:
    """A server that shows its certificate and these behind it."""
    chain = trusted.certificate.with_name("chain.pem")
    chain.write_text(trusted.certificate.read_text() + "".join(more))
    return context_of(chain, trusted.key)


def pin(pem: str) -> str:
    (found,) = pins_of_pem(pem)
    return found


async def connect(port: int, named: str) -> None:
    endpoint = Endpoint("127.0.0.1", port, tls=True, pin=named)
    connection = await MqttConnection.open(endpoint, LOGIN, on_message=Heard())
    await connection.close()


async def refused(context: ssl.SSLContext, named: str, match: str) -> None:
    """And has sent nothing, its password least of all."""
    async with scripted_broker(accepting, tls=context) as broker:
        with pytest.raises(Unreachable, match=match):
            await connect(broker.port, named)
        assert broker.received == []


async def test_a_server_that_shows_the_named_authority_is_trusted_and_it_is_fetched_once(tmp_path: Path) -> None:
    trusted = authority(tmp_path)
    async with scripted_broker(accepting, tls=shows(trusted, trusted.pem)) as broker:
        await connect(broker.port, pin(trusted.pem))
        assert broker.connections == 2
        await connect(broker.port, pin(trusted.pem))
        assert broker.connections == 3


async def test_a_broker_of_others_that_shows_its_authority_is_trusted(
    start_mosquitto: StartMosquitto, tmp_path: Path
) -> None:
    trusted, port = authority(tmp_path), free_port()
    shows(trusted, trusted.pem)
    chain = tmp_path / "chain.pem"
    start_mosquitto(lines=[f"listener {port} 127.0.0.1", f"certfile {chain}", f"keyfile {trusted.key}"])
    await connect(port, pin(trusted.pem))
    # And whoever enrols nodes there sees that a pin will do.
    home, url = Home(tmp_path / "home"), f"mqtts://127.0.0.1:{port}"
    home.prepare()
    (home.path / "company.pem").write_text(trusted.pem)
    external = BrokerSettings(mode="external", url=Secret(url), tls_ca="company.pem")
    assert trust_of_rigs(home, external, url) == Trust(pin=pin(trusted.pem))


async def test_a_server_that_does_not_show_it_is_not_trusted(tmp_path: Path) -> None:
    trusted, other = authority(tmp_path / "a"), authority(tmp_path / "b")
    not_it = "is not the server that the token is for"
    await refused(shows(trusted), pin(trusted.pem), not_it)
    await refused(shows(other, other.pem), pin(trusted.pem), not_it)


async def test_who_shows_the_authority_beside_a_certificate_that_is_not_of_it_is_an_impostor(tmp_path: Path) -> None:
    trusted, impostor = authority(tmp_path / "a"), authority(tmp_path / "b")
    await refused(shows(impostor, trusted.pem), pin(trusted.pem), "TLS: .*certificate")


async def test_a_certificate_of_the_authoritys_key_that_another_has_signed_is_not_the_authority(tmp_path: Path) -> None:
    trusted, forger = authority(tmp_path), ec.generate_private_key(ec.SECP256R1())
    genuine = x509.load_pem_x509_certificate(trusted.pem.encode())
    forged = (
        x509.CertificateBuilder()
        .subject_name(genuine.subject)
        .issuer_name(genuine.subject)
        .public_key(genuine.public_key())
        .serial_number(1)
        .not_valid_before(genuine.not_valid_before_utc)
        .not_valid_after(genuine.not_valid_after_utc)
        .add_extension(x509.BasicConstraints(ca=True, path_length=9), critical=True)
        .sign(forger, hashes.SHA256())
    )
    shown = shows(trusted, forged.public_bytes(Encoding.PEM).decode())
    await refused(shown, pin(trusted.pem), "TLS: certificate signature failure")


async def test_the_name_and_the_dates_of_the_certificate_count_as_with_any_authority(tmp_path: Path) -> None:
    elsewhere = authority(tmp_path, "elsewhere.example")
    await refused(shows(elsewhere, elsewhere.pem), pin(elsewhere.pem), r"TLS: .*not valid for '127\.0\.0\.1'")


async def test_a_certificate_refused_for_its_dates_names_the_clock(tmp_path: Path) -> None:
    for begins, said in ((NOW + dt.timedelta(days=9), "not yet valid"), (NOW - dt.timedelta(days=999), "expired")):
        home = Home(tmp_path / said[:3])
        home.prepare()
        context = context_of(*certificate_paths(home, [], millis_of(begins)))
        named = pin(ca_pem(home))
        await refused(context, named, rf"certificate (is|has) {said}.* clock, which says {NOW:%Y-%m-%d}.*set it")


async def test_what_is_pinned_survives_a_new_certificate_of_the_server(tmp_path: Path) -> None:
    home, now = Home(tmp_path / "home"), millis_of(NOW)
    home.prepare()
    path, _ = certificate_paths(home, [], now)
    before, context, named = path.read_bytes(), context_of(path, path), pin_of_file(home.tls / "ca.pem")
    async with scripted_broker(accepting, tls=context) as broker:
        await connect(broker.port, named)
        certificate_paths(home, ["another.example"], now)
        assert path.read_bytes() != before
        context.load_cert_chain(path, path)
        await connect(broker.port, named)
        forget_authorities()
        await connect(broker.port, named)


async def test_an_authority_that_is_signed_anew_while_a_rig_runs_is_taken_at_its_next_try(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    former = tls._new_authority(NOW - dt.timedelta(days=365 * 31))
    shown = former.certificate.public_bytes(Encoding.PEM)
    write_private(home.tls / "authority.pem", former.pem)
    write_private(home.tls / "server.pem", tls._issue(former, ["127.0.0.1"], NOW - dt.timedelta(days=500)).pem + shown)
    path, named = home.tls / "server.pem", pin(shown.decode())
    context = context_of(path, path)
    async with scripted_broker(accepting, tls=context) as broker:
        with pytest.raises(Unreachable, match="expired"):
            await connect(broker.port, named)
        # The clock, or the file, is put right: another certificate of the same key.
        certificate_paths(home, [], millis_of(NOW))
        context.load_cert_chain(path, path)
        await connect(broker.port, named)
