"""What a failure that Apprise reports means: whose fault it is, and in which words. Pure.

Its plugins have one answer, no, and tell the rest to the log: `error=403` in a warning, then the server's own words or
the exception at debug level. Those words are what a person needs; the address, of which a token may be part, is taken
out.
"""

import re
from collections.abc import Iterable, Sequence
from typing import Final
from urllib.parse import unquote

from subscriber.notify.channel import NotSent

Line = tuple[str, str]
"""Level and text of what was logged."""

_HTTP = re.compile(r"error=(\d{3,6})\b")
# smtplib's exceptions as text: (535, b'5.7.8 …'), or {'ann@…': (550, b'5.1.1 …')}.
_SMTP = re.compile(r"\((\d{3}), b(?P<quote>['\"])(.*?)(?P=quote)", re.DOTALL)
_SMTP_REFUSED = re.compile(r"was refused: (\d{3}) b(?P<quote>['\"])(.*?)(?P=quote)", re.DOTALL)
_DETAILS = re.compile(r"^(?:Response Details|Socket Exception|I/O Exception)[^:]*:\s*(.*)$", re.DOTALL)
_BYTES = re.compile(r"^b(['\"])(.*)\1$", re.DOTALL)
# Of urllib3's and ssl's long exceptions, what says something; the rest repeats the address.
_NETWORK = re.compile(
    r"Read timed out|timed out|Connection refused|Name or service not known|Temporary failure in name resolution"
    r"|No address associated with hostname|nodename nor servname|getaddrinfo failed|No route to host"
    r"|Network is unreachable|certificate verify failed: [^(\")']{1,80}|Connection reset by peer"
    r"|Remote end closed connection|Connection unexpectedly closed|SSL: [A-Z_]{1,40}|Too many redirects|IncompleteRead"
    r"|AUTH extension not supported by server|STARTTLS extension not supported by server",
    re.IGNORECASE,
)
# The request was out when these happened; before, it is the connection that is not made.
_AFTER_SENDING = re.compile(
    r"Read timed out|Connection aborted|reset by peer|Remote end closed|unexpectedly closed|IncompleteRead"
    r"|Connection broken|InvalidChunkLength|raised an exception",
    re.IGNORECASE,
)
_MAIL_BEGUN = "Email To:"

_ADDRESS: Final = frozenset({401, 402, 403, 404, 405, 406, 410, 415, 451})
_TEXT: Final = frozenset({400, 411, 413, 414, 422})
_TOO_MANY: Final = 429
_GATEWAY_TIMEOUT: Final = 504
_TOO_MANY_S = 10.0
# What services say when it is the token, the topic or the person that is wrong, whatever the status.
_ADDRESS_WORDS = re.compile(
    r"chat not found|bot was (?:blocked|kicked)|deactivated|account_inactive|is_archived|channel_not_found"
    r"|channel_is_archived|not_in_channel|no_service|no_team|unknown (?:webhook|channel)"
    r"|invalid[_ ](?:auth|token|key|user|credential|application|webhook)|not_authed|token_revoked|token_expired"
    r"|unauthori[sz]ed|forbidden|(?:token|key|identifier|credential|user)s?\b[^.]{0,40}\b(?:is|are|was) "
    r"(?:invalid|not (?:a )?valid|revoked|expired)|not a valid (?:user|group|token|key|device|application)",
    re.IGNORECASE,
)
_SMTP_TEXT: Final = frozenset({552, 555})
_SMTP_TEXT_WORDS = re.compile(
    r"^5\.(?:6\.|2\.3|3\.4)|spam|virus|content|too (?:large|big|long)|message size", re.IGNORECASE
)
# A mailbox that is full may be emptied.
_SMTP_LATER_WORDS = re.compile(r"^5\.2\.2|quota|mailbox (?:is )?full|try again|temporar", re.IGNORECASE)
_SMTP_FOR_GOOD = range(500, 600)
_WORDS_MAX = 160
_SECRET_LEAST = 3


