"""The door to others' HTTP servers: TLS, proxies, and what is asked."""

from pathlib import Path

import pytest

from rigwatch.http import HttpError, ask
from tests.certificates import authority
from tests.fuzz.answers import answering
from tests.webhook import webhook

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


def test_a_proxy_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    with answering() as proxy:
        proxy.answer = OK
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{proxy.port}")
        monkeypatch.setenv("no_proxy", "")
        assert ask("http://telegram.invalid/bot1:x/getMe", timeout=5).body == b"{}"


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
