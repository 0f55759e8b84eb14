"""A page of somebody else's that reads the plain tree in MQTT 5 over WebSocket, by mqtt.js."""

import asyncio
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from selenium.webdriver import Chrome

from broker.rights import Role
from broker.service import new_event_loop
from tests.integration.broker.peer import Login
from tests.integration.broker.running import House, broker_running
from tests.requirements import missing

# As in production; the tests of amqtt's faults run on asyncio's own loop, as Windows does.
LOOP = new_event_loop

STATE1 = "rigwatch/v1/main/rig1/state"
MQTT_JS = Path(__file__).resolve().parents[1] / "npm" / "node_modules" / "mqtt" / "dist" / "mqtt.min.js"
SCRIPT = """
const [url, username, password, done] = arguments;
const client = mqtt.connect(url, {protocolVersion: 5, username, password, reconnectPeriod: 0});
const got = [];
const granted = [];
client.on('error', error => done({error: error.message}));
client.on('message', (topic, payload, packet) => {
  got.push([topic, payload.toString(), packet.retain]);
  client.publish(topic, 'forged', {qos: 1}, (error, answer) => client.end(false, {}, () => done(
    {granted, got, refused: error ? error.code : answer.reasonCode})));
});
client.on('connect', () => client.subscribe(['rigwatch/#', 'rigwatch/v1/+/+/report'], {qos: 1}, (error, _, answer) => {
  granted.push(...answer.granted);
}));
"""


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    """Of a page that has mqtt.js. A page of no server may not open a WebSocket on this machine."""
    if not MQTT_JS.exists():
        missing("mqtt.js has not been fetched: `make test` does that")
    folder = tmp_path / "pages"
    folder.mkdir()
    (folder / "page.html").write_text("<link rel=icon href='data:,'><script src='mqtt.min.js'></script>")
    (folder / "mqtt.min.js").write_bytes(MQTT_JS.read_bytes())
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(SimpleHTTPRequestHandler, directory=folder)) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/page.html"
        server.shutdown()
        thread.join()


def visit(browser: Chrome, address: str, house: House, login: Login) -> dict[str, object]:
    browser.get(address)
    browser.set_script_timeout(20)
    url = f"ws://127.0.0.1:{house.websocket_port}"
    found: dict[str, object] = browser.execute_async_script(SCRIPT, url, login.user, login.password)
    return found


async def test_a_page_reads_the_plain_tree_and_is_told_what_it_may_not(
    tmp_path: Path, browser: Chrome, address: str
) -> None:
    async with broker_running(tmp_path, websocket=True) as house, await house.join(house.service()) as subscriber:
        await subscriber.publish(STATE1, b"{}", retain=True)
        login = house.account("page", Role.CONSUMER)
        found = await asyncio.to_thread(visit, browser, address, house, login)
    assert found == {"granted": [1, 0x87], "got": [[STATE1, "{}", True]], "refused": 0x87}
