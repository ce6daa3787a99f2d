"""python -m mutants [FILE ...]: plants faults and tells which survive; exit status 1 where more than a tenth do.

Each file of the map is given a seeded sample of small faults, one at a time, in a copy of the project; only that file's
tests run. Then come the faults that are written down by hand.
"""

import argparse
import itertools
import random
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from mutants import faults, trials
from mutants.mutations import compiles, mutations

MOST_SURVIVORS = 0.1
REPOSITORY = trials.REPOSITORY


class Fault(NamedTuple):
    """A faulty file, what is wrong in it, and who should notice."""

    file: str
    line: int
    change: str
    within: str
    source: str
    tests: tuple[str, ...]


def sampled(area: faults.Area, count: int, seed: int) -> list[Fault]:
    """Some of the faults that can be planted in a file, those left out that nobody could notice.

    Args:
        area: The file and its tests.
        count: How many; 0 for all.
        seed: Decides which. The same seed chooses the same faults of the same file.
    """
    source = (REPOSITORY / area.file).read_text(encoding="utf-8")
    equal = {(one.within, one.change) for one in faults.EQUIVALENT if one.file == area.file}
    known = [one for one in mutations(source) if (one.within, one.change) not in equal]
    random.Random(f"{seed} {area.file}").shuffle(known)
    usable = (one for one in known if compiles(one.apply(source)))
    chosen = sorted(itertools.islice(usable, count or None), key=lambda one: one.start)
    return [Fault(area.file, one.line, one.change, one.within, one.apply(source), area.tests) for one in chosen]


def planted() -> list[Fault]:
    """The faults that are written down by hand."""
    found = []
    for one in faults.PLANTED:
        source = (REPOSITORY / one.file).read_text(encoding="utf-8")
        start, times = source.find(one.old), source.count(one.old)
        if times != 1:
            sys.exit(
                f"mutants: {one.old!r} occurs {times} times in {one.file}, expected once; mend tests/mutants/faults.py"
            )
        line = source.count("\n", 0, start) + 1
        faulty = source.replace(one.old, one.new)
        found.append(Fault(one.file, line, one.name, source.splitlines()[line - 1].strip(), faulty, one.tests))
    return found


def expected_seconds(groups: Sequence[tuple[str, ...]], copies: list[Path]) -> dict[tuple[str, ...], float]:
    """How long tests take where nothing is wrong; the program ends where they fail."""
    wanted = list(dict.fromkeys(groups))
    seconds = {}
    for number, result in trials.run([trials.Trial("", None, tests, 600) for tests in wanted], copies):
        if result.outcome != trials.SURVIVED:
            sys.exit(f"{result.output}\nmutants: {' '.join(wanted[number])} fail without a fault; mend that first")
        seconds[wanted[number]] = result.seconds
    return seconds


def main() -> int:
    """Plant, try and tell."""
    parser = argparse.ArgumentParser(prog="mutants", description=__doc__)
    parser.add_argument("files", nargs="*", help="source files of the map; all, where none is given")
    parser.add_argument("--count", type=int, default=8, help="faults for each file, 0 for all (default: 8)")
    parser.add_argument("--seed", type=int, default=0, help="decides which faults are tried (default: 0)")
    parser.add_argument("--workers", type=int, default=2, help="how many are tried at once (default: 2)")
    parser.add_argument("--planted", action="store_true", help="only the faults that are written down by hand")
    arguments = parser.parse_args()
    areas = [area for area in faults.AREAS if not arguments.files or area.file in arguments.files]
    unknown = sorted(set(arguments.files) - {area.file for area in areas})
    if unknown:
        parser.error(f"{unknown[0]} is not in the map; it has: {', '.join(area.file for area in faults.AREAS)}")
    tried = (
        [] if arguments.planted else [one for area in areas for one in sampled(area, arguments.count, arguments.seed)]
    )
    tried += [] if arguments.files else planted()
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        copies = trials.prepare(Path(folder), arguments.workers)
        known = expected_seconds([one.tests for one in tried], copies)
        results: dict[int, trials.Result] = {}
        planned = [trials.Trial(one.file, one.source, one.tests, 20 + 4 * known[one.tests]) for one in tried]
        for number, result in trials.run(planned, copies):
            results[number] = result
            one = tried[number]
            print(f"{len(results):4}/{len(tried)}  {result.outcome:9} {one.file}:{one.line}  {one.change}", flush=True)
    return report(tried, results, time.monotonic() - began)


def report(tried: list[Fault], results: dict[int, trials.Result], seconds: float) -> int:
    """The table of files and that of the survivors; returns the exit status."""
    print(f"\n{'file':40}  faults  survived")
    survivors = [one for number, one in enumerate(tried) if results[number].outcome == trials.SURVIVED]
    for file in dict.fromkeys(one.file for one in tried):
        known, missed = (sum(one.file == file for one in group) for group in (tried, survivors))
        print(f"{file:40}  {known:6}  {missed:8}")
    share = len(survivors) / max(len(tried), 1)
    print(f"{'together':40}  {len(tried):6}  {len(survivors):8}  {share:.1%} in {seconds:.0f} s\n")
    for one in survivors:
        print(f"{one.file}:{one.line}\n    {one.change}\n    in: {one.within}")
    untested = sorted({one.file for number, one in enumerate(tried) if results[number].outcome == trials.NO_TESTS})
    if untested:
        print(f"no tests were found for {', '.join(untested)}: mend the map in tests/mutants/faults.py")
    return int(bool(untested) or share > MOST_SURVIVORS)


if __name__ == "__main__":
    sys.exit(main())
