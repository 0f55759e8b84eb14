"""Administration as a person does it, in one browser and one dashboard for the whole file."""

import re

import pytest
from selenium.common.exceptions import WebDriverException
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement

from rigwatch.keys import MasterKey
from rigwatch.registry import Registry
from rigwatch.tokens import JoinToken
from rigwatch.topics import NodeId
from store import users
from tests.browser.chromium import StartBrowser
from tests.browser.dashboard import Dashboard
from tests.waiting import eventually


def form(browser: Chrome, ending: str) -> WebElement:
    """The form that is sent to an address that ends so."""
    return browser.find_element(By.CSS_SELECTOR, f'form[method="post"][action$="{ending}"]')


def fill(where: WebElement, **values: str) -> None:
    for name, value in values.items():
        field = where.find_element(By.NAME, name)
        if field.tag_name == "select":
            options = field.find_elements(By.TAG_NAME, "option")
            next(each for each in options if each.get_property("value") == value).click()
        else:
            field.clear()
            field.send_keys(value)
    where.find_element(By.CSS_SELECTOR, "button[type=submit]").click()


def say_yes(browser: Chrome) -> None:
    browser.find_element(By.CSS_SELECTOR, 'form input[name="sure"] ~ button').click()


def text(browser: Chrome, selector: str = "main") -> str:
    return browser.find_element(By.CSS_SELECTOR, selector).text


def shows(browser: Chrome, words: str, selector: str = "main") -> None:
    """Waits for it: a click returns before the next page is there."""

    def look() -> bool:
        try:
            return words in text(browser, selector)
        except WebDriverException:
            # Between two pages there is an element of neither.
            return False

    eventually(look, what=f"{selector} says {words!r}")


def secret(browser: Chrome) -> str:
    eventually(lambda: browser.find_elements(By.ID, "secret"), what="the page with the secret")
    return str(browser.find_element(By.ID, "secret").get_property("value"))


@pytest.fixture
def admin(dashboard: Dashboard, browser: Chrome) -> Chrome:
    """root in a browser, on the list of nodes."""
    MasterKey.random().save(dashboard.home.secret_key)
    dashboard.open(browser, "/admin/", who="root")
    return browser


def test_a_node_is_enrolled_named_moved_and_retired(dashboard: Dashboard, admin: Chrome) -> None:
    fill(form(admin, "/admin/nodes"), node="rig7", site="garage", name="The loud one")
    token = JoinToken.decode(secret(admin))
    assert token.node == NodeId("garage", "rig7")
    assert token.key == MasterKey.load(dashboard.home.secret_key).node_key(token.node)
    # A command with the token in it would be there to read in the list of processes.
    assert str(admin.find_element(By.ID, "command").get_property("value")) == "rigwatch publish --join -"

    admin.find_element(By.LINK_TEXT, "Done").click()
    shows(admin, "The loud one", "h1")
    fill(form(admin, "/tags"), tags="loud, chain:etc")
    shows(admin, "The tags are set.")
    fill(form(admin, "/move"), to="cellar")
    shows(admin, "Move garage/rig7 to cellar?", "h1")
    say_yes(admin)
    moved = JoinToken.decode(secret(admin))
    assert moved.node == NodeId("cellar", "rig7")
    assert moved.key != token.key
    registry = Registry(dashboard.home.nodes_json).nodes()
    assert registry[NodeId("garage", "rig7")].revoked
    assert not registry[moved.node].revoked

    dashboard.open(admin, "/", who="root")
    for word in ("The loud one", "loud", "pending"):
        shows(admin, word, '.latest tr[data-key="cellar/rig7"]')
    dashboard.open(admin, "/admin/nodes/cellar/rig7", who="root")
    form(admin, "/retire").find_element(By.TAG_NAME, "button").click()
    shows(admin, "Retire cellar/rig7?", "h1")
    admin.find_element(By.LINK_TEXT, "Leave it as it is").click()
    shows(admin, "The loud one", "h1")
    form(admin, "/retire").find_element(By.TAG_NAME, "button").click()
    shows(admin, "Retire cellar/rig7?", "h1")
    say_yes(admin)
    shows(admin, "It is retired")
    dashboard.open(admin, "/", who="root")
    shows(admin, "No node yet")

    dashboard.open(admin, "/admin/audit", who="root")
    said = [cells.text for cells in admin.find_elements(By.CSS_SELECTOR, "tbody td:nth-child(3)")]
    assert said == ["node.retire", "node.move", "node.tag", "node.rename", "node.enroll"]


