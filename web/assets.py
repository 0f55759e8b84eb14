"""The static files and their addresses: each carries a digest of its content, so a browser may keep it for a year."""

import hashlib
from functools import cache
from pathlib import Path
from typing import Final

from flask import Flask, Response, request, url_for

STATIC: Final = Path(__file__).parent / "static"
YEAR_S: Final = 365 * 24 * 3600


def register(app: Flask) -> None:
    app.add_template_global(asset_url)
    app.after_request(_keep)


def asset_url(name: str) -> str:
    """Address of a static file; a file that is not there yet (fetched at build) has an address without a digest."""
    digest = _digest(name)
    return url_for("static", filename=name, v=digest) if digest else url_for("static", filename=name)


@cache
def _digest(name: str) -> str:
    try:
        return hashlib.sha256((STATIC / name).read_bytes()).hexdigest()[:12]
    except FileNotFoundError:
        return ""


def _keep(response: Response) -> Response:
    if request.endpoint == "static" and response.status_code in {200, 304}:
        # Private: they stand behind the same password as the pages.
        kept = f"private, max-age={YEAR_S}, immutable" if request.args.get("v") else "private, no-cache"
        response.headers["Cache-Control"] = kept
    return response
