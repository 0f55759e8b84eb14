"""The fleet's past as a person sees it: charts, the wall and filters, in one browser over one dashboard."""

import re
import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from selenium.webdriver import ActionChains, Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement

from rigwatch.messages import NodeState, Report, Status
from tests.browser.chromium import browsers_in, check_console
from tests.browser.dashboard import Dashboard, dashboard_in, is_live
from tests.browser.past import BIG_RIG, HOUR, SHAKY, Machine, fill, machines
from tests.waiting import eventually, promised

TOWER = f"/node/{BIG_RIG}"
SHED = f"/node/{SHAKY}"


@pytest.fixture(scope="module")
def past(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dashboard]:
    """A dashboard over a fleet with a day behind it."""
    with dashboard_in(tmp_path_factory.mktemp("past")) as made:
        fill(made.store, made.now)
        with made.served():
            yield made


@pytest.fixture(scope="module")
def one_browser(tmp_path_factory: pytest.TempPathFactory, past: Dashboard) -> Iterator[Chrome]:
    """Made after the dashboard and closed before it: a page that is open asks for more all the time."""
    assert past.port
    with browsers_in(tmp_path_factory.mktemp("browser"), []) as start:
        yield start()


@pytest.fixture
def reader(one_browser: Chrome, past: Dashboard) -> Iterator[Chrome]:
    """Somebody who has nothing open; asked for nothing from elsewhere, and saw no error, when the test is over."""
    yield one_browser
    check_console(one_browser, [])
    asked = one_browser.execute_script("return performance.getEntriesByType('resource').map((each) => each.name)")
    # Pico's arrows are data of its own.
    assert {urlsplit(each).netloc.rpartition("@")[2] for each in asked} <= {f"127.0.0.1:{past.port}", ""}


def history(browser: Chrome, expression: str) -> Any:  # noqa: ANN401 - whatever the script answers
    """What an expression of `h`, the history of the page, is worth."""
    return browser.execute_script(f"const h = document.querySelector('[data-series]').history; return {expression}")


def drawn(browser: Chrome) -> list[str]:
    """The titles of the charts, once there are any."""
    titles = ".plot .canvas canvas"
    eventually(lambda: browser.find_elements(By.CSS_SELECTOR, titles), what="charts")
    return [each.text for each in browser.find_elements(By.CSS_SELECTOR, ".plot .title")]


def ranges(browser: Chrome) -> list[tuple[float, float]]:
    """From where to where each chart goes, in seconds from the beginning of what is shown."""
    spans = "[...h.charts.values()].map(({plot: {scales: {x}}}) => [x.min - h.whole[0], x.max - h.whole[0]])"
    return [(low, high) for low, high in history(browser, spans)]


def points(browser: Chrome) -> int:
    """Of the first chart."""
    return int(history(browser, "[...h.charts.values()][0].plot.data[0].length"))


def canvas(browser: Chrome, title: str) -> WebElement:
    return browser.find_element(By.CSS_SELECTOR, f'.plot[data-plot="{title}"] .u-over')


def reading(browser: Chrome, title: str) -> str:
    return browser.find_element(By.CSS_SELECTOR, f'.plot[data-plot="{title}"] .reading').text


def machine(node: str, now: int) -> Machine:
    return next(each for each in machines(now - HOUR) if each.node.node == node)


def tell(past: Dashboard, node: str, session: int = 1, **figures: object) -> None:
    """A node reports now."""
    now = time.time_ns() // 1_000_000
    rig = machine(node, now)
    past.store.take([rig.rig.heard(Report(session, now, (rig.sample(now, **figures),)), now)])


def ink(browser: Chrome) -> list[int]:
    """How many different colours each chart has: a blank one has one."""
    colours = """(canvas) => new Set(new Uint32Array(
        canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data.buffer)).size"""
    script = f"return [...document.querySelectorAll('.plot canvas')].map({colours})"
    return [int(each) for each in browser.execute_script(script)]


