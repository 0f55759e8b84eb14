"""The door to others' HTTP servers: TLS, proxies, and what is asked."""

from base64 import b64encode
from collections.abc import Mapping
from pathlib import Path

import pytest

from rigwatch.http import HttpError, ask
from tests.certificates import authority
from tests.fuzz.answers import answering
from tests.integration.publisher.sources.http_server import http_server
from tests.webhook import webhook

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


def test_a_proxy_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    with answering() as proxy:
        proxy.answer = OK
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{proxy.port}")
        monkeypatch.setenv("no_proxy", "")
        assert ask("http://telegram.invalid/bot1:x/getMe", timeout=5).body == b"{}"


def test_a_proxy_is_asked_for_the_whole_address_with_its_own_login(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[str, Mapping[str, str]]] = []

    def answer(path: str, _: bytes, headers: Mapping[str, str]) -> tuple[int, bytes]:
        seen.append((path, headers))
        return 200, b"{}"

    with http_server(answer) as port:
        monkeypatch.setenv("http_proxy", f"http://who:pass%20word@127.0.0.1:{port}")
        monkeypatch.setenv("no_proxy", "")
        assert ask("http://telegram.invalid/bot1:x/getMe?a=b", timeout=5).status == 200
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        assert ask(f"http://me:own@127.0.0.1:{port}/here", timeout=5).status == 200
    (proxied, its), (direct, own) = seen
    assert proxied == "http://telegram.invalid:80/bot1:x/getMe?a=b"
    assert its["Host"] == "telegram.invalid:80"
    assert its["Proxy-Authorization"] == "Basic " + b64encode(b"who:pass word").decode()
    assert "Authorization" not in its
    assert direct == "/here"
    assert own["Authorization"] == "Basic " + b64encode(b"me:own").decode()
    assert "Proxy-Authorization" not in own


def test_a_proxy_that_does_not_let_us_through_is_named_without_the_address(monkeypatch: pytest.MonkeyPatch) -> None:
    with answering() as proxy:
        proxy.answer = b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n"
        monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{proxy.port}")
        monkeypatch.setenv("no_proxy", "")
        with pytest.raises(HttpError, match="407 Proxy Authentication Required") as caught:
            ask("https://telegram.invalid/bot1:secret/getMe", timeout=5)
    assert not caught.value.sent
    assert "secret" not in str(caught.value)


def test_a_certificate_that_nobody_trusts_is_refused_and_one_that_is_trusted_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = authority(tmp_path, "localhost")
    with webhook(made.server_context()) as server:
        url = f"https://localhost:{server.port}/"
        with pytest.raises(HttpError, match="certificate verify failed") as caught:
            ask(url, timeout=5)
        assert not caught.value.sent
        (tmp_path / "ca.pem").write_text(made.pem)
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
        assert ask(url, timeout=5, body=b"{}").status == 200


def test_it_posts_what_it_is_given_and_follows_no_redirect() -> None:
    with webhook() as server:
        server.status, server.headers = 302, {"Location": f"http://127.0.0.1:{server.port}/elsewhere"}
        assert ask(f"http://127.0.0.1:{server.port}/here", timeout=5, body=b'{"a": 1}').status == 302
    assert [(each.path, each.body) for each in server.deliveries] == [("/here", {"a": 1})]
