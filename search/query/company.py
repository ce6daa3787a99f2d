"""Who is beside a probe in its frame, for context matching in a gallery."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from detection.detections import Detections
from reid.crops.sphere_reid import SphereReID
from search.evaluation.splits import people_beside
from search.models.probes import box_probe
from search.models.second_look import embed_boxes
from search.query.context import Company, ContextSize


def company_of(
    frame: NDArray[np.uint8],
    box: ArrayLike,
    found: Detections,
    probe: Sequence[Tensor | None],
    size: ContextSize,
    second_stage: SphereReID | None,
) -> Company:
    """A probe and the surest people beside it.

    Args:
        frame: (H, W, 3) uint8 RGB.
        box: the probe's x1, y1, x2, y2.
        found: everybody in the frame by the first stage, best first, on the processor.
        probe: its embeddings, (1, D) of the first stage and (1, E) of the second, None without one.
        size: how many people take part, the probe among them.
        second_stage: embeds the people once more, None without one.
    """
    beside = people_beside(torch.from_numpy(box_probe(frame, box))[None], found)[: size.people - 1]
    first, second = probe
    assert first is not None
    assert beside.embeddings is not None
    rows = torch.cat([first, beside.embeddings]).float().numpy()
    if second_stage is None or second is None:
        return Company(rows, None, size.gallery)
    others = embed_boxes(second_stage, [frame], [beside.boxes])[0]
    return Company(rows, torch.cat([second, others]).float().numpy(), size.gallery)
