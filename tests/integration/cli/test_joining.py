"""`publish --join -`: a token that is pasted and ended by Enter, in a terminal or through a pipe."""

import os
import signal
import subprocess
import sys
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from rigwatch.keys import MasterKey
from rigwatch.tokens import JoinToken
from rigwatch.topics import NodeId
from tests.integration.cli.terminal import Terminal, terminal
from tests.legacy import write_client
from tests.processes import clean_environment

pytestmark = pytest.mark.skipif(os.name != "posix", reason="terminals are POSIX's here")

NODE = NodeId("garage", "rig-7")
CHAIN = "".join(f"-----BEGIN CERTIFICATE-----\n{'A' * 64}\n" for _ in range(80))
PROMPT = "Paste the join token and press Enter:"


def token(ca: str | None = None) -> str:
    key = MasterKey(bytes(range(32))).node_key(NODE)
    return JoinToken("mqtt://127.0.0.1:1", NODE, key, ca).encode()


def joining(tmp_path: Path, *arguments: str) -> AbstractContextManager[Terminal]:
    environment = {"RIGWATCH_HOME": str(tmp_path / "rig"), "HOME": str(tmp_path)}
    return terminal(tmp_path, *(arguments or ("publish", "--join", "-")), environment=environment)


def stored(tmp_path: Path) -> str:
    return (tmp_path / "rig" / "publisher.toml").read_text("utf-8")


def test_it_asks_for_the_token_and_takes_it_with_enter(tmp_path: Path) -> None:
    with joining(tmp_path) as rig:
        rig.wait_for(PROMPT)
        rig.type(token() + "\r")
        shown = rig.wait_for("publisher starts nodes=1")
    assert "joined as garage/rig-7" in shown
    assert token() in stored(tmp_path)


def test_it_shows_nothing_of_the_token_and_leaves_the_terminal_as_it_was(tmp_path: Path) -> None:
    with joining(tmp_path) as rig:
        rig.wait_for(PROMPT)
        assert rig.hides_keys()
        rig.type(token() + "\r")
        shown = rig.wait_for("publisher starts")
        assert not rig.hides_keys()
    assert token()[10:50] not in shown


def test_it_takes_a_token_that_is_longer_than_a_terminals_line(tmp_path: Path) -> None:
    long = token(CHAIN)
    assert len(long) > 4096
    with joining(tmp_path) as rig:
        rig.wait_for(PROMPT)
        rig.type(long + "\r")
        rig.wait_for("publisher starts")
    assert long in stored(tmp_path)


def test_it_takes_a_token_that_a_narrow_window_broke_into_lines(tmp_path: Path) -> None:
    whole = token()
    with joining(tmp_path) as rig:
        rig.wait_for(PROMPT)
        rig.type("\r".join(whole[at : at + 40] for at in range(0, len(whole), 40)) + "\r")
        rig.wait_for("publisher starts")
    assert whole in stored(tmp_path)


def test_it_leaves_nothing_of_a_broken_paste_for_the_shell(tmp_path: Path) -> None:
    with joining(tmp_path) as rig:
        rig.wait_for(PROMPT)
        rig.type(token()[:60] + "\r\r" + "rw1.rest")
        rig.wait_for("cut short or altered")
        assert rig.process.wait(20) == 2
        assert rig.left() == ""


def test_it_takes_what_is_put_right_and_a_paste_in_brackets(tmp_path: Path) -> None:
    with joining(tmp_path) as rig:
        rig.wait_for(PROMPT)
        rig.type("oops" + "\x7f" * 4 + f"\x1b[200~{token()}\x1b[201~\r")
        rig.wait_for("publisher starts")


def test_ctrl_c_at_the_question_is_quiet_and_the_terminal_shows_keys_again(tmp_path: Path) -> None:
    with joining(tmp_path) as rig:
        rig.wait_for(PROMPT)
        rig.process.send_signal(signal.SIGINT)
        assert rig.process.wait(20) == 130
        assert not rig.hides_keys()
        assert "Traceback" not in rig.wait_for(PROMPT)
        assert "Aborted" not in rig.shown
    assert not (tmp_path / "rig").exists()


def test_an_end_without_a_token_is_one_line(tmp_path: Path) -> None:
    with joining(tmp_path) as rig:
        rig.wait_for(PROMPT)
        rig.type("\x04")
        rig.wait_for("join token: does not begin with 'rw1.'")
        assert rig.process.wait(20) == 2


@pytest.mark.parametrize(
    ("sent", "said"),
    [(f"{token()}\n", "publisher starts"), (f"\n{token()[:50]}\n", "cut short or altered"), ("hello\n", "rw1.")],
)
def test_a_pipe_that_stays_open_is_not_waited_for(tmp_path: Path, sent: str, said: str) -> None:
    environment = clean_environment({"RIGWATCH_HOME": str(tmp_path / "rig"), "HOME": str(tmp_path)})
    command = [sys.executable, "-m", "rigwatch", "publish", "--join", "-"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stderr=subprocess.PIPE, env=environment, text=True, cwd=tmp_path
    ) as process:
        assert process.stdin is not None
        assert process.stderr is not None
        process.stdin.write(sent)
        process.stdin.flush()
        lines: list[str] = []
        while said not in (lines or [""])[-1]:
            lines.append(process.stderr.readline())
            assert lines[-1], f"it ended and said only {lines}"
        process.terminate()
    assert PROMPT not in "".join(lines)


def test_several_old_clients_take_their_tokens_until_an_empty_line(tmp_path: Path) -> None:
    old = write_client(tmp_path / "old")
    with joining(tmp_path, "import-legacy", str(old), "--join", "-") as rig:
        rig.wait_for("Paste the join tokens, then press Enter twice:")
        rig.type(token() + "\r\r")
        rig.wait_for("garage/rig-7")
        assert rig.process.wait(20) == 0
    assert token() in stored(tmp_path)
