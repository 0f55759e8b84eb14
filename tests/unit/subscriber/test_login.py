"""Where the subscriber goes, and as whom."""

from pathlib import Path

import pytest

from rigwatch.errors import SettingsError
from rigwatch.home import Home
from rigwatch.mqtt import Endpoint
from rigwatch.settings.loader import Secret
from rigwatch.settings.server import BrokerSettings, ServerSettings
from rigwatch.tls import ca_pem
from subscriber.login import endpoint_of, login_of
from tests.rigs import MASTER


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


def external(url: str) -> ServerSettings:
    return ServerSettings(broker=BrokerSettings(mode="external", url=Secret(url)))


def test_its_name_fits_into_the_database_whatever_the_machine_is_called(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("socket.gethostname", lambda: "a-very-long-name." * 4)
    login = login_of(external(f"mqtt://{'user' * 20}:secret@broker.example"), MASTER, home)
    assert len(login.client_id) <= 64
    assert login.username == "user" * 20


def test_it_takes_the_plain_listener_of_the_embedded_broker(home: Home) -> None:
    assert endpoint_of(home, BrokerSettings(plain_port=1884)) == Endpoint("127.0.0.1", 1884)


def test_it_reaches_a_listener_on_every_address_over_loopback(home: Home) -> None:
    assert endpoint_of(home, BrokerSettings(plain_host="0.0.0.0")) == Endpoint("127.0.0.1", 1883)
    assert endpoint_of(home, BrokerSettings(plain_host="::")) == Endpoint("::1", 1883)


def test_without_a_plain_listener_it_takes_tls_and_trusts_the_home_s_authority(home: Home) -> None:
    endpoint = endpoint_of(home, BrokerSettings(plain_port=0, port=8884))
    assert endpoint == Endpoint("127.0.0.1", 8884, tls=True, ca=ca_pem(home))


def test_with_a_certificate_of_the_user_s_it_goes_by_the_advertised_name(home: Home) -> None:
    (home.path / "ca.pem").write_text("PEM")
    broker = BrokerSettings(
        plain_port=0, advertise="monitor.example", tls_certificate="c.pem", tls_key="k.pem", tls_ca="ca.pem"
    )
    assert endpoint_of(home, broker) == Endpoint("monitor.example", 8883, tls=True, ca="PEM")


def test_an_authority_that_is_not_there_is_named(home: Home) -> None:
    broker = BrokerSettings(plain_port=0, tls_certificate="c.pem", tls_key="k.pem", tls_ca="ca.pem")
    with pytest.raises(SettingsError, match=r"tls_ca: .*ca\.pem cannot be read"):
        endpoint_of(home, broker)


def test_it_takes_the_external_broker_with_its_login(home: Home) -> None:
    settings = external("mqtts://watcher:p%40ss@broker.example")
    assert endpoint_of(home, settings.broker) == Endpoint("broker.example", 8883, tls=True)
    login = login_of(settings, MASTER, home)
    assert (login.username, login.password) == ("watcher", "p@ss")
    assert login.client_id.startswith("watcher.")


def test_its_own_account_is_the_default(home: Home) -> None:
    for settings in (ServerSettings(), external("mqtt://broker.example")):
        login = login_of(settings, MASTER, home)
        assert (login.username, login.password) == ("subscriber", MASTER.service_password("subscriber"))
    assert login_of(ServerSettings(), MASTER, home).client_id == "subscriber"


def test_two_on_one_machine_have_client_ids_of_their_own_that_stay_the_same(tmp_path: Path) -> None:
    settings = external("mqtt://broker.example")
    one, same, other = (login_of(settings, MASTER, Home(tmp_path / name)).client_id for name in ("one", "one", "two"))
    assert one == same != other
