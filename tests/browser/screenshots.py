"""Takes the pictures of the documents from simulated rigs, which the pictures show as such; run by `make screenshots`.

Not a test module by name, so that `make test` leaves the committed pictures alone.
"""

import base64
import json
from dataclasses import dataclass
from functools import partial

import pytest
from selenium.webdriver import Chrome

from tests.browser.chromium import StartBrowser
from tests.ports import free_ports
from tests.processes import ROOT, Rigwatch
from tests.waiting import eventually

FOLDER = ROOT / "docs" / "img"
NODES = 12
MINUTES = 4
"""So long the rigs report before the pictures are taken, for the totals to have something to show."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A file in `FOLDER`, the window's size in pixels, and the colours that its user prefers."""

    name: str
    width: int
    height: int
    theme: str


PICTURES = (
    Picture("overview", 1280, 860, "light"),
    Picture("overview-dark", 1280, 860, "dark"),
    Picture("phone", 390, 844, "light"),
)


@pytest.mark.timeout(60 * (MINUTES + 3))
def test_pictures(rigwatch: Rigwatch, start_browser: StartBrowser) -> None:
    tls, plain, web = free_ports(3)
    rigwatch.environment |= {
        "RIGWATCH_BROKER__PORT": str(tls),
        "RIGWATCH_BROKER__PLAIN_PORT": str(plain),
        "RIGWATCH_WEB__PORT": str(web),
    }
    access = json.loads(rigwatch.run("init", "--json").stdout)
    rigwatch.start("serve").wait_for("connected to the broker")
    rigwatch.start("web").wait_for("dashboard listening")
    rigwatch.start("simulate", "--nodes", str(NODES), "--sites", "2", "--interval", "2s")
    browsers = {picture: _open(start_browser, picture, access) for picture in PICTURES}

    for picture, browser in browsers.items():
        eventually(partial(_has_minutes, browser), timeout=60 * (MINUTES + 2), what="minutes in the totals")
        (FOLDER / f"{picture.name}.png").write_bytes(browser.get_screenshot_as_png())


def _has_minutes(browser: Chrome) -> bool:
    return browser.page_source.count('class="bar"') > MINUTES


def _open(start_browser: StartBrowser, picture: Picture, access: dict[str, str]) -> Chrome:
    browser = start_browser(width=picture.width, height=picture.height)
    size = {"width": picture.width, "height": picture.height, "deviceScaleFactor": 1, "mobile": picture.width < 600}
    login = base64.b64encode(f"{access['user']}:{access['password']}".encode()).decode()
    theme = [{"name": "prefers-color-scheme", "value": picture.theme}]
    for command, arguments in (
        ("Emulation.setDeviceMetricsOverride", size),
        ("Emulation.setEmulatedMedia", {"features": theme}),
        ("Network.enable", {}),
        ("Network.setExtraHTTPHeaders", {"headers": {"Authorization": f"Basic {login}"}}),
    ):
        browser.execute_cdp_cmd(command, arguments)
    browser.get(access["url"])
    return browser
