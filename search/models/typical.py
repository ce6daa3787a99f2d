"""Frames of the footage that is about to be looked at, by which 8-bit numbers are chosen."""

import dataclasses
import hashlib
import math
import random
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from datasets.crops import read_frame
from datasets.footage.folders import PassedOver, files_below
from datasets.footage.planning import PlannedSource
from datasets.footage.sources import Source, frames_of_listed, kind_of, listed_from_source
from datasets.footage.streams import is_stream
from datasets.images import ImageError
from datasets.samples import FrameSample
from reid.runtime.settings import Inference, TypicalFrames

MOST_FRAMES = 60
"""So many frames are enough: with 120 the shipped model finds people no better."""

_SEED = 0

Image = NDArray[np.uint8]


def typical_of_sources(sources: Sequence[PlannedSource]) -> TypicalFrames:
    """Frames drawn from footage, the same ones in every run: few of many files rather than many of one.

    Args:
        sources: What will be looked at. Of streams nothing can be read before they come.

    Raises:
        ValueError: All of them are streams.
    """
    files = [one for one in sources if isinstance(one.source, tuple) or not is_stream(str(one.source))]
    if not files:
        raise ValueError(
            "--precision int8 chooses its numbers by frames of the footage, and a stream has none before it comes; "
            "leave --precision out"
        )
    return TypicalFrames(_name(sorted(_place(one.source) for one in files)), partial(_of_sources, files))


def seeing(inference: Inference, samples: Sequence[FrameSample]) -> Inference:
    """What was asked for, with frames of a data set where int8 needs them; they are the same ones in every run.

    Args:
        inference: What was asked for.
        samples: The frames of the data set.
    """
    if inference.precision != "int8":
        return inference
    name = _name(sorted(str(one.path.resolve()) for one in samples))
    return dataclasses.replace(inference, typical=TypicalFrames(name, partial(_of_samples, samples)))


def _of_sources(sources: Sequence[PlannedSource]) -> list[Image]:
    """Reads the frames.

    Raises:
        ValueError: Not a single one can be read.
    """
    chance = random.Random(_SEED)
    files: list[tuple[Source, PlannedSource]] = []
    for one in sources:
        if isinstance(one.source, tuple):
            files += [((file,), one) for file in one.source]
        elif kind_of(Path(one.source)) == "folder":
            files += [((file,), one) for file in files_below(Path(one.source), [], PassedOver())]
        else:
            files.append((one.source, one))
    chance.shuffle(files)
    frames: list[Image] = []
    for row, (file, planned) in enumerate(files):
        wanted = math.ceil((MOST_FRAMES - len(frames)) / (len(files) - row))
        items = list(listed_from_source(file, planned.reading, [], []))
        chosen = sorted(chance.sample(range(len(items)), min(wanted, len(items))))
        frames += [one.image for one in frames_of_listed([items[at] for at in chosen], planned.reading, [])]
        if len(frames) >= MOST_FRAMES:
            break
    return _some(frames)


def _of_samples(samples: Sequence[FrameSample]) -> list[Image]:
    order = list(samples)
    random.Random(_SEED).shuffle(order)
    frames: list[Image] = []
    for sample in order[: 2 * MOST_FRAMES]:
        try:
            frames.append(read_frame(sample))
        except ImageError:
            continue  # whoever looks at it later says so
        if len(frames) == MOST_FRAMES:
            break
    return _some(frames)


def _some(frames: list[Image]) -> list[Image]:
    if not frames:
        raise ValueError(
            "--precision int8 chooses its numbers by frames of the footage, and not one of them can be read; look at "
            "the files, or leave --precision out"
        )
    return frames


def _place(source: Source) -> str:
    """What stays the same when a recorder adds files to a folder."""
    path = source[0].parent if isinstance(source, tuple) else Path(source)
    return str(path.resolve())


def _name(places: Sequence[str]) -> str:
    return hashlib.sha256("\n".join(places).encode("utf-8", "surrogateescape")).hexdigest()[:12]
