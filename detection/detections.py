"""The one value type that travels from the detector to the gallery and the protocols."""

from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

ArrayLike = Tensor | NDArray[np.float32]


@dataclass(frozen=True)
class Detections:
    """People found in one frame; the three fields cannot drift apart.

    Args:
        boxes: (N, 4) float32 xyxy pixels of the original image.
        scores: (N,) float32 detector confidence in [0, 1].
        embeddings: (N, D) float32, unit length where a model made them; None before any embedder ran.
            NumPy arrays are accepted and kept as tensors.

    Raises:
        ValueError: lengths or shapes disagree, or a value is not finite.
    """

    boxes: Tensor
    scores: Tensor
    embeddings: Tensor | None = None

    def __post_init__(self) -> None:
        boxes = torch.as_tensor(self.boxes, dtype=torch.float32)
        if boxes.numel() == 0:
            boxes = boxes.reshape(0, 4)
        scores = torch.as_tensor(self.scores, dtype=torch.float32)
        if boxes.ndim != 2 or boxes.shape[1] != 4 or scores.shape != boxes.shape[:1]:
            raise ValueError(f"boxes {tuple(boxes.shape)} and scores {tuple(scores.shape)}, expected (N, 4) and (N,)")
        if not (torch.isfinite(boxes).all() and torch.isfinite(scores).all()):
            raise ValueError("boxes and scores must be finite; a diverged model gives NaN")
        object.__setattr__(self, "boxes", boxes)
        object.__setattr__(self, "scores", scores)
        if self.embeddings is not None:
            embeddings = torch.as_tensor(self.embeddings, dtype=torch.float32)
            if embeddings.ndim != 2 or len(embeddings) != len(boxes):
                raise ValueError(f"embeddings {tuple(embeddings.shape)}, expected ({len(boxes)}, D)")
            object.__setattr__(self, "embeddings", embeddings)

    def __len__(self) -> int:
        return len(self.scores)

    def __getitem__(self, rows: Tensor | NDArray[np.generic] | slice | list[int] | list[bool]) -> Self:
        """The detections of a boolean mask, a list of rows or a slice, all fields alike."""
        if not isinstance(rows, slice):
            rows = torch.as_tensor(rows)
            rows = rows if rows.dtype == torch.bool else rows.long()
        embeddings = None if self.embeddings is None else self.embeddings[rows]
        return type(self)(self.boxes[rows], self.scores[rows], embeddings)

    def with_embeddings(self, embeddings: Tensor) -> Self:
        """The same boxes with other embeddings (N, D)."""
        return type(self)(self.boxes, self.scores, embeddings)

    def to(self, device: torch.device | str) -> Self:
        """The same detections on another device."""
        embeddings = None if self.embeddings is None else self.embeddings.to(device)
        return type(self)(self.boxes.to(device), self.scores.to(device), embeddings)
