"""`docs/protocol.md` names every field, topic and figure of the code, so that neither can change alone."""

import re
from pathlib import Path
from typing import get_args

import msgspec
import pytest

from rigwatch.figures import AlgorithmFigures, Gpu, Miner
from rigwatch.messages import SAMPLES_MAX, Ack, NodeState, Report, Sample, Status
from rigwatch.topics import NodeId, TopicLevel, topic_of

TEXT = (Path(__file__).resolve().parents[3] / "docs" / "protocol.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("kind", [Status, Report, Ack, Sample, Gpu, Miner, AlgorithmFigures])
def test_every_field_of_a_message_is_documented(kind: type[msgspec.Struct]) -> None:
    documented = set(re.findall(r'[`"](\w+)[`"]', TEXT))
    assert {field.encode_name for field in msgspec.structs.fields(kind)} <= documented


def test_every_state_and_channel_is_documented() -> None:
    for state in NodeState:
        assert f'`"{state.value}"`' in TEXT
    for channel in TopicLevel:
        assert f"`{topic_of(NodeId('s', 'n'), channel)}`".replace("/s/n/", "/<site>/<node>/") in TEXT


@pytest.mark.parametrize("kind", [Sample, Gpu, Status])
def test_every_bound_of_a_number_is_documented_in_its_row(kind: type[msgspec.Struct]) -> None:
    for field in msgspec.structs.fields(kind):
        least, most = _bounds(field.type)
        if least is None or most == 2**53:
            continue
        rows = [line for line in TEXT.splitlines() if line.startswith("|") and f"`{field.name}`" in line]
        wanted = f"{least:g} to {_written(most)}".replace("-", "\N{MINUS SIGN}")
        assert any(wanted in row for row in rows), f"{field.name}: {wanted}"


def test_a_report_holds_as_many_samples_as_documented() -> None:
    assert f"1 to {SAMPLES_MAX} samples" in TEXT


def _bounds(kind: object) -> tuple[float | None, float | None]:
    for part in (kind, *get_args(kind)):
        for meta in getattr(part, "__metadata__", ()):
            if meta.ge is not None:
                return meta.ge, meta.le
    return None, None


def _written(number: float | None) -> str:
    return f"{number:.0e}".replace("e+0", "e").replace("e+", "e") if number and number >= 1e6 else f"{number:.0f}"
