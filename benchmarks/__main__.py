"""`make bench`: runs the benchmarks one after the other, each in a process of its own, and writes docs/benchmarks.md.

`python -m benchmarks [NAME …]` runs the named ones; `--short` takes a look instead of a record, and writes nothing.
"""

import argparse
import pkgutil
import subprocess
import sys

import benchmarks

# What the others share, and `fuzz` and `mutants`, which measure nothing; everything else in the package is a benchmark.
SHARED = {
    "__main__",
    "brokers",
    "fuzz",
    "generator",
    "hostile_load",
    "mqtt_load",
    "mutants",
    "namespace",
    "page_load",
    "report_load",
    "rival_loggers",
    "rival_prometheus",
    "subscribers",
    "tables",
}


def names() -> list[str]:
    """Of all benchmarks, each a module that takes `--short` and `--write`."""
    return sorted(module.name for module in pkgutil.iter_modules(benchmarks.__path__) if module.name not in SHARED)


def main() -> None:
    known = names()
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", choices=[*known, []], help=f"which, of {', '.join(known)}; all by default")
    parser.add_argument("--short", action="store_true", help="a look instead of a record; writes nothing")
    options = parser.parse_args()
    for name in options.names or known:
        print(f"== {name}", flush=True)
        subprocess.run(
            [sys.executable, "-m", f"benchmarks.{name}", "--short" if options.short else "--write"], check=True
        )


if __name__ == "__main__":
    main()
