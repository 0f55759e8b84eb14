"""Every page in every state, judged by axe-core by WCAG 2.2 A and AA and good practices; light, dark, on a phone.

One server of each kind and one browser for all of it.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from tests.browser.chromium import browsers_in
from tests.browser.dashboard import Dashboard, dashboard_in
from tests.browser.past import BIG_RIG, SHAKY, watched
from tests.requirements import missing
from tests.waiting import eventually

AXE = Path(__file__).resolve().parents[1] / "npm" / "node_modules" / "axe-core" / "axe.min.js"
EVERYTHING = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")
OF_LOOKS = ("color-contrast", "link-in-text-block", "scrollable-region-focusable", "target-size")
"""What may be wrong in one look and right in another; the rest is judged once."""


Faults: TypeAlias = dict[str, list[dict[str, object]]]


@dataclass(frozen=True, slots=True)
class Look:
    """A window and the colours that its user prefers."""

    name: str
    width: int
    height: int
    theme: str


LOOKS = (
    Look("light", 1280, 900, "light"),
    Look("dark", 1280, 900, "dark"),
    Look("phone", 390, 844, "light"),
)
PAGES = (
    *("/", "/?q=nothing-like-it", "/?sort=hashrate&status=lost", "/nowhere", "/display", "/account"),
    *(f"/node/{SHAKY}", f"/node/{BIG_RIG}", "/wall", "/wall?theme=light"),
    *("/incidents", "/incidents?state=past&rule=lost", "/incidents/1", "/quiet", "/quiet?note=silence"),
    *("/admin/", f"/admin/nodes/{SHAKY}", "/admin/users", "/admin/tokens", "/admin/codes", "/admin/audit"),
    *("/admin/channels", "/admin/channels/telegram", "/admin/channels/add/ntfy", "/compare"),
)
EMPTY = ("/", "/wall", "/incidents", "/quiet", "/admin/", "/admin/tokens", "/admin/channels", "/admin/audit")


@pytest.fixture(scope="module")
def axe() -> str:
    if not AXE.exists():
        missing("axe-core has not been fetched: `make test` does that")
    return AXE.read_text()


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrome]:
    allowed = [r"status of 40\d"]
    with browsers_in(tmp_path_factory.mktemp("browsers"), allowed) as start:
        yield start()


@pytest.fixture(scope="module")
def inhabited(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dashboard]:
    """With nodes of every kind, incidents that fire and some that are over."""
    with dashboard_in(tmp_path_factory.mktemp("inhabited")) as dashboard:
        watched(dashboard.store, time.time_ns() // 1_000_000)
        with dashboard.served():
            yield dashboard


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dashboard]:
    with dashboard_in(tmp_path_factory.mktemp("empty")) as dashboard, dashboard.served():
        yield dashboard


@pytest.fixture(params=LOOKS, ids=lambda look: look.name)
def look(request: pytest.FixtureRequest, browser: Chrome) -> Look:
    chosen: Look = request.param
    size = {"width": chosen.width, "height": chosen.height, "deviceScaleFactor": 1, "mobile": chosen.width < 600}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    theme = [{"name": "prefers-color-scheme", "value": chosen.theme}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": theme})
    return chosen


@pytest.mark.timeout(300)
def test_no_page_has_a_fault_that_axe_finds(browser: Chrome, inhabited: Dashboard, axe: str, look: Look) -> None:
    faults: Faults = {}
    for path in PAGES:
        inhabited.open(browser, path, who="root")
        settle(browser)
        faults |= found(browser, axe, look, path)
    assert not faults, told(faults)


def test_nor_has_one_of_an_empty_store(browser: Chrome, empty: Dashboard, axe: str, look: Look) -> None:
    faults: Faults = {}
    for path in EMPTY:
        empty.open(browser, path, who="root")
        faults |= found(browser, axe, look, path)
    assert not faults, told(faults)


def test_nor_has_a_form_that_says_what_is_wrong(browser: Chrome, inhabited: Dashboard, axe: str, look: Look) -> None:
    faults: Faults = {}
    for path, form in (("/quiet", "form.add-quiet"), ("/admin/users", 'form[action$="/users/add"]')):
        inhabited.open(browser, path, who="root")
        run(browser, "document.querySelector(arguments[0]).noValidate = true;", form)
        browser.find_element(By.CSS_SELECTOR, f"{form} button[type=submit]").click()
        eventually(lambda: browser.find_elements(By.CSS_SELECTOR, '[role="alert"]:not([hidden])'), what="it says why")
        faults |= found(browser, axe, look, f"{path} with an error")
    inhabited.open(browser, f"/admin/nodes/{SHAKY}", who="root")
    browser.find_element(By.CSS_SELECTOR, 'form[action$="/retire"] button').click()
    faults |= found(browser, axe, look, "asked back")
    inhabited.open(browser, f"/admin/nodes/{SHAKY}", who="root")
    browser.find_element(By.CSS_SELECTOR, 'form[action$="/token"] button').click()
    faults |= found(browser, axe, look, "a secret")
    browser.delete_all_cookies()
    browser.get(f"http://127.0.0.1:{inhabited.port}/login")
    faults |= found(browser, axe, look, "/login")
    assert not faults, told(faults)


def test_the_first_key_leads_past_the_navigation(browser: Chrome, inhabited: Dashboard) -> None:
    inhabited.open(browser, "/")
    browser.find_element(By.TAG_NAME, "body").send_keys(Keys.TAB)
    skip = browser.switch_to.active_element
    assert skip.text == "Skip to the content"
    assert skip.rect["y"] >= 0, "it is seen while it has the focus"
    skip.send_keys(Keys.ENTER)
    assert browser.switch_to.active_element.tag_name == "main"


def test_what_has_the_focus_is_ringed_for_every_eye(browser: Chrome, inhabited: Dashboard, look: Look) -> None:
    """WCAG 2.2 asks for 3:1 against what is beside the ring."""
    for path in ("/", "/quiet", "/admin/"):
        inhabited.open(browser, path, who="root")
        rings = browser.execute_script(_RINGS)
        assert len(rings) > 5, (look.name, path)
        assert [ring for ring in rings if ring["contrast"] < 3 or ring["width"] < 2] == [], (look.name, path)


def test_who_wants_no_movement_gets_none(browser: Chrome, inhabited: Dashboard) -> None:
    reduce = {"features": [{"name": "prefers-reduced-motion", "value": "reduce"}]}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", reduce)
    inhabited.open(browser, "/quiet", who="root")
    assert browser.execute_script(_MOVES) == []
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
    inhabited.open(browser, "/quiet", who="root")
    assert browser.execute_script(_MOVES) != []


def settle(browser: Chrome) -> None:
    """Until charts are drawn, where there are any."""
    eventually(lambda: run(browser, _DRAWN), what="the charts are drawn")


def found(browser: Chrome, axe: str, look: Look, name: str) -> Faults:
    run(browser, axe)
    rules = list(EVERYTHING if look is LOOKS[0] else OF_LOOKS)
    violations = browser.execute_async_script(_JUDGE, rules)
    return {name: violations} if violations else {}


def run(browser: Chrome, script: str, *values: str) -> object:
    return browser.execute_script(script, *values)


_DRAWN = """
    return !document.querySelector("[data-series]") || !!document.querySelector(".plot canvas, .none:not([hidden])");
