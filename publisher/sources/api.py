"""A miner that answers HTTP: its settings, and requests whose failure says how that miner's API is switched on."""

import time
from collections.abc import Callable, Collection
from dataclasses import replace
from http import HTTPStatus
from typing import ClassVar

from publisher.sources.http import RefusedError, StatusError, TooLateError, request
from publisher.sources.reading import SourceError
from publisher.sources.source import BlockingSource, Context, SourceSettings
from rigwatch.http import Address
from rigwatch.settings.loader import Secret

_MISSING = (HTTPStatus.NOT_FOUND,)
_NO_LOGIN = (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)


class ApiSettings(SourceSettings, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`url` may hold a login, as in http://user:password@host:port; it is never shown."""

    url: Secret

    def __post_init__(self) -> None:
        if "?" in Address.parse(self.url).path:
            raise ValueError("url should have no '?'")


class MinerSettings(ApiSettings, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`algorithm` is the one of a dual miner's to report; empty = its first."""

    algorithm: str = ""


class ApiSource(BlockingSource):
    """Asks for paths below the URL. A kind of miner says in `title` what it is called, in `switch` the option that
    turns its API on (or in `refused` what else to look at), and in `login` what to set where it wants to know who asks.
    """

    title: ClassVar[str]
    switch: ClassVar[str]
    refused: ClassVar[str] = ""
    login: ClassVar[str] = "`url` can hold a login, http://user:password@host:port"

    def __init__(self, settings: ApiSettings, context: Context) -> None:
        super().__init__(settings, context)
        self.headers: dict[str, str] = {}
        self._address = Address.parse(settings.url)

    def how_to_switch_on(self) -> str:
        return self.refused or f"{self.title} listens there when started with {self.switch}"

    def ask(self, path: str, *, body: bytes | None = None, by: float | None = None) -> bytes:
        """The answer's body; raises SourceError, for a status other than 200 its StatusError."""
        left = self.timeout_s if by is None else max(0.01, by - time.monotonic())
        address = replace(self._address, path=self._address.path.rstrip("/") + path)
        try:
            return request(address, timeout=left, body=body, headers=self.headers)
        except RefusedError as exc:
            raise SourceError(f"{exc}; {self.how_to_switch_on()}") from None
        except TooLateError:
            # What was left for this question says nothing to a reader.
            raise TooLateError(f"{address}: no answer within {self.timeout_s:g} s") from None
        except StatusError as exc:
            if exc.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
                raise
            how = self.login if exc.status in _NO_LOGIN else f"is this the port of {self.title}'s API?"
            raise StatusError(f"{exc}; {how}", exc.status) from None

    def ask_or(
        self, path: str, otherwise: Callable[[], bytes], *, by: float, missing: Collection[int] = _MISSING
    ) -> bytes:
        """The same; what `otherwise` gives where the status says that this version has no such path."""
        try:
            return self.ask(path, by=by)
        except StatusError as exc:
            if exc.status not in missing:
                raise
            return otherwise()


class MinerSource(ApiSource):
    """One that may mine two algorithms at a time."""

    def __init__(self, settings: MinerSettings, context: Context) -> None:
        super().__init__(settings, context)
        self.algorithm = settings.algorithm
