"""`upgrade-check`: says what would be done, and does nothing."""

import re
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from rigwatch.home import Home
from rigwatch.lock import private_lock
from store import Store, open_store, schema, upkeep
from tests.processes import Rigwatch
from tests.rigs import birth, rig


def told(rigwatch: Rigwatch) -> tuple[int, dict[str, str]]:
    done = rigwatch.run("upgrade-check")
    assert done.stderr.startswith("rigwatch: this version could not start here" if done.returncode else "")
    return done.returncode, dict(re.split(" +", line, maxsplit=1) for line in done.stdout.splitlines())


def age(url: str, home: Path) -> str:
    """As if the last change of this program had not been made yet; gives its name."""
    last = max(schema.known())
    with closing(open_store(url, Home(home))) as store, store.write() as tx:
        tx.run("DELETE FROM schema_migration WHERE name = ?", (last,))
    return last


def test_it_says_what_will_be_done_and_does_nothing(rigwatch: Rigwatch, store: Store, database_url: str) -> None:
    store.take([rig().heard(birth())])
    code, found = told(rigwatch)
    assert (code, "nothing will be changed" in found["database"]) == (0, True)
    assert found["publishers"].startswith("1 of ")
    assert found["backup"] == "none was made here"
    last = age(database_url, rigwatch.home)
    status = upkeep.schema_of(database_url, Home(rigwatch.home))
    with private_lock(rigwatch.home / "supervisor.lock", timeout=0):
        code, found = told(rigwatch)
    assert (code, found["database"]) == (0, f"is at {status.version}; 1 change: {last}")
    assert "stop it before" in found["running"]
    if database_url.startswith("sqlite"):
        assert f"MB into {rigwatch.home}/backups/rigwatch-{status.version}.db first" in found["copy"]
        assert found["back"].startswith("to go back: stop rigwatch")
    else:
        assert "backup FILE' of the old version first" in found["copy"]
    assert upkeep.schema_of(database_url, Home(rigwatch.home)) == status
    assert not (rigwatch.home / "backups").exists()


def test_it_fails_where_the_new_version_could_not_start(rigwatch: Rigwatch, open_here: Callable[[], Store]) -> None:
    with closing(open_here()) as store, store.write() as tx:
        tx.run("INSERT INTO schema_migration (name, applied) VALUES ('9999_later', '2030-01-01 00:00:00')")
    assert "newer rigwatch" in told(rigwatch)[1]["database"]
    assert told(rigwatch)[0] == 1
    (rigwatch.home / "server.toml").write_text("[web]\nprot = 1\n")
    code, found = told(rigwatch)
    assert (code, "not understood" in found["settings"], "prot" in found["settings"]) == (1, True, True)
