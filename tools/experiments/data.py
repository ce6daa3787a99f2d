"""personsearch data: check a data set, convert one to the custom layout, render the synthetic square."""

import dataclasses
import os
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

import datasets
from datasets.catalog.check import check_dataset
from datasets.catalog.conversion import SPLIT_FILES, convert_dataset
from datasets.catalog.table import CheckFormat, FrameFormat
from datasets.plaza import write_plaza, write_recordings
from datasets.samples import FrameSample
from datasets.worlds import write_worlds
from tools.outcome import Outcome, table
from tools.progress import Progress


def check(root: Path, *, format: CheckFormat = "custom") -> Outcome:  # noqa: A002 - the option is called --format
    """List every broken record of a data set: one line each with its remedy.

    The exit status is 1 when there is any.

    Args:
        root: The data set's folder.
        format: The layout of the data set.
    """
    with Progress("Checking", unit="record") as progress:
        notes: list[str] = []
        problems = check_dataset(format, root, on_progress=progress, notes=notes)
    count = len(problems)
    lines = [f"{problem.where}: {problem.what}; {problem.remedy}" for problem in problems]
    lines += [f"note: {note}" for note in notes]
    lines.append(f"{root} ({format}): {count or 'no'} broken record{'' if count == 1 else 's'}")
    records = [{"where": problem.where, "what": problem.what, "remedy": problem.remedy} for problem in problems]
    figures = {"root": root, "format": format, "broken_records": count, "problems": records, "notes": notes}
    return Outcome("\n".join(lines), figures, failed=count > 0)


def convert(
    root: Path,
    out: Path,
    *,
    format: FrameFormat,  # noqa: A002 - the option is called --format
    split: Literal["both", "train", "gallery"] = "both",
) -> Outcome:
    """Write a data set in the custom layout: OUT/train.json, OUT/test.json and OUT/queries.json.

    YOLO's text files and CVAT's XML are read too (--format yolo, --format cvat).

    The pictures stay where they are; the files point to them. Identities keep the data set's own numbers (MOTChallenge
    repeats its own in each sequence: they are renumbered). In the custom layout every query searches the whole of
    test.json, whatever galleries its data set had.

    Args:
        root: The data set's folder.
        out: The folder to write to.
        format: The layout of the data set.
        split: Which files are written: both of train.json and test.json, or the one of train or of gallery.
    """
    splits = tuple(SPLIT_FILES) if split == "both" else (split,)
    bars: dict[str, Progress] = {}
    with ExitStack() as open_bars:

        def show(name: str, done: int, total: int) -> None:
            if name not in bars:
                bars[name] = open_bars.enter_context(Progress(f"Reading {name}"))
            bars[name](done, total)

        made = convert_dataset(format, root, out, splits, on_progress=show)
    return _described(out, made.splits, made.queries, made.failures, made.notes)


@dataclass(frozen=True)
class PlazaWorld:
    """What walks on the square and how it is recorded.

    Args:
        seed: The number that decides which world it is, 0 or more.
        persons: How many people with an identity walk there.
        minutes: How long each camera watches in each of three lights, at one frame a second.
        frame_width: The width of the four large cameras' frames in pixels, at least 160.
        unlabelled_fraction: How many people have an identity that the files do not tell, as a share of persons.
    """

    seed: int = 1
    persons: int = 60
    minutes: float = 3.0
    frame_width: int = 640
    unlabelled_fraction: float = 0.1


@dataclass(frozen=True)
class ManyWorlds:
    """Many small worlds instead of the one square.

    Args:
        worlds: How many there are, 2 to 100,000: streets, squares, halls, shops and others, drawn by chance, each with
            people of its own. Without this option the square is made.
        place_persons: How many people live in each of them, 2 to 1000.
        place_cameras: How many cameras watch each of them, 2 to 1000.
        moments: How many pictures each camera takes, 1 to 1000.
    """

    worlds: int | None = None
    place_persons: int = 11
    place_cameras: int = 3
    moments: int = 10


