"""What people decide, on each database: every act changes something and leaves one line that says who, by which way and
what."""

import inspect
from collections.abc import Callable
from typing import Any

import pytest

from rigwatch.errors import NotDone
from store import acts, audit
from store.acts import Actor, Way
from store.audit import AuditFilter
from tests.integration.store.acting import DONE, EVERY, MODULES, NOTED, NOW, QUIET, UTC, World


def test_every_act_is_walked() -> None:
    assert set(DONE) == set(EVERY)
    assert {module.__name__ for module in MODULES} == {
        each.__name__ for name in acts.__all__ if inspect.ismodule(each := getattr(acts, name))
    }


@pytest.mark.parametrize("do", EVERY.values(), ids=EVERY)
def test_an_act_is_done_in_a_transaction_by_somebody_at_a_moment(do: Callable[..., Any]) -> None:
    assert list(inspect.signature(do).parameters)[:3] == ["tx", "actor", "now"]


@pytest.mark.parametrize("name", DONE)
def test_an_act_changes_something_and_leaves_its_line(world: World, name: str) -> None:
    do, action, subject, detail = DONE[name]
    before, known = world.contents(), world.lines()
    do(world)
    (line,) = world.lines()[len(known) :]
    assert (line.at, line.who) == (NOW, "eve (command line)")
    assert (line.action, line.subject, line.detail) == (action, subject, detail)
    after = world.contents()
    changed = {each for each in after if after[each] != before[each]}
    assert (changed == {"audit"}) is (name in NOTED)


def test_the_last_admin_stays_but_at_the_command_line(world: World) -> None:
    world.do("users.remove", "bob")
    before = world.contents()
    with pytest.raises(NotDone, match="is the last admin"), world.store.write() as tx:
        acts.users.remove(tx, Actor("root", Way.PAGE), NOW, "ann")
    assert world.contents() == before
    world.do("users.remove", "ann")


@pytest.mark.parametrize(
    ("actor", "who", "signature"),
    [
        (Actor("ann", Way.PAGE), "ann", "ann"),
        (Actor("token:ci", Way.API), "token:ci (API)", "token:ci"),
        (Actor("ann", Way.CLI), "ann (command line)", "ann"),
        (Actor("ann", Way.TELEGRAM, "user 4, chat 7"), "ann (Telegram)", "ann (Telegram)"),
        (Actor("192.0.2.7", Way.CODE), "192.0.2.7 (one-time code)", "192.0.2.7"),
    ],
    ids=[way.value for way in Way],
)
def test_a_line_says_by_which_way_and_is_found_by_the_name(
    world: World, actor: Actor, who: str, signature: str
) -> None:
    with world.store.write() as tx:
        assert acts.silences.add(tx, actor, NOW, QUIET, zone=UTC).by == signature
    line = world.lines()[-1]
    origin = ", from Telegram: user 4, chat 7" if actor.origin else ""
    assert (line.who, line.detail) == (who, f"site=garage for 2 h: fans{origin}")
    with world.store.read() as tx:
        assert line in audit.page(tx, AuditFilter(who=actor.name), 100)
        assert audit.page(tx, AuditFilter(who=actor.name[:-1]), 100) == []
