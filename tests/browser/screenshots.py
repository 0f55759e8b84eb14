"""Takes the pictures of the documents from simulated rigs, which the pictures show as such; run by `make screenshots`.

Not a test module by name, so that `make test` leaves the committed pictures alone.
"""

import time
from base64 import b64decode
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By

from tests.browser.chromium import StartBrowser
from tests.browser.dashboard import Dashboard, dashboard_in, is_live
from tests.browser.past import BIG_RIG, SHAKY, watched
from tests.processes import ROOT
from tests.waiting import eventually
from web.manifest import ICONS, icon_name

FOLDER = ROOT / "docs" / "img"


@dataclass(frozen=True, slots=True)
class Picture:
    """A file in `FOLDER`: a page, the window's size in pixels, and the colours that its user prefers."""

    name: str
    path: str
    width: int = 1280
    height: int = 900
    theme: str = "light"
    who: str = "ada"


PICTURES = (
    Picture("overview", "/"),
    Picture("overview-dark", "/", theme="dark"),
    Picture("node", f"/node/{SHAKY}", height=1060),
    Picture("gpus-dark", f"/node/{BIG_RIG}", height=1300, theme="dark"),
    Picture("wall", "/wall", 1600, 900),
    Picture("phone", "/", 390, 844),
    Picture("phone-node-dark", f"/node/{SHAKY}", 390, 844, "dark"),
    Picture("incidents", "/incidents", height=560, who="root"),
    Picture("administration", "/admin/", height=700, who="root"),
)


@pytest.mark.timeout(300)
def test_pictures(tmp_path: Path, start_browser: StartBrowser) -> None:
    with dashboard_in(tmp_path) as dashboard:
        watched(dashboard.store, time.time_ns() // 1_000_000)
        with dashboard.served():
            browser = start_browser()
            for picture in PICTURES:
                _take(dashboard, browser, picture)


def test_icons(start_browser: StartBrowser) -> None:
    """Of the app on a phone, from the logo. Apple rounds the corners itself; a mask takes up to a tenth all round."""
    browser, logo = start_browser(), (ROOT / "web/static/logo.svg").read_text("utf-8")
    _draw(browser, logo, "icon-180.png", 180, filled=True)
    for purpose, sides in ICONS.items():
        for side in sides:
            _draw(browser, logo, icon_name(purpose, side), side, filled=purpose == "maskable")


def _draw(browser: Chrome, logo: str, name: str, side: int, *, filled: bool) -> None:
    # Filled to the edge in the logo's own colour, its rounded corners gone.
    size, back = ("80%", "#0f3d3e") if filled else ("100%", "transparent")
    body = f'<body style="margin:0;display:grid;place-items:center;height:{side}px;background:{back}">'
    browser.get(f"data:text/html;charset=utf-8,{quote(body + logo.replace('<svg', f'<svg width={size}', 1))}")
    clip = {"x": 0, "y": 0, "width": side, "height": side, "scale": 1}
    metrics = {"width": side, "height": side, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    browser.execute_cdp_cmd("Emulation.setDefaultBackgroundColorOverride", {"color": {"r": 0, "g": 0, "b": 0, "a": 0}})
    taken = browser.execute_cdp_cmd("Page.captureScreenshot", {"format": "png", "clip": clip})
    (ROOT / "web/static" / name).write_bytes(b64decode(taken["data"]))


def _take(dashboard: Dashboard, browser: Chrome, picture: Picture) -> None:
    size = {"width": picture.width, "height": picture.height, "deviceScaleFactor": 1, "mobile": picture.width < 600}
    theme = [{"name": "prefers-color-scheme", "value": picture.theme}]
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": theme})
    dashboard.open(browser, picture.path, who=picture.who)
    if browser.find_elements(By.ID, "contact"):
        eventually(lambda: is_live(browser), what="the page is live")
    eventually(lambda: _is_drawn(browser), what="its charts are drawn")
    (FOLDER / f"{picture.name}.png").write_bytes(browser.get_screenshot_as_png())


def _is_drawn(browser: Chrome) -> bool:
    wanted = browser.find_elements(By.CSS_SELECTOR, "[data-series]")
    return not wanted or bool(browser.find_elements(By.CSS_SELECTOR, ".plot canvas"))
