"""Takes the pictures of the documents from simulated rigs, which the pictures show as such; run by `make screenshots`.

Not a test module by name, so that `make test` leaves the committed pictures alone.
"""

import time
from dataclasses import dataclass
from pathlib import Path

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By

from tests.browser.chromium import StartBrowser
from tests.browser.dashboard import Dashboard, dashboard_in, is_live
from tests.browser.past import BIG_RIG, SHAKY, watched
from tests.processes import ROOT
from tests.waiting import eventually

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
