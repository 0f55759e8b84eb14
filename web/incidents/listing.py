"""Which incidents a page lists, as its address says: read, checked and written back. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Self
from urllib.parse import urlencode

from msgspec.structs import replace

from alerts.rule import Rule, Severity
from store.incidents import IncidentCursor, IncidentFilter, IncidentPart
from web.access.sites import visible_sites
from web.errors import BadQuery

TEXT_MAX: Final = 100
_NUMBER_MAX: Final = 2**53
_PLACE: Final = re.compile(r"(\d{1,16})-(\d{1,16})")


@dataclass(frozen=True, slots=True)
class IncidentListing:
    """`part` None is the plain page: what is open, below it what is past. `before` is where an older page begins."""

    part: IncidentPart | None = None
    wanted: IncidentFilter = field(default_factory=IncidentFilter)
    before: IncidentCursor | None = None

    @classmethod
    def parse(cls, args: Mapping[str, str]) -> Self:
        """Reads `state`, `rule`, `severity`, `site`, `host`, `node`, `q`, `group` and `before`; raises `BadQuery`."""
        part = _choice(args, "state", tuple(IncidentPart))
        rule, severity = _choice(args, "rule", tuple(Rule)), _choice(args, "severity", tuple(Severity))
        before = _place(args.get("before", ""))
        if before is not None and not part:
            raise BadQuery("before: needs a state, such as state=past")
        wanted = IncidentFilter(
            part=IncidentPart(part) if part else IncidentPart.OPEN,
            rule=Rule(rule) if rule else None,
            severity=Severity(severity) if severity else None,
            site=_text(args, "site"),
            host=_text(args, "host"),
            node=_text(args, "node"),
            text=_text(args, "q"),
            group=_number(args.get("group", "")),
        )
        return cls(IncidentPart(part) if part else None, wanted, before)

    def query(self) -> str:
        """The shortest query string that `parse` reads back, with its `?`; empty for the plain page."""
        wanted = self.wanted
        pairs = [
            ("state", self.part.value if self.part else ""),
            ("rule", wanted.rule.value if wanted.rule else ""),
            ("severity", wanted.severity.value if wanted.severity else ""),
            ("site", wanted.site),
            ("host", wanted.host),
            ("node", wanted.node),
            ("q", wanted.text),
            ("group", str(wanted.group) if wanted.group is not None else ""),
            ("before", f"{self.before.since}-{self.before.id}" if self.before else ""),
        ]
        given = [(name, value) for name, value in pairs if value]
        return f"?{urlencode(given)}" if given else ""

    def only(self, part: IncidentPart | None, before: IncidentCursor | None = None) -> "IncidentListing":
        return IncidentListing(part, self.wanted, before)

    def without(self, name: str) -> "IncidentListing":
        """Narrowed by one thing less; back on the first page."""
        none = {"rule": None, "severity": None, "group": None}.get(name, "")
        return IncidentListing(self.part, replace(self.wanted, **{name: none}))

    @property
    def narrowed(self) -> dict[str, str]:
        """What narrows the list, in words a person would use."""
        wanted = self.wanted
        found = {
            "rule": wanted.rule.value if wanted.rule else "",
            "severity": wanted.severity.value if wanted.severity else "",
            "site": wanted.site,
            "host": wanted.host,
            "node": wanted.node,
            "text": wanted.text,
            "group": f"#{wanted.group}" if wanted.group is not None else "",
        }
        return {name: value for name, value in found.items() if value}

    def of(self, part: IncidentPart) -> IncidentFilter:
        """Of the viewer's sites alone."""
        return replace(self.wanted, part=part, sites=visible_sites())


def _choice(args: Mapping[str, str], name: str, allowed: tuple[str, ...]) -> str:
    value = args.get(name, "")
    if value and value not in allowed:
        raise BadQuery(f"{name}: should be one of {', '.join(allowed)}")
    return value


def _text(args: Mapping[str, str], name: str) -> str:
    value = args.get(name, "").replace("\0", "").strip()
    if len(value) > TEXT_MAX:
        raise BadQuery(f"{name}: is longer than {TEXT_MAX} characters")
    return value


def _number(text: str) -> int | None:
    if not text:
        return None
    if not re.fullmatch(r"\d{1,16}", text, re.ASCII) or int(text) > _NUMBER_MAX:
        raise BadQuery("group: should be the number of an incident")
    return int(text)


def _place(text: str) -> IncidentCursor | None:
    if not text:
        return None
    match = _PLACE.fullmatch(text)
    if not match:
        raise BadQuery("before: should be what the link 'Older' gave")
    return IncidentCursor(int(match[1]), int(match[2]))
