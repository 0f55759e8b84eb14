"""Addresses and tokens are checked when settings are read, and never repeated."""

from pathlib import Path

import pytest

from rigwatch.errors import SettingsError
from rigwatch.home import Home
from rigwatch.settings import load_server

SECRET = "ABC-hunter2"


def refusal(tmp_path: Path, text: str) -> str:
    (tmp_path / "server.toml").write_text(text, encoding="utf-8")
    with pytest.raises(SettingsError) as caught:
        load_server(Home(tmp_path), {})
    assert SECRET not in str(caught.value)
    assert "server.toml: alerts" in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    "token",
    [f"123 456:{SECRET}", f"123456:{SECRET}\\n", f"bot123456:{SECRET}", f" 123456:{SECRET}", SECRET, f"1:{SECRET}/x"],
)
def test_a_token_that_is_none_is_refused(tmp_path: Path, token: str) -> None:
    said = refusal(tmp_path, f'[alerts.telegram]\ntoken = "{token}"\nchats = [1]\n')
    assert "alerts.telegram: token should look like 123456:ABC-def" in said


@pytest.mark.parametrize(
    "url",
    [
        f"tgram://123 456:{SECRET}/1",
        f"json://h/{SECRET}\\n",
        f"json://h/\\u0007{SECRET}",
        SECRET,
        f"://{SECRET}",
        f"json:// {SECRET}",
    ],
)
def test_a_channel_that_is_no_address_is_refused(tmp_path: Path, url: str) -> None:
    assert "alerts: channels[2] " in refusal(tmp_path, f'[alerts]\nchannels = ["ntfy://t", "{url}"]\n')
    assert "alerts.channel.mail: url " in refusal(tmp_path, f'[alerts.channel.mail]\nurl = "{url}"\n')


@pytest.mark.parametrize(
    "url",
    [
        f"https://hc.example/{SECRET} x",
        f"ftp://hc.example/{SECRET}",
        f"https:///{SECRET}",
        f"http://h:99999/{SECRET}",
        f"{SECRET}",
    ],
)
def test_a_heartbeat_that_is_no_address_is_refused(tmp_path: Path, url: str) -> None:
    assert "alerts.heartbeat: url " in refusal(tmp_path, f'[alerts.heartbeat]\nurl = "{url}"\n')
    assert "alerts.telegram: api " in refusal(tmp_path, f'[alerts.telegram]\napi = "{url}"\n')


@pytest.mark.parametrize("chat", ["0", "9007199254740993"])
def test_a_chat_that_is_none_is_refused(tmp_path: Path, chat: str) -> None:
    assert "is no chat" in refusal(tmp_path, f'[alerts.telegram]\ntoken = "1:x"\nchats = [{chat}]\n')


@pytest.mark.parametrize("name", ['"a\\u0007b"', '"telegram:1"', '" "', f'"{"x" * 65}"'])
def test_a_name_of_a_channel_that_no_page_could_show_is_refused(tmp_path: Path, name: str) -> None:
    assert "a name has 1 to 64 characters" in refusal(tmp_path, f'[alerts.channel.{name}]\nurl = "ntfy://t"\n')


def test_what_services_have_in_their_addresses_is_taken(tmp_path: Path) -> None:
    urls = [
        "mailto://ann:p%40ss@mail.example?name=Rig Watch&to=ann@y.example", "tgram://123456:ABC-d_f/-1001/",
        "discord://123/AbC-d_f", "ntfys://host.example:8443/topic?priority=5", "slack://T1/B2/x3/#rigs",
    ]  # fmt: skip
    text = (
        "[alerts]\nchannels = ["
        + ", ".join(f'"{each}"' for each in urls)
        + ']\n[alerts.heartbeat]\nurl = "https://h/x?y=1"\n'
    )
    (tmp_path / "server.toml").write_text(text, encoding="utf-8")
    assert list(load_server(Home(tmp_path), {}).alerts.channels) == urls
