"""personsearch bench rendering: seconds of processor that rendered worlds take, by kind of place and by stage."""

import cProfile
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, NamedTuple

from tools.bench.speed.machine import load_average, peak_megabytes
from tools.bench.speed.measured import Measured, Run
from tools.outcome import Outcome, table
from tools.progress import Progress

if TYPE_CHECKING:
    from datasets.worlds.shooting import WorldTask

USUAL = 960 * 540
"""Pixels of the frame that the seconds of other sizes are converted to."""


@dataclass(frozen=True)
class Crowds:
    """What is rendered in each world, as in `data plaza --worlds`.

    Args:
        place_persons: How many people live in it, 2 or more.
        place_cameras: How many cameras watch it, 1 or more.
        moments: How many pictures each camera takes, 1 or more.
    """

    place_persons: int = 11
    place_cameras: int = 3
    moments: int = 10

    def __post_init__(self) -> None:
        for name, least in (("place_persons", 2), ("place_cameras", 1), ("moments", 1)):
            if getattr(self, name) < least:
                raise ValueError(f"{name} is {getattr(self, name)}, expected {least} or more")


class Row(NamedTuple):
    """The worlds of one kind of place: frames, seconds of processor and pixels in all."""

    place: str
    frames: int
    seconds: float
    pixels: int

    @property
    def a_frame(self) -> float:
        """Seconds of a frame of any size."""
        return self.seconds / self.frames

    @property
    def a_usual_frame(self) -> float:
        """Seconds of so many pixels as a frame of 960 x 540 has."""
        return self.seconds / self.pixels * USUAL


def rendering(
    *,
    places: list[str] | None = None,
    each: int = 1,
    crowds: Crowds = Crowds(),
    seed: int = 1,
    most_seconds: float | None = None,
    compare: Path | None = None,
) -> Outcome:
    """Seconds of processor that a frame of `data plaza --worlds` takes, by kind of place, and what takes them.

    All work on a world counts: drawing its place and its people, rendering, the camera's electronics, the files. One
    thread does it, as in each process of `data plaza`. What is compiled once is compiled before. Other programs hardly
    change a processor's seconds. The mean over the places weighs each as often as it is drawn. The stages are timed on
    other worlds, because timing them slows the work.

    Args:
        places: Some of street, square, car park, stairs, park, hall, corridor, shop, platform and office; all by
            default.
        each: How many worlds of each kind are timed, 1 or more.
        crowds: What is rendered in each of them.
        seed: The number that decides which worlds they are, 0 or more.
        most_seconds: The exit status is 1 where the mean of a frame of 960 x 540 pixels takes longer than this.
        compare: A file that --json of an earlier run wrote. What takes longer than then, beyond noise, is named, and
            the exit status is 1.
    """
    from datasets.workers import in_one_thread
    from datasets.worlds.places import SHARES

    chosen = list(SHARES) if places is None else places
    if not chosen or not set(chosen) <= set(SHARES):
        raise ValueError(f"places is {','.join(chosen)}, expected some of {', '.join(SHARES)}")
    for name, value, least in (("each", each, 1), ("seed", seed, 0)):
        if value < least:
            raise ValueError(f"{name} is {value}, expected {least} or more")
    settings = {"places": chosen, "each": each, "seed": seed, **asdict(crowds)}
    run = Run.of("bench rendering", settings, compare)
    load = load_average()
    in_one_thread()
    with TemporaryDirectory() as folder, Progress("Rendering", unit="place") as progress:
        tasks = _tasks(chosen, each + 1, Path(folder), seed, crowds)
        _prepare(one[-1] for one in tasks.values())
        rows: list[Row] = []
        for done, (place, worlds) in enumerate(tasks.items()):
            rows.append(_timed(place, worlds[:-1]))
            progress(done + 1, len(tasks))
        stages = _stages(worlds[-1] for worlds in tasks.values())
    weight = sum(SHARES[row.place] for row in rows)
    mean = sum(SHARES[row.place] * row.a_usual_frame for row in rows) / weight
    figures = {
        "rows": [row._asdict() | {"seconds_a_frame": row.a_frame, "seconds_a_usual_frame": row.a_usual_frame}
                 for row in rows],
        "seconds_a_usual_frame": mean, "usual_pixels": USUAL, "stages": stages, "crowds": asdict(crowds), "each": each,
        "seed": seed, "most_seconds": most_seconds, "peak_mb": peak_megabytes(),
    }  # fmt: skip
    slow = most_seconds is not None and mean > most_seconds
    measured = [Measured(f"a frame of a {row.place}, of processor", row.a_usual_frame) for row in rows]
    measured.append(Measured("a frame of all places, of processor", mean, asked=most_seconds))
    libraries = ("numba", "numpy", "opencv-python-headless", "scipy", "av")
    return run.outcome(_text(rows, figures), figures, measured, libraries, load=load, failed=slow)


