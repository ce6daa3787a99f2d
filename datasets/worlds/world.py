"""Writes many synthetic worlds as one data set in the custom layout: frames, boxes, identities, queries."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from datasets.files import require_empty
from datasets.plaza.truth import FrameRecord
from datasets.plaza.world import write_splits
from datasets.samples import UNLABELLED
from datasets.workers import in_workers
from datasets.worlds.shooting import WorldTask, shoot_world


@dataclass(frozen=True)
class WorldsSummary:
    """What was written.

    Args:
        root: The folder of the data set.
        worlds: The number of worlds.
        frames: The number of pictures in train and test together.
        boxes: The number of boxes in them, without the regions to ignore.
        persons: The number of identities that have a box.
        queries: The number of entries of queries.json.
    """

    root: Path
    worlds: int
    frames: int
    boxes: int
    persons: int
    queries: int


def write_worlds(
    root: Path,
    *,
    worlds: int,
    seed: int = 1,
    place_persons: int = 11,
    place_cameras: int = 3,
    moments: int = 10,
    test_fraction: float = 0.1,
    on_progress: Callable[[int, int], None] | None = None,
    workers: int = 1,
) -> WorldsSummary:
    """Writes many worlds, each with a place, people, cameras and light of its own, in the custom layout.

    The same arguments give the same bytes, whatever the number of workers. Identities do not repeat between worlds.
    People of whom hardly anything is seen, or who are lower than 12 pixels, are given as regions to ignore (`iscrowd`);
    people whom nobody could know are given without identity (person_id -1).

    Args:
        root: The folder to fill with frames/, train.json, test.json and queries.json; it must be empty or missing.
        worlds: How many worlds there are, 2 to 100,000.
        seed: The number that decides everything that is left to chance, 0 or more.
        place_persons: How many people live in each world, 2 to 1000.
        place_cameras: How many cameras watch each world, 2 to 1000.
        moments: How many pictures each camera takes, 1 to 1000.
        test_fraction: The share of the worlds that goes to test.json, between 0 and 1; at least one world does.
        on_progress: It is called in this process with the frames done and the frames in all.
        workers: How many processes render. More than one starts fresh interpreters, so that a script which calls
            this needs the usual `if __name__ == "__main__":`.

    Returns:
        What was written.

    Raises:
        ValueError: An argument makes no world; the text names it.
        FileExistsError: `root` holds something already.
        ChildProcessError: One of several workers was ended from outside.
    """
    least = {"seed": (seed, 0), "workers": (workers, 1)}
    for name, (value, smallest) in least.items():
        if value < smallest:
            raise ValueError(f"{name} is {value}, expected {smallest} or more")
    # What one world needs is kept in memory until it is done.
    limits = {"worlds": (worlds, 2, 100_000), "place_persons": (place_persons, 2, 1000),
              "place_cameras": (place_cameras, 2, 1000), "moments": (moments, 1, 1000)}  # fmt: skip
    for name, (value, smallest, largest) in limits.items():
        if not smallest <= value <= largest:
            raise ValueError(f"{name} is {value}, expected {smallest} to {largest}")
    if not 0 < test_fraction < 1:
        raise ValueError(f"test_fraction is {test_fraction}, expected between 0 and 1: say 0.1 for one world in ten")
    root = Path(root)
    require_empty(root)
    (root / "frames").mkdir(parents=True, exist_ok=True)

    first_test = worlds - min(worlds - 1, max(1, round(worlds * test_fraction)))
    tasks = [
        WorldTask(root, seed, world, place_persons, place_cameras, moments, world >= first_test)
        for world in range(worlds)
    ]
    records: list[FrameRecord] = []
    for written in _run(tasks, workers):
        records += written
        if on_progress is not None:
            on_progress(len(records), worlds * place_cameras * moments)
    queries = write_splits(root, records)
    known = [sighting for record in records for sighting in record.sightings if not sighting.ignored]
    return WorldsSummary(
        root, worlds, len(records), len(known), len({s.person_id for s in known} - {UNLABELLED}), len(queries)
    )


def _run(tasks: Sequence[WorldTask], workers: int) -> Iterator[list[FrameRecord]]:
    """Renders the tasks and gives their records back world by world, in order."""
    return map(shoot_world, tasks) if workers == 1 else in_workers(shoot_world, tasks, workers)
