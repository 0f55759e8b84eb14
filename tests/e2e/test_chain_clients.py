import colorsys
import json
import re
import stat
from functools import partial
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from tests.chains import ChainClient
from tests.e2e.station import START_S, Station
from tests.waiting import eventually

INTERVAL_S = 10
AHEAD = 200
"""Blocks that Anvil mines at once, so that the other chain's lag is red: both mine one a second from then on."""
_UNKNOWN = "–"
_HUES = {"red": (-15, 15), "orange": (16, 33), "yellow": (35, 55), "green": (130, 160)}
# All of the table in one look, since the page may change between two.
_ROWS = """
return Array.from(document.querySelectorAll("table.latest tr[data-key]")).map(row => [
  row.dataset.key,
  Array.from(row.cells).map(cell => [
    Array.from(cell.classList).find(each => each.startsWith("c-")).slice(2),
    cell.innerText.trim(),
    getComputedStyle(cell, "::before").content === "none" ? "" : getComputedStyle(cell).color,
  ]),
]);
"""


def _rows(browser: Chrome) -> dict[str, dict[str, tuple[str, str]]]:
    """Text and colour of each cell, by node and column; the colour is empty where a figure is not judged."""
    rows: list[Any] = browser.execute_script(_ROWS)
    return {key: {name: (text, _colour(rgb)) for name, text, rgb in cells} for key, cells in rows}


def _colour(rgb: str) -> str:
    if not rgb:
        return ""
    red, green, blue = (float(each) / 255 for each in re.findall(r"[\d.]+", rgb)[:3])
    degrees = (colorsys.rgb_to_hls(red, green, blue)[0] * 360 + 15) % 360 - 15
    return next(name for name, (low, high) in _HUES.items() if low <= degrees <= high)


def _ask(client: ChainClient, method: str, *parameters: str) -> Any:  # noqa: ANN401 - as JSON has it
    connection = HTTPConnection("127.0.0.1", client.port, timeout=30)
    try:
        question = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": parameters})
        connection.request("POST", "/", question, {"Content-Type": "application/json"})
        return json.load(connection.getresponse())["result"]
    finally:
        connection.close()


def _height(client: ChainClient) -> int:
    return int(_ask(client, "eth_blockNumber"), 16)


def _join_from_file(station: Station, name: str) -> Path:
    rig = station.rig(name)
    (station.rigwatch.folder / f"{name}.token").write_text(station.token(name) + "\n")
    _join(station, rig, f"{name}.token", "")
    return rig


def _join_from_stdin(station: Station, name: str) -> Path:
    rig = station.rig(name)
    _join(station, rig, "-", station.token(name) + "\n")
    return rig


def _join(station: Station, rig: Path, source: str, text: str) -> None:
    publisher = station.rigwatch.start("publish", "--join", source, home=rig, text=text)
    publisher.wait_for("node is online", timeout=START_S)
    assert publisher.terminate() == 0
    assert stat.S_IMODE((rig / "publisher.toml").stat().st_mode) == 0o600


def _watch_chain_client(rig: Path, client: ChainClient) -> None:
    """What a person changes in the file that `publish --join` wrote."""
    path = rig / "publisher.toml"
    text = path.read_text(encoding="utf-8")
    text = text.replace("[[nodes]]\n", f'[[nodes]]\ninterval = "{INTERVAL_S}s"\n')
    text = text.replace('kind = "host"\n', f'kind = "jsonrpc"\nurl = "{client.url}"\nevery = "1s"\n')
    path.write_text(text, encoding="utf-8")


def _log_in(browser: Chrome, station: Station) -> None:
    browser.get(station.url)
    browser.find_element(By.NAME, "name").send_keys(station.user)
    browser.find_element(By.NAME, "password").send_keys(station.password, Keys.ENTER)
    eventually(lambda: not browser.find_elements(By.NAME, "password"), timeout=START_S, what="the login is done")


def _has_block(browser: Chrome, node: str) -> bool:
    row = _rows(browser).get(node, {})
    return "block" in row and row["block"][0] != _UNKNOWN


def _lagging_block(browser: Chrome, node: str) -> int:
    return _shown_block(_rows(browser)[node]["block"], "red")


def test_figures_of_real_chain_clients_are_on_the_page_within_two_intervals_in_their_colours(
    station: Station, ganache: ChainClient, anvil: ChainClient, browser: Chrome
) -> None:
    station.up()
    _log_in(browser, station)
    _ask(anvil, "anvil_mine", hex(AHEAD))
    for name, client, join in (
        ("ganache", ganache, _join_from_file),
        ("anvil", anvil, _join_from_stdin),
    ):
        rig = join(station, name)
        _watch_chain_client(rig, client)
        station.rigwatch.start("publish", home=rig)
        eventually(
            partial(_has_block, browser, f"main/{name}"), timeout=2 * INTERVAL_S, what=f"{name}'s block is on the page"
        )

    # Its block is compared with what was known when it reported: its next report shows that it lags.
    eventually(
        lambda: _rows(browser)["main/ganache"]["block"][1] == "red",
        timeout=2 * INTERVAL_S,
        what="ganache's lag is on the page",
    )
    rows = _rows(browser)
    assert rows["main/ganache"]["status"][0] == "online"
    assert rows["main/ganache"]["hashrate"] == ("0 H/s", "red")
    assert rows["main/ganache"]["peers"] == ("0", "red")
    assert rows["main/ganache"]["age"][1] == "green"
    # Anvil says that it does not mine: it has no hashrate then, and not one of 0.
    assert rows["main/anvil"]["hashrate"] == (_UNKNOWN, "")
    assert rows["main/anvil"]["peers"] == (_UNKNOWN, "")
    assert _shown_block(rows["main/anvil"]["block"], "green") in range(AHEAD, _height(anvil) + 1)
    # It is compared with what was known when it reported, which anvil's block was not yet at first.
    lags = partial(_lagging_block, browser, "main/ganache")
    behind = eventually(lags, timeout=2 * INTERVAL_S, what="ganache lags")
    assert behind in range(1, _height(ganache) + 1)


def _shown_block(cell: tuple[str, str], colour: str) -> int:
    text, shown = cell
    assert shown == colour, cell
    return int(text.split()[0].replace(",", ""))
