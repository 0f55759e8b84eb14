"""Every end-to-end test gets a station: a home of its own and what runs in it, and a browser where it asks for one."""

from tests.browser.chromium import browser, console_errors, start_browser
from tests.e2e.station import bare_station, station

__all__ = ["bare_station", "browser", "console_errors", "start_browser", "station"]
