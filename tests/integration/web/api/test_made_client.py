"""A Python client that is made from the OpenAPI file by a program of others reads and changes what there is."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from flask import Flask
from werkzeug.serving import make_server

from tests.integration.web.api.conftest import Api
from tests.ports import free_port
from tests.processes import ROOT, clean_environment
from tests.requirements import program

_MAKER = ROOT / "tests" / "programs" / "client" / "bin"


@contextmanager
def serving(app: Flask) -> Iterator[str]:
    server = make_server("127.0.0.1", free_port(), app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def made_client(api: Api, folder: Path) -> None:
    (folder / "openapi.json").write_bytes(api.viewer.get("/api/v1/openapi.json").data)
    maker = program("openapi-python-client", places=(str(_MAKER / "openapi-python-client"),))
    (folder / "config.yml").write_text("post_hooks: []\n", "utf-8")
    made = subprocess.run(
        [maker, "generate", "--path", "openapi.json", "--output-path", "rigwatch_client", "--meta", "none",
         "--config", "config.yml", "--fail-on-warning"],
        cwd=folder, capture_output=True, text=True, timeout=60, check=False, env=clean_environment(),
    )  # fmt: skip
    assert made.returncode == 0, made.stdout + made.stderr


def test_every_operation_answers_a_client_that_was_made_from_the_file(api: Api, tmp_path: Path) -> None:
    made_client(api, tmp_path)
    python = _MAKER / "python" if _MAKER.exists() else sys.executable
    with serving(api.app) as address:
        ran = subprocess.run(
            [python, Path(__file__).with_name("use_client.py"), address, api.token],
            cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False,
            env=clean_environment({"PYTHONPATH": os.fspath(tmp_path)}),
        )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    said: dict[str, Any] = json.loads(ran.stdout)
    described = json.loads((tmp_path / "openapi.json").read_text("utf-8"))["paths"]
    assert set(said) == {each["operationId"] for methods in described.values() for each in methods.values()}
    assert {name: each["status"] for name, each in said.items() if each["status"] not in {200, 201}} == {}
    assert [node["name"] for node in said["list_nodes"]["answer"]["nodes"]] == ["rig3", "rig1", "rig2"]
    assert said["list_nodes"]["kind"] == "NodePage"
    assert said["get_node"]["answer"]["latest"]["hashrate"] == 5e6
    assert said["acknowledge_incident"]["answer"]
    assert said["download_samples"]["answer"].startswith("site,node,n,at")
