"""pyasic-rs, which knows how each maker's ASICs are asked: Antminer with its firmwares, Whatsminer, Avalon, Bitaxe,
IceRiver, Goldshell, ePIC and more. It is loaded when an ASIC is first asked for, since few machines ask one.

It is asynchronous, so one loop in a thread of its own serves all ASICs of the process.
"""

import asyncio
import importlib
import threading
from collections.abc import Callable, Coroutine
from functools import cache
from types import ModuleType
from typing import Any, Final, Protocol, cast

from publisher.sources.reading import SourceError

_CONNECT: Final = 2
_IDENTIFY: Final = 10
_SCANNED_AT_A_TIME: Final = 200
_INSTALL: Final = "reading ASICs needs a package that is not installed: pip install 'rigwatch[asic]'"


class Miner(Protocol):
    """What is asked of one of the library's miners."""

    ip: Any

    async def get_data(self) -> Any: ...  # noqa: ANN401 - the library's own


class NotInstalledError(SourceError):
    """The extra `asic` is missing."""


def find(address: str, timeout: float) -> Miner | None:
    """The ASIC there; None where there is none that the library knows. Raises SourceError."""
    factory = _factory()
    found: Miner | None = _wait(lambda: factory.get_miner(address), timeout, address)
    return found


def data_of(miner: Miner, timeout: float) -> Any:  # noqa: ANN401 - the library's own
    """All that it tells; raises SourceError."""
    return _wait(miner.get_data, timeout, str(miner.ip))


def scan(network: str, timeout: float) -> list[Miner]:
    """The ASICs in a network such as 192.168.1.0/24; raises SourceError."""
    factory = _factory().with_subnet(network).with_concurrent_limit(_SCANNED_AT_A_TIME)
    return cast("list[Miner]", _wait(factory.scan, timeout, network))


def _factory() -> Any:  # noqa: ANN401 - the library's own
    made = _library().MinerFactory()
    return made.with_connectivity_timeout_secs(_CONNECT).with_identification_timeout_secs(_IDENTIFY)


@cache
def _library() -> ModuleType:
    try:
        return importlib.import_module("pyasic_rs")
    except ImportError:
        raise NotInstalledError(_INSTALL) from None


@cache
def _loop() -> asyncio.AbstractEventLoop:
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, name="asics", daemon=True).start()
    return loop


def _wait(ask: Callable[[], Any], timeout: float, who: str) -> Any:  # noqa: ANN401 - whatever the library gives
    async def inside() -> Any:  # noqa: ANN401
        # Made on the loop that waits for it.
        return await asyncio.wait_for(ask(), timeout)

    coroutine: Coroutine[Any, Any, Any] = inside()
    try:
        return asyncio.run_coroutine_threadsafe(coroutine, _loop()).result(timeout + 1)
    except TimeoutError:
        raise SourceError(f"{who}: no answer within {timeout:g} s") from None
    except Exception as exc:  # noqa: BLE001 - the boundary of a library in another language: it raises of many kinds
        raise SourceError(f"{who}: {str(exc)[:200] or type(exc).__name__}") from None
