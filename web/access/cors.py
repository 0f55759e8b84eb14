"""Scripts of other pages that may ask the API: those of the origins in `[web] cors_origins`, and none else.

A browser asks first (Fetch, "CORS-preflight request"), and never with a login: the answer says nothing of what is
there. Logins are the script's own, in `Authorization`; those that a browser remembers are not sent along.
"""

from collections.abc import Collection
from typing import Final

from flask import Flask, Response, request

_API: Final = "/api/"
_ANY: Final = "*"
_ALLOWED: Final = {
    "Access-Control-Allow-Methods": "GET, HEAD, POST, DELETE",
    "Access-Control-Allow-Headers": "Authorization, Content-Type, If-None-Match",
    "Access-Control-Max-Age": "600",
}
_EXPOSED: Final = "Allow, Content-Disposition, ETag, Location, Retry-After"


def register(app: Flask, origins: Collection[str]) -> None:
    """Before the logins, for a preflight has none. Without origins nothing is changed."""
    if not origins:
        return

    def allows() -> bool:
        origin = request.headers.get("Origin")
        return origin is not None and request.path.startswith(_API) and (origin in origins or _ANY in origins)

    def preflight() -> Response | None:
        if request.method != "OPTIONS" or "Access-Control-Request-Method" not in request.headers or not allows():
            return None
        return Response(status=204, headers=_ALLOWED)

    def admit(response: Response) -> Response:
        if request.path.startswith(_API):
            response.vary.add("Origin")
        if allows():
            response.headers["Access-Control-Allow-Origin"] = _ANY if _ANY in origins else request.headers["Origin"]
            response.headers["Access-Control-Expose-Headers"] = _EXPOSED
        return response

    app.before_request(preflight)
    app.after_request(admit)