def refusal_of(lines: Sequence[Line], secrets: Iterable[str], *, partly: bool = False, wait: float = 0.0) -> NotSent:
    """`partly`: some of the channel's addresses have the message. `wait`: seconds that the service asked for."""
    said = _Said(lines)
    why = clean(said.words, secrets) or "refused without a reason"
    if said.smtp is not None:
        return _of_mail(why, said.smtp, partly=partly)
    status = said.status
    if status == _TOO_MANY or "Too Many Requests" in said.warnings:
        return NotSent(why, retry_after=wait or _TOO_MANY_S, partly=partly)
    address = status in _ADDRESS or (status is not None and status < 500 and bool(_ADDRESS_WORDS.search(said.words)))
    if address:
        return NotSent(why, permanent=True, partly=partly)
    maybe = status == _GATEWAY_TIMEOUT or (status is None and said.was_out)
    return NotSent(why, text=status in _TEXT, maybe=maybe, partly=partly, retry_after=wait)


def _of_mail(why: str, said: tuple[int, str], *, partly: bool) -> NotSent:
    code, words = said
    if code not in _SMTP_FOR_GOOD or _SMTP_LATER_WORDS.search(words):
        return NotSent(why, partly=partly)
    text = code in _SMTP_TEXT or bool(_SMTP_TEXT_WORDS.search(words))
    return NotSent(why, text=text, permanent=not text, partly=partly)


class _Said:
    """What the lines hold."""

    def __init__(self, lines: Sequence[Line]) -> None:
        self.everything = "\n".join(text for _, text in lines)
        self.warnings = " ".join(text for level, text in lines if level in {"WARNING", "ERROR", "CRITICAL"})
        details = [found.group(1) for _, text in lines if (found := _DETAILS.match(text))]
        smtp = _SMTP.search(" ".join(details)) if "mail" in self.warnings.lower() else None
        smtp = smtp or _SMTP_REFUSED.search(self.warnings)
        self.smtp = (int(smtp.group(1)), _plainer(smtp.group(3))) if smtp else None
        status = _HTTP.search(self.warnings)
        # ntfy numbers its errors 40301, 42901 and so on.
        self.status = int(status.group(1)[:3]) if status else None
        detail = details[-1] if details else ""
        begun = _MAIL_BEGUN in self.everything or "mail" not in self.warnings.lower()
        self.was_out = begun and bool(_AFTER_SENDING.search(f"{detail} {self.warnings}"))
        self.words = self._words(detail)

    def _words(self, detail: str) -> str:
        if self.smtp:
            return f"the mail server says: {self.smtp[0]} {self.smtp[1]}"
        if self.status is not None:
            found = _BYTES.match(detail)
            own = _plainer(found.group(2) if found else detail)
            return f"{self.warnings} It says: {own}" if own else self.warnings
        found = _NETWORK.search(detail)
        return f"{self.warnings} ({found.group()})" if found else self.warnings


def secrets_of(url: str) -> frozenset[str]:
    """What of an address is shown to nobody: all but its kind, the names of its options, and a host that is one."""
    rest = url.partition("://")[2]
    pieces = re.split(r"[/:@?&=#,]+", rest.partition("?")[0])
    pieces += [each.partition("=")[2] for each in rest.partition("?")[2].split("&")]
    found = {way for each in pieces for way in (each, unquote(each)) if len(way) >= _SECRET_LEAST}
    found |= set(re.findall(r"[\w.+-]+@[\w.-]+", unquote(rest)))
    return frozenset(each for each in found if not _is_host(each) or "@" in each)


def clean(text: str, secrets: Iterable[str]) -> str:
    """On one line, without what is secret."""
    text = re.sub(r"\burl: \S+", "url: …", text)
    for each in sorted(secrets, key=len, reverse=True):
        text = re.sub(re.escape(each), "…", text, flags=re.IGNORECASE)
    return " ".join(text.split())


def _is_host(piece: str) -> bool:
    return piece == "localhost" or bool(re.fullmatch(r"[\w-]+(?:\.[\w-]+)+", piece)) or piece.isdigit()


def _plainer(text: str) -> str:
    """Without the escapes of a repr, in the length that a person reads."""
    return " ".join(text.replace("\\r", " ").replace("\\n", " ").replace("\\'", "'").split())[:_WORDS_MAX]
