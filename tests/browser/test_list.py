"""A list of a thousand nodes on a phone, measured by the browser itself: what moves, and what it is busy with."""

from collections.abc import Iterator

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By

from rigwatch.clock import SystemClock
from rigwatch.messages import Report
from tests.browser.chromium import browsers_in
from tests.browser.dashboard import Dashboard, dashboard_in
from tests.rigs import birth, report, rig, sample, will
from tests.waiting import eventually, promised

NODES = 1000
PHONE = {"width": 390, "height": 844, "deviceScaleFactor": 2, "mobile": True}
# What happened before the page asked counts as well: `buffered`.
WATCH = """
window.shifts = []; window.tasks = [];
new PerformanceObserver((list) => window.shifts.push(...list.getEntries().filter((e) => !e.hadRecentInput)
  .map((e) => e.value))).observe({ type: "layout-shift", buffered: true });
new PerformanceObserver((list) => window.tasks.push(...list.getEntries().map((e) => e.duration)))
  .observe({ type: "longtask" });
"""


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dashboard]:
    with dashboard_in(tmp_path_factory.mktemp("fleet")) as made:
        now = SystemClock().now()
        rigs = [rig(f"rig{number:03}") for number in range(NODES)]
        made.store.take([each.heard(birth(host=f"host{at // 8}"), now) for at, each in enumerate(rigs)])
        made.store.take([each.heard(_report(at), now) for at, each in enumerate(rigs)])
        with made.served():
            yield made


@pytest.fixture(scope="module")
def phone(fleet: Dashboard, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrome]:
    with browsers_in(tmp_path_factory.mktemp("phone"), []) as start:
        browser = start()
        browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", PHONE)
        browser.execute_cdp_cmd("Emulation.setTouchEmulationEnabled", {"enabled": True})
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [{"name": "pointer", "value": "coarse"}]})
        fleet.open(browser)
        yield browser


def _report(at: int) -> Report:
    now = SystemClock().now()
    return report(sample(now, hashrate=1e6 + at), sent_at=now)


def rows(browser: Chrome) -> list[str]:
    script = "return [...document.querySelectorAll('[data-place=rows] > tr')].map((row) => row.dataset.key)"
    return list(browser.execute_script(script))


def looks(browser: Chrome) -> int:
    script = "return performance.getEntriesByType('resource').filter((e) => /live/.test(e.name)).length"
    return int(browser.execute_script(script))


def says(browser: Chrome, node: str) -> str:
    script = "return document.querySelector(`tr[data-key='main/${arguments[0]}']`)?.innerText ?? ''"
    return str(browser.execute_script(script, node))


def test_on_a_phone_nothing_moves_and_nothing_takes_long_while_nodes_report_and_fall_ill(
    fleet: Dashboard, phone: Chrome
) -> None:
    phone.execute_script(WATCH)
    before = rows(phone)
    assert len(before) == 50
    for number in (3, 17, 41):
        fleet.store.take([rig(f"rig{number:03}").heard(will(), SystemClock().now())])
    for number in (5, 25, 600):
        now = SystemClock().now()
        made = report(sample(now, hashrate=123_456_789 + number), sent_at=now)
        fleet.store.take([rig(f"rig{number:03}").heard(made, now)])
    eventually(lambda: "lost" in says(phone, "rig041"), what="a node that was lost is shown where it stands")
    eventually(lambda: "123.46 MH/s" in says(phone, "rig025"), what="a figure has changed")
    assert rows(phone) == before
    again = phone.find_element(By.CSS_SELECTOR, "[data-again]")
    eventually(again.is_displayed, what="the page says that the order has changed")
    seen = looks(phone)
    eventually(lambda: looks(phone) > seen + 2, what="another few looks")
    shifts, tasks = phone.execute_script("return [window.shifts, window.tasks]")
    assert sum(shifts) < 0.05, shifts
    assert all(each < promised(0.05) * 1000 for each in tasks), tasks
    again.click()
    eventually(lambda: rows(phone)[:3] == ["main/rig003", "main/rig017", "main/rig041"], what="the list is in order")
    assert sum(phone.execute_script("return window.shifts")) < 0.05


def test_a_page_has_few_elements_and_a_change_few_bytes(fleet: Dashboard, phone: Chrome) -> None:
    assert phone.execute_script("return document.querySelectorAll('*').length") <= 3000
    phone.execute_script("performance.clearResourceTimings()")
    now = SystemClock().now()
    fleet.store.take([rig("rig026").heard(report(sample(now, hashrate=55e6), sent_at=now), now)])
    eventually(lambda: "55.00 MH/s" in says(phone, "rig026"), what="a figure has changed")
    script = (
        "return performance.getEntriesByType('resource').filter((e) => /live/.test(e.name)).map((e) => e.transferSize)"
    )
    sizes = phone.execute_script(script)
    assert 0 < max(sizes) <= 2000, sizes


def test_the_search_narrows_the_whole_fleet_as_one_types_and_the_address_keeps_it(
    fleet: Dashboard, phone: Chrome
) -> None:
    fleet.open(phone)
    search = phone.find_element(By.NAME, "q")
    search.send_keys("rig77")
    eventually(lambda: rows(phone) == [f"main/rig77{last}" for last in range(10)], what="the list is narrowed")
    assert phone.current_url.endswith("/?q=rig77")
    assert phone.switch_to.active_element == search
    search.send_keys("\b\b\b\b\b")
    eventually(lambda: len(rows(phone)) == 50, what="all are listed again")
    assert phone.current_url.endswith(f":{fleet.port}/")


def test_pages_are_links(fleet: Dashboard, phone: Chrome) -> None:
    fleet.open(phone, "/?sort=name")
    phone.find_element(By.LINK_TEXT, "20").click()
    eventually(lambda: rows(phone)[-1:] == ["main/rig999"], what="the last page")
    assert "951 to 1000 of 1000" in phone.find_element(By.CSS_SELECTOR, ".pages").text


def test_an_admin_picks_nodes_and_silences_them(fleet: Dashboard, phone: Chrome) -> None:
    fleet.open(phone, "/?sort=name", who="root")
    assert not phone.find_element(By.ID, "bulk").is_displayed()
    for name in ("rig100", "rig101"):
        fleet.open(phone, f"/?q={name}", who="root")
    box = phone.find_element(By.CSS_SELECTOR, 'input[name="node"]')
    phone.execute_script("arguments[0].scrollIntoView({ block: 'center' })", box)
    box.click()
    eventually(phone.find_element(By.ID, "bulk").is_displayed, what="what can be done is shown")
    phone.find_element(By.NAME, "why").send_keys("fan")
    phone.find_element(By.CSS_SELECTOR, 'button[value="silence"]').click()
    eventually(lambda: "Nodes silenced: 1" in phone.find_element(By.TAG_NAME, "main").text, what="it is told")
