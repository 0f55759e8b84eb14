# ruff: noqa: FBT001 - the shape of every rule
"""The rules about hash boards of ASICs: a board that is gone, chips that are. Pure."""

from alerts.check import UNKNOWN, CheckContext, CheckResult, no, yes
from alerts.rule import RulePolicy
from rigwatch.figures import Board
from rigwatch.texts import plain

_NAMED = 8


def board_missing(view: CheckContext, _policy: RulePolicy, _open: bool) -> CheckResult:
    """A miner that rests has all its boards idle, and misses none."""
    told = [board for board in _boards(view) if board.active is not None]
    if not told:
        return UNKNOWN
    gone = [board.id for board in told if not board.active]
    if len(gone) == len(told) and not (view.fresh and view.fresh.hashrate):
        return UNKNOWN
    if gone:
        return yes(f"{len(gone)} of {len(told)} boards hash nothing: {', '.join(_named(gone))}")
    return no(lambda: f"{len(told)} boards")


def chips_missing(view: CheckContext, policy: RulePolicy, is_open: bool) -> CheckResult:
    told = [board for board in _boards(view) if board.chips is not None and board.chips_expected and board.active]
    if not told:
        return UNKNOWN
    border = policy.clear if is_open else policy.threshold
    few = [board for board in told if 100 * _gone(board) / (board.chips_expected or 1) > border]
    if few:
        words = [f"board {plain(each.id, 20)} {each.chips} of {each.chips_expected} chips" for each in few[:_NAMED]]
        return yes(", ".join(words))
    return no(lambda: "all boards have their chips")


def _boards(view: CheckContext) -> tuple[Board, ...]:
    return (view.fresh.boards or ()) if view.fresh is not None else ()


def _gone(board: Board) -> int:
    return max(0, (board.chips_expected or 0) - (board.chips or 0))


def _named(ids: list[str]) -> list[str]:
    more = [f"and {len(ids) - _NAMED} more"] if len(ids) > _NAMED else []
    return [*(plain(each, 20) for each in ids[:_NAMED]), *more]
