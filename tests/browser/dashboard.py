"""A running dashboard over a store that the test writes to, as the subscriber would."""

import asyncio
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from msgspec import convert
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from werkzeug.security import generate_password_hash

from alerts.facts import User, UserRole
from rigwatch.clock import Millis, SystemClock
from rigwatch.home import Home
from rigwatch.layers import ServerLayers
from rigwatch.messages import Report, Sample, Status
from rigwatch.settings import load_server
from store import Store, housekeeping, login_sessions, open_store, users
from store.login_sessions import LoginSession
from tests.ports import free_port, is_listening
from tests.rigs import birth, rig
from tests.waiting import eventually
from web.access.sessions import NAME
from web.server import serve

PASSWORD = "correct horse"


@dataclass(slots=True)
class Dashboard:
    """One server's dashboard; `now` is when the test began, and the subscriber has been there for an hour."""

    home: Home
    store: Store
    port: int
    now: Millis
    toml: str = ""
    """What `server.toml` has besides."""
    _known: set[str] = field(default_factory=set)
    _cookies: dict[str, str] = field(default_factory=dict)

    def open(self, browser: Chrome, path: str = "/", *, who: str = "ada") -> None:
        """As ada, who may look, or as root, who may change everything."""
        self.log_in(browser, who)
        browser.get(f"http://127.0.0.1:{self.port}{path}")

    def log_in(self, browser: Chrome, who: str) -> None:
        """The browser has the cookie of a login from now on, without the way through the page."""
        if self._cookies.get(who) is None:
            cookie = self._cookies[who] = login_sessions.make()
            with self.store.write() as tx:
                user = users.get(tx, who)
                assert user
                session = LoginSession(
                    hash=login_sessions.hash_of(cookie),
                    account=who,
                    created_at=self.now,
                    seen_at=self.now,
                    expires_at=self.now + 86_400_000,
                    stays=True,
                    wants_code=False,
                    agent="a test",
                )
                assert login_sessions.add(tx, user, session)
        browser.execute_cdp_cmd(
            "Network.setCookie",
            {"name": NAME, "value": self._cookies[who], "domain": "127.0.0.1", "path": "/", "httpOnly": True},
        )

    def log_out(self, who: str) -> None:
        """In every browser, as an admin's new password for somebody does."""
        self._cookies.pop(who)
        with self.store.write() as tx:
            users.log_out(tx, who)

    def hear(self, name: str, *said: Status | Report) -> None:
        """Stores what a node says now; its first word is preceded by a birth."""
        made = rig(name)
        if name not in self._known:
            self._known.add(name)
            said = (birth(), *said)
        now = SystemClock().now()
        self.store.take([made.heard(each, now) for each in said])

    def report(self, name: str, ago: Millis = 0, **figures: object) -> None:
        """A report whose one sample was taken so long ago."""
        at = SystemClock().now() - ago
        made = Report(1, at, (convert({"n": at, "at": at, **figures}, Sample),))
        if name not in self._known:
            self.hear(name)
        self.store.take([rig(name).heard(made, at)])

    @contextmanager
    def served(self) -> Iterator[None]:
        """Listens until the block ends."""
        stop = threading.Event()
        thread = threading.Thread(target=lambda: asyncio.run(self._serve(stop)), name="dashboard")
        thread.start()
        try:
            eventually(lambda: is_listening(self.port), what="the dashboard listens")
            yield
        finally:
            stop.set()
            thread.join()

    async def _serve(self, stop: threading.Event) -> None:
        stopping = asyncio.Event()
        # Never used: the page only knows that there is a channel.
        self.home.server_toml.write_text(
            f'[web]\nport = {self.port}\n[alerts]\nchannels = ["ntfy://rigs"]\n{self.toml}'
        )
        layers = ServerLayers(self.home, {})
        settings = load_server(self.home, {})
        serving = asyncio.create_task(serve(self.home, settings, clock=SystemClock(), stop=stopping, layers=layers))
        await asyncio.to_thread(stop.wait)
        stopping.set()
        await serving


@contextmanager
def dashboard_in(folder: Path) -> Iterator[Dashboard]:
    """Not served yet."""
    home = Home(folder / "home")
    home.prepare()
    store = open_store("sqlite:///rigwatch.db", home)
    now = time.time_ns() // 1_000_000
    # Nobody waits for scrypt in a test: the cost of a hash stands in the hash.
    hashed = generate_password_hash(PASSWORD, "scrypt:1024:8:1")
    with store.write() as tx:
        users.add(tx, User("ada", UserRole.VIEWER, hashed), now)
    with store.write() as tx:
        users.add(tx, User("root", UserRole.ADMIN, hashed), now)
    # A subscriber that beats for the whole test.
    with store.write() as tx:
        housekeeping.beat(tx, "subscriber", now=now + 3_600_000, connected_at=now - 3_600_000)
    yield Dashboard(home, store, free_port(), now)
    store.close()


@pytest.fixture
def silent_dashboard(tmp_path: Path) -> Iterator[Dashboard]:
    """Not served yet."""
    with dashboard_in(tmp_path) as made:
        yield made


@pytest.fixture
def dashboard(silent_dashboard: Dashboard) -> Iterator[Dashboard]:
    with silent_dashboard.served():
        yield silent_dashboard


def cell(browser: Chrome, node: str, column: str) -> WebElement:
    """A cell of the list."""
    return browser.find_element(By.CSS_SELECTOR, f'.latest tr[data-key="main/{node}"] .c-{column}')


def is_live(browser: Chrome) -> bool:
    """Whether the page has had an answer to a question of its own."""
    return browser.find_element(By.ID, "contact").is_displayed()
