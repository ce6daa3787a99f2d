"""personsearch data build: recordings, boxes and identities become a data set."""

import dataclasses
import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from datasets.building.build import BuildSummary, Grouping, build_dataset
from datasets.building.recorded_boxes import TrackId, read_identities
from datasets.building.recordings import IDENTITIES, RecordingFormat, find_recordings
from datasets.building.splitting import FrameSharing
from datasets.samples import FrameSample
from tools.outcome import Outcome, counted, table
from tools.progress import Progress

MOST_LINES = 40


@dataclass(frozen=True)
class Division:
    """How people and frames are divided into training and test.

    Args:
        frames: Where a frame goes that shows people of both halves. disjoint gives it to the half that has more people
            in it and hides the identities of the others; shared gives it to both halves, for crops only.
        people: What decides who is in which half. chance decides alone; together keeps who is seen together in one
            half, and hides fewer identities.
        seed: The number that decides what is left to chance, 0 or more; another one gives another data set.
    """

    frames: FrameSharing = "disjoint"
    people: Grouping = "chance"
    seed: int = 0


@dataclass(frozen=True)
class PictureSettings:
    """How the pictures of recordings are read and written.

    Args:
        rate: How many pictures of a folder make a second, where the folder does not say.
        quality: The quality of the JPEG files that are made from videos, 1 to 100; a higher one makes larger files.
    """

    rate: float = 1.0
    quality: int = 95


def build(
    root: Path,
    out: Path,
    *,
    format: RecordingFormat = "custom",  # noqa: A002 - the option is called --format
    identities: Path | None = None,
    same_numbers: bool = False,
    division: Division = Division(),
    pictures: PictureSettings = PictureSettings(),
    workers: int | None = None,
) -> Outcome:
    """Make a data set of camera recordings: one frame a second, people divided into training and test.

    ROOT holds recordings called c<camera>p<period> (c1p1.mp4, or a folder of pictures c1p1/), beside each its boxes
    (c1p1.txt as MOTChallenge's, .csv or .json), and identities.csv: recording,track,person_id. Other names stand in
    ROOT/recordings.csv: recording,source,boxes,camera,start,rate.
    OUT receives frames/, train.json, test.json and queries.json in the custom layout, recordings/ with every identity.
    People are divided as in UESTC-PR's paper: of 499 people 251 train, 248 are searched among, 247 looked for. A bad
    recording is named and the rest is done; after an interruption the same command goes on; nothing is overwritten.

    Args:
        root: The folder of recordings.
        out: The folder of the data set.
        format: The layout of the data set; uestc-pr asks for the names c1p1 to c5p3 and knows when its periods start.
        identities: The file that says which tracks are the same person, if it is not ROOT/identities.csv.
        same_numbers: Whether a track number is the same person in all recordings, so that no such file is needed.
        division: How people and frames are divided into training and test.
        pictures: How the pictures of recordings are read and written.
        workers: How many recordings are read at the same time. Without this option there is one for each processor.
    """
    if same_numbers and identities is not None:
        raise ValueError(f"--identities {identities} and --same-numbers are given, expected one of them")
    recordings, unusable = find_recordings(root, format, rate=pictures.rate)
    if not recordings:
        raise ValueError(f"no recording of {root} can be used, the first: {unusable[0][1]}")
    person_of = None if same_numbers else read_identities(identities or root / IDENTITIES)
    with Progress("Reading recordings") as progress:
        summary = build_dataset(
            recordings,
            out,
            person_of=person_of,
            seed=division.seed,
            sharing=division.frames,
            grouping=division.people,
            quality=pictures.quality,
            workers=len(os.sched_getaffinity(0)) if workers is None else workers,
            on_progress=progress,
        )
    settings = {"format": format, **dataclasses.asdict(division)}
    known = {*(recording.name for recording in recordings), *(name for name, _ in unusable)}
    failures = _failures([*unusable, *summary.failures])
    failures += _unused(identities or root / IDENTITIES, person_of, known)
    return Outcome(_text(summary, format), _figures(summary, settings), failures)


def _failures(found: Sequence[tuple[str, str]]) -> list[str]:
    """A line for each recording, picture and row that could not be used; of many the first."""
    lines = [f"{name}: {reason}" for name, reason in found]
    return [
        *lines[:MOST_LINES],
        *([f"and {len(lines) - MOST_LINES} more lines like these"] if lines[MOST_LINES:] else []),
    ]


def _unused(file: Path, person_of: Mapping[TrackId, int] | None, known: Collection[str]) -> list[str]:
    """A line for rows of the identities that name no recording: most likely written otherwise than its file."""
    strange = sorted({name for name, _ in person_of or {}} - set(known))
    if not strange:
        return []
    named = ", ".join(strange[:3])
    return [f"{file} names recordings that are not there ({named}); write their names, c1p1 for c1p1.mp4"]


def _text(summary: BuildSummary, layout: RecordingFormat) -> str:
    rows: list[list[object]] = [
        [one.name, one.frames, one.boxes, one.labelled, one.annotated] for one in summary.recordings
    ]
    counts = np.array([[one.frames, one.boxes, one.labelled, one.annotated] for one in summary.recordings])
    rows.append(["together", *counts.sum(axis=0).tolist()])
    text = table(["recording", "frames", "boxes", "with identity", "in the box file"], rows)
    halves: list[list[object]] = [
        ["train.json", len(summary.train), *_labelled(summary.train)],
        ["test.json", len(summary.gallery), *_labelled(summary.gallery)],
        ["queries.json", None, summary.queries, len(summary.identities.query)],
    ]
    text += "\n\n" + table(["file", "frames", "boxes with identity", "people"], halves)
    if summary.hidden:
        share = summary.hidden / max(sum(one.labelled for one in summary.recordings), 1)
        hidden = counted(summary.hidden, "box", "boxes")
        text += f"\nlost their identity, as their frame went to the other half: {hidden} ({share:.0%})"
    check = f"personsearch data check {summary.root} --format {layout}"
    return f"{text}\n{summary.root} is written; `{check}` reads it all again"


def _labelled(samples: Sequence[FrameSample]) -> tuple[int, int]:
    """Boxes with an identity, and how many identities they have."""
    ids = np.concatenate([np.zeros(0, np.int64), *(sample.person_ids for sample in samples)])
    return int((ids >= 0).sum()), len(np.unique(ids[ids >= 0]))


def _figures(summary: BuildSummary, settings: dict[str, Any]) -> dict[str, Any]:
    halves = {}
    for name, samples in (("train", summary.train), ("test", summary.gallery)):
        boxes, people = _labelled(samples)
        halves[name] = {"frames": len(samples), "labelled": boxes, "identities": people}
    split = summary.identities
    return {
        "root": summary.root, **settings, "recordings": summary.recordings, **halves, "queries": summary.queries,
        "divided": {"train": len(split.train), "query": len(split.query), "gallery": len(split.gallery)},
        "hidden": summary.hidden,
    }  # fmt: skip