def test_the_button_copies_or_at_least_selects(dashboard: Dashboard, admin: Chrome) -> None:
    fill(form(admin, "/admin/nodes"), node="rig1", site="main")
    button = admin.find_element(By.CSS_SELECTOR, '[data-copy="secret"]')
    button.click()
    eventually(lambda: "Copied." in text(admin, ".copy"), what="it says that it is copied")
    # No clipboard, as on plain HTTP, and a browser that copies nothing by itself.
    admin.execute_script(
        "Object.defineProperty(navigator, 'clipboard', {value: undefined}); document.execCommand = () => false;"
    )
    button.click()
    eventually(lambda: "press Ctrl-C" in text(admin, ".copy"), what="it says what to press")
    chosen = admin.execute_script(
        "const f = document.getElementById('secret'); return f.value.slice(f.selectionStart, f.selectionEnd)"
    )
    assert chosen == secret(admin)
    assert dashboard.home.nodes_json.exists()


def test_a_new_user_logs_in_with_the_password_that_is_shown_once(
    dashboard: Dashboard, admin: Chrome, start_browser: StartBrowser, console_errors: list[str]
) -> None:
    console_errors += [r"the server responded with a status of (401|403)"]
    dashboard.open(admin, "/admin/users", who="root")
    fill(form(admin, "/users/add"), name="bob", role="viewer")
    password = secret(admin)
    assert re.fullmatch(r"[\w-]{20}", password)
    bob = start_browser()
    bob.get(f"http://127.0.0.1:{dashboard.port}/admin/users")
    bob.switch_to.active_element.send_keys("bob", Keys.TAB, "wrong", Keys.ENTER)
    shows(bob, "Name or password is wrong.")
    bob.switch_to.active_element.send_keys(password, Keys.ENTER)
    shows(bob, "needs an account of the role admin")
    assert "bob" in text(bob, ".who")
    assert "Administration" not in text(bob, "header")

    dashboard.open(admin, "/admin/users", who="root")
    assert password not in admin.page_source
    row = next(each for each in admin.find_elements(By.CSS_SELECTOR, "tbody tr") if each.text.startswith("bob"))
    row.find_element(By.CSS_SELECTOR, 'form[action$="/remove"] button').click()
    shows(admin, "Remove the user bob?", "h1")
    say_yes(admin)
    shows(admin, "It is removed.")
    with dashboard.store.read() as tx:
        assert users.get(tx, "bob") is None


def test_without_scripts_everything_but_the_copy_button_is_there(dashboard: Dashboard, admin: Chrome) -> None:
    admin.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    dashboard.open(admin, "/admin/tokens", who="root")
    fill(form(admin, "/tokens/add"), name="prometheus", role="viewer", life="90d")
    assert secret(admin).startswith("rwt_")
    assert not admin.find_element(By.CSS_SELECTOR, "[data-copy]").is_displayed()
    dashboard.open(admin, "/admin/tokens", who="root")
    shows(admin, "prometheus")
    admin.find_element(By.CSS_SELECTOR, 'form[action$="/remove"] button').click()
    shows(admin, "Remove the token prometheus?", "h1")
    say_yes(admin)
    shows(admin, "No token yet")


def test_the_list_is_searched_by_keyboard(dashboard: Dashboard, admin: Chrome) -> None:
    for name in ("rig1", "rig2"):
        dashboard.hear(name)
    dashboard.open(admin, "/admin/", who="root")
    admin.find_element(By.NAME, "q").send_keys("rig2", Keys.ENTER)
    eventually(
        lambda: [each.text for each in admin.find_elements(By.CSS_SELECTOR, "tbody th")] == ["rig2"],
        what="only what was looked for is listed",
    )
