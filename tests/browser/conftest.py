"""Every browser test gets Chromium, and fails on an error in its console."""

from tests.browser.chromium import browser, console_errors, start_browser
from tests.browser.dashboard import dashboard, silent_dashboard

__all__ = ["browser", "console_errors", "dashboard", "silent_dashboard", "start_browser"]
