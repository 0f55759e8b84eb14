"""How each route keeps to the sites of who asks. A route that is not named here is for who sees all sites alone."""

from collections.abc import Mapping
from enum import Enum, auto
from typing import Final

from alerts.facts import User, UserRole


class Reach(Enum):
    """What a route needs of a user with given sites only."""

    # answers without a login, and tells nothing of the nodes
    OPEN = auto()
    # is about nobody but who asks
    OWN = auto()
    # has its site in its address: checked before the view is called
    PLACED = auto()
    # shows and changes what is of the user's sites alone, and sees to that itself, by `web.access.sites`
    FILTERED = auto()
    # shows what is of no site, or of all
    WHOLE = auto()


def _each(blueprint: str, names: str) -> set[str]:
    return {f"{blueprint}.{name}" for name in names.split()}


_NAMED: Final[Mapping[Reach, set[str]]] = {
    Reach.OPEN: {
        "static",
        *_each("health", "healthz readyz"),
        # Those of a rig want a one-time code.
        *_each("agent", "script script_windows file file_windows join reported"),
        *_each("language", "js css"),
        *_each("login", "page log_in code send_code"),
        *_each("link", "open"),
        "manifest.manifest",
    },
    Reach.OWN: {
        "login.log_out",
        *_each("account", "page password log_out_one log_out_everywhere totp_begin totp_confirm totp_off"),
        *_each("display", "page save"),
    },
    Reach.PLACED: {
        *_each("node", "page live"),
        "series.node",
        *_each("api", "get_node list_samples download_samples get_series"),
        *_each("admin", "node node_name node_tags node_token node_rotate node_revoke node_move node_retire"),
        "admin.node_restore",
    },
    Reach.FILTERED: {
        *_each("overview", "page live act"),
        *_each("wall", "page live"),
        *_each("series", "fleet compared"),
        "compare.page",
        *_each("incidents", "page live one one_live acknowledge quieten quiet quiet_live add_quiet end_quiet"),
        *_each("api", "list_nodes get_fleet list_totals list_averages list_incidents get_incident openapi"),
        *_each("api", "acknowledge_incident list_silences add_silence end_silence"),
        "metrics.metrics",
        *_each("admin", "page enroll"),
    },
    Reach.WHOLE: {
        *_each("admin", "users users_add users_role users_password users_remove users_totp"),
        *_each("admin", "tokens tokens_add tokens_remove audit"),
        *_each("admin", "channels channels_test channels_pause channels_remove channels_resume"),
        *_each("admin", "channel_add channel_added channel_edit channel_edited"),
        *_each("admin", "telegram telegram_edit telegram_look telegram_take"),
        *_each("admin", "codes codes_add codes_end rules rule rule_set rule_trial rule_try display display_set"),
    },
}
REACH: Final[Mapping[str, Reach]] = {name: reach for reach, names in _NAMED.items() for name in names}
PUBLIC: Final = frozenset(_NAMED[Reach.OPEN])
OWN: Final = frozenset(_NAMED[Reach.OWN])

KIOSK: Final = frozenset(_each("wall", "page live"))
"""All that a kiosk's link opens."""

LINKED: Final = frozenset(
    {*_each("overview", "page live"), *_each("node", "page live"), "compare.page", *KIOSK}
    | _each("series", "node fleet compared")
    | _each("incidents", "page live one one_live")
)
"""All that a link for reading opens."""


def is_admin_somewhere(user: User) -> bool:
    return user.role is UserRole.ADMIN or UserRole.ADMIN in (user.sites or {}).values()


def refusal(user: User, endpoint: str, site: str | None, *, changes: bool) -> int | None:
    """The status of what keeps a user with given sites out; `site` is the one in the address. None: come in."""
    reach = REACH.get(endpoint, Reach.WHOLE)
    if user.sites is None or reach in {Reach.OPEN, Reach.OWN}:
        return None
    if reach is Reach.WHOLE:
        return 403
    if reach is Reach.FILTERED:
        return 403 if changes and not is_admin_somewhere(user) else None
    if site is None or not user.may_see(site):
        # As for a site that does not exist.
        return 404
    return 403 if changes and not user.may_change(site) else None
