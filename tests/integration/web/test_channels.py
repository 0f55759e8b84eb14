"""Channels set up in the page, on each database: Telegram from a token to a test message, addresses, and no secret."""

import re

import pytest
from flask import Flask

from alerts.facts import User, UserRole
from rigwatch.home import Home
from rigwatch.keys import MasterKey
from rigwatch.layers import LayeredSettings, ServerLayers
from store import Store, chats, outbox, page_settings, users
from tests.bot_api import TOKEN, bot_api
from tests.fake_clock import START, FakeClock
from tests.integration.conftest import OpenStore
from tests.integration.web.conftest import HASH, basic
from tests.integration.web.test_admin import Root, said
from tests.waiting import eventually
from tests.webhook import webhook

SECRETS = ("my-secret-topic", "mail-secret", TOKEN.partition(":")[2])


@pytest.fixture
def store(open_another: OpenStore, home: Home, database_url: str) -> Store:
    MasterKey.random().save(home.secret_key)
    # For the command that sends test messages.
    home.server_toml.write_text(f"[database]\nurl = '{database_url}'\n")
    opened = open_another()
    with opened.write() as tx:
        users.add(tx, User("root", UserRole.ADMIN, HASH), START)
        users.add(tx, User("ada", UserRole.VIEWER, HASH), START)
    return opened


@pytest.fixture
def root(app: Flask, store: Store) -> Root:
    return Root(app, store)


def layered(store: Store, home: Home) -> LayeredSettings:
    with store.read() as tx:
        return page_settings.layered(tx, ServerLayers(home, {}))


def file(home: Home, toml: str) -> None:
    home.server_toml.write_text(home.server_toml.read_text() + toml)


def row(page: str, name: str) -> str:
    """A channel's row, as words."""
    found = re.search(rf'<th scope="row" class="c-name">{re.escape(name)} .*?</tr>', page, re.DOTALL)
    assert found, page
    return " ".join(re.sub(r"<[^>]*>", " ", found[0]).split())


def test_telegram_from_a_token_to_a_test_message(
    root: Root, store: Store, home: Home, caplog: pytest.LogCaptureFixture
) -> None:
    with bot_api() as api:
        file(home, f'[alerts.telegram]\napi = "http://127.0.0.1:{api.port}"\n')
        assert "BotFather" in root.page("/admin/channels/telegram")
        assert "does not know this token" in root.refusal("/admin/channels/telegram/look", token="999:wrong")
        assert "whole and without spaces" in root.refusal("/admin/channels/telegram/look", token="12 34")

        page = root.send("/admin/channels/telegram/look", token=TOKEN).text
        assert "@farm_bot" in page
        assert "Nobody has written to the bot yet" in page
        sealed = str(re.search(r'name="sealed" value="([^"]+)"', page)[1])  # type: ignore[index] # it is there
        # Until a chat is taken nothing is stored.
        assert layered(store, home).settings.alerts.telegram.token == ""

        api.say("/start", 4242, first_name="Ada", username="ada")
        page = root.send("/admin/channels/telegram/look", sealed=sealed).text
        assert "Ada (@ada)" in page
        assert TOKEN not in page
        answer = root.send("/admin/channels/telegram/take", sealed=sealed, chat="4242", title="Ada (@ada)", then="test")
        assert answer.location == "/admin/channels?done=testing"
        eventually(lambda: api.texts(4242), timeout=60, what="the test message has come")
        assert "TEST: rigwatch can reach you" in api.texts(4242)[0]
        eventually(lambda: "it took the message" in row(root.page("/admin/channels"), "Ada (@ada)"), timeout=30)
    bot = layered(store, home).settings.alerts.telegram
    assert (bot.token, bot.chats, bot.names) == (TOKEN, (4242,), {"4242": "Ada (@ada)"})
    assert said(store) == [
        ("channel.add", "telegram:4242", "Ada (@ada), a new bot"),
        ("channel.test", "telegram:4242", ""),
    ]
    assert SECRETS[2] not in caplog.text


def test_a_sealed_token_of_somebody_else_and_a_chat_that_is_none_are_refused(root: Root, store: Store) -> None:
    before = said(store)
    for form in ({"sealed": "x" * 60, "chat": "5"}, {"token": "", "chat": "5"}, {"chat": "5.5"}, {"chat": "0"}):
        assert root.refusal("/admin/channels/telegram/take", **form)
    assert said(store) == before


def test_a_second_chat_is_offered_from_those_that_wrote_to_the_bot_that_is_listened_to(
    root: Root, store: Store, home: Home
) -> None:
    file(home, '[alerts.telegram]\napi = "http://127.0.0.1:1"\n')
    root.send("/admin/channels/telegram/take", token=TOKEN, chat="5", title="Ada")
    layers = ServerLayers(home, {})
    with store.write() as tx:
        page_settings.change(
            tx,
            {("alerts", "telegram", key): value for key, value in (("token", TOKEN), ("chats", [5]))},
            layers=layers,
            by="x",
            now=1,
        )
        chats.see(tx, {5: "Ada", -100: "<b>Farm</b>"}, START)
    page = root.client.get("/admin/channels/telegram").text
    assert "&lt;b&gt;Farm&lt;/b&gt;" in page
    assert 'aria-label="Take Ada"' not in page
    assert SECRETS[2] not in page


