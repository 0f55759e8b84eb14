"""An incident that counts, as somebody sees it who passes the wall or opens the overview on a phone."""

import time

import pytest
from msgspec import convert
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By

from rigwatch.clock import SystemClock
from rigwatch.messages import Sample
from store import housekeeping
from tests.alerting import Driver, every_incident
from tests.browser.chromium import StartBrowser
from tests.browser.dashboard import Dashboard, cell
from tests.fake_clock import FakeClock
from tests.processes import ROOT
from tests.rigs import birth, goodbye, report, rig, will
from tests.waiting import eventually


@pytest.fixture
def driver(dashboard: Dashboard) -> Driver:
    """The alerts of the last ten minutes, in which rig7 was connected and hashed nothing; rig1 is well."""
    clock = FakeClock(time.time_ns() // 1_000_000 - 600_000)
    made = Driver(dashboard.store, clock)
    made.connected_at = clock.now() - 3_600_000
    for name in ("rig1", "rig7"):
        made.hear(birth(host=f"tower-{name}"), rig(name))
    for _ in range(11):
        say(made, "rig1", 5e6)
        say(made, "rig7", 0)
        with dashboard.store.write() as tx:
            housekeeping.beat(tx, "subscriber", now=clock.now() + 3_600_000, connected_at=clock.now() - 3_600_000)
        made.tick(60)
    clock.move(-60)
    return made


def say(driver: Driver, name: str, hashrate: float) -> None:
    now = driver.clock.now()
    taken = convert({"n": now, "at": now, "hashrate": hashrate, "peers": 30}, Sample)
    driver.hear(report(taken, sent_at=now), rig(name))


def text(browser: Chrome, selector: str) -> str:
    return " ".join(str(browser.find_element(By.CSS_SELECTOR, selector).text).split())


def test_the_wall_shows_what_fires_until_it_is_over(dashboard: Dashboard, driver: Driver, browser: Chrome) -> None:
    dashboard.open(browser, "/wall")
    tile = text(browser, ".trouble .tile")
    assert tile.startswith("critical for ")
    assert "rig7 main · tower-rig7 hashes nothing: 0 H/s" in tile
    assert "All is well" not in text(browser, "#live")
    for _ in range(8):
        say(driver, "rig1", 5e6)
        say(driver, "rig7", 5e6)
        driver.tick(60)
    eventually(lambda: "All is well" in text(browser, "#live"), what="the wall says that it is over")


def test_the_wall_shows_a_hot_card_beside_a_dead_miner(dashboard: Dashboard, driver: Driver, browser: Chrome) -> None:
    driver.hear(birth(host="tower-rig5"), rig("rig5"))
    for _ in range(4):
        for name, hashrate in (("rig1", 5e6), ("rig7", 0)):
            say(driver, name, hashrate)
        now = driver.clock.now()
        taken = convert({"n": now, "at": now, "hashrate": 211e6, "temperature": 91, "gpus": cards()}, Sample)
        driver.hear(report(taken, sent_at=now), rig("rig5"))
        driver.tick(60)
    driver.clock.move(-60)
    dashboard.open(browser, "/wall")
    tiles = [" ".join(str(each.text).split()) for each in browser.find_elements(By.CSS_SELECTOR, ".trouble .tile")]
    assert len(tiles) == 2
    hot, dead = tiles
    assert "rig7 main · tower-rig7 hashes nothing: 0 H/s" in dead
    assert "rig5 main · tower-rig5 is too hot: 91 °C (X 0000:01:00.0), limit 85 °C" in hot
    assert text(browser, ".trouble .degrees.red").endswith("91 °C")
    assert text(browser, ".hottest") == "Hottest 91 °C rig5"
    assert cut_off(browser) == []


def test_it_stands_in_the_row_and_on_the_card_of_a_phone(
    dashboard: Dashboard, driver: Driver, start_browser: StartBrowser
) -> None:
    assert every_incident(driver.store)
    for browser in (start_browser(), start_browser(width=500)):
        dashboard.open(browser)
        named = cell(browser, "rig7", "name")
        assert "hashes nothing: 0 H/s" in named.text
        assert "hashes" not in cell(browser, "rig1", "name").text
        rows = browser.find_elements(By.CSS_SELECTOR, ".latest tbody tr")
        assert [each.get_attribute("data-key") for each in rows] == ["main/rig7", "main/rig1"]
        # What does not fit is wrapped: the page never scrolls sideways.
        assert browser.execute_script("return document.documentElement.scrollWidth <= innerWidth")
        named.find_element(By.PARTIAL_LINK_TEXT, "hashes nothing").click()
        assert "/incidents/" in browser.current_url


def cards(hottest: float = 91) -> list[dict[str, object]]:
    made = [
        {"id": f"0000:0{at}:00.0", "name": "X", "hashrate": 60e6, "temperature": 60, "power": 120} for at in range(4)
    ]
    made[1] |= {"temperature": hottest, "memory_temperature": 108}
    made[3] |= {"hashrate": 31e6}
    return made


def column(browser: Chrome, place: int) -> list[str]:
    """The words of a column of the cards' table, 1 being the first figure."""
    return [str(each.text) for each in browser.find_elements(By.CSS_SELECTOR, f".gpus tbody td:nth-of-type({place})")]


def test_the_page_of_a_node_shows_its_cards_first_and_which_is_hot_or_slow(
    dashboard: Dashboard, start_browser: StartBrowser
) -> None:
    dashboard.report("rig9", hashrate=211e6, gpus=cards())
    for browser in (start_browser(), start_browser(width=500)):
        dashboard.open(browser, "/node/main/rig9")
        charts = browser.find_element(By.ID, "history").location["y"]
        table = browser.find_element(By.CSS_SELECTOR, ".gpus")
        assert table.location["y"] + table.size["height"] < charts
        assert text(browser, ".gpus .red") == "91 °C"
        assert "−48 % against the others" in text(browser, ".gpus .orange")
        assert browser.execute_script("return document.documentElement.scrollWidth <= innerWidth")


def test_the_name_of_a_card_pushes_no_figure_off_the_screen(dashboard: Dashboard, browser: Chrome) -> None:
    named = [{**card, "name": "W" * 200} for card in cards()]
    dashboard.report("rig9", hashrate=211e6, gpus=named)
    dashboard.open(browser, "/node/main/rig9")
    assert browser.execute_script("return document.documentElement.scrollWidth <= innerWidth")
    assert len(column(browser, 1)) == 4


def test_cards_are_ordered_by_a_click_and_stay_so_when_figures_change(dashboard: Dashboard, browser: Chrome) -> None:
    dashboard.report("rig9", hashrate=211e6, gpus=cards())
    dashboard.open(browser, "/node/main/rig9")
    assert column(browser, 3) == ["60 °C", "91 °C", "60 °C", "60 °C"]
    browser.find_element(By.LINK_TEXT, "Temp.").click()
    assert column(browser, 3) == ["91 °C", "60 °C", "60 °C", "60 °C"]
    dashboard.report("rig9", hashrate=211e6, gpus=cards(hottest=50))
    eventually(lambda: column(browser, 3) == ["60 °C", "60 °C", "60 °C", "50 °C"], what="the cards are ordered anew")


def cut_off(browser: Chrome) -> list[str]:
    """What does not stand on the screen in full."""
    script = """
    const outside = (box) => box.bottom > innerHeight + 1 || box.right > innerWidth + 1 || !box.height;
    const all = [...document.querySelectorAll('.head-figure, .tile, .heat')];
    const spills = (each) => each.tagName === 'LI' && each.scrollHeight > each.clientHeight + 1;
    return all.filter((each) => outside(each.getBoundingClientRect()) || spills(each)).map((each) => each.outerHTML);
    """
    return [str(each) for each in browser.execute_script(script)]


@pytest.mark.parametrize("nodes", [1, 12, 100, 300, 1000])
def test_the_wall_fits_a_screen_whatever_stands_on_it(
    dashboard: Dashboard, start_browser: StartBrowser, nodes: int
) -> None:
    now = SystemClock().now()
    rigs = [rig(f"rig{number:04}", f"site{number % 3}" if nodes > 50 else "main") for number in range(nodes)]
    figures = {"hashrate": 60e6, "temperature": 91, "power": 120}
    dashboard.store.take([each.heard(birth(host="tower", interval=3600), now) for each in rigs])
    taken = report(convert({"n": now, "at": now, **figures}, Sample), sent_at=now)
    dashboard.store.take([each.heard(taken, now) for each in rigs])
    browser = start_browser()
    for wrong in (0, min(30, nodes // 3)):
        dashboard.store.take([each.heard(will(), now + 1) for each in rigs[:wrong]])
        for width, height in ((1920, 1080), (3840, 2160), (1280, 720)):
            size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
            browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
            dashboard.open(browser, "/wall")
            assert cut_off(browser) == [], (wrong, width)
            assert text(browser, ".hottest p") == "91 °C"
            # Never by its colour alone.
            shape = "return getComputedStyle(document.querySelector('.hottest p'), '::before').content"
            assert "■" in str(browser.execute_script(shape))


def test_the_wall_grows_smaller_where_words_would_push_it_off_the_screen(
    dashboard: Dashboard, start_browser: StartBrowser
) -> None:
    now = SystemClock().now()
    rigs = [rig(f"rig{number}", f"site{number % 2}") for number in range(12)]
    dashboard.store.take([each.heard(birth(host="tower", interval=3600), now) for each in rigs])
    figures = {"hashrate": 60e6, "temperature": 91, "power": 120}
    for each in rigs:
        errors = {"xmrig": "does not answer (connection refused) " * 3} if each is rigs[2] else {}
        taken = report(convert({"n": now, "at": now, "errors": errors, **figures}, Sample), sent_at=now)
        dashboard.store.take([each.heard(taken, now)])
    dashboard.store.take([rigs[0].heard(will(), now + 1), rigs[1].heard(goodbye(), now + 1)])
    browser = start_browser()
    for width, height in ((1600, 900), (1024, 600)):
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        dashboard.open(browser, "/wall")
        assert cut_off(browser) == [], width


def test_the_wall_makes_room_for_the_word_that_the_server_is_gone(
    silent_dashboard: Dashboard, browser: Chrome, console_errors: list[str]
) -> None:
    console_errors.append("ERR_CONNECTION_REFUSED|ERR_CONNECTION_RESET|ERR_EMPTY_RESPONSE")
    # Nothing else on it changes in the meantime: what is said is hours old.
    then = SystemClock().now() - 7_200_000
    rigs = [rig(f"rig{number}") for number in range(12)]
    silent_dashboard.store.take([each.heard(birth(host="tower", interval=60), then) for each in rigs])
    size = {"width": 1280, "height": 600, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    with silent_dashboard.served():
        silent_dashboard.open(browser, "/wall")
        assert cut_off(browser) == []
    eventually(lambda: text(browser, "#no-contact").startswith("No contact"), what="the wall says so")
    assert cut_off(browser) == []


def test_a_cell_of_the_heat_map_is_full_for_any_incident_but_a_known_one(browser: Chrome) -> None:
    sheet = (ROOT / "web" / "static" / "wall.css").read_text(encoding="utf-8")
    words = ["lost", "silent", "degraded", "critical", "warning", "info", "online", "critical quiet"]
    paths = "".join(f'<path class="{word}" d="M0 0h1"/>' for word in words)
    browser.get("data:text/html,<p>a page")
    browser.execute_script(
        "document.body.innerHTML = arguments[0]", f'<style>{sheet}</style><svg class="heat">{paths}</svg>'
    )
    widths = browser.execute_script(
        "return [...document.querySelectorAll('path')].map((each) => parseFloat(getComputedStyle(each).strokeWidth))"
    )
    assert [width > 0.9 for width in widths] == [True] * 6 + [False] * 2
