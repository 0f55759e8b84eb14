"""Every browser test gets Chromium, and fails on an error in its console."""

from tests.browser.chromium import browser, console_errors, start_browser

__all__ = ["browser", "console_errors", "start_browser"]
