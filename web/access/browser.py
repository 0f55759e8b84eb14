"""What kind of client asks, and where it may be sent: a person's browser gets a page to log in, a program gets 401."""

import re
from typing import Final
from urllib.parse import quote

from flask import request, url_for

_NEXT_MAX: Final = 2000
# A path of ours: a second slash, or a backslash that browsers take for one, would begin the name of another host.
_PATH = re.compile(r"/(?![/\\])[\x21-\x5b\x5d-\x7e]*")


def is_browser() -> bool:
    """By headers that every browser sends, with scripts' requests and images too, and that programs do not."""
    headers = request.headers
    return "Sec-Fetch-Mode" in headers or "Accept-Language" in headers or _asks_for_html()


def opens_page() -> bool:
    """Whether a person is looking at the window that the answer goes to."""
    mode = request.headers.get("Sec-Fetch-Mode", "navigate")
    return request.method in {"GET", "HEAD"} and mode == "navigate" and _asks_for_html()


def login_address() -> str:
    """The login page, which leads back to the address at hand afterwards."""
    asked = request.full_path.removesuffix("?")
    safe = safe_next(quote(asked, safe="/?&=%:+,;@!$'()*~"))
    return url_for("login.page", next=safe) if safe not in {"", "/"} else url_for("login.page")


def safe_next(text: str) -> str:
    """`text` where it is a path on this server, else nothing. Without the prefix that a proxy may add."""
    return text if len(text) <= _NEXT_MAX and _PATH.fullmatch(text) else ""


def _asks_for_html() -> bool:
    return "text/html" in request.headers.get("Accept", "")
