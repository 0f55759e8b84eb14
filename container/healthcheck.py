# ruff: noqa: INP001 - a script of its own
"""Whether the dashboard of this container answers and its subscriber works; exits 0 or 1."""

import os
import ssl
import sys
from http.client import HTTPException, HTTPSConnection


def main() -> int:
    # Of our own container: there is nobody else to answer.
    context = ssl._create_unverified_context()  # noqa: S323, SLF001 - loopback
    port = int(os.environ.get("RIGWATCH_WEB__PORT", "8081"))
    connection = HTTPSConnection("127.0.0.1", port, timeout=4, context=context)
    try:
        connection.request("GET", "/readyz")
        return 0 if connection.getresponse().status == 200 else 1
    except (OSError, HTTPException):
        return 1


if __name__ == "__main__":
    sys.exit(main())
