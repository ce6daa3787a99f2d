"""RoIAlign as weighted sums of the rows of a table, which a processor does several times faster than torchvision's.

torchvision reads a map channel by channel. Here a map is a table with one row of channels for each place, and a bin of
a box is a weighted sum of 16 rows: four samples, each between four places. The result is RoIAlign's.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

SAMPLES = 2
"""Samples of a bin along each axis, the `sampling_ratio` that all heads of the joint model have."""


class MapTable(NamedTuple):
    """Maps of several levels as one table.

    Args:
        rows: (N, L, C) float32: for each image the places of all levels, one level after another, line by line.
        sizes: The height and width of each level's map.
        scales: For each level, its places for one pixel of the network's input: 1/4 for stride 4.
    """

    rows: Tensor
    sizes: Sequence[tuple[int, int]]
    scales: Sequence[float]


def pooled(table: MapTable, boxes: Tensor, levels: Tensor, images: Tensor, size: tuple[int, int]) -> Tensor:
    """Samples boxes, each from one level, as RoIAlign without the shift of half a pixel does.

    Source: He et al., "Mask R-CNN", ICCV 2017; torchvision's `roi_align(aligned=False, sampling_ratio=2)`.

    Args:
        table: The maps.
        boxes: (R, 4) xyxy in the pixels of the network's input.
        levels: (R,) int64, the level that each box is sampled from.
        images: (R,) int64, the image that each box is in.
        size: How many bins a box has: down and across.

    Returns:
        (R, down, across, C) float32.
    """
    count, channels = len(boxes), table.rows.shape[2]
    if not count:
        return table.rows.new_zeros(0, *size, channels)
    sizes = torch.tensor(table.sizes)  # (K, 2)
    begins = torch.cat([torch.zeros(1, dtype=torch.int64), sizes.prod(dim=1).cumsum(0)[:-1]])  # (K,)
    corners = boxes * torch.tensor(table.scales)[levels, None]  # (R, 4)
    width = sizes[levels, 1]  # (R,)
    rows, row_weights = _taps(corners[:, 1], corners[:, 3], sizes[levels, 0], size[0])  # (R, down, 4)
    columns, column_weights = _taps(corners[:, 0], corners[:, 2], width, size[1])  # (R, across, 4)
    first = images * table.rows.shape[1] + begins[levels]  # (R,)
    lines = first[:, None, None] + rows * width[:, None, None]
    places = lines[:, :, None, :, None] + columns[:, None, :, None, :]  # (R, down, across, 4, 4)
    weights = row_weights[:, :, None, :, None] * column_weights[:, None, :, None, :]
    bins = functional.embedding_bag(
        places.reshape(-1, 16),
        table.rows.reshape(-1, channels),
        per_sample_weights=weights.reshape(-1, 16),
        mode="sum",
    )
    return bins.reshape(count, *size, channels)


def _taps(start: Tensor, end: Tensor, places: Tensor, bins: int) -> tuple[Tensor, Tensor]:
    """The places along one axis that the bins of boxes are made of, and their weights, (R, bins, 4) each.

    Args:
        start: (R,) where boxes begin, in places.
        end: (R,) where they end.
        places: (R,) how many places there are.
        bins: The number of bins.
    """
    samples = bins * SAMPLES
    step = (end - start).clamp(min=1.0) / samples  # (R,)
    at = start[:, None] + (torch.arange(samples) + 0.5) * step[:, None]  # (R, samples)
    inside = (at >= -1) & (at <= places[:, None])
    last = places[:, None] - 1
    at = at.clamp(min=0)
    low = at.to(torch.int64).minimum(last)
    high = (low + 1).minimum(last)
    beyond = torch.where(low < last, at - low, 0.0)  # the part of the next place
    weights = torch.stack([1 - beyond, beyond], dim=2) * (inside / SAMPLES)[:, :, None]  # (R, samples, 2)
    indices = torch.stack([low, high], dim=2)
    shape = (len(start), bins, 2 * SAMPLES)
    return indices.reshape(shape), weights.reshape(shape)