def test_a_node_page_draws_all_that_it_knows(reader: Chrome, past: Dashboard) -> None:
    past.open(reader, TOWER)
    per_gpu = ["Hashrate", "Hashrate of each GPU", "Temperature", "Temperature of each GPU", "Power"]
    assert drawn(reader) == [*per_gpu, "Power of each GPU", "Peers", "Block", "Blocks behind"]
    assert all(colours > 5 for colours in ink(reader))
    assert "MH/s" in reading(reader, "Hashrate")
    assert reading(reader, "Hashrate of each GPU").count("GPU") == 6
    assert len(reader.find_elements(By.CSS_SELECTOR, ".gpus tbody tr")) == 6
    assert len(reader.find_elements(By.CSS_SELECTOR, ".samples tbody tr")) == 15
    label = reader.find_element(By.CSS_SELECTOR, '[data-plot="Power"] .canvas').get_attribute("aria-label")
    assert label
    assert "lowest" in label


def test_what_went_wrong_is_a_gap_and_a_band(reader: Chrome, past: Dashboard) -> None:
    past.open(reader, SHED)
    drawn(reader)
    band = [each.get_attribute("class") for each in reader.find_elements(By.CSS_SELECTOR, ".band rect")]
    assert band[:7] == ["online", "lost", "online", "silent", "online", "lost", "online"]
    assert "degraded" in band
    shares = reader.find_element(By.CSS_SELECTOR, ".shares").text
    for word in ("online ", "degraded 3", "silent 2", "lost 3"):
        assert word in shares.replace("\n", " "), word
    gaps = "h.history.lines.power.slice(1, -1).filter((value) => value === null).length"
    assert history(reader, gaps) == 2
    samples = reader.find_element(By.CSS_SELECTOR, ".status-history .samples").text
    assert re.search(r"15 taken while it was away and sent later, [34]\d of those due are missing", samples)
    assert "does not answer" in reader.find_element(By.CSS_SELECTOR, ".about").text
    assert reader.find_element(By.CSS_SELECTOR, ".changes").text.count("lost") == 2


