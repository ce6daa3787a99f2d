"""personsearch data: check a data set, convert one to the custom layout, render the synthetic square."""

import dataclasses
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

import datasets
from datasets.catalog.check import check_dataset
from datasets.catalog.table import CheckFormat, FrameFormat
from datasets.images import read_image
from datasets.layouts import custom
from datasets.plaza import write_plaza, write_recordings
from datasets.samples import UNLABELLED, FrameSample
from tools.errors import UsageError
from tools.outcome import Outcome, table
from tools.progress import Progress

SPLITS = {"train": "train.json", "gallery": "test.json"}


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

    The pictures stay where they are; the files point to them. Identities keep the data set's own numbers (MOTChallenge
    repeats its own in each sequence: they are renumbered). In the custom layout every query searches the whole of
    test.json, whatever galleries its data set had.

    Args:
        root: The data set's folder.
        out: The folder to write to.
        format: The layout of the data set.
        split: Which files are written: both of train.json and test.json, or the one of train or of gallery.
    """
    names = tuple(SPLITS) if split == "both" else (split,)
    _refuse_existing(out, names)
    splits = {name: datasets.load_frames(format, root, name) for name in names}
    if split == "both" and {s.path for s in splits["train"]} & {s.path for s in splits["gallery"]}:
        raise UsageError(
            f"{root} ({format}) has the same frames in both splits, expected a root with train/ and test/; say with "
            "--split train or --split gallery which file to write"
        )
    failures: list[str] = []
    written: dict[str, list[FrameSample]] = {}
    for name, samples in splits.items():
        with Progress(f"Reading {name}") as progress:
            sizes, broken = _sizes(samples, progress)
        failures += broken
        kept = [sample for sample in samples if sample.name in sizes]
        written[name] = kept if format == "mot" or name != "train" else [_with_own_numbers(sample) for sample in kept]
        custom.write_split(out / SPLITS[name], written[name], sizes)
    queries = 0
    if "gallery" in written and format != "mot":
        frames = {sample.name for sample in written["gallery"]}
        found = [query for query in datasets.load_queries(format, root) if query.frame is None or query.frame in frames]
        custom.write_queries(out / "queries.json", found, written["gallery"])
        queries = len(found)
    return _described(out, written, queries, failures)


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


def plaza(
    root: Path,
    *,
    make: Literal["dataset", "videos", "pictures"] = "dataset",
    world: PlazaWorld = PlazaWorld(),
    test_fraction: float = 0.5,
    workers: int | None = None,
) -> Outcome:
    """Render the synthetic square: five cameras, three lights, exact boxes, identities and times.

    The same seed and sizes give the same bytes.

    Args:
        root: The folder to write to, new or empty.
        make: What is written: a data set in the custom layout, or what `data build` makes one of: fifteen "videos" or
            fifteen folders of "pictures", with box files and identities. Everybody then crosses the square about once.
        world: What walks on the square and how it is recorded.
        test_fraction: The share of the people and of the time that goes to test.json instead of train.json. It means
            nothing for videos and pictures.
        workers: How many processes render. Without this option there is one for each processor.
    """
    cores = len(os.sched_getaffinity(0)) if workers is None else workers
    values = dataclasses.asdict(world)
    if make != "dataset":
        with Progress("Rendering") as progress:
            raw = write_recordings(root, **values, videos=make == "videos", on_progress=progress, workers=cores)
        counts = {name: getattr(raw, name) for name in ("recordings", "frames", "boxes", "tracks", "persons")}
        text = table(["recordings", str(root)], [[name, count] for name, count in counts.items()])
        command = f"personsearch data build {root} {root}_set --format uestc-pr"
        return Outcome(f"{text}\n`{command}` makes a data set of them", {"root": root, **counts})
    with Progress("Rendering") as progress:
        write_plaza(root, **values, test_fraction=test_fraction, on_progress=progress, workers=cores)
    written = {split: datasets.load_frames("custom", root, split) for split in SPLITS}
    return _described(root, written, len(datasets.load_queries("custom", root)), [])


def _refuse_existing(out: Path, splits: Sequence[str]) -> None:
    for name in [*(SPLITS[split] for split in splits), *(["queries.json"] if "gallery" in splits else [])]:
        if (out / name).exists():
            raise FileExistsError(
                f"{out / name} exists, expected a folder without it; choose another or remove the file"
            )


def _sizes(samples: Sequence[FrameSample], progress: Progress) -> tuple[dict[str, tuple[int, int]], list[str]]:
    """(width, height) by frame name, and a line for each picture that cannot be read."""
    sizes: dict[str, tuple[int, int]] = {}
    failures = []
    for done, sample in enumerate(samples, start=1):
        try:
            height, width = read_image(sample.path).shape[:2]
            sizes[sample.name] = (width, height)
        except (OSError, ValueError) as error:
            failures.append(f"left out: {error}")
        progress(done, len(samples))
    return sizes, failures


def _with_own_numbers(sample: FrameSample) -> FrameSample:
    """A frame of the split "train" with the identities that its files write instead of 0 .. P-1."""
    assert sample.original_ids is not None  # FrameSample fills it
    return replace(sample, person_ids=np.where(sample.person_ids < 0, UNLABELLED, sample.original_ids))


def _described(
    root: Path, splits: Mapping[str, Sequence[FrameSample]], queries: int, failures: Sequence[str]
) -> Outcome:
    rows = []
    figures: dict[str, Any] = {"root": root, "queries": queries}
    for split, samples in splits.items():
        persons = np.concatenate([sample.person_ids for sample in samples] or [np.zeros(0, np.int64)])
        counts = {
            "frames": len(samples),
            "boxes": len(persons),
            "identities": len(np.unique(persons[persons >= 0])),
            "cameras": len({sample.camera for sample in samples} - {None}),
        }
        figures[SPLITS[split].removesuffix(".json")] = counts
        rows.append([SPLITS[split], *counts.values()])
    text = table(["file", "frames", "boxes", "identities", "cameras"], rows)
    return Outcome(f"{text}\n{queries} queries\n{root} is written", figures, failures)
