"""Faults put into the modules that decide, one at a time, and which of them no test of theirs notices.

`python -m benchmarks.mutants [alerts/decide.py …]`. What was found is kept in `.bench/mutants/` while the module stays
the same, so that a run that was cut short goes on; survivors are tried again, for a test may have come. Ends with 1
where fewer than 95 % of a module's mutants are noticed, unless `survivors.toml` explains each of those that are not.
"""

import argparse
import hashlib
import json
import sys
import time
import tomllib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.mutants.mutations import Mutant, mutants_of
from benchmarks.mutants.runs import SURVIVED, Tests, against_whole_module, collected, in_a_fork

_MODULES = Path("alerts")
_TESTS = (Path("tests/unit/alerts"), Path("tests/unit/docs/test_alerts_page.py"))
_KEPT = Path(".bench/mutants")
_EXPLAINED = Path(__file__).with_name("survivors.toml")
_ENOUGH = 0.95


@dataclass(slots=True)
class Findings:
    """What became of a module's mutants: the name of each, and who noticed it."""

    module: Path
    killers: dict[str, str]

    @classmethod
    def read(cls, module: Path) -> "Findings":
        path = _file_of(module)
        lines = path.read_text().splitlines() if path.exists() else []
        if not lines or lines[0] != _fingerprint(module):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(_fingerprint(module) + "\n")
            lines = []
        return cls(module, dict(json.loads(line) for line in lines[1:]))

    def add(self, mutant: Mutant, killer: str) -> None:
        self.killers[mutant.name] = killer
        with _file_of(self.module).open("a") as file:
            file.write(json.dumps([mutant.name, killer]) + "\n")

    @property
    def survivors(self) -> list[str]:
        return [name for name, killer in self.killers.items() if killer == SURVIVED]


def main() -> None:
    options = _options()
    modules = [Path(each).resolve() for each in options.modules] or sorted(_MODULES.resolve().glob("[!_]*.py"))
    if options.anew:
        for module in modules:
            _file_of(module).unlink(missing_ok=True)
    until = time.monotonic() + options.minutes * 60
    # The process that forks for mutants outside functions must not have imported what they are in.
    said = in_a_fork(lambda: _within_functions(modules, until), aloud=True)
    files = {Path(module): [Path(each) for each in found] for module, found in json.loads(said).items()}
    for module in modules:
        findings = Findings.read(module)
        noticed: Counter[str] = Counter()
        for mutant in _open(findings, within=False):
            if time.monotonic() > until:
                break
            # First the files that noticed others: to load all of them takes seconds for each mutant.
            likely = sorted(files[module], key=lambda file: -noticed[file.name])
            killer = against_whole_module(mutant, module, likely)
            noticed[Path(killer.partition("::")[0]).name] += 1
            findings.add(mutant, killer)
    sys.exit(not _report(modules))


def _within_functions(modules: Iterable[Path], until: float) -> str:
    """Tries the mutants within functions; gives the test files that reach each module."""
    files: dict[str, list[str]] = {}

    def run(tests: Tests) -> None:
        state = _fingerprint(*_MODULES.rglob("*.py"), *_TESTS[0].rglob("*.py"), *_TESTS[1:])
        tests.observe(_MODULES.resolve(), _KEPT / f"tests-{state}.json")
        for module in modules:
            files[str(module)] = [str(each) for each in tests.files_of(module)]
            findings = Findings.read(module)
            for mutant in _open(findings, within=True):
                if time.monotonic() > until:
                    break
                findings.add(mutant, tests.against(mutant, module))

    collected(_TESTS, run)
    return json.dumps(files)


def _open(findings: Findings, *, within: bool) -> list[Mutant]:
    """Those that nobody has noticed yet."""
    mutants = mutants_of(findings.module.read_text())
    return [each for each in mutants if (each.function is not None) is within and not findings.killers.get(each.name)]


def _report(modules: Iterable[Path]) -> bool:
    explained: dict[str, dict[str, str]] = tomllib.loads(_EXPLAINED.read_text())
    print("| module | mutants | noticed | | explained | not explained | not tried yet |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    good, unexplained, stale = True, list[str](), list[str]()
    for module in modules:
        findings, name = Findings.read(module), str(module.relative_to(Path.cwd()))
        names = {each.name for each in mutants_of(module.read_text())}
        known, left = explained.get(name, {}), findings.survivors
        without = [each for each in left if each not in known]
        killed = len(findings.killers) - len(left)
        share = killed / len(names) if names else 1.0
        untried = len(names) - len(findings.killers)
        figures = (len(names), killed, f"{share:.1%}", len(left) - len(without), len(without), untried)
        print(f"| {name} | {' | '.join(map(str, figures))} |")
        good &= not untried and (share >= _ENOUGH or not without)
        unexplained += [f"{name}: {each}" for each in without]
        stale += [
            f"{name}: {each}" for each in known if findings.killers.get(each, SURVIVED) != SURVIVED or each not in names
        ]
    for title, each in (("Not noticed, not explained", unexplained), ("Explained, but there is none", stale)):
        if each:
            print("\n".join(["", f"{title}:", *each]))
    return good and not stale


def _file_of(module: Path) -> Path:
    return _KEPT / f"{module.stem}.jsonl"


def _fingerprint(*files: Path) -> str:
    return hashlib.sha256(b"".join(each.read_bytes() for each in sorted(files))).hexdigest()[:16]


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("modules", nargs="*", help="which of alerts/; all by default")
    parser.add_argument("--minutes", type=float, default=60.0, help="after which the rest is left for the next run")
    parser.add_argument("--anew", action="store_true", help="forget what was found before")
    return parser.parse_args()


if __name__ == "__main__":
    main()
