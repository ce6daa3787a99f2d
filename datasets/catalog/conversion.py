"""Any data set of full frames written in the custom layout."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from datasets.building.splitting import choose_queries, sightings
from datasets.catalog.loading import load_queries, noted_frames
from datasets.catalog.table import LAYOUTS
from datasets.crops import read_frame
from datasets.layouts.custom import write_queries, write_split
from datasets.samples import UNLABELLED, FrameSample

SPLIT_FILES = {"train": "train.json", "gallery": "test.json"}
QUERIES_FILE = "queries.json"


@dataclass(frozen=True)
class Converted:
    """What was written.

    Args:
        splits: Split -> the frames in its file.
        queries: The number of queries in queries.json.
        failures: A line for each picture that could not be read; its frame is left out.
        notes: A line for each thing that is no fault but that a user should know, such as boxes of other categories,
            which are not read.
    """

    splits: Mapping[str, Sequence[FrameSample]]
    queries: int
    failures: tuple[str, ...]
    notes: tuple[str, ...] = ()


def convert_dataset(
    name: str,
    root: Path,
    out: Path,
    splits: Sequence[str],
    *,
    on_progress: Callable[[str, int, int], object] | None = None,
) -> Converted:
    """Write frames, people and queries of a data set as train.json, test.json and queries.json.

    The pictures stay where they are. A data set without queries, whose people have identities, gets one query for each
    person and camera, of people whom two cameras see. Identities keep the numbers of the data set's files, but for
    MOTChallenge, which uses the same numbers in each sequence.

    Args:
        name: The data set, as for `load_frames`.
        root: The data set's folder.
        out: The folder to write to; it is made where it is missing.
        splits: The splits to write: "train", "gallery" or both.
        on_progress: It is called after each picture with the split, the pictures done and the pictures in all.

    Raises:
        DatasetNotFoundError: `root` is not what it should be.
        FileExistsError: One of the files is there already.
        ValueError: Both splits are asked for and have the same frames, or the data set has broken records.
        OSError: A file cannot be written.
    """
    refuse_existing(out, splits)
    scans = {split: noted_frames(name, root, split) for split in splits}
    read = {split: samples for split, (samples, _) in scans.items()}
    if len(read) == 2 and {one.path for one in read["train"]} & {one.path for one in read["gallery"]}:
        raise ValueError(
            f"{root} ({name}) has the same frames in both splits, expected a root with train/ and test/; say with "
            "--split train or --split gallery which file to write"
        )
    searched = LAYOUTS[name].queries
    failures: list[str] = []
    written: dict[str, list[FrameSample]] = {}
    for split, samples in read.items():
        kept: list[FrameSample] = []
        for done, sample in enumerate(samples, start=1):
            try:
                height, width = read_frame(sample).shape[:2]
                kept.append(replace(sample, size=(width, height)))
            except (OSError, ValueError) as error:
                failures.append(f"left out: {error}")
            if on_progress is not None:
                on_progress(split, done, len(samples))
        own = split == "train" and LAYOUTS[name].shared_people
        written[split] = [_with_own_numbers(one) for one in kept] if own else kept
        write_split(out / SPLIT_FILES[split], written[split])
    queries = []
    if "gallery" in written:
        frames = {sample.name: sample for sample in written["gallery"]}
        if searched:
            queries = [one for one in load_queries(name, root) if one.frame is None or one.frame in frames]
        elif LAYOUTS[name].shared_people:
            queries = choose_queries(written["gallery"], sightings(written["gallery"]), seed=0)
        if searched or queries:
            write_queries(out / QUERIES_FILE, queries, written["gallery"])
    notes = dict.fromkeys(note for _, told in scans.values() for note in told)
    return Converted(written, len(queries), tuple(failures), tuple(notes))


def refuse_existing(out: Path, splits: Sequence[str]) -> None:
    """Refuse a folder that holds a file which would be written over.

    Args:
        out: The folder.
        splits: The splits that are to be written.

    Raises:
        FileExistsError: A file is there; the text names it.
    """
    for name in [*(SPLIT_FILES[split] for split in splits), *([QUERIES_FILE] if "gallery" in splits else [])]:
        if (out / name).exists():
            raise FileExistsError(
                f"{out / name} exists, expected a folder without it; choose another or remove the file"
            )


def _with_own_numbers(sample: FrameSample) -> FrameSample:
    """A frame of the split "train" with the identities that its files write instead of 0 .. P-1."""
    assert sample.original_ids is not None  # FrameSample fills it
    return replace(sample, person_ids=np.where(sample.person_ids < 0, UNLABELLED, sample.original_ids))
