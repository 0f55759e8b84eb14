from pathlib import Path

import pytest

from cli.legacy import ids
from rigwatch.errors import RigwatchError
from rigwatch.topics import NodeId


def test_what_was_written_is_read_site_by_site(tmp_path: Path) -> None:
    path = tmp_path / "legacy.json"
    assert ids.read(path, "main") == {}
    ids.write(path, "main", {7: NodeId("main", "seven")})
    ids.write(path, "shed", {7: NodeId("shed", "other")})
    assert ids.read(path, "main") == {7: "seven"}
    assert ids.read(path, "shed") == {7: "other"}
    assert path.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    "text", ["", "[]", '{"main": {"x": "a"}}', '{"main": {"1": "Not A Name"}}', '{"main": {"1": 2}}']
)
def test_a_file_that_says_nothing_sensible_is_named_and_left(tmp_path: Path, text: str) -> None:
    path = tmp_path / "legacy.json"
    path.write_text(text)
    with pytest.raises(RigwatchError, match=r"legacy\.json"):
        ids.read(path, "main")
    assert path.read_text() == text
