"""Where a browser may be sent, and what is one."""

import pytest
from flask import Flask

from web.access.browser import is_browser, login_address, opens_page, safe_next

CHROME = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8", "Sec-Fetch-Mode": "navigate", "Accept-Language": "de"}


@pytest.fixture(scope="module")
def app() -> Flask:
    made = Flask(__name__)
    made.add_url_rule("/login", "login.page", lambda: "")
    return made


@pytest.mark.parametrize("path", ["/", "/wall", "/?status=lost&q=a%20b", "/node/main/rig1?span=24h", "/a//b"])
def test_a_path_of_ours_is_safe(path: str) -> None:
    assert safe_next(path) == path


@pytest.mark.parametrize(
    "text",
    [
        *("", "wall", "//evil.example", "/\\evil.example", "\\/evil.example", "///evil.example", "/\t/evil.example"),
        *("https://evil.example", "https:/evil.example", "javascript:alert(1)", "/a\\b", " /wall", "/wall\n", "/ä"),
        *("/\r\nSet-Cookie: a=b", "/wall\0", "/" + "a" * 2000, "@evil.example", ".evil.example"),
    ],
)
def test_what_could_lead_elsewhere_is_not(text: str) -> None:
    assert safe_next(text) == ""


@pytest.mark.parametrize(
    ("headers", "browser", "page"),
    [
        (CHROME, True, True),
        ({**CHROME, "Sec-Fetch-Mode": "cors"}, True, False),
        ({"Accept": "*/*", "Sec-Fetch-Mode": "cors"}, True, False),
        # Over plain HTTP to another machine browsers do not say what they ask for.
        ({"Accept": "text/html,*/*;q=0.8", "Accept-Language": "de"}, True, True),
        ({"Accept": "*/*", "Accept-Language": "de"}, True, False),
        ({"Accept": "*/*", "User-Agent": "curl/8"}, False, False),
        ({"Accept": "application/json"}, False, False),
        ({}, False, False),
    ],
)
def test_a_browser_is_known_by_what_it_says_with_each_request(
    app: Flask, headers: dict[str, str], *, browser: bool, page: bool
) -> None:
    with app.test_request_context("/", headers=headers):
        assert (is_browser(), opens_page()) == (browser, page)


@pytest.mark.parametrize(
    ("path", "address"),
    [
        ("/", "/login"),
        ("/wall", "/login?next=/wall"),
        ("/?status=lost&q=a%20b", "/login?next=/?status%3Dlost%26q%3Da%2520b"),
        ("//evil.example/", "/login"),
    ],
)
def test_the_login_page_knows_where_one_was_going(app: Flask, path: str, address: str) -> None:
    with app.test_request_context(path, headers=CHROME):
        assert login_address() == address
