"""Settings that were set in the page, on each database: what of them is stored, what counts, and what a copy tells."""

from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest

from rigwatch.errors import SettingsError
from rigwatch.keys import MasterKey
from rigwatch.layers import LayeredSettings, ServerLayers
from store import Store, acts, chats, marks, page_settings
from store.chats import SEEN_MAX, SeenChat
from tests.integration.store.acting import EVE, HOT, MAIL, NOW, TOKEN, World
from tests.stored import asked
from tests.waiting import eventually


def layered(world: World) -> LayeredSettings:
    return asked(world.store, lambda tx: page_settings.layered(tx, world.layers))


def test_what_is_set_counts_and_says_where_it_is_from(world: World) -> None:
    before = asked(world.store, marks.settings_changed)
    world.do("settings.change", {HOT: 90, ("alerts", "node", "main/rig1", "hot", "threshold"): 95}, layers=world.layers)
    assert asked(world.store, marks.settings_changed) == before + 1
    found = layered(world)
    assert (found.settings.alerts.hot.threshold, found.settings.alerts.node["main/rig1"].hot.threshold) == (90, 95)
    assert found.origin(HOT).kind == "page"
    world.do("settings.change", {HOT: None}, layers=world.layers)
    assert layered(world).settings.alerts.hot.threshold is None
    assert layered(world).origin(HOT).kind == "default"


def test_a_copy_of_the_database_tells_no_secret(world: World) -> None:
    world.do("channels.add", "mail", values={"url": MAIL}, layers=world.layers)
    assert layered(world).settings.alerts.channel["mail"].url == MAIL
    assert layered(world).settings.alerts.telegram.token == TOKEN
    contents = str(world.contents())
    for secret in ("top-secret", "mail-secret", "secret-topic", "mail.example"):
        assert secret not in contents


def test_under_another_master_key_secrets_are_left_out_and_named_and_the_rest_counts(world: World) -> None:
    world.do("settings.change", {HOT: 90}, layers=world.layers)
    MasterKey.random().save(world.home.secret_key)
    found = layered(world)
    assert found.settings.alerts.hot.threshold == 90
    assert "phone" not in found.settings.alerts.channel
    assert any("alerts.channel.phone.url: cannot be opened" in each for each in found.problems)
    # Set again, it works again; what else is broken is no reason to refuse it.
    world.do("channels.edit", "phone", values={"url": MAIL}, layers=world.layers)
    assert layered(world).settings.alerts.channel["phone"].url == MAIL


def test_whoever_writes_into_the_table_sets_no_secret_and_nothing_that_is_not_the_pages(world: World) -> None:
    rows = [
        ('["alerts","channel","evil","url"]', '"json://evil.example"', False),
        ('["broker","url"]', '"mqtt://evil.example"', False),
        ("[", "1", False),
        ('["alerts","hot","threshold"]', "90", False),
    ]
    with world.store.write() as tx:
        put = "INSERT INTO setting (path, value, sealed, changed_at, changed_by) VALUES (?, ?, ?, 0, '')"
        tx.run_many(put, rows)
    found = layered(world)
    assert "evil" not in str(found.settings)
    assert found.settings.alerts.hot.threshold == 90
    assert len(found.problems) == 3


def test_rows_that_no_act_wrote_are_named_and_the_rest_counts(world: World) -> None:
    world.do("settings.change", {("web", "timezone"): "Asia/Tokyo"}, layers=world.layers)
    values = {"threshold": "[" * 5000 + "]" * 5000, "clear": "{", "hold": "null", "severity": '{"a":{"b":1}}'}
    put = "INSERT INTO setting (path, value, sealed, changed_at, changed_by) VALUES (?, ?, FALSE, 0, '')"
    with world.store.write() as tx:
        tx.run_many(put, [(f'["alerts","hot","{key}"]', value) for key, value in values.items()])
    found = layered(world)
    assert found.settings.web.timezone == "Asia/Tokyo"
    assert set(found.problems) == {f"alerts.hot.{key}: {page_settings.UNREADABLE}" for key in values}
    world.do("settings.change", {HOT: 90}, layers=world.layers)
    assert layered(world).settings.alerts.hot.threshold == 90


