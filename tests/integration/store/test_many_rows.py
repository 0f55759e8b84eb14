"""Hundreds of rows in one statement say the same as one by one, on either database, whatever is in them."""

import pytest

from store import Store
from store.transaction import Transaction

ODD = 'a "quoted" \\ back\nslash, тест, 漢字, 😀, \x7f, \u2028, [1, 2], null'
COLUMNS = (("name", "text"), ("value", "int8"))
COUNTS = [0, 1, 3, 4, 5, 63, 64, 65, 151, 700]


@pytest.mark.parametrize("count", COUNTS)
def test_every_row_is_there_once_and_as_it_was(store: Store, count: int) -> None:
    rows = [(f"{ODD} {number}", number * 2**43 - 5) for number in range(count)]

    def do(tx: Transaction) -> list[tuple[str, int]]:
        tx.load("mark", ("name", "value"), rows)
        return [(name, value) for name, value in tx.rows("SELECT name, value FROM mark WHERE name LIKE ?", ("a %",))]

    with store.write() as tx:
        assert sorted(do(tx)) == sorted(rows)


@pytest.mark.parametrize("count", COUNTS)
def test_every_row_is_changed_by_its_own_values(store: Store, count: int) -> None:
    names = [f"m{number}" for number in range(count)]

    def do(tx: Transaction) -> dict[str, int]:
        tx.load("mark", ("name", "value"), [(name, 1) for name in [*names, "other"]])
        update = "UPDATE mark SET value = mark.value + {value} {from} WHERE mark.name = {name}"
        tx.run_rows(update, COLUMNS, [(name, number) for number, name in enumerate(names)])
        add = "INSERT INTO mark (name, value) {values} ON CONFLICT (name) DO UPDATE"
        tx.run_rows(f"{add} SET value = mark.value + excluded.value", COLUMNS, [(name, 1000) for name in names])
        return dict(tx.rows("SELECT name, value FROM mark"))

    with store.write() as tx:
        after = do(tx)
    assert [after[name] for name in names] == [1001 + number for number in range(count)]
    assert after["other"] == 1
