"""Sources of anyone's own: real commands, a real server, real files."""

import json
import os
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest

from publisher.sources.custom import OUTPUT_MAX
from publisher.sources.reading import SourceError
from publisher.sources.registry import build_sources
from publisher.sources.source import Context, Source
from rigwatch.clock import SystemClock
from rigwatch.errors import SettingsError
from rigwatch.figures import Gpu, Miner
from rigwatch.settings.loader import SettingPlace
from rigwatch.topics import NodeId
from tests.integration.publisher.sources.miner_server import miner_server
from tests.waiting import eventually

FIGURES = {"hashrate": "rate MH/s"}


def _source(**settings: Any) -> Source:  # noqa: ANN401 - as TOML has them
    context = Context(NodeId("main", "rig07"), SystemClock())
    ((_, source),) = build_sources([{"figures": FIGURES, **settings}], SettingPlace("publisher.toml"), context)
    return source


def _python(code: str, **settings: Any) -> Source:  # noqa: ANN401 - as TOML has them
    return _source(kind="exec", command=[sys.executable, "-c", code], **settings)


def test_a_commands_output_is_read() -> None:
    assert _python("print('{\"rate\": 61.5}')").read().hashrate == 61.5e6


@pytest.mark.skipif(os.name != "posix", reason="a POSIX shell")
def test_a_text_is_for_the_shell_where_the_settings_say_so() -> None:
    settings = {"command": "echo rate=3 | sed s/rate/speed/", "shell": True, "form": "text"}
    assert _source(kind="exec", **settings, figures={"hashrate": r"speed=(\d+)"}).read().hashrate == 3


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("import sys; print('{}'); sys.exit('out of luck')", "ended with 1: out of luck"),
        ("print('<html>')", "the answer is not JSON"),
        ("print('{}')", "none of the figures stands where the settings say"),
        (f"print('x' * {OUTPUT_MAX + 10})", f"writes more than {OUTPUT_MAX} bytes"),
    ],
)
def test_a_command_that_fails_is_an_error_in_one_line(code: str, text: str) -> None:
    with pytest.raises(SourceError, match=text) as raised:
        _python(code, timeout="30s").read()
    assert "\n" not in str(raised.value)


def test_a_command_that_is_not_there_is_an_error_that_names_it() -> None:
    with pytest.raises(SourceError, match=r"/no/such/program: cannot be run \(No such file or directory\)"):
        _source(kind="exec", command=["/no/such/program"]).read()


def test_what_mmpos_asks_of_a_miners_script_is_read() -> None:
    """The example of docs/publisher.md, with the output that mmpOS' description of custom miners asks for."""
    told = {
        "busid": [1, 10],
        "hash": [60.5, 61.5],
        "units": "mhs",
        "air": ["5", "1", "2"],
        "shares": {"accepted": [3, 2], "invalid": [1, 0], "rejected": [0, 2]},
        "miner_name": "myminer",
        "miner_version": "1.0",
    }
    reading = _source(
        kind="exec",
        command=[sys.executable, "-c", f"print({json.dumps(told)!r})", "2", "/var/log/miner.log"],
        figures={
            "miner": "miner_name",
            "version": "miner_version",
            "hashrate": "hash[] MH/s",
            "accepted": "air[0]",
            "invalid": "air[1]",
            "rejected": "air[2]",
        },
        cards={"each": "busid[]", "id": "/busid[#]", "hashrate": "/hash[#] MH/s", "accepted": "/shares.accepted[#]"},
    ).read()
    assert (reading.hashrate, reading.accepted, reading.invalid, reading.rejected) == (122e6, 5, 1, 2)
    assert reading.miner == Miner("myminer", "1.0")
    assert reading.gpus == (
        Gpu("0000:01:00.0", hashrate=60.5e6, accepted=3),
        Gpu("0000:0a:00.0", hashrate=61.5e6, accepted=2),
    )


@pytest.mark.skipif(os.name != "posix", reason="process groups are POSIX's")
def test_a_command_that_hangs_is_ended_with_all_that_it_started(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    code = (
        "import os, subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        f"open({str(pids)!r}, 'w').write(f'{{os.getpid()}} {{child.pid}}')\n"
        "time.sleep(600)\n"
    )
    with pytest.raises(SourceError, match="did not end within 3 s"):
        _python(code, timeout="3s").read()
    started = [int(pid) for pid in pids.read_text().split()]
    eventually(lambda: not any(_lives(pid) for pid in started), what="all that was started has ended")


def _lives(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_an_address_is_asked_with_its_query_and_headers() -> None:
    with miner_server({"/cm?cmnd=Status%208": b'{"StatusSNS":{"ENERGY":{"Power":231}}}'}) as server:
        source = _source(
            kind="http",
            url=f"{server.url}/cm?cmnd=Status%208",
            headers={"X-Key": "not for you"},
            figures={"power": "StatusSNS.ENERGY.Power W"},
        )
        assert source.read().power == 231
        assert server.headers[0]["X-Key"] == "not for you"
        server.answers.clear()
        with pytest.raises(SourceError, match=rf"^127\.0\.0\.1:{server.port}: HTTP status 404") as raised:
            source.read()
    assert "not for you" not in str(raised.value)


def test_prometheus_text_at_an_address_is_read() -> None:
    with miner_server({"/metrics": b"# TYPE x gauge\nminer_rate 5\n"}) as server:
        source = _source(
            kind="http", url=f"{server.url}/metrics", form="prometheus", figures={"hashrate": "miner_rate kH/s"}
        )
        assert source.read().hashrate == 5000


def test_a_file_is_read_while_somebody_writes_it(tmp_path: Path) -> None:
    path = tmp_path / "stats.json"
    path.write_text('{"rate": 61.5}')
    source = _source(kind="file", path=str(path))
    assert source.read().hashrate == 61.5e6
    os.utime(path, (1, 1))
    with pytest.raises(SourceError, match="nobody seems to write it any more"):
        source.read()
    path.unlink()
    with pytest.raises(SourceError, match="cannot be read"):
        source.read()


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"kind": "exec", "command": "rm -rf x"}, r"command should be a list, .* a text needs shell = true"),
        ({"kind": "exec", "command": ["a"], "shell": True}, "with shell = true, command should be one text"),
        ({"kind": "exec", "command": []}, "command should name a program"),
        ({"kind": "file", "path": "/x", "figures": {}}, "figures should say where each figure stands"),
        ({"kind": "http", "url": "http://h", "figures": {"hashrat": "x"}}, "there is no figure 'hashrat'"),
        ({"kind": "http", "url": "http://h", "form": "xml"}, "form"),
    ],
)
def test_a_setting_that_cannot_be_is_named_with_what_would_be_right(settings: dict[str, Any], text: str) -> None:
    with pytest.raises(SettingsError, match=text):
        _source(**settings)
