"""A mail server that takes a message, or says what a test gives it to say, as RFC 5321 has the dialogue."""

import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from io import RawIOBase

HANG, CLOSE = "HANG", "CLOSE"
_USUAL = {
    "EHLO": "250-here\r\n250 AUTH PLAIN LOGIN",
    "AUTH": "235 2.7.0 ok",
    "DATA": "354 go on",
    ".": "250 2.0.0 queued",
}


@dataclass(slots=True)
class MailServer:
    """`answers` are by command, `.` is the end of the message; `HANG` says nothing more, `CLOSE` hangs up."""

    port: int = 0
    answers: Mapping[str, str] = field(default_factory=dict)
    taken: list[tuple[str, str]] = field(default_factory=list)
    """Recipient and text of what was taken."""
    stop: threading.Event = field(default_factory=threading.Event)

    def url(self, *to: str) -> str:
        """As an Apprise address."""
        return f"mailto://ann:s3cret-word@127.0.0.1:{self.port}?from=rig@x.example&to={','.join(to)}&mode=insecure"


@contextmanager
def mail_server(answers: Mapping[str, str] | None = None) -> Iterator[MailServer]:
    """Listens while the block runs."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = MailServer(int(listening.getsockname()[1]), answers or {})

        def accept() -> None:
            with suppress(OSError):
                while True:
                    connection, _ = listening.accept()
                    threading.Thread(target=_speak, args=(server, connection), daemon=True).start()

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        yield server
        server.stop.set()
        listening.shutdown(socket.SHUT_RDWR)
    thread.join(5)


def _speak(server: MailServer, connection: socket.socket) -> None:
    with connection, connection.makefile("rwb", buffering=0) as lines, suppress(OSError):
        lines.write(b"220 here ESMTP\r\n")
        recipient = ""
        while line := lines.readline():
            words = line.decode("latin-1").split()
            command = words[0].upper() if words else ""
            if command == "RCPT":
                recipient = line.decode("latin-1").partition("<")[2].partition(">")[0]
            said = server.answers.get(f"RCPT {recipient}") if command == "RCPT" else None
            said = said or server.answers.get(command) or _USUAL.get(command, "250 ok")
            if not _say(server, lines, said):
                return
            if command == "DATA" and said.startswith("354"):
                text = _text(lines)
                said = server.answers.get(".", _USUAL["."])
                if said.startswith("250"):
                    server.taken.append((recipient, text))
                if not _say(server, lines, said):
                    return


def _say(server: MailServer, lines: RawIOBase, said: str) -> bool:
    if said == HANG:
        server.stop.wait(30)
        return False
    if said == CLOSE:
        return False
    lines.write(f"{said}\r\n".encode())
    return True


def _text(lines: RawIOBase) -> str:
    text = b""
    while (line := lines.readline()) not in (b".\r\n", b""):
        text += line
    return text.decode("latin-1")
