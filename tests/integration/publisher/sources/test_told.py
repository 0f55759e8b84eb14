"""Answers as real miners give them, each served over its own transport and read with the source that settings name."""

import json
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from publisher.sources.reading import checked
from publisher.sources.registry import build_sources
from publisher.sources.source import Context
from rigwatch.clock import SystemClock
from rigwatch.settings.loader import SettingPlace
from rigwatch.topics import NodeId
from tests.integration.publisher.sources.miner_server import tcp_server

_FOLDER = Path(__file__).resolve().parents[3] / "fixtures" / "miners" / "told"
CASES = sorted(path.parent.name for path in _FOLDER.glob("*/case.json"))


def _http(folder: Path, answers: Mapping[str, Any], connection: socket.socket, asked: bytes) -> None:
    head, _, body = asked.partition(b"\r\n\r\n")
    length = next((int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")), 0)
    while len(body) < length:
        body += connection.recv(65536)
    answer = answers.get(head.split(b" ")[1].decode())
    if answer is None:
        connection.sendall(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        return
    raw = _replies(folder, answer, json.loads(body)) if "rpc" in answer else (folder / answer["file"]).read_bytes()
    if answer.get("raw"):
        connection.sendall(raw)
        return
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % len(raw) + raw)


def _replies(folder: Path, answer: Mapping[str, Any], calls: list[dict[str, Any]]) -> bytes:
    files = answer["rpc"]
    replies = [
        json.loads((folder / files[call["method"]]).read_bytes()) if call["method"] in files else answer["unknown"]
        for call in calls
    ]
    return json.dumps([{**reply, "id": call["id"]} for call, reply in zip(calls, replies, strict=True)]).encode()


def _tcp(folder: Path, answers: Mapping[str, Any], connection: socket.socket, asked: bytes) -> None:
    answer = next(each for word, each in answers.items() if word.encode() in asked)
    connection.sendall((folder / answer["file"]).read_bytes())


@contextmanager
def _served(case: Mapping[str, Any], folder: Path, home: Path) -> Iterator[dict[str, str]]:
    """What the settings have to say to reach the answers."""
    answers = case["answers"]
    if case["transport"] == "files":
        for name, file in answers.items():
            (home / name).write_bytes((folder / file).read_bytes())
        yield {"folder": str(home)}
        return
    http = case["transport"] == "http"
    serve = _http if http else _tcp
    with tcp_server(lambda connection, asked: serve(folder, answers, connection, asked)) as port:
        yield {"url": f"http://127.0.0.1:{port}"} if http else {"address": f"127.0.0.1:{port}"}


def _differences(figures: Mapping[str, Any], expected: Mapping[str, Any]) -> list[str]:
    unknown = expected.get("absent", [])
    wrong = [f"{name} is {figures[name]!r}" for name in unknown if name in figures]
    for name, value in expected.items():
        if name == "gpus":
            cards = {gpu["id"]: gpu for gpu in figures.get("gpus", [])}
            wrong += [f"cards are {sorted(cards)}"] if set(cards) != set(value) else []
            wrong += [each for card, told in value.items() for each in _differences(cards.get(card, {}), told)]
        elif name != "absent":
            found = figures.get(name)
            same = found == (pytest.approx(value, rel=1e-6) if isinstance(value, float) else value)
            wrong += [] if same else [f"{name} is {found!r}, not {value!r}"]
    return wrong


@pytest.mark.parametrize("name", CASES)
def test_a_miner_is_read_as_it_really_answers(name: str, tmp_path: Path) -> None:
    folder = _FOLDER / name
    case = json.loads((folder / "case.json").read_bytes())
    context = Context(NodeId("main", "rig07"), SystemClock())
    with _served(case, folder, tmp_path) as where:
        raw = {"kind": case["kind"], **case["settings"], **where}
        ((_, source),) = build_sources([raw], SettingPlace("publisher.toml"), context)
        figures = msgspec.to_builtins(checked(source.read()))
    assert _differences(figures, case["expected"]) == []
