"""Setting rigwatch up in the page, as its owner does on a Friday evening: by keyboard alone, without scripts, and on a
phone; one browser and one dashboard for all of it."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from selenium.common.exceptions import WebDriverException
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from rigwatch.keys import MasterKey
from rigwatch.layers import LayeredSettings, ServerLayers
from store import page_settings
from tests.bot_api import TOKEN, BotApi, bot_api
from tests.browser.chromium import browsers_in
from tests.browser.dashboard import Dashboard, dashboard_in
from tests.browser.test_admin import shows
from tests.waiting import eventually
from tests.webhook import webhook

TABS_MAX = 120
PAGES = (
    *("/admin/channels", "/admin/channels/telegram", "/admin/channels/add/mail", "/admin/rules"),
    *("/admin/rules/hot?node=main/rig1", "/admin/display"),
)


@dataclass(frozen=True, slots=True)
class Evening:
    """Who sets up, at what, and the Telegram at the other end."""

    browser: Chrome
    dashboard: Dashboard
    telegram: BotApi

    def go(self, path: str) -> None:
        self.dashboard.open(self.browser, path, who="root")

    def settings(self) -> LayeredSettings:
        with self.dashboard.store.read() as tx:
            return page_settings.layered(tx, ServerLayers(self.dashboard.home, {}))

    def press(self, *keys: str) -> None:
        self.browser.switch_to.active_element.send_keys(*keys)

    def tab_to(self, selector: str) -> None:
        """With the key alone; what it cannot reach, nobody without a mouse can."""
        wanted = self.browser.find_element(By.CSS_SELECTOR, selector)
        for _ in range(TABS_MAX):
            if self.browser.switch_to.active_element == wanted:
                return
            self.press(Keys.TAB)
        raise AssertionError(f"{selector} is not reached by the tabulator key")

    def wait_for_test(self) -> None:
        """The page asks again by itself, scripts or not, until a test message has an answer."""

        def over() -> bool:
            try:
                return bool(self.browser.find_elements(By.CSS_SELECTOR, '.actions [aria-label^="Test "]:enabled'))
            except WebDriverException:
                # Between two pages there is an element of neither.
                return False

        eventually(over, timeout=60, what="the test has ended")

    def type_into(self, name: str, words: str) -> None:
        self.tab_to(f'main [name="{name}"]')
        self.press(words)


@pytest.fixture(scope="module")
def evening(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Evening]:
    folder = tmp_path_factory.mktemp("evening")
    (folder / "dashboard").mkdir()
    with browsers_in(folder, []) as start, bot_api() as api, dashboard_in(folder / "dashboard") as dashboard:
        MasterKey.random().save(dashboard.home.secret_key)
        dashboard.toml = f'[alerts.telegram]\napi = "http://127.0.0.1:{api.port}"\n'
        dashboard.report("rig1", hashrate=61e6, temperature=70.0)
        with dashboard.served():
            yield Evening(start(), dashboard, api)


@pytest.fixture
def bare(evening: Evening) -> Iterator[Evening]:
    """Without scripts."""
    switch = "Emulation.setScriptExecutionDisabled"
    evening.browser.execute_cdp_cmd(switch, {"value": True})
    yield evening
    evening.browser.execute_cdp_cmd(switch, {"value": False})


def test_telegram_by_keyboard_and_without_scripts(bare: Evening) -> None:
    bare.go("/admin/channels")
    bare.tab_to('main a[href$="/channels/telegram"]')
    bare.press(Keys.ENTER)
    shows(bare.browser, "Set up Telegram", "h1")
    bare.type_into("token", TOKEN)
    bare.press(Keys.ENTER)
    shows(bare.browser, "Nobody has written to the bot yet.")
    bare.telegram.say("/start", 4242, first_name="Ada")
    bare.tab_to('form[action$="/telegram/look"] button')
    bare.press(Keys.ENTER)
    shows(bare.browser, "Ada 4242")
    assert TOKEN not in bare.browser.page_source
    bare.tab_to('button[aria-label="Take Ada"]')
    bare.press(Keys.ENTER)
    shows(bare.browser, "A test message is on its way.")
    bare.wait_for_test()
    shows(bare.browser, "it took the message")
    assert bare.telegram.texts(4242)[0].startswith("TEST: rigwatch can reach you")
    assert bare.settings().settings.alerts.telegram.names == {"4242": "Ada"}


def test_a_channel_of_each_kind_of_form_by_keyboard_and_without_scripts(bare: Evening) -> None:
    with webhook() as hook:
        bare.go("/admin/channels/add/webhook")
        bare.type_into("name", "siren")
        bare.type_into("url", hook.url.replace("json:", "http:"))
        bare.tab_to('[name="severity"][value="info"]')
        bare.press(Keys.SPACE)
        bare.tab_to('button[value="test"]')
        bare.press(Keys.ENTER)
        eventually(lambda: hook.titles == ["TEST: rigwatch can reach you"], timeout=60, what="the test has come")
        bare.wait_for_test()
    bare.tab_to('[aria-label="Edit siren"]')
    bare.press(Keys.ENTER)
    bare.type_into("sites", "main")
    bare.tab_to('button[name="then"][value=""]')
    bare.press(Keys.ENTER)
    shows(bare.browser, "It is saved")
    kept = bare.settings().settings.alerts.channel["siren"]
    assert (kept.url, kept.severities, kept.sites) == (hook.url, ("critical", "warning"), ("main",))
    bare.tab_to('[aria-label="Pause siren"]')
    bare.press(Keys.ENTER)
    shows(bare.browser, "It is paused")
    bare.tab_to('[aria-label="Remove siren"]')
    bare.press(Keys.ENTER)
    shows(bare.browser, "Remove the channel siren?", "h1")
    bare.tab_to("button.danger")
    bare.press(Keys.ENTER)
    shows(bare.browser, "It is removed.")
    assert "siren" not in bare.settings().settings.alerts.channel


def test_a_rule_by_keyboard_and_without_scripts(bare: Evening) -> None:
    bare.go("/admin/rules?site=main")
    bare.tab_to('[aria-label="Change hot"]')
    bare.press(Keys.ENTER)
    shows(bare.browser, "is too hot main", "h1")
    bare.type_into("threshold", "91")
    # What Enter does in a field: it looks first, and saves nothing.
    bare.press(Keys.ENTER)
    shows(bare.browser, "Threshold: 85 → 91")
    result = lambda: bare.browser.find_elements(By.XPATH, "//b[contains(., '0 incidents as it is')]")  # noqa: E731 - once
    eventually(result, timeout=60, what="the past has been looked at")
    assert "main" not in bare.settings().settings.alerts.site
    bare.tab_to('form[action$="/rules/hot/set"] button')
    bare.press(Keys.ENTER)
    shows(bare.browser, "It is saved, and counts within seconds.")
    shows(bare.browser, "the page, for main")
    assert bare.settings().settings.alerts.site["main"].hot.threshold == 91


def test_colours_zone_and_retention_by_keyboard_and_without_scripts(bare: Evening) -> None:
    bare.go("/admin/display")
    bare.type_into("web.timezone", "Asia/Tokyo")
    bare.type_into("database.keep", "1h")
    bare.type_into("web.colours.temperature_green", "60")
    bare.press(Keys.ENTER)
    shows(bare.browser, "Keep samples for 1h only?", "h1")
    bare.tab_to("main a[role=button]")
    bare.press(Keys.ENTER)
    shows(bare.browser, "Time and storage")
    assert bare.settings().settings.web.timezone == "UTC"
    bare.type_into("web.timezone", "Asia/Tokyo")
    bare.type_into("web.colours.temperature_green", "60")
    bare.press(Keys.ENTER)
    shows(bare.browser, "It is saved")
    # 70 degrees are not green any more, on the page of now.
    bare.go("/")
    eventually(
        lambda: bare.browser.find_elements(By.CSS_SELECTOR, '.latest tr[data-key="main/rig1"] .yellow'),
        what="the colours follow",
    )


@pytest.mark.parametrize("path", PAGES)
def test_no_page_is_wider_than_a_phone(evening: Evening, path: str) -> None:
    evening.browser.set_window_size(500, 900)
    try:
        evening.go(path)
        wide = "return [document.documentElement.scrollWidth, document.documentElement.clientWidth]"
        shown, room = evening.browser.execute_script(wide)
        assert shown <= room
        unnamed = "return [...document.querySelectorAll('main :is(input, select, button):not([type=hidden])')]\
            .filter(e => !(e.labels?.length || e.ariaLabel || e.textContent.trim())).map(e => e.outerHTML)"
        assert evening.browser.execute_script(unnamed) == []
    finally:
        evening.browser.set_window_size(1280, 900)