def _text(rows: list[Row], figures: dict[str, Any]) -> str:
    lines: list[list[object]] = [[row.place, row.frames, row.a_frame, row.a_usual_frame] for row in rows]
    lines.append(["all places, as often as drawn", sum(row.frames for row in rows), None,
                  figures["seconds_a_usual_frame"]])  # fmt: skip
    parts = [
        table(["place", "frames", "seconds a frame", "for 960 x 540"], lines),
        "",
        table(["stage", "share"], list(figures["stages"].items())),
        "",
        f"seconds of processor; the process had at most {figures['peak_mb']:.0f} MB",
    ]
    most, mean = figures["most_seconds"], figures["seconds_a_usual_frame"]
    if most is not None:
        parts.append(f"{mean:.4f} seconds are {'more' if mean > most else 'not more'} than {most:g}")
    return "\n".join(parts)


def _tasks(places: list[str], worlds: int, root: Path, seed: int, crowds: Crowds) -> "dict[str, list[WorldTask]]":
    """The first worlds of each kind of place that a seed has."""
    from datasets.worlds.shooting import WorldTask, kind_of

    (root / "frames").mkdir()
    found: dict[str, list[WorldTask]] = {place: [] for place in places}
    for world in count():
        task = WorldTask(root, seed, world, crowds.place_persons, crowds.place_cameras, crowds.moments, test=False)
        same = found.get(kind_of(task))
        if same is not None and len(same) < worlds:
            same.append(task)
            if all(len(one) == worlds for one in found.values()):
                break
    return found


def _prepare(tasks: "Iterable[WorldTask]") -> None:
    """Renders a picture of each kind, so that everything is loaded and compiled."""
    from dataclasses import replace

    from datasets.worlds.shooting import shoot_world

    for task in tasks:
        shoot_world(replace(task, persons=2, cameras=1, moments=1))


def _timed(place: str, tasks: "Iterable[WorldTask]") -> Row:
    from datasets.worlds.shooting import shoot_world

    start = time.process_time()
    records = [record for task in tasks for record in shoot_world(task)]
    seconds = time.process_time() - start
    return Row(place, len(records), seconds, sum(record.width * record.height for record in records))


def _stages(tasks: "Iterable[WorldTask]") -> dict[str, float]:
    """The share of the processor's time in [0, 1] that each stage of the work takes."""
    from datasets.figures.figure import person
    from datasets.figures.luggage import gear
    from datasets.images import encode_jpeg
    from datasets.rendering.scenery import scenery
    from datasets.rendering.view import View
    from datasets.worlds.places import draw_place
    from datasets.worlds.recorder import Recorder
    from datasets.worlds.shooting import shoot_world

    stages: dict[str, tuple[Callable[..., Any], ...]] = {
        "places: shapes and textures": (draw_place,),
        "people: clothes, poses, what they have along": (person, gear),
        "a place in light, once for each camera": (scenery,),
        "people in the picture, with light and shadow": (View.draw,),
        "weather, electronics, video": (Recorder.record,),
        "files": (encode_jpeg,),
    }
    profile = cProfile.Profile(time.process_time)
    for task in tasks:
        profile.runcall(shoot_world, task)
    seconds = {entry.code: entry.totaltime for entry in profile.getstats()}
    whole = seconds[shoot_world.__code__]
    shares = {
        stage: sum(seconds.get(one.__code__, 0.0) for one in functions) / whole for stage, functions in stages.items()
    }
    return shares | {"who stands where, cameras, truth": 1 - sum(shares.values())}
