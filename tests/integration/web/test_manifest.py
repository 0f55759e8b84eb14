"""What a phone needs to install the dashboard as an app."""

import struct

from flask import Flask
from flask.testing import FlaskClient

from web.assets import STATIC


def test_the_manifest_names_a_page_and_icons_of_the_size_they_say(stranger: FlaskClient) -> None:
    answer = stranger.get("/manifest.webmanifest")
    assert (answer.status_code, answer.mimetype) == (200, "application/manifest+json")
    found = answer.get_json(force=True)
    assert (found["name"], found["display"], found["start_url"], found["scope"]) == ("rigwatch", "standalone", "/", "/")
    sizes = {(each["sizes"], each["purpose"]) for each in found["icons"]}
    # What Chromium asks for before it offers to install (developer.chrome.com, "install criteria").
    assert sizes >= {("192x192", "any"), ("512x512", "any"), ("512x512", "maskable")}
    for each in found["icons"]:
        with stranger.get(each["src"]) as icon:
            assert (icon.status_code, icon.mimetype) == (200, each["type"])
            if each["type"] == "image/png":
                width, height = struct.unpack(">II", icon.data[16:24])
                assert f"{width}x{height}" == each["sizes"]


def test_below_a_prefix_all_of_it_is_below_it(app: Flask) -> None:
    found = app.test_client().get("/manifest.webmanifest", base_url="http://localhost/rigs").get_json(force=True)
    assert (found["id"], found["start_url"], found["scope"]) == ("/rigs/", "/rigs/", "/rigs/")
    assert all(each["src"].startswith("/rigs/static/") for each in found["icons"])


def test_every_page_says_where_it_is_and_may_load_it(ada: FlaskClient, stranger: FlaskClient) -> None:
    for answer in (ada.get("/"), stranger.get("/login")):
        assert '<link rel="manifest" href="/manifest.webmanifest">' in answer.text
        assert "manifest-src 'self'" in answer.headers["Content-Security-Policy"]
    assert (STATIC / "icon-180.png").read_bytes()[16:24] == struct.pack(">II", 180, 180)
