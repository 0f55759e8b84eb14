"""Chromium under Selenium: a new profile for each test, only loopback within reach, console errors are failures."""

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TypeAlias

import pytest
from selenium.webdriver import Chrome, ChromeOptions, ChromeService

from tests.requirements import program

StartBrowser: TypeAlias = Callable[..., Chrome]

_ARGUMENTS = (
    "--headless=new",
    # Tests run as root in containers, whose kernel gives no user namespaces and a small /dev/shm.
    "--no-sandbox",
    "--disable-dev-shm-usage",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # A page that asks any other machine for anything gets an error in its console, and the test fails.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
    "--lang=en-GB",
)
_PAGE_S = 20


@pytest.fixture
def console_errors() -> list[str]:
    """Regular expressions of console errors that the test means to cause; the test appends them."""
    return []


@contextmanager
def browsers_in(folder: Path, console_errors: list[str]) -> Iterator[StartBrowser]:
    """Starts browsers: `start_browser(width=400, height=800, insecure=True)`; each is a person with no history.

    `insecure` accepts a certificate that no public authority has signed.
    """
    with ExitStack() as browsers:
        numbers = iter(range(100))

        def start(*, width: int = 1280, height: int = 900, insecure: bool = False) -> Chrome:
            options = _options(folder / f"chromium-{next(numbers)}", width, height)
            options.accept_insecure_certs = insecure
            # Both programs are named, so that Selenium does not go and fetch its own.
            service = ChromeService(program("chromedriver", variable="CHROMEDRIVER"))
            driver = Chrome(options=options, service=service)
            browsers.callback(_close, driver, console_errors)
            driver.set_page_load_timeout(_PAGE_S)
            return driver

        yield start


@pytest.fixture
def start_browser(tmp_path: Path, console_errors: list[str]) -> Iterator[StartBrowser]:
    """See `browsers_in`."""
    with browsers_in(tmp_path, console_errors) as start:
        yield start


@pytest.fixture
def browser(start_browser: StartBrowser) -> Chrome:
    """One person at a desk: Chromium, 1280 by 900."""
    return start_browser()


def _options(profile: Path, width: int, height: int) -> ChromeOptions:
    options = ChromeOptions()
    options.binary_location = program("chromium", variable="CHROMIUM", places=("google-chrome", "chromium-browser"))
    for argument in (*_ARGUMENTS, f"--user-data-dir={profile}", f"--window-size={width},{height}"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    return options


def check_console(driver: Chrome, allowed: list[str]) -> None:
    """Fail when the console holds an error that no expression in `allowed` matches; reading empties it."""
    entries: list[dict[str, str]] = driver.get_log("browser")  # type: ignore[no-untyped-call] # Selenium's own gap
    # Chromium's own pages, such as that of a new tab, have troubles of their own.
    lines = [e["message"] for e in entries if e["level"] == "SEVERE" and not e["message"].startswith("chrome://")]
    wrong = [line for line in lines if not any(re.search(pattern, line) for pattern in allowed)]
    assert not wrong, "errors in the browser's console:\n" + "\n".join(wrong)


def _close(driver: Chrome, allowed: list[str]) -> None:
    try:
        check_console(driver, allowed)
    finally:
        driver.quit()
