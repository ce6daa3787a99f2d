"""A part of the training frames, drawn by chance: what would so many labeled frames be worth?"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from datasets.samples import FrameSample


def draw_frames(samples: Sequence[FrameSample], count: int, *, seed: int) -> list[FrameSample]:
    """So many frames of a split, as if nobody had labeled the others.

    A smaller number draws a part of what a larger one draws with the same seed, so that figures over the number of
    frames differ by the added frames alone.

    Args:
        samples: The split.
        count: How many frames are drawn, 1 up to all.
        seed: The number that decides which, 0 or more.

    Returns:
        The drawn frames in the order of the split; identities 0 .. P-1 without gaps in the order that the split has
        them; `original_ids` as they were.

    Raises:
        ValueError: There are not so many frames, or none is asked for.
    """
    if not 1 <= count <= len(samples):
        raise ValueError(f"{count} frames are asked for, expected 1 to {len(samples)}, which is all that there are")
    drawn = [samples[row] for row in sorted(np.random.default_rng(seed).permutation(len(samples))[:count].tolist())]
    ids = np.concatenate([sample.person_ids for sample in drawn])
    known = np.unique(ids[ids >= 0])  # (P,) rising
    return [
        replace(
            sample,
            person_ids=np.where(
                sample.person_ids >= 0, np.searchsorted(known, sample.person_ids), sample.person_ids
            ).astype(np.int64),
        )
        for sample in drawn
    ]
