from pathlib import Path

import pytest

from legacy.found import look
from rigwatch.errors import SettingsError
from tests.legacy import write_client, write_server, write_sqlite


def test_a_folder_is_looked_through_with_the_folders_in_it(tmp_path: Path) -> None:
    server = write_server(tmp_path)
    first, second = (write_client(tmp_path / f"card{number}", number=number) for number in (1, 2))
    database = write_sqlite(tmp_path / "data" / "whatever.bin", [])
    found = look([str(tmp_path)])
    assert (list(found.servers), list(found.clients), found.databases) == ([server], [first, second], [database])
    assert found.named == set()


def test_it_goes_by_what_is_in_a_file_and_not_by_its_name(tmp_path: Path) -> None:
    server = write_server(tmp_path).rename(tmp_path / "config.json")
    client = write_client(tmp_path / "x").rename(tmp_path / "server-config.json")
    database = write_sqlite(tmp_path / "hash.json", [])
    found = look([str(tmp_path)])
    assert (list(found.servers), list(found.clients), found.databases) == ([server], [client], [database])


def test_several_places_in_one_call(tmp_path: Path) -> None:
    server, client = write_server(tmp_path / "a"), write_client(tmp_path / "b")
    database = write_sqlite(tmp_path / "c" / "hash.db", [])
    url = "postgresql://ann@db.example/hashdb"
    found = look([str(server), str(client), str(database), url])
    assert (list(found.servers), list(found.clients)) == ([server], [client])
    assert (found.databases, found.named, found.addresses) == ([database], {server, client, database}, [url])
    assert "db.example" not in repr(found)


def test_other_programs_files_beside_it_are_passed_by(tmp_path: Path) -> None:
    client = write_client(tmp_path)
    (tmp_path / "package.json").write_text('{"name": "x", "mode": "dev", "server": "a"}')
    (tmp_path / "broken.json").write_text("{{{")
    (tmp_path / "large.json").write_text(" " * 70_000)
    (tmp_path / "photo.jpg").write_bytes(b"\xff\xd8")
    (tmp_path / "gone.json").symlink_to(tmp_path / "nowhere")
    found = look([str(tmp_path)])
    assert list(found.clients) == [client]
    assert not found.databases


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("config.json", b'{"Id": 1 "Mode"', "cannot be read as the old tool's settings: line 1"),
        ("config.json", b'{"Id": 1, "Mode": "TPU", "RpcPort": 1, "Frequency": 1}', "Mode is neither CPU nor GPU"),
        ("other.json", b'{"a": 1}', "nothing of wtc-miner-monitor is in this folder"),
    ],
)
def test_what_is_wrong_in_a_folder_is_said(tmp_path: Path, name: str, content: bytes, words: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(SettingsError, match=words):
        look([str(tmp_path)])


@pytest.mark.parametrize(
    ("content", "words"), [(b'{"a": 1}', "is not of wtc-miner-monitor; name"), (b"hello", "line 1"), (b"", "line 1")]
)
def test_a_file_that_was_named_must_be_one(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "some.txt"
    path.write_bytes(content)
    with pytest.raises(SettingsError, match=words):
        look([str(path)])


def test_a_named_file_needs_only_one_of_the_old_keys(tmp_path: Path) -> None:
    path = tmp_path / "some.txt"
    path.write_text('{"WEBPORT": 80}')
    assert list(look([str(path)]).servers) == [path]
