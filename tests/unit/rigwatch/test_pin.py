"""A certificate's public key, read without a library of certificates: the same as with one, or none."""

import base64
import hashlib
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from rigwatch.errors import RigwatchError
from rigwatch.home import Home
from rigwatch.pin import pin_of_der, pin_of_file, pins_of_pem
from rigwatch.tls import certificate_paths
from tests.fake_clock import START

Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey


def certificate(key: Key, common: str) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime(2020, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2050, 1, 1, tzinfo=UTC))
        .sign(key, None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256())
    )


MADE = [
    certificate(ec.generate_private_key(ec.SECP256R1()), "short"),
    certificate(ec.generate_private_key(ec.SECP521R1()), "x" * 64),
    certificate(rsa.generate_private_key(65537, 2048), "long keys"),
    certificate(ed25519.Ed25519PrivateKey.generate(), "another"),
]
DER = MADE[0].public_bytes(Encoding.DER)


def by_a_library(found: x509.Certificate) -> str:
    key = found.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return "sha256//" + base64.b64encode(hashlib.sha256(key).digest()).decode()


@pytest.mark.parametrize("made", MADE, ids=["P-256", "P-521", "RSA", "Ed25519"])
def test_it_is_the_same_as_with_a_library(made: x509.Certificate) -> None:
    assert pin_of_der(made.public_bytes(Encoding.DER)) == by_a_library(made)


def test_a_servers_file_with_its_key_has_the_pins_of_server_and_authority(tmp_path: Path) -> None:
    home = Home(tmp_path)
    path, _ = certificate_paths(home, [], START)
    loaded = [by_a_library(each) for each in x509.load_pem_x509_certificates(path.read_bytes())]
    assert pins_of_pem(path.read_text()) == loaded
    assert pin_of_file(path) == loaded[0]
    assert pin_of_file(home.tls / "ca.pem") == loaded[1]


def test_every_truncation_is_none() -> None:
    for length in range(len(DER)):
        with pytest.raises(ValueError, match="not a certificate"):
            pin_of_der(DER[:length])


@given(st.binary(max_size=200) | st.builds(lambda at, byte: DER[:at] + bytes([byte]) + DER[at + 1 :],
                                           st.integers(0, len(DER) - 1), st.integers(0, 255)))  # fmt: skip
def test_whatever_comes_is_a_pin_or_none_and_what_a_library_reads_too_is_read_alike(data: bytes) -> None:
    with suppress(ValueError):
        found = pin_of_der(data)
        try:
            expected = by_a_library(x509.load_der_x509_certificate(data))
        except Exception:  # noqa: BLE001 - whatever a library says against what we did read
            return
        assert expected == found


@pytest.mark.parametrize("text", ["", "not PEM", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "ü"])
def test_a_file_that_is_no_certificate_is_one_clear_line(tmp_path: Path, text: str) -> None:
    (tmp_path / "x.pem").write_text(text)
    with pytest.raises(RigwatchError, match=r"x\.pem: cannot be read as a PEM certificate"):
        pin_of_file(tmp_path / "x.pem")
    with pytest.raises(RigwatchError, match=r"none\.pem: cannot be read"):
        pin_of_file(tmp_path / "none.pem")
