"""The browser of the tests sees what a person sees, and lets no console error pass."""

from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from selenium.webdriver import Chrome

from tests.browser.chromium import StartBrowser, check_console


@pytest.fixture
def pages(tmp_path: Path) -> Iterator[str]:
    """Address of a server for the files in `tmp_path/pages`."""
    folder = tmp_path / "pages"
    folder.mkdir()
    (folder / "good.html").write_text("<title>Good</title><link rel=icon href='data:,'><p id=p></p>")
    (folder / "bad.html").write_text("<link rel=icon href='data:,'><script>console.error('broken chart')</script>")
    (folder / "far.html").write_text(
        "<link rel=icon href='data:,'><script src='http://rigwatch.example/a.js'></script>"
    )
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(SimpleHTTPRequestHandler, directory=folder)) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_it_opens_a_page_and_runs_its_scripts(browser: Chrome, pages: str) -> None:
    browser.get(f"{pages}/good.html")
    assert browser.title == "Good"
    assert browser.execute_script("return document.querySelectorAll('#p').length") == 1


def test_two_browsers_are_two_people(start_browser: StartBrowser, pages: str) -> None:
    desk, phone = start_browser(), start_browser(width=500, height=800)
    desk.get(f"{pages}/good.html")
    desk.add_cookie({"name": "session", "value": "desk"})
    phone.get(f"{pages}/good.html")
    assert phone.get_cookies() == []
    assert phone.execute_script("return window.innerWidth") == 500


@pytest.mark.parametrize(("page", "message"), [("bad.html", "broken chart"), ("far.html", "ERR_NAME_NOT_RESOLVED")])
def test_an_error_in_the_console_fails_the_test(browser: Chrome, pages: str, *, page: str, message: str) -> None:
    browser.get(f"{pages}/{page}")
    with pytest.raises(AssertionError, match=message):
        check_console(browser, allowed=["another"])
    browser.get(f"{pages}/{page}")
    check_console(browser, allowed=[message])