def test_a_channel_is_added_edited_paused_and_removed_and_its_address_is_never_shown(
    root: Root, store: Store, home: Home, caplog: pytest.LogCaptureFixture
) -> None:
    shown = []
    ntfy = {"topic": "my-secret-topic", "server": "https://ntfy.sh", "token": ""}
    assert (
        root.send("/admin/channels/add/ntfy", name="phone", severity="critical", sites="main", **ntfy).status_code
        == 303
    )
    shown.append(root.page("/admin/channels"))
    assert row(shown[-1], "phone").startswith(
        "phone ntfy unused Nothing was sent through it yet critical of main the page"
    )
    assert layered(store, home).settings.alerts.channel["phone"].url == "ntfy://my-secret-topic"

    shown.append(root.page("/admin/channels/edit?channel=phone"))
    assert 'placeholder="set"' in shown[-1]
    same = {**ntfy, "topic": ""}
    assert root.send("/admin/channels/edit", channel="phone", severity="critical", sites="", **same).status_code == 303
    kept = layered(store, home).settings.alerts.channel["phone"]
    assert (kept.url, kept.sites) == ("ntfy://my-secret-topic", ())
    # What was typed stands there again, the secret does not.
    wrong = root.send("/admin/channels/edit", channel="phone", **{**ntfy, "server": "nonsense"})
    shown.append(wrong.text)
    assert wrong.status_code == 400
    assert 'value="nonsense"' in wrong.text

    root.send("/admin/channels/pause", channel="phone")
    shown.append(root.page("/admin/channels"))
    assert "paused" in row(shown[-1], "phone")
    root.send("/admin/channels/resume", channel="phone")
    assert "Remove the channel phone?" in root.send("/admin/channels/remove", channel="phone").text
    assert "phone" in layered(store, home).settings.alerts.channel
    root.send("/admin/channels/remove", channel="phone", sure="yes")
    assert layered(store, home).settings.alerts.channel == {}
    assert said(store) == [
        ("channel.add", "phone", "a new address; severities: critical; sites: main"),
        ("channel.edit", "phone", "sites: all"),
        ("channel.pause", "phone", ""),
        ("channel.resume", "phone", ""),
        ("channel.remove", "phone", ""),
    ]
    program = root.client.get("/api/v1/nodes", headers=basic("root")).text
    for text in (*shown, str(said(store)), caplog.text, program, root.page("/admin/audit")):
        assert not any(secret in text for secret in SECRETS)


def test_a_viewer_sees_no_channel_and_changes_none(app: Flask, root: Root, store: Store, home: Home) -> None:
    root.send("/admin/channels/add/other", name="phone", url="ntfy://my-secret-topic", severity="critical")
    before = layered(store, home)
    viewer = app.test_client()
    for path in (
        "/admin/channels",
        "/admin/channels/edit?channel=phone",
        "/admin/channels/telegram",
        "/admin/channels/add/mail",
    ):
        assert viewer.get(path, headers=basic()).status_code == 403
    for path in ("add/other", "edit", "pause", "remove", "test", "telegram/take", "telegram/edit"):
        answer = viewer.post(f"/admin/channels/{path}", headers=basic(), data={"channel": "phone", "sure": "yes"})
        assert answer.status_code == 403
        # An admin's browser without our page's proof.
        forged = viewer.post(f"/admin/channels/{path}", headers=basic("root"), data={"channel": "phone", "sure": "yes"})
        assert forged.status_code == 403
    assert layered(store, home) == before


def test_what_the_file_names_is_shown_with_its_line_and_cannot_be_changed(root: Root, store: Store, home: Home) -> None:
    file(home, '[alerts.channel.siren]\nurl = "json://127.0.0.1:1/x"\n')
    assert "server.toml, line 4" in row(root.page("/admin/channels"), "siren")
    moved = root.refusal("/admin/channels/edit", channel="siren", url="http://127.0.0.1:1/other")
    assert "what server.toml names is changed there" in moved
    assert "is changed there" in root.refusal("/admin/channels/pause", channel="siren")
    assert "has set none of this name" in root.refusal("/admin/channels/remove", channel="siren", sure="yes")
    assert said(store) == []


def test_two_to_one_place_are_told_and_what_each_said_last(root: Root, store: Store, clock: FakeClock) -> None:
    with webhook() as hook:
        for name in ("one", "two"):
            root.send("/admin/channels/add/webhook", name=name, url=f"http://127.0.0.1:{hook.port}/hook")
        page = root.page("/admin/channels")
        assert "one, two lead to one place" in page
        with store.write() as tx:
            outbox.refuse(tx, "two", "x", why="HTTP status 410 Gone", now=clock.now())
        assert "refused It refused what was sent: HTTP status 410 Gone" in row(root.page("/admin/channels"), "two")
        root.send("/admin/channels/test", channel="one")
        eventually(lambda: "works Test" in row(root.page("/admin/channels"), "one"), timeout=60)
        assert len(hook.titles) == 1
    assert "there is none of this name" in root.refusal("/admin/channels/test", channel="three")
