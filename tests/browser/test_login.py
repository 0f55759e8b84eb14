"""People log in and out by keyboard alone, with a code and without scripts; a screen on a wall opens a link."""

import re
from pathlib import Path

import pyotp
import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from alerts.facts import UserRole
from rigwatch.clock import SystemClock
from store import tokens
from store.tokens import TokenKind
from tests.browser.chromium import StartBrowser
from tests.browser.dashboard import PASSWORD, Dashboard
from tests.browser.test_admin import shows as shown
from tests.browser.test_incidents import text
from tests.waiting import eventually


def press(browser: Chrome, *keys: str) -> None:
    browser.switch_to.active_element.send_keys(*keys)


def type_into(browser: Chrome, name: str, *keys: str) -> None:
    """The field that has the focus by itself, once the page is there."""
    eventually(
        lambda: browser.switch_to.active_element.get_attribute("name") == name, what=f"the field {name} has the focus"
    )
    press(browser, *keys)


def reach(browser: Chrome, selector: str) -> None:
    """By the Tab key alone."""
    wanted = browser.find_element(By.CSS_SELECTOR, selector)
    for _ in range(80):
        if browser.switch_to.active_element == wanted:
            return
        press(browser, Keys.TAB)
    pytest.fail(f"the Tab key does not come to {selector}")


def shows(browser: Chrome, words: str) -> None:
    shown(browser, words, "body")


def code_of(secret: str, after: str = "") -> str:
    """The code of now; if that is `after`, which is used up, of the step that is beginning."""
    now = SystemClock().now() // 1000
    code = pyotp.TOTP(secret).at(now)
    return code if code != after else pyotp.TOTP(secret).at(now + 30)


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without"])
def test_one_logs_in_by_keyboard_sets_up_a_code_logs_in_with_it_and_out(
    dashboard: Dashboard, start_browser: StartBrowser, console_errors: list[str], *, scripts: bool
) -> None:
    console_errors += [r"the server responded with a status of 403"]
    browser = start_browser(width=390, height=844)
    if not scripts:
        browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    at = f"http://127.0.0.1:{dashboard.port}"
    browser.get(f"{at}/incidents?state=past")
    type_into(browser, "name", "ada", Keys.TAB, "wrong", Keys.ENTER)
    shows(browser, "Name or password is wrong.")
    type_into(browser, "password", PASSWORD, Keys.ENTER)
    eventually(lambda: browser.current_url == f"{at}/incidents?state=past", what="one is where one wanted to go")

    reach(browser, "a.who")
    press(browser, Keys.ENTER)
    shows(browser, "Where I am logged in")
    reach(browser, 'form[action="/account/totp/begin"] [name="password"]')
    press(browser, PASSWORD, Keys.ENTER)
    shows(browser, "Scan this with an authenticator app")
    assert browser.find_element(By.CSS_SELECTOR, ".qr svg").size["width"] > 150
    found = re.search(r"\b[A-Z2-7]{32}\b", text(browser, "main"))
    assert found
    first = code_of(found[0])
    type_into(browser, "code", first, Keys.ENTER)
    shows(browser, "Recovery codes")
    assert len(browser.find_elements(By.CSS_SELECTOR, ".codes li")) == 10

    reach(browser, "form.leave button")
    press(browser, Keys.ENTER)
    shows(browser, "You are logged out.")
    type_into(browser, "name", "ada", Keys.TAB, PASSWORD, Keys.TAB, Keys.SPACE, Keys.TAB, Keys.ENTER)
    shows(browser, "Code from your app")
    type_into(browser, "code", first, Keys.ENTER)
    shows(browser, "This code is wrong, or it was used already.")
    type_into(browser, "code", code_of(found[0], first), Keys.ENTER)
    eventually(lambda: browser.current_url == f"{at}/", what="one is in")
    (cookie,) = [each for each in browser.get_cookies() if each["name"] == "rigwatch_login"]
    assert cookie["httpOnly"]
    assert cookie["sameSite"] == "Lax"
    assert cookie["expiry"] > SystemClock().now() // 1000 + 29 * 86_400


def test_a_page_that_is_open_goes_to_the_login_when_it_is_over_and_back(
    dashboard: Dashboard, start_browser: StartBrowser, console_errors: list[str]
) -> None:
    console_errors += [r"the server responded with a status of 401"]
    browser = start_browser()
    dashboard.open(browser, "/wall")
    dashboard.log_out("ada")
    shows(browser, "Stay logged in")
    type_into(browser, "name", "ada", Keys.TAB, PASSWORD, Keys.ENTER)
    eventually(lambda: browser.current_url.endswith("/wall"), what="one is back at the wall")


def test_a_kiosk_shows_the_wall_of_its_site_and_nothing_else(
    dashboard: Dashboard, start_browser: StartBrowser, console_errors: list[str]
) -> None:
    console_errors += [r"the server responded with a status of (401|403)"]
    dashboard.report("rig1", hashrate=61.0)
    token = tokens.make()
    with dashboard.store.write() as tx:
        tokens.add(
            tx, "tv", UserRole.VIEWER, tokens.hash_of(token),
            now=dashboard.now, expires_at=None, kind=TokenKind.KIOSK, sites=["main"],
        )  # fmt: skip
    browser, at = start_browser(width=1920, height=1080), f"http://127.0.0.1:{dashboard.port}"
    browser.get(f"{at}/link?token={token}")
    assert browser.current_url == f"{at}/wall"
    shows(browser, "rig1")
    assert token not in browser.page_source
    browser.get(f"{at}/")
    shows(browser, "This link does not open that page.")
    assert browser.find_elements(By.CSS_SELECTOR, "form, a.who") == []
    browser.get(f"{at}/wall")
    with dashboard.store.write() as tx:
        tokens.remove(tx, "tv")
    shows(browser, "Stay logged in")


def test_the_pages_fit_a_phone_and_a_desk(dashboard: Dashboard, start_browser: StartBrowser, tmp_path: Path) -> None:
    browser = start_browser()
    for width, theme in ((390, "light"), (1280, "dark")):
        size = {"width": width, "height": 844, "deviceScaleFactor": 1, "mobile": width < 600}
        browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        browser.execute_cdp_cmd(
            "Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": theme}]}
        )
        for path, who in (("/login", ""), ("/account", "ada"), ("/admin/users", "root"), ("/admin/tokens", "root")):
            if who:
                dashboard.open(browser, path, who=who)
            else:
                browser.execute_cdp_cmd("Network.clearBrowserCookies", {})
                browser.get(f"http://127.0.0.1:{dashboard.port}{path}")
            assert browser.execute_script("return document.documentElement.scrollWidth") <= width, path
            browser.save_screenshot(str(tmp_path / f"{path.rpartition('/')[2]}-{width}.png"))