def test_dragging_zooms_every_chart_and_a_double_click_goes_back(reader: Chrome, past: Dashboard) -> None:
    past.open(reader, TOWER)
    drawn(reader)
    over = canvas(reader, "Hashrate")
    width = over.size["width"]
    before, before_points = ranges(reader), points(reader) / 4
    drag = ActionChains(reader, duration=50).move_to_element_with_offset(over, -width // 4, 0)
    drag.click_and_hold().move_by_offset(width // 4, 0).release().perform()
    eventually(lambda: ranges(reader) != before, what="the charts are zoomed")
    eventually(lambda: len(set(ranges(reader))) == 1, what="all of them alike")
    low, high = ranges(reader)[0]
    assert [low, high] == pytest.approx([6 * 3600, 12 * 3600], abs=900)
    eventually(lambda: points(reader) > before_points * 2, what="there are more points of what is seen")
    # A report does not take the reader's place away.
    tell(past, "tower")
    eventually(lambda: history(reader, "h.loadedAt") > 0 and is_live(reader), what="the page goes on")
    assert list(ranges(reader)[0]) == pytest.approx([low, high])
    ActionChains(reader).double_click(canvas(reader, "Power")).perform()
    eventually(lambda: ranges(reader)[0][0] == 0, what="everything is shown again")
    assert len(set(ranges(reader))) == 1
    assert points(reader) / 4 == pytest.approx(before_points, abs=3)


def test_the_cursor_is_read_in_every_chart_also_by_keyboard(reader: Chrome, past: Dashboard) -> None:
    past.open(reader, TOWER)
    drawn(reader)
    assert reading(reader, "Peers").endswith("latest")
    ActionChains(reader).move_to_element(canvas(reader, "Hashrate")).perform()
    eventually(lambda: not reading(reader, "Peers").endswith("latest"), what="the cursor is read below as well")
    before = reading(reader, "Hashrate")
    plot = reader.find_element(By.CSS_SELECTOR, '[data-plot="Hashrate"] .canvas')
    plot.send_keys(Keys.ARROW_LEFT)
    eventually(lambda: reading(reader, "Hashrate") != before, what="an arrow key moves the cursor")
    plot.send_keys("+")
    eventually(lambda: ranges(reader)[0][1] - ranges(reader)[0][0] < 80_000, what="plus zooms")
    reader.find_element(By.CSS_SELECTOR, ".history button.all").click()
    eventually(lambda: ranges(reader)[0][0] == 0, what="the button shows everything")


def test_a_range_is_chosen_and_stays_in_the_address(reader: Chrome, past: Dashboard) -> None:
    past.open(reader, TOWER)
    drawn(reader)

    def length() -> float:
        return float(history(reader, "h.whole[1] - h.whole[0]"))

    assert length() == pytest.approx(24 * 3600, abs=400)
    for name, seconds in (("1h", 3600), ("7d", 7 * 86400), ("all", 24 * 3600)):
        reader.find_element(By.CSS_SELECTOR, f'.ranges [data-range="{name}"]').click()
        eventually(lambda wanted=seconds: abs(length() - wanted) < 400, what=f"{name} is drawn")  # type: ignore[misc]
        assert reader.current_url.endswith(f"range={name}")
        chosen = reader.find_elements(By.CSS_SELECTOR, ".ranges [aria-current]")
        assert [each.get_attribute("data-range") for each in chosen] == [name]


def test_a_stretch_of_time_stands_in_the_address_and_is_moved(reader: Chrome, past: Dashboard) -> None:
    past.open(reader, TOWER)
    drawn(reader)
    # The day before now, a quarter of it, is in the middle of what is kept.
    since = past.now // 1000 - 12 * 3600
    reader.execute_script(
        "document.querySelector('[data-series]').history.zoom(arguments[0], arguments[1])", since, since + 7200
    )
    eventually(lambda: reader.current_url.endswith(f"?from={since}&to={since + 7200}"), what="the address has it")
    reader.refresh()
    drawn(reader)
    assert history(reader, "h.whole") == pytest.approx([since, since + 7200], abs=60)
    reader.find_element(By.CSS_SELECTOR, '[data-move="-1"]').click()
    eventually(lambda: history(reader, "h.whole[0]") == pytest.approx(since - 7200, abs=60), what="what was before")
    assert reader.current_url.endswith(f"?from={since - 7200}&to={since}")
    reader.find_element(By.CSS_SELECTOR, ".history button.all").click()
    eventually(lambda: history(reader, "h.whole[1] - h.whole[0]") == pytest.approx(86400, abs=400), what="the present")
    assert "from=" not in reader.current_url


def test_a_chart_is_saved_as_csv_and_as_a_picture(reader: Chrome, past: Dashboard) -> None:
    past.open(reader, TOWER)
    drawn(reader)
    made = reader.execute_async_script("""
        const [done] = [...arguments].slice(-1);
        const h = document.querySelector('[data-series]').history;
        const [chart] = h.charts.values();
        import('/static/chart_export.js').then(({ csv, picture }) => {
          const canvas = picture(chart);
          done([csv(chart), canvas.toDataURL('image/png').length, canvas.height - chart.plot.ctx.canvas.height]);
        });""")
    text, size, head = made
    lines = text.split("\r\n")
    assert lines[0] == "time,Hashrate"
    assert re.fullmatch(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z,\d+(\.\d+)?", lines[1])
    assert len(lines) > 100
    assert size > 5000
    assert head > 0
    buttons = reader.find_elements(By.CSS_SELECTOR, ".plot:first-child .files button")
    assert [each.text for each in buttons] == ["CSV", "PNG"]
    buttons[0].click()


def test_nodes_are_drawn_side_by_side(reader: Chrome, past: Dashboard) -> None:
    past.open(reader, f"/compare?node={BIG_RIG}&node={SHAKY}")
    assert drawn(reader) == ["Hashrate"]
    assert len(history(reader, "[...h.charts.values()][0].lines")) == 2
    assert min(ink(reader)) > 3
    # Lines, and no dots where another line has its moments.
    alone = """[...h.charts.values()][0].plot.series.slice(1).map((line, at) =>
        (line.points.filter([...h.charts.values()][0].plot, at + 1, false) ?? []).length)"""
    assert max(history(reader, alone)) < 20


def test_what_happened_is_marked_and_listed(reader: Chrome, past: Dashboard) -> None:
    for uptime in (1e6, 5.0):
        tell(past, "tower", uptime=uptime)
    past.open(reader, f"{TOWER}?range=1h")
    drawn(reader)
    kinds = history(reader, "h.events.map(({ kind }) => kind)")
    assert "restart" in kinds
    reader.find_element(By.CSS_SELECTOR, ".history .events summary").click()
    listed = [each.text for each in reader.find_elements(By.CSS_SELECTOR, ".history .events li")]
    assert len(listed) == len(kinds)
    assert listed[0].endswith("restarted")


def test_a_marked_incident_leads_to_its_page_below_the_prefix_of_a_proxy(reader: Chrome, past: Dashboard) -> None:
    past.open(reader, f"/node/{SHAKY}")
    drawn(reader)
    script = """
    const section = document.querySelector("[data-series]");
    section.dataset.incidents = `/rigs${section.dataset.incidents}`;
    const { history } = section;
    history.show({ ...history.history, events: [{ at: history.whole[0], kind: "incident", text: "lost", number: 7 }] });
    return section.querySelector(".events a").getAttribute("href");
    """
    assert reader.execute_script(script) == "/rigs/incidents/7"


def test_a_report_is_on_the_page_and_in_the_chart_within_two_seconds(reader: Chrome, past: Dashboard) -> None:
    past.open(reader, f"{TOWER}?range=1h")
    drawn(reader)
    eventually(lambda: is_live(reader), what="the page is live")
    eventually(lambda: history(reader, "Date.now() - h.loadedAt") > 1500, what="the chart may ask again")
    tell(past, "tower", hashrate=777_000_000)
    begun = time.monotonic()

    def shown() -> bool:
        figure = reader.find_element(By.CSS_SELECTOR, ".figures").text
        # The point may be the mean of this report and one just before.
        return "777.00" in figure and history(reader, "h.history.lines.hashrate.at(-2)") > 500_000_000

    eventually(shown, what="the report is shown")
    assert time.monotonic() - begun < promised(2)
    assert reader.find_element(By.CSS_SELECTOR, ".samples tbody tr").text.count("777.00 MH/s") == 1


def test_the_overview_draws_the_fleet_and_narrows_by_site_host_and_tag(reader: Chrome, past: Dashboard) -> None:
    past.open(reader)
    assert drawn(reader) == ["Hashrate and nodes"]
    assert all(colours > 5 for colours in ink(reader))
    assert len(reader.find_elements(By.CSS_SELECTOR, ".latest .spark path")) == 12

    def names() -> int:
        return len(reader.find_elements(By.CSS_SELECTOR, ".latest tbody tr"))

    for name, value, nodes in (("site", "cellar", 5), ("tag", "3000", 2), ("host", "cellar-1", 1)):
        options = reader.find_elements(By.CSS_SELECTOR, f'select[name="{name}"] option')
        next(each for each in options if each.text == value).click()
        eventually(lambda wanted=nodes: names() == wanted, what=f"{name} narrows the list")  # type: ignore[misc]
    assert reader.current_url.endswith("?site=cellar&host=cellar-1&tag=3000")


def test_the_wall_shows_first_what_is_wrong_and_changes_by_itself(reader: Chrome, past: Dashboard) -> None:
    past.open(reader, "/wall")
    eventually(lambda: is_live(reader), what="the wall is live")

    def trouble() -> list[str]:
        return [each.text for each in reader.find_elements(By.CSS_SELECTOR, ".trouble .title")]

    def is_first(name: str) -> Callable[[], bool]:
        return lambda: trouble()[0].startswith(name)

    assert trouble()[0].startswith("hotel")
    page = reader.find_element(By.TAG_NAME, "body").value_of_css_property("background-color")
    assert sum(map(int, page.removeprefix("rgba(").removeprefix("rgb(").rstrip(")").split(",")[:3])) < 100
    rig = machine("alpha", past.now).rig
    now = time.time_ns() // 1_000_000
    past.store.take([rig.heard(Status(NodeState.LOST, 1), now)])
    eventually(is_first("alpha"), what="the lost node is on the wall")
    assert reader.title.startswith("(2 lost)")
    width = reader.execute_script("return [document.documentElement.scrollWidth, window.innerWidth]")
    assert width[0] <= width[1]


@pytest.mark.parametrize("path", [TOWER, "/wall", "/"])
def test_it_fits_a_phone(reader: Chrome, past: Dashboard, path: str) -> None:
    metrics = {"width": 390, "height": 844, "deviceScaleFactor": 1, "mobile": True}
    reader.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    try:
        past.open(reader, path)
        if path != "/wall":
            drawn(reader)
        assert reader.execute_script("return document.documentElement.scrollWidth") == 390
    finally:
        reader.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_a_node_page_says_when_the_server_is_away(
    silent_dashboard: Dashboard, browser: Chrome, console_errors: list[str]
) -> None:
    console_errors.append("ERR_CONNECTION_REFUSED|ERR_CONNECTION_RESET|ERR_EMPTY_RESPONSE")
    alarm = (By.ID, "no-contact")
    with silent_dashboard.served():
        silent_dashboard.report("rig1", hashrate=1)
        silent_dashboard.open(browser, "/node/main/rig1")
        assert drawn(browser) == ["Hashrate"]
        eventually(lambda: is_live(browser), what="the page is live")
    eventually(lambda: browser.find_element(*alarm).is_displayed(), what="the page says that it has no contact")
    assert drawn(browser) == ["Hashrate"]
    silent_dashboard.report("rig1", hashrate=2000)
    with silent_dashboard.served():
        eventually(lambda: not browser.find_element(*alarm).is_displayed(), what="the contact is back")
        eventually(lambda: "2.00" in browser.find_element(By.CSS_SELECTOR, ".figures").text, what="it is up to date")


def test_cards_can_be_picked_in_all_charts_at_once(reader: Chrome, past: Dashboard) -> None:
    past.open(reader, TOWER)
    drawn(reader)
    of_cards = "[...h.charts.values()].filter(({lines}) => lines.length > 1)"
    shown = f"{of_cards}.map(({{plot}}) => plot.series.slice(1).map((each) => each.show))"
    every, second = [True] * 6, [False, True, False, False, False, False]
    assert history(reader, shown) == [every] * 3
    keys = reader.find_elements(By.CSS_SELECTOR, '.plot[data-plot="Power of each GPU"] .key')
    keys[1].click()
    assert history(reader, shown) == [second] * 3
    assert [key.get_attribute("aria-pressed") for key in keys] == ["false", "true", *["false"] * 4]
    # What comes meanwhile leaves it as it is.
    history(reader, "h.show(h.history)")
    assert history(reader, shown) == [second] * 3
    # By keyboard, and back.
    keys[0].send_keys(Keys.SPACE)
    assert history(reader, shown) == [[True, True, *[False] * 4]] * 3
    keys[0].click()
    keys[1].click()
    assert history(reader, shown) == [every] * 3


def test_sites_fold_and_stay_as_they_are_when_figures_change(reader: Chrome, past: Dashboard) -> None:
    past.open(reader, "/")
    eventually(lambda: is_live(reader), what="the page is live")
    site = 'details[data-key="site garage"]'
    before = reader.find_element(By.CSS_SELECTOR, f"{site} summary .rate").text
    assert not reader.find_element(By.CSS_SELECTOR, f"{site} table").is_displayed()
    reader.find_element(By.CSS_SELECTOR, f"{site} summary").click()
    assert [each.text.split()[0] for each in reader.find_elements(By.CSS_SELECTOR, f"{site} tbody a")] == [
        "garage-1",
        "garage-2",
        "tower",
        "The",
    ]
    tell(past, "tower", hashrate=1e9)
    eventually(
        lambda: reader.find_element(By.CSS_SELECTOR, f"{site} summary .rate").text != before,
        what="the new sum",
    )
    assert reader.find_element(By.CSS_SELECTOR, f"{site} table").is_displayed()
    reader.find_element(By.LINK_TEXT, "garage-2").click()
    eventually(lambda: "host=garage-2" in reader.current_url, what="the host's nodes alone")
