"""Made-up texts at what reads texts from outside, for as long as is asked.

`python -m benchmarks.fuzz [TARGET …] --minutes 10`. Ends with 1 at the first input that does harm, and prints it as
small as it can be made. `tests/fuzz/targets/` is where targets are; each gets a few in every run of the tests as well.
"""

import argparse
import random
import time

from tests.fuzz.target import Target, all_targets, throw

_ROUND = 500


def main() -> None:
    known = all_targets()
    options = _options(sorted(known))
    print(f"seed {options.seed}: --seed {options.seed} repeats this run", flush=True)
    for name in options.targets or sorted(known):
        thrown = _for_a_while(known[name], options.minutes * 60, options.seed)
        print(f"{name}: {thrown:,} inputs in {options.minutes:g} min, no harm", flush=True)


def _for_a_while(target: Target, seconds: float, seed: int) -> int:
    until, thrown = time.monotonic() + seconds, 0

    with target.open() as take:

        def counted(value: object) -> None:
            nonlocal thrown
            thrown += 1
            take(value)

        while time.monotonic() < until:
            throw(target.inputs, counted, examples=_ROUND, seed=seed)
            seed += 1
    return thrown


def _options(names: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument(
        "targets", nargs="*", choices=[*names, []], help=f"which, of {', '.join(names)}; all by default"
    )
    parser.add_argument("--minutes", type=float, default=10.0, help="for each target")
    parser.add_argument("--seed", type=int, default=random.randrange(1_000_000))  # noqa: S311 - no secret
    return parser.parse_args()


if __name__ == "__main__":
    main()
