"""The script for Windows, as far as that can be judged without one: it is PowerShell, and keeps its promises in words.

No PowerShell is here to run it: what a Windows makes of it, these tests do not tell.
"""

import re

import pytest
from tree_sitter import Language, Node, Parser
from tree_sitter_powershell import language

from publisher.command import _COMMANDS
from web.agent.files import SCRIPT_WINDOWS, WINDOWS
from web.agent.line import AgentHashes, Origin, lines_with

SOURCE = SCRIPT_WINDOWS.read_bytes()
TEXT = SOURCE.decode("ascii")
PARSER = Parser(Language(language()))
LINES = [
    lines_with("many-a-b", Origin("https://10.0.0.5:8081/", "sha256//ab+c/d="), AgentHashes("00", "ff")).windows,
    lines_with("a-b", Origin("https://o'neill.example/x/", ""), AgentHashes("00", "ff")).windows,
]


def faults(source: bytes) -> list[str]:
    """Where the grammar of PowerShell does not fit."""
    found, left = [], [PARSER.parse(source).root_node]
    while left:
        each = left.pop()
        if each.is_error or each.is_missing:
            found.append(f"line {each.start_point[0] + 1}: {source[each.start_byte : each.end_byte][:60]!r}")
        left += each.children
    return found


def nodes(source: bytes, kind: str) -> list[Node]:
    found, left = [], [PARSER.parse(source).root_node]
    while left:
        each = left.pop()
        if each.type == kind:
            found.append(each)
        left += each.children
    return found


def commands(source: bytes) -> list[str]:
    """The names of what is called, in the order of the text."""
    names = [each for each in nodes(source, "command_name") if each.text]
    return [(each.text or b"").decode() for each in sorted(names, key=lambda each: each.start_byte)]


def test_the_grammar_tells_what_is_none() -> None:
    assert faults(b"if ($a { 1 }")
    assert faults(b"& ([scriptblock]::Create((x | Out-String)) 'a'")


def test_the_script_is_powershell() -> None:
    assert faults(SOURCE) == []
    assert nodes(SOURCE, "function_statement")


@pytest.mark.parametrize("line", LINES)
def test_the_line_is_powershell_and_calls_curl_alone(line: str) -> None:
    assert faults(line.encode()) == []
    assert [each for each in commands(line.encode()) if each != "Out-String"][:1] == ["curl.exe"]
    assert "\n" not in line


def test_every_cmdlet_is_one_that_windows_10_has() -> None:
    known = {
        *("Expand-Archive", "Get-Command", "Get-FileHash", "Get-ScheduledTask", "Join-Path", "New-Item", "New-Object"),
        *("New-ScheduledTaskAction", "New-ScheduledTaskPrincipal", "New-ScheduledTaskSettingsSet"),
        *("New-ScheduledTaskTrigger", "New-TimeSpan", "Out-Null", "Register-ScheduledTask", "Remove-Item"),
        *("Select-Object", "Set-StrictMode", "Start-ScheduledTask", "Stop-ScheduledTask", "Test-Path"),
        *("Find-Python", "Invoke-Tool", "Stop-Install", "curl.exe", "icacls.exe"),
    }
    assert {each for each in commands(SOURCE) if not each.startswith("$")} <= known


def test_nothing_is_unpacked_before_its_hash_was_compared_and_the_code_is_no_argument() -> None:
    fetched, compared = TEXT.index("--output $file"), TEXT.index("-ne $Sha256")
    assert fetched < compared < TEXT.index("Expand-Archive") < TEXT.index("-m venv") < TEXT.index("join --server")
    uses = [line for line in TEXT.splitlines() if "$Code" in line and "param" not in line and "[string]" not in line]
    assert len(uses) == 3
    assert all(re.match(r'\s*(Invoke-Tool .* \{ )?("header = .*\$Code""?"|\$Code) \| & ', line) for line in uses), uses


def test_it_asks_for_what_server_and_agent_have() -> None:
    assert f"$Url/{WINDOWS}" in TEXT
    assert "join" in _COMMANDS
    assert "publish" in _COMMANDS
    named = re.search(r"param\((.*?)\n\)", TEXT, re.DOTALL)
    assert named
    assert re.findall(r"\$(\w+)", named[1].replace("$true", "")) == ["Url", "Pin", "Sha256", "Code", "Name"]


def test_a_tool_that_fails_ends_it() -> None:
    calls = [line for line in TEXT.splitlines() if re.search(r"& (curl|icacls|\$python|\$agent)", line)]
    assert calls
    for line in calls:
        at = TEXT.index(line)
        assert "Invoke-Tool" in TEXT[max(0, at - 200) : at + len(line)], line
