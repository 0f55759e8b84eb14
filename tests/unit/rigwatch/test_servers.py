from pathlib import Path

import pytest

from rigwatch import servers
from rigwatch.errors import RigwatchError, SettingsError
from rigwatch.servers import ServersFile, address_of


@pytest.mark.parametrize(
    ("typed", "address"),
    [
        ("monitor.example", "mqtts://monitor.example:8884"),
        ("10.0.0.9", "mqtts://10.0.0.9:8884"),
        ("10.0.0.9:9000", "mqtts://10.0.0.9:9000"),
        ("[fd00::5]", "mqtts://[fd00::5]:8884"),
        ("[fd00::5]:9000", "mqtts://[fd00::5]:9000"),
        ("mqtts://monitor.example", "mqtts://monitor.example:8884"),
        ("mqtt://monitor.example:1883", "mqtt://monitor.example:1883"),
    ],
)
def test_an_address_is_whole_whatever_of_it_was_typed(typed: str, address: str) -> None:
    assert address_of(typed, port=8884) == address


@pytest.mark.parametrize(
    "typed",
    [
        *("", "fd00::5", "https://a.example", "a.example/path", "user:word@a.example", "a.example:x", "a b"),
        *(".", "*", "300.1.1.1", "%s", "a..b", "0.0.0.0", "[::]:8883", "[fe80::1%eth0]", "a\x1bb", "a\nb"),
    ],
)
def test_what_is_no_address_is_refused(typed: str) -> None:
    with pytest.raises(SettingsError):
        address_of(typed, port=8883)


def test_the_file_is_read_again_when_it_has_changed(tmp_path: Path) -> None:
    path = tmp_path / "servers.json"
    file = ServersFile(path)
    assert file.current() is None
    servers.write(path, ["mqtts://a:1"])
    assert file.current() == ("mqtts://a:1",)
    servers.write(path, [])
    assert file.current() == ()
    path.write_text("[")
    assert file.current() == ()
    with pytest.raises(RigwatchError, match="cannot be read as a list of addresses"):
        servers.read(path)
