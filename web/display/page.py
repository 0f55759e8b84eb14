"""The page `/display`, one form for everybody who may log in; without JavaScript as with it."""

from typing import Final

from flask import Blueprint, Response, make_response, redirect, render_template, request, url_for

from web.display.choice import THEME_COOKIE, THEMES, ZONE_COOKIE, ZONE_MAX, chosen_zone, known_zone, theme
from web.language.choice import COOKIE as LANGUAGE_COOKIE
from web.language.choice import LANGUAGES
from web.zone import Zone

_YEAR_S: Final = 365 * 24 * 3600


class DisplayPage:
    """Shows what is chosen, and keeps what is."""

    def __init__(self, zone: Zone) -> None:
        self._zone = zone

    def page(self) -> str:
        zone = chosen_zone()
        return render_template(
            "display.html",
            languages=LANGUAGES,
            language_chosen=request.cookies.get(LANGUAGE_COOKIE, ""),
            server_zone=self._zone.name,
            zone_chosen="" if zone is None else zone.key,
            theme_chosen=theme(),
            done=request.args.get("done") == "saved",
        )

    def save(self) -> Response:
        """What is not one of those to choose from counts as no choice."""
        response = make_response(redirect(url_for("display.page", done="saved"), 303))
        form = request.form
        zone = form.get("zone", "")[:ZONE_MAX]
        _keep(response, LANGUAGE_COOKIE, form.get("language", ""), known=form.get("language", "") in LANGUAGES)
        _keep(response, ZONE_COOKIE, zone, known=known_zone(zone) is not None)
        _keep(response, THEME_COOKIE, form.get("theme", ""), known=form.get("theme", "") in THEMES)
        return response


def create(zone: Zone) -> Blueprint:
    page = DisplayPage(zone)
    blueprint = Blueprint("display", __name__, url_prefix="/display")
    blueprint.add_url_rule("", "page", page.page)
    blueprint.add_url_rule("", "save", page.save, methods=["POST"])
    return blueprint


def _keep(response: Response, name: str, value: str, *, known: bool) -> None:
    path = f"{request.script_root}/"
    if known:
        response.set_cookie(
            name, value, max_age=_YEAR_S, path=path, secure=request.is_secure, httponly=True, samesite="Lax"
        )
    else:
        response.delete_cookie(name, path=path, secure=request.is_secure, httponly=True, samesite="Lax")