def plaza(
    root: Path,
    *,
    make: Literal["dataset", "videos", "mp4", "pictures"] = "dataset",
    world: PlazaWorld = PlazaWorld(),
    many: ManyWorlds = ManyWorlds(),
    test_fraction: float = 0.5,
    workers: int | None = None,
) -> Outcome:
    """Render the synthetic square, or many worlds: exact boxes, identities and times.

    The square has five cameras and three lights. With --worlds N there are N places instead, each with a light, cameras
    and people of its own; then only --seed counts among the options of the square.

    The same seed and sizes give the same bytes.

    Args:
        root: The folder to write to, new or empty.
        make: What is written: a data set in the custom layout, or what `data build` makes one of: fifteen "videos"
            (Motion JPEG in .avi, or "mp4") or fifteen folders of "pictures", with box files and identities. Everybody
            then crosses the square about once.
        world: What walks on the square and how it is recorded.
        many: Many small worlds instead of the one square.
        test_fraction: The share of the people and of the time that goes to test.json instead of train.json. It means
            nothing for videos and pictures.
        workers: How many processes render. Without this option there is one for each processor.
    """
    cores = len(os.sched_getaffinity(0)) if workers is None else workers
    values = dataclasses.asdict(world)
    if many.worlds is not None:
        return _worlds(root, make, world, many, test_fraction, cores)
    if many != ManyWorlds():
        raise ValueError("--place-persons, --place-cameras and --moments belong to --worlds; give --worlds too")
    if make != "dataset":
        with Progress("Rendering") as progress:
            raw = write_recordings(root, **values, form=make, on_progress=progress, workers=cores)
        counts = {name: getattr(raw, name) for name in ("recordings", "frames", "boxes", "tracks", "persons")}
        text = table(["recordings", str(root)], [[name, count] for name, count in counts.items()])
        command = f"personsearch data build {root} {root}_set --format uestc-pr"
        return Outcome(f"{text}\n`{command}` makes a data set of them", {"root": root, **counts})
    with Progress("Rendering") as progress:
        write_plaza(root, **values, test_fraction=test_fraction, on_progress=progress, workers=cores)
    written = {split: datasets.load_frames("custom", root, split) for split in SPLIT_FILES}
    return _described(root, written, len(datasets.load_queries("custom", root)), [])


def _worlds(root: Path, make: str, world: PlazaWorld, many: ManyWorlds, test_fraction: float, workers: int) -> Outcome:
    """Renders many worlds."""
    if make != "dataset" or dataclasses.replace(world, seed=1) != PlazaWorld():
        raise ValueError(
            "--worlds takes --seed and no other option of the square, and makes a data set; leave them out"
        )
    with Progress("Rendering") as progress:
        write_worlds(
            root, **dataclasses.asdict(many), seed=world.seed, test_fraction=test_fraction, on_progress=progress,
            workers=workers,
        )  # fmt: skip
    written = {split: datasets.load_frames("custom", root, split) for split in SPLIT_FILES}
    return _described(root, written, len(datasets.load_queries("custom", root)), [])


def _described(
    root: Path,
    splits: Mapping[str, Sequence[FrameSample]],
    queries: int,
    failures: Sequence[str],
    notes: Sequence[str] = (),
) -> Outcome:
    rows = []
    figures: dict[str, Any] = {"root": root, "queries": queries, "notes": list(notes)}
    for split, samples in splits.items():
        persons = np.concatenate([sample.person_ids for sample in samples] or [np.zeros(0, np.int64)])
        counts = {
            "frames": len(samples),
            "boxes": len(persons),
            "identities": len(np.unique(persons[persons >= 0])),
            "cameras": len({sample.camera for sample in samples} - {None}),
        }
        figures[SPLIT_FILES[split].removesuffix(".json")] = counts
        rows.append([SPLIT_FILES[split], *counts.values()])
    text = table(["file", "frames", "boxes", "identities", "cameras"], rows)
    told = "".join(f"note: {note}\n" for note in notes)
    return Outcome(f"{told}{text}\n{queries} queries\n{root} is written", figures, failures)
