"""The API says the same of the same, whichever database it was stored in."""

from contextlib import contextmanager
from pathlib import Path

from tests.integration.web.api.conftest import Api, opened

PATHS = (
    "nodes?limit=2",
    "nodes?q=rig1&status=degraded",
    "nodes/main/rig1",
    "nodes/main/rig1/series?step_s=120",
    "nodes/main/rig1/series?from=2024-01-01T00:00:00Z",
    "nodes/main/rig1/samples?limit=3",
    "nodes/main/rig1/samples.csv?from=2025-10-09T08:45:00Z",
    "fleet",
    "totals?step_s=120",
    "averages?from=2025-10-09T08:00:00Z",
    "incidents?site=garage&host=host1&severity=critical&rule=lost",
    "incidents?after=1760000000001-9&limit=1",
    "incidents/1",
    "silences",
    "silences?over=true",
)


def test_both_databases_answer_alike(tmp_path: Path, postgres_url: str) -> None:
    folders = [tmp_path / name for name in ("one", "other")]
    for folder in folders:
        folder.mkdir()
    with contextmanager(opened)(folders[0]) as one, contextmanager(opened)(folders[1], postgres_url) as other:
        for api in (one, other):
            _change(api)
        for path in PATHS:
            said = [_asked(api, path) for api in (one, other)]
            assert said[0] == said[1], path
            assert len(said[0]) > 20, path


def _change(api: Api) -> None:
    silence = {"match": {"site": "main"}, "lasts_s": 60, "why": "a \0 byte"}
    for _ in range(2):
        assert api.admin.post("/api/v1/silences", json=silence).status_code == 201
    assert api.admin.delete("/api/v1/silences/1").status_code == 200
    assert api.admin.post("/api/v1/incidents/1/acknowledge", json={"why": "a \0 byte"}).status_code == 200


def _asked(api: Api, path: str) -> str:
    answer = api.viewer.get(f"/api/v1/{path}")
    assert answer.status_code == 200, answer.text
    return answer.text
