"""Incidents as people meet them: a rig of real processes is killed while somebody looks at the page."""

import base64
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from selenium.common.exceptions import NoSuchElementException
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.support.select import Select

from tests.browser.dashboard import is_live
from tests.e2e.rigs import node_toml
from tests.homes import MadeHome
from tests.ports import free_ports
from tests.processes import Program, Rigwatch
from tests.waiting import eventually, promised
from tests.webhook import Webhook, webhook

NAME = "<b>Ann's</b> rig"


@dataclass(slots=True)
class Place:
    """A server, a rig that reports to it, somebody's webhook, and who may log in."""

    url: str
    passwords: dict[str, str]
    publisher: Program
    hook: Webhook

    def visit(self, browser: Chrome, path: str, who: str = "admin") -> None:
        """As somebody who has logged in: the browser sends the password with everything."""
        login = base64.b64encode(f"{who}:{self.passwords[who]}".encode()).decode()
        browser.execute_cdp_cmd("Network.enable", {})
        headers = {"headers": {"Authorization": f"Basic {login}"}}
        browser.execute_cdp_cmd("Network.setExtraHTTPHeaders", headers)
        browser.get(self.url.rstrip("/") + path)


@pytest.fixture
def place(at_home: Rigwatch, made_home: MadeHome) -> Iterator[Place]:
    rigwatch = at_home
    tls, plain, web = free_ports(3)
    with webhook() as hook:
        rigwatch.environment |= {
            "RIGWATCH_BROKER__PORT": str(tls),
            "RIGWATCH_BROKER__PLAIN_PORT": str(plain),
            "RIGWATCH_WEB__PORT": str(web),
            "RIGWATCH_ALERTS__CHANNELS": json.dumps([hook.url]),
            "RIGWATCH_ALERTS__GRACE": "0s",
        }
        rigwatch.start("serve").wait_for("connected to the broker")
        rigwatch.start("web").wait_for("dashboard listening")
        viewer = rigwatch.run("user", "add", "bob", "--role", "viewer").stdout.strip()
        home = rigwatch.folder / "rig"
        home.mkdir(mode=0o700)
        toml = node_toml(rigwatch.run("enroll", "rig1", "--site", "garage").stdout.strip())
        (home / "publisher.toml").write_text(toml.replace("interval", f'name = "{NAME}"\ninterval', 1))
        publisher = rigwatch.start("publish", home=home)
        yield Place(f"http://127.0.0.1:{web}/", {made_home.user: made_home.password, "bob": viewer}, publisher, hook)


def text(browser: Chrome, selector: str = "main") -> str:
    """Of the first such element; none while there is none."""
    script = "return document.querySelector(arguments[0])?.innerText ?? ''"
    return str(browser.execute_script(script, selector))


def shown(browser: Chrome, selector: str) -> bool:
    try:
        return browser.find_element(By.CSS_SELECTOR, selector).is_displayed()
    except NoSuchElementException:
        return False


def test_a_killed_rig_from_its_death_to_its_silence(place: Place, browser: Chrome) -> None:
    place.visit(browser, "/")
    eventually(lambda: "online" in text(browser, ".latest tbody"), timeout=30, what="the rig reports")
    place.visit(browser, "/incidents")
    assert "All is well" in text(browser)
    eventually(lambda: is_live(browser), what="the page is live")

    place.publisher.kill()
    killed = time.monotonic()
    eventually(lambda: "lost" in text(browser, "#live .incidents"), what="the loss is on the page")
    # Two seconds, and the time to draw it.
    assert time.monotonic() - killed < promised(2.5)
    eventually(lambda: "firing" in text(browser, "#live .incidents .state"), what="it has held for its hold")
    assert NAME in text(browser, "#live .incidents")
    assert "(1 critical)" in browser.title

    browser.find_element(By.CSS_SELECTOR, "#live .incidents .what a").click()
    assert "its end closed the connection" in text(browser, ".one")
    eventually(lambda: "sent" in text(browser, ".messages .result"), what="the message is shown as sent")
    browser.find_element(By.CSS_SELECTOR, ".messages summary").click()
    assert "last report" in text(browser, ".messages pre")
    assert NAME in text(browser, ".messages pre")
    _acknowledge(browser)
    _silence(browser)
    _a_viewer_only_looks(place, browser)


def _acknowledge(browser: Chrome) -> None:
    form = browser.find_element(By.CSS_SELECTOR, "form.acknowledge")
    form.find_element(By.NAME, "why").send_keys("on my way")
    form.find_element(By.TAG_NAME, "button").click()
    eventually(lambda: "no more reminders" in text(browser, ".banner.green"), what="the page says so")
    assert "Acknowledged by" in text(browser, ".one .ack")
    assert "on my way" in text(browser, ".one .ack")
    assert not shown(browser, "form.acknowledge")
    eventually(lambda: "on my way" in text(browser, ".story .person"), what="it is in the story")


def _silence(browser: Chrome) -> None:
    form = browser.find_element(By.CSS_SELECTOR, "form.quieten")
    Select(form.find_element(By.NAME, "about")).select_by_value("node")
    form.find_element(By.NAME, "why").send_keys("fan swap")
    form.find_element(By.CSS_SELECTOR, 'button[value="silence"]').click()
    eventually(lambda: "silenced" in text(browser, ".one .signs"), what="the page says so")
    browser.find_element(By.CSS_SELECTOR, ".back a").click()
    browser.find_element(By.LINK_TEXT, "Silences and maintenance").click()
    assert "site garage node rig1" in " ".join(text(browser, ".mutes").split())
    browser.find_element(By.CSS_SELECTOR, ".mutes button").click()
    eventually(lambda: "Ended" in text(browser, ".banner.green"), what="the page says so")
    assert "Nothing is quiet" in text(browser)


def _a_viewer_only_looks(place: Place, browser: Chrome) -> None:
    for path in ("/incidents", "/incidents/1", "/quiet"):
        place.visit(browser, path, who="bob")
        assert not browser.find_elements(By.CSS_SELECTOR, 'form[method="post"]')
    script = "return fetch('/incidents/1/acknowledge', {method: 'POST'}).then(answer => answer.status)"
    try:
        assert browser.execute_script(script) == 403
    finally:
        # The refusal is an error in the console, as it should be.
        browser.get_log("browser")  # type: ignore[no-untyped-call] # Selenium's own gap
