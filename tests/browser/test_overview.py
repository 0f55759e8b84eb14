"""The overview as a person sees it. The dashboard is asked for before the browser, so that the browser goes first."""

import colorsys
import re
import time

import pytest
from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By

from rigwatch.messages import NodeState, Status
from tests.browser.chromium import StartBrowser
from tests.browser.dashboard import Dashboard, cell, is_live
from tests.rigs import goodbye, will
from tests.waiting import eventually, promised

MINUTE = 60_000


_HUES = {"red": (-15, 15), "orange": (16, 33), "yellow": (35, 55), "green": (130, 160)}


def look_of(browser: Chrome, node: str, column: str) -> tuple[str, str]:
    """The name of a cell's colour, and the shape before it; both empty for a figure that is not judged."""
    element = cell(browser, node, column)
    shape = str(browser.execute_script("return getComputedStyle(arguments[0], '::before').content", element))
    if shape == "none":
        return "", ""
    red, green, blue = (float(each) / 255 for each in numbers(element.value_of_css_property("color"))[:3])
    degrees = (colorsys.rgb_to_hls(red, green, blue)[0] * 360 + 15) % 360 - 15
    return next(name for name, (low, high) in _HUES.items() if low <= degrees <= high), shape[1]


def numbers(colour: str) -> list[str]:
    return re.findall(r"[\d.]+", colour)


def test_every_figure_has_its_colour_and_its_shape(dashboard: Dashboard, browser: Chrome) -> None:
    dashboard.report("good", hashrate=8123, peers=20, block=1000)
    dashboard.report("fair", hashrate=1, peers=19, block=997)
    dashboard.report("poor", hashrate=0, peers=9, block=996)
    dashboard.report("bad", hashrate=0, peers=2, block=995)
    dashboard.report("unknown")
    dashboard.report("old", ago=4 * MINUTE, hashrate=1)
    dashboard.report("older", ago=6 * MINUTE, hashrate=1)
    green, yellow, orange, red = ("green", "●"), ("yellow", "▲"), ("orange", "◆"), ("red", "■")
    none = ("", "")
    expected = {
        "good": (green, green, green, green),
        "fair": (green, yellow, yellow, green),
        "poor": (red, orange, yellow, green),
        "bad": (red, red, red, green),
        "unknown": (none, none, none, green),
        "old": (none, none, none, yellow),
        "older": (none, none, none, red),
    }
    columns = ("hashrate", "peers", "block", "age")
    for theme in ("light", "dark"):
        features = [{"name": "prefers-color-scheme", "value": theme}]
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
        dashboard.open(browser)
        assert {node: tuple(look_of(browser, node, each) for each in columns) for node in expected} == expected
        background = browser.find_element(By.CSS_SELECTOR, ".card").value_of_css_property("background-color")
        assert (sum(map(float, numbers(background)[:3])) > 600) is (theme == "light")


def test_a_lost_node_is_shown_within_a_second_and_a_new_one_too(dashboard: Dashboard, browser: Chrome) -> None:
    dashboard.open(browser)
    assert "rigwatch enroll NAME" in browser.find_element(By.TAG_NAME, "main").text
    eventually(lambda: is_live(browser), what="the page is live")
    dashboard.report("rig1", hashrate=8123)
    eventually(lambda: "8.12 kH/s" in cell_text(browser, "rig1", "hashrate"), what="the first node appears")
    browser.execute_script("document.querySelector('.latest tr[data-key]').mine = true")
    dashboard.hear("rig1", will())
    begun = time.monotonic()
    eventually(lambda: cell_text(browser, "rig1", "status") == "lost", what="the node is shown as lost")
    # A second, and the time to draw it.
    assert time.monotonic() - begun < promised(1.5)
    assert browser.title == "(1 lost) rigwatch"
    assert browser.execute_script("return document.querySelector('.latest tr[data-key]').mine"), "the row was replaced"


def cell_text(browser: Chrome, node: str, column: str) -> str:
    """Its text, or none while there is no such row."""
    selector = f'.latest tr[data-key="main/{node}"] .c-{column}'
    script = "return document.querySelector(arguments[0])?.innerText ?? ''"
    return str(browser.execute_script(script, selector))


def test_an_update_leaves_the_reader_alone(dashboard: Dashboard, start_browser: StartBrowser) -> None:
    browser = start_browser(width=1000, height=500)
    for number in range(40):
        dashboard.report(f"rig{number}", hashrate=100 + number)
    dashboard.open(browser)
    search = browser.find_element(By.NAME, "q")
    search.send_keys("rig")
    browser.execute_script("window.scrollTo(0, 600)")
    read = cell(browser, "rig20", "name")
    place = browser.execute_script("return arguments[0].getBoundingClientRect().top", read)
    dashboard.hear("rig39", goodbye())
    dashboard.report("rig7", hashrate=5e9)
    eventually(lambda: cell_text(browser, "rig7", "hashrate") == "5.00 GH/s", what="the page has changed")
    assert cell_text(browser, "rig39", "status") == "offline"
    # A row came in above; what is being read stays where it is.
    assert browser.execute_script("return arguments[0].getBoundingClientRect().top", read) == pytest.approx(
        place, abs=2
    )
    assert browser.switch_to.active_element == search
    assert search.get_attribute("value") == "rig"
    order = browser.find_elements(By.CSS_SELECTOR, ".latest tbody .c-name")
    assert [order[0].text, order[-1].text] == ["rig39", "rig38"]
    assert len(order) == 40


