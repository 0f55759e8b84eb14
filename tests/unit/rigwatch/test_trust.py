"""Whom a token tells a rig to trust: by key wherever the broker shows its authority, else by certificate."""

from pathlib import Path

import pytest

from rigwatch.errors import RigwatchError
from rigwatch.home import Home
from rigwatch.pin import pin_of_file
from rigwatch.settings.loader import Secret
from rigwatch.settings.server import BrokerSettings
from rigwatch.tls import ca_pem, certificate_paths
from rigwatch.trust import Trust, trust_of_rigs
from tests.certificates import authority
from tests.fake_clock import START
from tests.ports import free_port

URL = "mqtts://monitor.example:8883"


@pytest.fixture
def home(tmp_path: Path) -> Home:
    made = Home(tmp_path / "home")
    made.prepare()
    return made


def test_our_own_authority_is_known_by_its_key(home: Home) -> None:
    assert trust_of_rigs(home, BrokerSettings(), URL) == Trust(pin=pin_of_file(home.tls / "ca.pem"))


def test_the_server_shows_its_authority_also_one_that_was_signed_anew(home: Home) -> None:
    path, _ = certificate_paths(home, [], START)
    former = ca_pem(home, START)
    assert former in path.read_text()
    later = START + 31 * 365 * 86_400_000
    path, _ = certificate_paths(home, [], later)
    assert ca_pem(home, later) != former
    assert ca_pem(home, later) in path.read_text()
    assert former not in path.read_text()


def test_whole_it_is_the_certificate_itself(home: Home) -> None:
    assert trust_of_rigs(home, BrokerSettings(), URL, whole=True) == Trust(ca=ca_pem(home))


def test_without_tls_nobody_is_trusted(home: Home) -> None:
    assert trust_of_rigs(home, BrokerSettings(), "mqtt://127.0.0.1:1883") == Trust()
    assert not home.tls.exists()


def test_an_own_certificate_of_a_public_authority_needs_none(home: Home) -> None:
    own = BrokerSettings(tls_certificate="a.pem", tls_key="a.pem")
    assert trust_of_rigs(home, own, URL) == Trust()


def test_an_own_authority_is_known_by_its_key_only_if_the_servers_file_shows_it(home: Home, tmp_path: Path) -> None:
    own = authority(tmp_path)
    ca = home.path / "company.pem"
    ca.write_text(own.pem)
    settings = BrokerSettings(tls_certificate=str(own.certificate), tls_key=str(own.key), tls_ca="company.pem")
    assert trust_of_rigs(home, settings, URL) == Trust(ca=own.pem)
    own.certificate.write_text(own.certificate.read_text() + own.pem)
    assert trust_of_rigs(home, settings, URL) == Trust(pin=pin_of_file(ca))
    # Two authorities are more than a pin can name.
    ca.write_text(own.pem + ca_pem(home, START))
    assert trust_of_rigs(home, settings, URL) == Trust(ca=ca.read_text())


def test_one_that_another_vouches_for_is_no_authority_to_pin(home: Home, tmp_path: Path) -> None:
    own = authority(tmp_path)
    (home.path / "leaf.pem").write_text(own.certificate.read_text())
    settings = BrokerSettings(tls_certificate=str(own.certificate), tls_key=str(own.key), tls_ca="leaf.pem")
    assert trust_of_rigs(home, settings, URL) == Trust(ca=own.certificate.read_text())


def test_an_external_broker_that_does_not_answer_gets_long_tokens(home: Home, tmp_path: Path) -> None:
    ca = home.path / "company.pem"
    ca.write_text(authority(tmp_path).pem)
    url = f"mqtts://127.0.0.1:{free_port()}"
    external = BrokerSettings(mode="external", url=Secret(url), tls_ca="company.pem")
    assert trust_of_rigs(home, external, url) == Trust(ca=ca.read_text())
    assert trust_of_rigs(home, BrokerSettings(mode="external", url=Secret(url)), url) == Trust()
    with pytest.raises(RigwatchError, match=r"missing\.pem: cannot be read"):
        trust_of_rigs(home, BrokerSettings(mode="external", url=Secret(url), tls_ca="missing.pem"), url)
