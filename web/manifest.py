"""`/manifest.webmanifest`: what a phone needs to install the dashboard as an app (W3C, Web Application Manifest).

The icons are drawn from `static/logo.svg` by `make screenshots`. Without a login, for browsers ask for it without one.
"""

import json
from typing import Final

from flask import Blueprint, Response, request, url_for

from web.assets import YEAR_S, asset_url

ICONS: Final = {"any": (192, 512), "maskable": (512,)}
"""Sides in pixels, by purpose: a maskable one has the logo within the middle that every mask leaves."""

_COLOUR: Final = "#0f3d3e"


def create() -> Blueprint:
    blueprint = Blueprint("manifest", __name__)
    blueprint.add_url_rule("/manifest.webmanifest", "manifest", _manifest)
    return blueprint


def _manifest() -> Response:
    icons = [
        {"src": asset_url(icon_name(purpose, side)), "sizes": f"{side}x{side}", "type": "image/png", "purpose": purpose}
        for purpose, sides in ICONS.items()
        for side in sides
    ]
    logo = {"src": asset_url("logo.svg"), "sizes": "any", "type": "image/svg+xml", "purpose": "any"}
    start = url_for("overview.page")
    described = {
        "id": start,
        "name": "rigwatch",
        "short_name": "rigwatch",
        "start_url": start,
        "scope": f"{request.script_root}/",
        "display": "standalone",
        "background_color": _COLOUR,
        "theme_color": _COLOUR,
        "icons": [logo, *icons],
    }
    response = Response(json.dumps(described), content_type="application/manifest+json")
    response.headers["Cache-Control"] = f"private, max-age={YEAR_S // 365}"
    return response


def icon_name(purpose: str, side: int) -> str:
    return f"icon-{side}.png" if purpose == "any" else f"icon-{purpose}-{side}.png"