def test_ages_count_on_by_themselves(dashboard: Dashboard, browser: Chrome) -> None:
    dashboard.report("rig1", ago=10_000, hashrate=1)
    dashboard.open(browser)
    seen: set[str] = set()

    def look() -> bool:
        seen.add(browser.find_element(By.CSS_SELECTOR, ".c-age time").text)
        return len(seen) > 2

    eventually(look, what="three ages")
    assert all(re.fullmatch(r"1\d s", each) for each in seen), seen


def test_it_says_when_the_server_is_away_and_when_it_is_back(
    silent_dashboard: Dashboard, browser: Chrome, console_errors: list[str]
) -> None:
    console_errors.append("ERR_CONNECTION_REFUSED|ERR_CONNECTION_RESET|ERR_EMPTY_RESPONSE")
    alarm = (By.ID, "no-contact")
    with silent_dashboard.served():
        silent_dashboard.report("rig1", hashrate=1)
        silent_dashboard.open(browser)
        eventually(lambda: is_live(browser), what="the page is live")
        assert not browser.find_element(*alarm).is_displayed()
    eventually(lambda: browser.find_element(*alarm).is_displayed(), what="the page says that it has no contact")
    text = browser.find_element(*alarm).text
    assert re.search(r"No contact with the server since \d\d:\d\d:\d\d\.", text)
    assert not is_live(browser)
    assert cell(browser, "rig1", "status").text == "online"
    silent_dashboard.hear("rig1", will())
    with silent_dashboard.served():
        eventually(lambda: not browser.find_element(*alarm).is_displayed(), what="the contact is back")
        eventually(lambda: cell_text(browser, "rig1", "status") == "lost", what="the page is up to date")


def test_it_fits_a_phone_and_stays_a_table_to_who_hears_it(dashboard: Dashboard, browser: Chrome) -> None:
    dashboard.report("rig1", hashrate=8123, peers=2, block=534_211, temperature=61, power=120, errors={"a": "x" * 190})
    dashboard.hear(
        "a-node-with-a-name-as-long-as-they-may-be-0123456789-0123456789", Status(NodeState.ONLINE, 2, host="h" * 200)
    )
    metrics = {"width": 390, "height": 844, "deviceScaleFactor": 2, "mobile": True}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    dashboard.open(browser)
    width = browser.execute_script("return [document.documentElement.scrollWidth, window.innerWidth]")
    assert width == [390, 390]
    for column in ("status", "name", "hashrate", "peers", "block", "temperature", "power", "age"):
        box = cell(browser, "rig1", column).rect
        assert box["width"] > 0
        assert box["x"] + box["width"] <= 390
    assert cell(browser, "rig1", "peers").aria_role in {"cell", "gridcell"}
    assert browser.find_element(By.CSS_SELECTOR, ".latest").aria_role == "table"


def test_it_sorts_and_finds_without_javascript_and_reloads_itself(dashboard: Dashboard, browser: Chrome) -> None:
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    dashboard.report("rig1", hashrate=1)
    dashboard.report("rig2", hashrate=2)
    dashboard.open(browser)

    def texts(selector: str) -> list[str]:
        try:
            return [each.text for each in browser.find_elements(By.CSS_SELECTOR, selector)]
        except StaleElementReferenceException:
            # The page reloaded itself between the finding and the reading.
            return []

    def names() -> list[str]:
        return texts(".latest tbody .c-name")

    assert names() == ["rig1", "rig2"]
    browser.find_element(By.LINK_TEXT, "Hashrate").click()
    assert names() == ["rig2", "rig1"]
    browser.find_element(By.NAME, "q").send_keys("rig1\n")
    eventually(lambda: names() == ["rig1"], what="only what was looked for is listed")
    dashboard.hear("rig1", will())
    eventually(lambda: texts(".latest .c-status .pill") == ["lost"], what="the page has reloaded itself")
    eventually(lambda: names() == ["rig1"], what="it still lists only what was looked for")


def test_algorithms_have_their_own_totals_and_the_chart_says_that_it_adds_them_up(
    dashboard: Dashboard, browser: Chrome
) -> None:
    for name, algorithm, rate in (("a", "ethash", 836e6), ("b", "rx/0", 24.1e3)):
        dashboard.report(name, ago=2 * MINUTE, hashrate=rate, algorithm=algorithm)
        dashboard.report(name, hashrate=rate, algorithm=algorithm)
    dashboard.open(browser)
    assert browser.find_element(By.CSS_SELECTOR, ".figure .big").text == "836.00 MH/s ethash · 24.10 kH/s rx/0"
    eventually(lambda: browser.find_elements(By.CSS_SELECTOR, ".plot canvas"), what="the chart")
    title = browser.find_element(By.CSS_SELECTOR, ".plot .title").text
    assert title == "Hashrate, all algorithms added up, and nodes"