"""
_MOVES = """
    return [...document.querySelectorAll("*")].filter((each) => {
      const style = getComputedStyle(each);
      return parseFloat(style.transitionDuration) > 0 || style.animationName !== "none";
    }).map((each) => each.tagName);
"""
_RINGS = """
    const channels = (colour) => colour.match(/[\\d.]+/g).map(Number);
    const light = (colour) => {
      const [r, g, b] = channels(colour).map((part) => part / 255)
        .map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
      return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const ground = (element) => {
      for (let each = element.parentElement; each; each = each.parentElement) {
        const { backgroundColor } = getComputedStyle(each);
        if ((channels(backgroundColor)[3] ?? 1) > 0.99) return backgroundColor;
      }
      return "rgb(255, 255, 255)";
    };
    const focusable = "a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex='0']";
    const isSeen = (each) => each.checkVisibility({ visibilityProperty: true });
    return [...document.querySelectorAll(focusable)].filter(isSeen).map((each) => {
      each.focus({ focusVisible: true });
      const style = getComputedStyle(each);
      const [a, b] = [light(style.outlineColor), light(ground(each))].sort((x, y) => y - x);
      const drawn = style.outlineStyle === "none" ? 0 : parseFloat(style.outlineWidth);
      return { what: each.outerHTML.slice(0, 90), width: drawn, contrast: (a + 0.05) / (b + 0.05) };
    });
"""
_JUDGE = """
    const done = arguments[arguments.length - 1];
    axe.run({ runOnly: arguments[0] }).then(({ violations }) => done(violations), (why) => done([{ id: String(why) }]));
"""


def told(faults: Faults) -> str:
    lines = []
    for page, violations in faults.items():
        for each in violations:
            nodes = each.get("nodes") or []
            assert isinstance(nodes, list)
            lines += [f"{page}: {each['id']} ({len(nodes)}): {each.get('help')}"]
            lines += [f"    {node['html'][:160]} :: {(node.get('failureSummary') or '')[:300]!r}" for node in nodes[:3]]
    return "\n".join(lines)
