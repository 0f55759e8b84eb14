"""A download from a real port: sent in pieces while it is read, whole, and its place given back."""

import asyncio
import http.client

from rigwatch.home import Home
from rigwatch.settings import WebSettings
from store import Store
from tests.fake_clock import START
from tests.integration.web.conftest import basic
from tests.integration.web.test_server import serving
from tests.ports import free_port
from tests.rigs import birth, report, rig, sample

SAMPLES = 2500


def download(port: int) -> tuple[http.client.HTTPResponse, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("GET", "/api/v1/nodes/main/rig1/samples.csv", headers=basic())
    response = connection.getresponse()
    body = response.read()
    connection.close()
    return response, body


async def test_it_comes_in_pieces_and_whole_as_often_as_asked(home: Home, store: Store) -> None:
    store.take([rig("rig1").heard(birth(), START - SAMPLES * 1000)])
    samples = [sample(START - back * 1000, hashrate=1) for back in range(SAMPLES, 0, -1)]
    for first in range(0, SAMPLES, 500):
        store.take([rig("rig1").heard(report(*samples[first : first + 500]))])
    port = free_port()
    async with serving(home, WebSettings(port=port)):
        for _ in range(4):
            response, body = await asyncio.to_thread(download, port)
            assert response.status == 200
            assert response.getheader("Transfer-Encoding") == "chunked"
            assert body.count(b"\n") == SAMPLES + 1
