"""What a viewer has chosen, by cookies: a time zone, and light or dark. `web.language.choice` has the language."""

from functools import cache
from typing import Final
from zoneinfo import ZoneInfo

from flask import g, has_request_context, request

from web.access.sites import visible_sites
from web.language.choice import language

ZONE_COOKIE: Final = "rigwatch_zone"
THEME_COOKIE: Final = "rigwatch_theme"
THEMES: Final = ("light", "dark")
ZONE_MAX: Final = 64


def chosen_zone() -> ZoneInfo | None:
    """None for the server's, which is everybody's without a choice."""
    if not has_request_context():
        return None
    if "viewer_zone" not in g:
        name = request.cookies.get(ZONE_COOKIE, "")
        g.viewer_zone = known_zone(name) if 0 < len(name) <= ZONE_MAX else None
    found: ZoneInfo | None = g.viewer_zone
    return found


def theme() -> str:
    """Empty where the browser says which."""
    chosen = request.cookies.get(THEME_COOKIE, "")
    return chosen if chosen in THEMES else ""


def viewer() -> str:
    """What makes two viewers of the same thing see different texts: those of one kind share what is kept."""
    zone, sites = chosen_zone(), visible_sites()
    seen = "*" if sites is None else ",".join(sorted(sites))
    # Links are below the prefix of the proxy that they came through.
    return f"{language()} {zone.key if zone else '-'} {seen} {request.script_root}"


@cache
def _known(name: str) -> ZoneInfo:
    return ZoneInfo(name)


def known_zone(name: str) -> ZoneInfo | None:
    """None for a name that no zone has: what is wrong is not remembered, so that nobody fills the memory with it."""
    try:
        return _known(name)
    except (KeyError, OSError, ValueError):
        # KeyError's child for most names, OSError for a folder ("Europe"), ValueError for "../x" and "".
        return None
