"""Several data sets trained on as one."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from datasets.samples import FrameSample


def join_training_frames(parts: Mapping[str, Sequence[FrameSample]]) -> list[FrameSample]:
    """The training frames of several data sets as one split; nobody and no camera of one is taken for another's.

    Args:
        parts: Name of a data set -> its split "train". The names of its frames and cameras then begin with that name.

    Returns:
        All frames; identities 0 .. P-1 without gaps, those of a data set after those of the data sets before it;
        `original_ids` as they were.
    """
    if len(parts) == 1:
        return list(next(iter(parts.values())))
    joined: list[FrameSample] = []
    first = 0
    for name, samples in parts.items():
        highest = -1
        for sample in samples:
            highest = max(highest, int(sample.person_ids.max(initial=-1)))
            joined.append(
                replace(
                    sample,
                    name=f"{name}/{sample.name}",
                    person_ids=np.where(sample.person_ids >= 0, sample.person_ids + first, sample.person_ids),
                    camera=None if sample.camera is None else f"{name}/{sample.camera}",
                )
            )
        first += highest + 1
    return joined
