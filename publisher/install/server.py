"""What the agent asks of its server before it has a key: its token for a one-time code, whether a report has come."""

import http.client
import socket
import ssl
import time
from contextlib import closing
from dataclasses import dataclass, field
from typing import Final

from publisher.install.machine import identity
from rigwatch.codes import GROUP_PREFIX
from rigwatch.errors import RigwatchError
from rigwatch.http import Address
from rigwatch.pin import pin_of_der
from rigwatch.topics import name_of_host

TIMEOUT_S: Final = 20.0
ANSWER_MAX: Final = 256 * 1024
NO_PIN: Final = "-"
_SAID_MAX: Final = 200
_LOOK_EVERY_S: Final = 1.0


class ServerRefused(RigwatchError):
    """The server answered, and not with what was asked for."""


class NoReport(RigwatchError):
    """It may come yet."""


@dataclass(frozen=True, slots=True)
class JoinServer:
    """The addresses below `url`; over TLS it is known by `pin`, or by the system's authorities where that is `-`."""

    url: str
    pin: str
    code: str = field(repr=False)
    host: str = ""
    """What this machine is to be called, where the code lets several in."""

    @property
    def is_group(self) -> bool:
        """Whether the code lets in several rigs, each as a node of its own."""
        return self.code.startswith(GROUP_PREFIX)

    def token(self) -> str:
        """The join token; afterwards the code is spent. Raises `RigwatchError`."""
        status, text = self._ask("POST", "/join")
        if status != 200:
            raise ServerRefused(f"{self.url}: {text}")
        return text

    def has_report(self) -> bool:
        """Whether a report of this node has been stored since it joined. Raises `RigwatchError`: `ServerRefused` where
        asking again is of no use."""
        status, text = self._ask("GET", "/reported")
        if status not in (200, 202):
            raise (RigwatchError if status >= 500 else ServerRefused)(f"{self.url}: {text}")
        return status == 200

    def _ask(self, method: str, path: str) -> tuple[int, str]:
        try:
            address = Address.parse(f"{self.url}{path}")
        except ValueError as exc:
            raise RigwatchError(f"--server: {exc}") from None
        try:
            with closing(self._connection(address)) as connection:
                connection.connect()
                # Nothing is said to anybody else, least of all the code.
                self._check(connection)
                connection.request(method, address.path, headers=self._headers())
                answer = connection.getresponse()
                text = answer.read(ANSWER_MAX).decode("utf-8", "replace").strip()
                return answer.status, text if answer.status == 200 else text[:_SAID_MAX]
        except (OSError, http.client.HTTPException) as exc:
            why = getattr(exc, "strerror", None) or str(exc) or type(exc).__name__
            raise RigwatchError(f"{self.url}: cannot be asked ({why})") from exc

    def _headers(self) -> dict[str, str]:
        host = name_of_host(self.host or socket.gethostname(), "")
        said = {"X-Rigwatch-Code": self.code, "X-Rigwatch-Host": host, "X-Rigwatch-Machine": identity(self.code)}
        return {**said, "Accept": "text/plain"}

    def _connection(self, address: Address) -> http.client.HTTPConnection:
        if not address.secure:
            return http.client.HTTPConnection(address.host, address.port, timeout=TIMEOUT_S)
        context = ssl.create_default_context()
        if self.pin != NO_PIN:
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        return http.client.HTTPSConnection(address.host, address.port, timeout=TIMEOUT_S, context=context)

    def _check(self, connection: http.client.HTTPConnection) -> None:
        if self.pin == NO_PIN:
            return
        sock = connection.sock
        shown = sock.getpeercert(binary_form=True) if isinstance(sock, ssl.SSLSocket) else None
        try:
            found = pin_of_der(shown) if shown else ""
        except ValueError:
            found = ""
        if found != self.pin:
            raise RigwatchError(f"{self.url}: is not the server that the line names; its key is another one")


def wait_for_report(server: JoinServer, seconds: float) -> float:
    """Until the server has stored this machine's first report: how long that took. Raises `ServerRefused`, and
    `RigwatchError` when none has come."""
    began, why = time.monotonic(), ""
    while True:
        try:
            if server.has_report():
                return time.monotonic() - began
            why = ""
        except ServerRefused:
            raise
        except RigwatchError as exc:
            # It may be starting anew; the agent does not mind, and neither do we.
            why = f"; {exc}"
        if time.monotonic() - began > seconds:
            raise NoReport(f"no report has reached the server in {seconds:.0f} s{why}")
        time.sleep(_LOOK_EVERY_S)
