from pathlib import Path

import pytest

from broker.accounts import AccountFile, verify
from broker.rights import Role
from rigwatch.errors import RigwatchError


def test_an_account_is_there_for_others_to_read(tmp_path: Path) -> None:
    file = AccountFile(tmp_path / "accounts.toml")
    password = AccountFile(file.path).add("home.assistant", Role.CONSUMER, deny=('a"\\b/#',))
    found = file.all()["home.assistant"]
    assert (found.role, found.deny) == (Role.CONSUMER, ('a"\\b/#',))
    assert verify(found.password, password.encode())
    assert not verify(found.password, b"something else")
    assert password not in file.path.read_text()
    assert file.path.stat().st_mode & 0o777 == 0o600


def test_a_removed_account_is_gone(tmp_path: Path) -> None:
    file = AccountFile(tmp_path / "accounts.toml")
    file.add("ann", Role.ADMIN)
    file.add("bob", Role.CONSUMER)
    AccountFile(file.path).remove("ann")
    assert list(file.all()) == ["bob"]
    with pytest.raises(RigwatchError, match="account ann: is not in"):
        file.remove("ann")


def test_a_name_is_given_once(tmp_path: Path) -> None:
    file = AccountFile(tmp_path / "accounts.toml")
    file.add("ann", Role.ADMIN)
    before = file.path.read_bytes()
    with pytest.raises(RigwatchError, match="is there already"):
        file.add("ann", Role.CONSUMER)
    assert file.path.read_bytes() == before


def test_a_new_password_takes_the_place_of_the_old_and_changes_nothing_else(tmp_path: Path) -> None:
    file = AccountFile(tmp_path / "accounts.toml")
    old = file.add("ann", Role.CONSUMER, deny=("a/#",), sites=("main", "shed"))
    new = file.set_password("ann")
    found = AccountFile(file.path).all()["ann"]
    assert (found.role, found.deny, found.sites) == (Role.CONSUMER, ("a/#",), ("main", "shed"))
    assert verify(found.password, new.encode())
    assert not verify(found.password, old.encode())
    with pytest.raises(RigwatchError, match="account bob: is not in"):
        file.set_password("bob")


@pytest.mark.parametrize(
    ("role", "sites", "message"),
    [(Role.CONSUMER, ("a b",), "site 'a b' is not a valid name"), (Role.ADMIN, ("main",), "'sites' is for consumers")],
)
def test_sites_are_names_and_a_consumers(tmp_path: Path, role: Role, sites: tuple[str, ...], message: str) -> None:
    with pytest.raises(RigwatchError, match=message):
        AccountFile(tmp_path / "accounts.toml").add("ann", role, sites=sites)


@pytest.mark.parametrize("name", ["", "Ann", "a b", "a/b", "a:b", "-a", "x" * 65, "subscriber", "watch"])
def test_names_that_could_be_somebody_elses_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(RigwatchError, match="account"):
        AccountFile(tmp_path / "accounts.toml").add(name, Role.ADMIN)


@pytest.mark.parametrize("role", [Role.NODE, Role.SUBSCRIBER, Role.WATCH])
def test_only_the_roles_of_third_parties_are_given(tmp_path: Path, role: Role) -> None:
    with pytest.raises(RigwatchError, match="not 'consumer', 'admin' or 'device'"):
        AccountFile(tmp_path / "accounts.toml").add("ann", role)


def test_a_filter_to_deny_has_to_be_one(tmp_path: Path) -> None:
    with pytest.raises(RigwatchError, match="not an MQTT topic filter"):
        AccountFile(tmp_path / "accounts.toml").add("ann", Role.ADMIN, deny=("a/#/b",))


@pytest.mark.parametrize(
    "text",
    [
        "accounts = 7",
        "not toml",
        '[accounts.ann]\nrole = "king"\npassword = "x"\n',
        '[accounts.ann]\nrole = "node"\npassword = "x"\n',
        '[accounts.ann]\nrole = "admin"\n',
        '[accounts."main/rig1"]\nrole = "admin"\npassword = "x"\n',
        '[accounts.ann]\nrole = "admin"\npassword = "x"\nallow = ["#"]\n',
        "\xff",
    ],
)
def test_a_file_that_cannot_be_understood_is_an_error_with_its_name(tmp_path: Path, text: str) -> None:
    path = tmp_path / "accounts.toml"
    path.write_text(text, "latin-1")
    with pytest.raises(RigwatchError, match="account"):
        AccountFile(path).all()


def test_a_hash_that_is_none_lets_nobody_in() -> None:
    assert not verify("plain text", b"plain text")
    assert not verify("", b"")


@pytest.mark.parametrize(
    ("topics", "why"),
    [
        ((), "'topics' are a device's, and a device has some"),
        (("tele/+",), "not a topic that a device can have"),
        (("#",), "not a topic that a device can have"),
        (("$SYS/x",), "not a topic that a device can have"),
        (("/tele",), "not a topic that a device can have"),
        (("",), "not a topic that a device can have"),
        (("rigwatch/v1/main/rig1",), "belongs to rigwatch"),
        (("rigwatch",), "belongs to rigwatch"),
        (("homeassistant/sensor",), "belongs to rigwatch"),
        (("tele/plug1",), "is plug1's already"),
        (("tele/plug1/SENSOR",), "is plug1's already"),
        (("tele",), "is plug1's already"),
    ],
)
def test_a_device_has_topics_of_its_own_that_are_nobody_elses(
    tmp_path: Path, topics: tuple[str, ...], why: str
) -> None:
    file = AccountFile(tmp_path / "accounts.toml")
    file.add("plug1", Role.DEVICE, topics=("tele/plug1",))
    before = file.path.read_bytes()
    with pytest.raises(RigwatchError, match=why):
        file.add("plug2", Role.DEVICE, topics=topics)
    assert file.path.read_bytes() == before
    file.add("plug10", Role.DEVICE, topics=("tele/plug10",))
    assert AccountFile(file.path).all()["plug10"].topics == ("tele/plug10",)
