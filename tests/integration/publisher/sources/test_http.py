"""The door to miners: on this machine or beside it, so nothing of the environment stands between."""

from collections.abc import Mapping

import pytest

from publisher.sources.http import StatusError, request
from rigwatch.http import Address
from tests.integration.publisher.sources.http_server import http_server

PROXIES = ("http_proxy", "HTTP_PROXY", "https_proxy", "all_proxy", "ALL_PROXY")


def test_a_proxy_of_the_environment_never_hears_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def proxy(path: str, _: bytes, _headers: Mapping[str, str]) -> tuple[int, bytes]:
        asked.append(path)
        return 200, b'{"hashrate": 1}'

    with http_server(proxy) as elsewhere, http_server(lambda *_: (200, b'{"hashrate": 2}')) as miner:
        for name in PROXIES:
            monkeypatch.setenv(name, f"http://127.0.0.1:{elsewhere}")
        for name in ("no_proxy", "NO_PROXY"):
            monkeypatch.setenv(name, "")
        address = Address.parse(f"http://me:secret@127.0.0.1:{miner}/summary")
        assert request(address, timeout=5) == b'{"hashrate": 2}'
    assert not asked


def test_what_it_refuses_with_does_not_tell_the_login_nor_the_path() -> None:
    with http_server(lambda *_: (403, b"no: me:secret@/token")) as miner:
        address = Address.parse(f"http://me:secret@127.0.0.1:{miner}/token")
        with pytest.raises(StatusError) as caught:
            request(address, timeout=5)
    assert (caught.value.status, str(caught.value)) == (403, f"127.0.0.1:{miner}: HTTP status 403 Forbidden")
