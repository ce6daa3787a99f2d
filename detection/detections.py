"""The one value type that travels from the detector to the gallery and the protocols."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

if TYPE_CHECKING:
    from supervision import Detections as SupervisionDetections

ArrayLike = Tensor | NDArray[np.float32]


@dataclass(frozen=True)
class Detections:
    """People found in one frame; the three fields cannot drift apart.

    Args:
        boxes: (N, 4) float32 xyxy pixels of the original image.
        scores: (N,) float32, the detector's confidence in [0, 1].
        embeddings: (N, D) float32, of unit length where a model made them; None before any embedder ran.
            NumPy arrays are accepted and kept as tensors.

    Raises:
        ValueError: Lengths or shapes disagree, or a value is not finite.

    Example:
        >>> found = Detections(boxes=np.array([[0, 0, 10, 20], [5, 5, 15, 25]]), scores=np.array([0.9, 0.4]))
        >>> len(found), found[found.scores >= 0.5].boxes
        (2, tensor([[ 0.,  0., 10., 20.]]))
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
        """Chooses the detections of a boolean mask, a list of rows or a slice, all fields alike."""
        if not isinstance(rows, slice):
            rows = torch.as_tensor(rows)
            rows = rows if rows.dtype == torch.bool else rows.long()
        embeddings = None if self.embeddings is None else self.embeddings[rows]
        return type(self)(self.boxes[rows], self.scores[rows], embeddings)

    def to_supervision(self) -> "SupervisionDetections":
        """Gives the same people as `supervision.Detections`, which that package draws, counts and writes.

        Everybody is of class 0, called "person". Where there are embeddings, they stand under `data["embedding"]` as
        (N, D) float32. The arrays are copies on the processor.

        Raises:
            ModuleNotFoundError: The package supervision is not installed.

        >>> found = Detections(boxes=np.array([[0, 0, 10, 20]]), scores=np.array([0.75])).to_supervision()
        >>> found.xyxy.tolist(), found.confidence.tolist(), found["class_name"].tolist()
        ([[0.0, 0.0, 10.0, 20.0]], [0.75], ['person'])
        """
        try:
            from supervision import Detections as Others  # takes seconds
        except ModuleNotFoundError as error:
            if error.name != "supervision":
                raise
            what = "to_supervision() needs the package supervision, which is not installed; `pip install supervision`"
            raise ModuleNotFoundError(what, name=error.name) from None
        data: dict[str, NDArray[np.generic] | list[Any]] = {"class_name": np.full(len(self), "person")}  # (N,)
        if self.embeddings is not None:
            data["embedding"] = self.embeddings.detach().cpu().numpy().copy()  # (N, D)
        return Others(
            xyxy=self.boxes.detach().cpu().numpy().copy(),  # (N, 4)
            confidence=self.scores.detach().cpu().numpy().copy(),  # (N,)
            class_id=np.zeros(len(self), dtype=int),
            data=data,
        )

    def with_embeddings(self, embeddings: Tensor) -> Self:
        """Gives the same boxes and scores with other embeddings (N, D)."""
        return type(self)(self.boxes, self.scores, embeddings)

    def to(self, device: torch.device | str) -> Self:
        """Gives the same detections on another device."""
        embeddings = None if self.embeddings is None else self.embeddings.to(device)
        return type(self)(self.boxes.to(device), self.scores.to(device), embeddings)
