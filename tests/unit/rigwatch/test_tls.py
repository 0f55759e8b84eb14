import socket
import ssl
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from rigwatch.clock import as_datetime
from rigwatch.errors import RigwatchError
from rigwatch.home import Home
from rigwatch.settings.server import BrokerSettings
from rigwatch.tls import ca_pem, certificate_paths, context_of, trusted_by_clients
from tests.fake_clock import START

DAY = 24 * 3600 * 1000


def home(folder: Path) -> Home:
    made = Home(folder / "home")
    made.prepare()
    return made


def certificate(path: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificates(path.read_bytes())[0]


def names(path: Path) -> set[str]:
    found = certificate(path).extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return {str(each.value) for each in found}


def shake_hands(server: ssl.SSLContext, client: ssl.SSLContext, name: str) -> str | None:
    """The TLS version that both agree on."""
    ours, theirs = socket.socketpair()
    with ours, theirs, ThreadPoolExecutor(1) as pool:
        answering = pool.submit(server.wrap_socket, ours, server_side=True)
        try:
            with client.wrap_socket(theirs, server_hostname=name) as line, answering.result(5):
                return line.version()
        except ssl.SSLError:
            theirs.close()
            answering.exception(5)
            raise


def test_a_client_that_trusts_the_authority_accepts_the_server_by_each_of_its_names(tmp_path: Path) -> None:
    place = home(tmp_path)
    server = context_of(*certificate_paths(place, ["monitor.example", "192.0.2.7"], START))
    client = ssl.create_default_context(cadata=ca_pem(place, START))
    # OpenSSL judges by the machine's clock, which is not the test's.
    client.verify_flags |= 0x200000
    for name in ("localhost", "127.0.0.1", "monitor.example", "192.0.2.7", socket.gethostname().lower()):
        assert shake_hands(server, client, name) == "TLSv1.3"
    with pytest.raises(ssl.SSLCertVerificationError, match="mismatch"):
        shake_hands(server, client, "elsewhere.example")


def test_a_client_that_does_not_trust_the_authority_refuses(tmp_path: Path) -> None:
    server = context_of(*certificate_paths(home(tmp_path), [], START))
    with pytest.raises(ssl.SSLCertVerificationError):
        shake_hands(server, ssl.create_default_context(), "localhost")


def test_versions_before_tls_1_2_are_refused(tmp_path: Path) -> None:
    server = context_of(*certificate_paths(home(tmp_path), [], START))
    assert server.minimum_version is ssl.TLSVersion.TLSv1_2
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname, client.verify_mode = False, ssl.CERT_NONE
    client.maximum_version = ssl.TLSVersion.TLSv1_2
    assert shake_hands(server, client, "localhost") == "TLSv1.2"


def test_keys_are_for_the_owner_only(tmp_path: Path) -> None:
    place = home(tmp_path)
    certificate_paths(place, [], START)
    found = {path.name: path.stat().st_mode & 0o777 for path in place.tls.iterdir()}
    assert found == dict.fromkeys(("authority.pem", "ca.pem", "server.lock", "server.pem"), 0o600)
    assert place.tls.stat().st_mode & 0o777 == 0o700
    assert "PRIVATE" not in ca_pem(place, START)


def test_the_keys_are_on_the_curve_p_256(tmp_path: Path) -> None:
    place = home(tmp_path)
    path, _ = certificate_paths(place, [], START)
    for file in (path, place.tls / "authority.pem"):
        key = certificate(file).public_key()
        assert getattr(key, "curve").name == "secp256r1"  # noqa: B009 - of no common type


def test_a_good_certificate_stays_as_it_is(tmp_path: Path) -> None:
    place = home(tmp_path)
    path, key = certificate_paths(place, ["a.example"], START)
    before = path.read_bytes()
    assert certificate_paths(place, ["a.example"], START + 300 * DAY) == (path, key)
    assert path.read_bytes() == before


def test_it_is_renewed_long_before_it_ends_and_signed_by_the_same_authority(tmp_path: Path) -> None:
    place = home(tmp_path)
    path, _ = certificate_paths(place, [], START)
    before, authority = certificate(path), ca_pem(place, START)
    later = START + 350 * DAY
    assert as_datetime(later) < before.not_valid_after_utc
    certificate_paths(place, [], later)
    assert certificate(path).serial_number != before.serial_number
    assert certificate(path).not_valid_after_utc - as_datetime(later) > timedelta(days=390)
    assert ca_pem(place, later) == authority


NOW = 1_795_000_000_000
IN_1970, IN_2040 = 3_600_000, 2_210_000_000_000


@pytest.mark.parametrize("wrong", [IN_1970, IN_2040])
def test_a_first_start_with_a_wrong_clock_is_put_right_with_the_clock(tmp_path: Path, wrong: int) -> None:
    place = home(tmp_path)
    path, _ = certificate_paths(place, [], wrong)
    trusted = ca_pem(place, wrong)
    certificate_paths(place, [], NOW)
    # What was given to rigs meanwhile goes on to be true.
    assert ca_pem(place, NOW) == trusted
    for each in (certificate(path), certificate(place.tls / "authority.pem")):
        assert each.not_valid_before_utc < as_datetime(NOW) < each.not_valid_after_utc
    assert certificate(path).not_valid_after_utc - as_datetime(NOW) < timedelta(days=398)
    client = ssl.create_default_context(cadata=trusted)
    if wrong == IN_1970:
        assert shake_hands(context_of(path, path), client, "localhost") == "TLSv1.3"


@pytest.mark.parametrize("ends", ["1999-12-24", "2070-01-01"])
def test_an_authority_that_was_made_with_a_wrong_clock_is_signed_anew_with_the_same_key(
    tmp_path: Path, ends: str, caplog: pytest.LogCaptureFixture
) -> None:
    place = home(tmp_path)
    certificate_paths(place, [], NOW)
    before = certificate(place.tls / "authority.pem")
    end = datetime.fromisoformat(ends).replace(tzinfo=UTC)
    _made_at_another_time(place.tls / "authority.pem", end - timedelta(days=365 * 30), end)
    (place.tls / "server.pem").unlink()
    path, _ = certificate_paths(place, [], NOW)
    after = certificate(place.tls / "authority.pem")
    assert after.subject == before.subject
    assert after.public_key() == before.public_key()
    assert after.not_valid_before_utc < as_datetime(NOW) < after.not_valid_after_utc
    certificate(path).verify_directly_issued_by(after)
    assert (place.tls / "ca.pem").read_text() == ca_pem(place, NOW)
    assert "rigwatch enroll" in caplog.text


def _made_at_another_time(path: Path, begins: datetime, ends: datetime) -> None:
    """As versions did that took the clock at its word."""
    data = path.read_bytes()
    key = serialization.load_pem_private_key(data, password=None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    old = x509.load_pem_x509_certificates(data)[0]
    builder = x509.CertificateBuilder(old.issuer, old.subject, key.public_key(), old.serial_number, begins, ends)
    for each in old.extensions:
        builder = builder.add_extension(each.value, critical=each.critical)
    pem = builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    path.write_bytes(data[: data.index(b"-----BEGIN CERTIFICATE")] + pem)


def test_it_is_made_anew_when_a_name_is_missing(tmp_path: Path) -> None:
    place = home(tmp_path)
    path, _ = certificate_paths(place, [], START)
    assert "monitor.example" not in names(path)
    certificate_paths(place, ["monitor.example", "2001:db8::7"], START)
    assert {"monitor.example", "2001:db8::7", "localhost", "127.0.0.1"} <= names(path)


def test_a_certificate_of_another_authority_is_replaced(tmp_path: Path) -> None:
    one, other = home(tmp_path / "one"), home(tmp_path / "other")
    path, _ = certificate_paths(one, [], START)
    theirs, _ = certificate_paths(other, [], START)
    path.write_bytes(theirs.read_bytes())
    certificate_paths(one, [], START)
    certificate(path).verify_directly_issued_by(certificate(one.tls / "authority.pem"))


def test_a_clock_that_is_behind_by_a_day_accepts_a_new_certificate(tmp_path: Path) -> None:
    path, _ = certificate_paths(home(tmp_path), [], START)
    assert certificate(path).not_valid_before_utc < as_datetime(START - DAY)


def test_processes_that_start_together_serve_one_certificate(tmp_path: Path) -> None:
    made, barrier = home(tmp_path), threading.Barrier(4)

    def start(_number: int) -> bytes:
        barrier.wait()
        path, _key = certificate_paths(made, [], START)
        return path.read_bytes()

    with ThreadPoolExecutor(4) as pool:
        assert len(set(pool.map(start, range(4)))) == 1


def test_processes_that_start_together_agree_on_one_authority(tmp_path: Path) -> None:
    place, gate = home(tmp_path), threading.Barrier(4)

    def start() -> tuple[bytes, str]:
        gate.wait()
        certificate_paths(place, [], START)
        return b"", ca_pem(place, START)

    with ThreadPoolExecutor(4) as pool:
        found = {each.result()[1] for each in [pool.submit(start) for _ in range(4)]}
    assert len(found) == 1
    certificate(place.tls / "server.pem").verify_directly_issued_by(certificate(place.tls / "authority.pem"))
    assert sorted(path.name for path in place.tls.iterdir()) == ["authority.pem", "ca.pem", "server.lock", "server.pem"]


@pytest.mark.parametrize(
    "content", [b"", b"not PEM", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"]
)
def test_a_broken_file_is_named(tmp_path: Path, content: bytes) -> None:
    place = home(tmp_path)
    certificate_paths(place, [], START)
    (place.tls / "authority.pem").write_bytes(content)
    with pytest.raises(RigwatchError, match=r"authority\.pem: cannot be read as a key and its certificate"):
        certificate_paths(place, [], START)


def test_files_of_the_user_that_do_not_fit_are_named(tmp_path: Path) -> None:
    one, other = home(tmp_path / "one"), home(tmp_path / "other")
    mine, _ = certificate_paths(one, [], START)
    certificate_paths(other, [], START)
    alone = tmp_path / "alone.pem"
    alone.write_text(ca_pem(one, START))
    context_of(mine, mine)
    with pytest.raises(RigwatchError, match=r"nothing\.pem: is not there"):
        context_of(mine, tmp_path / "nothing.pem")
    with pytest.raises(RigwatchError, match=r"alone\.pem .* are not a PEM certificate and its unencrypted key"):
        context_of(alone, alone)


def test_a_home_that_cannot_be_written_is_one_clear_line(tmp_path: Path) -> None:
    place = home(tmp_path)
    place.tls.write_text("a file where a directory should be")
    with pytest.raises(RigwatchError, match=r"authority\.pem: cannot be"):
        certificate_paths(place, [], START)


def test_rigs_are_told_to_trust_what_signs_the_certificate_they_will_see(tmp_path: Path) -> None:
    place = home(tmp_path)
    assert trusted_by_clients(place, BrokerSettings()) == ca_pem(place)
    public = BrokerSettings(tls_certificate="a.pem", tls_key="a.pem")
    assert trusted_by_clients(place, public) is None
    own = BrokerSettings(tls_certificate="a.pem", tls_key="a.pem", tls_ca="company.pem")
    with pytest.raises(RigwatchError, match=r"company\.pem: cannot be read"):
        trusted_by_clients(place, own)
    (place.path / "company.pem").write_text("not PEM")
    with pytest.raises(RigwatchError, match=r"company\.pem: cannot be read"):
        trusted_by_clients(place, own)
    (place.path / "company.pem").write_text(ca_pem(place))
    assert trusted_by_clients(place, own) == ca_pem(place)
