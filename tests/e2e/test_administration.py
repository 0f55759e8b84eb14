"""Nodes under administration while everything runs: enrolled on a page, moved with what they measured, retired."""

import re
from base64 import b64encode
from http.client import HTTPConnection
from urllib.parse import urlencode

from tests.e2e.rigs import kept_samples, node_toml
from tests.e2e.station import START_S, Station
from tests.waiting import eventually

RIG = "garage/rig7"
MOVED = "cellar/rig7"


def send(station: Station, path: str, **form: str) -> str:
    """The page that a form of administration leads to."""
    login = {"Authorization": "Basic " + b64encode(f"{station.user}:{station.password}".encode()).decode()}
    connection = HTTPConnection("127.0.0.1", station.web_port, timeout=30)
    try:
        connection.request("GET", "/admin/users", headers=login)
        proof = re.search(r'csrf-token" content="([^"]+)"', connection.getresponse().read().decode())
        assert proof
        connection.request(
            "POST",
            path,
            body=urlencode(form),
            headers={
                **login,
                "X-CSRF-Token": proof[1],
                "Content-Type": "application/x-www-form-urlencoded",
            },
        )
        answer = connection.getresponse()
        text = answer.read().decode()
        assert answer.status in {200, 303}, text
        return text
    finally:
        connection.close()


def token_on(page: str) -> str:
    found = re.search(r'id="secret"[^>]*>([^<]+)<', page)
    assert found, page
    return found[1]


def test_a_node_is_enrolled_moved_without_loss_and_retired(station: Station) -> None:
    station.up()
    token = token_on(send(station, "/admin/nodes", node="rig7", site="garage", name="The loud one"))
    home = station.rig_with("rig", node_toml(token))
    old = station.rigwatch.start("--debug", "publish", home=home)
    station.wait_for_status(RIG, "online")
    assert "The loud one" in station.page().rows[RIG]["name"].text
    eventually(lambda: len(station.samples().get(RIG, ())) >= 2, timeout=START_S, what="samples are stored")

    moved = token_on(send(station, f"/admin/nodes/{RIG}/move", to="cellar", sure="yes"))
    old.wait_for("broker refuses this node", timeout=START_S)
    assert station.page().status(MOVED) == "offline"
    assert RIG not in station.page().rows
    after = len(kept_samples(old.text())[RIG])
    eventually(lambda: len(kept_samples(old.text())[RIG]) > after + 1, timeout=START_S, what="it goes on measuring")
    running = station.rigwatch.run("publish", "--join", "-", home=home, text=moved)
    assert running.returncode == 1
    assert "its publisher is running; stop it" in running.stderr
    assert old.terminate() == 0
    measured = kept_samples(old.text())[RIG]

    new = station.rigwatch.start("--debug", "publish", "--join", "-", home=home, text=moved)
    station.wait_for_status(MOVED, "online")
    eventually(
        lambda: measured <= station.samples()[MOVED], timeout=START_S, what="all it measured is at the new place"
    )
    assert station.samples().keys() & {RIG} == set()

    send(station, f"/admin/nodes/{MOVED}/retire", sure="yes")
    new.wait_for("broker refuses this node", timeout=START_S)
    assert "rig7" not in station.page().text
    assert len(station.samples()[MOVED]) >= len(measured)
