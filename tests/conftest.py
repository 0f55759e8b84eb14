"""What every test gets: the shared fixtures, and a runner for tests that are coroutines."""

import asyncio
import inspect

import pytest
from hypothesis import settings

# A busy machine makes one example slow, and says nothing about the code.
settings.register_profile("rigwatch", deadline=None)
settings.load_profile("rigwatch")

# The order matters: pytest rewrites the assertions of a module only before anything else has imported it.
pytest_plugins = ["tests.processes", "tests.homes", "tests.chains", "tests.mosquitto", "tests.postgres"]


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run `async def test_…` in an event loop of its own; tasks that it leaves behind fail it.

    A module's `LOOP`, where there is one, makes the loop: for a part that runs on another than asyncio's own.
    """
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    arguments = {name: pyfuncitem.funcargs[name] for name in inspect.signature(pyfuncitem.obj).parameters}
    with asyncio.Runner(loop_factory=getattr(pyfuncitem.module, "LOOP", None)) as runner:
        runner.run(_and_nothing_left(pyfuncitem.obj(**arguments)))
    return True


async def _and_nothing_left(test: object) -> None:
    assert inspect.isawaitable(test)
    await test
    left = [task.get_name() for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    assert not left, f"the test left tasks running: {', '.join(left)}"