def test_what_would_be_left_out_with_the_rest_of_its_table_is_refused_and_says_why(world: World) -> None:
    yellow, lag = (("web", "colours", key) for key in ("peers_yellow", "lag_green"))
    world.do("settings.change", {yellow: 15}, layers=world.layers)
    world.home.server_toml.write_text("[web.colours]\npeers_green = 12\n", "utf-8")
    assert layered(world).settings.web.colours.peers_yellow == 10
    before = world.contents()
    with pytest.raises(SettingsError, match="should fall in this order"):
        world.do("settings.change", {lag: 1}, layers=world.layers)
    assert world.contents() == before
    # Something else is not, and neither is what puts it right.
    world.do("settings.change", {HOT: 90}, layers=world.layers)
    world.do("settings.change", {lag: 1, yellow: 11}, layers=world.layers)
    colours = layered(world).settings.web.colours
    assert (colours.lag_green, colours.peers_green, colours.peers_yellow) == (1, 12, 11)


def test_without_the_master_key_no_secret_is_taken_and_everything_else_is(world: World) -> None:
    world.home.secret_key.unlink()
    before = world.contents()
    with pytest.raises(Exception, match="no master key"):
        world.do("channels.add", "mail", values={"url": MAIL}, layers=world.layers)
    assert world.contents() == before
    world.do("settings.change", {HOT: 90}, layers=world.layers)
    assert layered(world).settings.alerts.hot.threshold == 90


def test_with_the_last_chat_the_bot_goes_and_with_another_its_name_alone(world: World) -> None:
    for chat, title in ((6, "Bea"), (7, "Cy")):
        world.do("channels.add_chat", chat, title=title, token="", layers=world.layers)
    world.do("channels.pause", "telegram:6", layers=world.layers)
    world.do("channels.remove", "telegram:6", layers=world.layers)
    bot = layered(world).settings.alerts.telegram
    assert (bot.chats, bot.names, bot.paused, bot.token) == ((5, 7), {"5": "Ada", "7": "Cy"}, (), TOKEN)
    world.do("channels.remove", "telegram:5", layers=world.layers)
    world.do("channels.remove", "telegram:7", layers=world.layers)
    assert layered(world).settings.alerts.telegram.token == ""
    assert asked(world.store, lambda tx: page_settings.under(tx, ("alerts", "telegram"))) == []


def test_no_audit_line_holds_a_secret(world: World) -> None:
    world.do("channels.add", "mail", values={"url": MAIL}, layers=world.layers)
    world.do("channels.edit", "mail", values={"url": f"{MAIL}/x"}, layers=world.layers)
    world.do("channels.edit_bot", values={"token": "9:another-secret"}, layers=world.layers)
    told = str(world.lines())
    assert "secret" not in told.replace("top-secret", "secret")


def test_chats_that_wrote_are_known_latest_first_and_not_without_end(store: Store) -> None:
    with store.write() as tx:
        chats.see(tx, {number: f"chat {number}\0" for number in range(SEEN_MAX + 5)}, NOW)
        chats.see(tx, {-7: "Farm"}, NOW + 1)
    found = asked(store, chats.seen)
    assert found[0] == SeenChat(-7, "Farm", NOW + 1)
    assert found[1].title == "chat 0"
    assert len(found) == SEEN_MAX


def test_of_two_who_each_take_a_chat_at_once_none_loses_it(world: World, database_url: str) -> None:
    add = partial(world.do, "channels.add_chat", 7, title="Cy", token="", layers=world.layers)
    with ThreadPoolExecutor(1) as other:
        with world.store.write() as tx:
            acts.channels.add_chat(tx, EVE, NOW, 6, title="Bea", token="", layers=world.layers)
            second = other.submit(add)
            if not database_url.startswith("sqlite"):
                # There it can read while the first writes; in SQLite it cannot even begin.
                waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted"
                eventually(lambda: tx.value(waiting), what="the second one waits")
        second.result(timeout=30)
    assert layered(world).settings.alerts.telegram.chats == (5, 6, 7)


def test_two_at_once_do_not_lose_each_others_settings(world: World) -> None:
    with world.store.write() as tx:
        acts.settings.change(tx, EVE, NOW, {HOT: 90}, layers=world.layers)
        acts.settings.change(tx, EVE, NOW, {("alerts", "hot", "clear"): 80}, layers=ServerLayers(world.home, {}))
    hot = layered(world).settings.alerts.hot
    assert (hot.threshold, hot.clear) == (90, 80)
