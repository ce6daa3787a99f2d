"""What the network is shown of a probe, a box in its frame or a whole picture, and the embeddings of these."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from datasets.ahead import batches
from datasets.images import as_tensor
from detection.canvas import require_picture
from detection.model import PersonModel

PICTURES_TOGETHER = 4
"""Pictures of one person that go through the network together."""

Image = NDArray[np.uint8]


def whole_picture(image: Image) -> tuple[Image, NDArray[np.float32]]:
    """A picture of a person as it is, and the (4,) xyxy box of all of it: how a model of crops sees a crop.

    Raises:
        ValueError: the picture has no pixel, or is no RGB picture.
    """
    require_picture(image)
    height, width = image.shape[:2]
    return image, np.array([0, 0, width, height], dtype=np.float32)


def box_probe(image: Image, box: ArrayLike) -> NDArray[np.float32]:
    """A box (4,) xyxy cut at the borders of a picture.

    Raises:
        ValueError: the box is not four finite numbers, has no area, or lies outside the picture.
    """
    height, width = image.shape[:2]
    try:
        values = np.asarray(box, dtype=np.float32).reshape(-1)
    except (TypeError, ValueError):
        raise ValueError(f"box {box!r}, expected four numbers x1,y1,x2,y2") from None
    if values.shape != (4,) or not np.isfinite(values).all():
        raise ValueError(f"box {values.tolist()}, expected four finite numbers x1,y1,x2,y2")
    clipped = np.clip(values, 0, np.array([width, height, width, height], dtype=np.float32))
    text = ",".join(f"{value:g}" for value in values)
    if not (values[0] < values[2] and values[1] < values[3]):
        raise ValueError(f"box {text} has no area, expected x1,y1,x2,y2 with x1 < x2 and y1 < y2")
    if not (clipped[0] < clipped[2] and clipped[1] < clipped[3]):
        raise ValueError(f"box {text} lies outside the frame of {width} x {height} pixels; give one inside it")
    return np.asarray(clipped, dtype=np.float32)


@torch.no_grad()
def embed_crops(model: PersonModel, images: Sequence[Image], batch_size: int = PICTURES_TOGETHER) -> Tensor:
    """Embeddings of pictures that show one person each.

    A joint model knows people in frames, so each picture is placed in the middle of a canvas (`on_canvas`) and its area
    is the box; a crop model takes it as it is.

    Args:
        model: In evaluation mode.
        images: (H, W, 3) uint8 RGB each, any size.
        batch_size: How many go through the network together, 1 or more.

    Returns:
        (N, D) float32 of unit length, on the processor.

    Raises:
        ValueError: A picture has no pixels.
    """
    embeddings = [torch.zeros(0, model.embedding_dim)]
    for batch in batches(images, batch_size):
        placed = [model.view(image) for image in batch]
        boxes = [torch.from_numpy(box)[None] for _, box in placed]
        embeddings += [row.cpu() for row in model.embed([as_tensor(canvas) for canvas, _ in placed], boxes)]
    return torch.cat(embeddings)


@torch.no_grad()
def embed_box(model: PersonModel, image: Image, box: ArrayLike) -> Tensor:
    """The embedding (D,) of a person in a frame, float32 of unit length, on the processor.

    Args:
        model: In evaluation mode.
        image: (H, W, 3) uint8 RGB, the whole frame.
        box: x1, y1, x2, y2 in its pixels; what lies outside the frame is cut off.

    Raises:
        ValueError: The box is not four numbers, has no area, or lies outside the frame.
    """
    rows = torch.from_numpy(box_probe(image, box))[None]  # (1, 4)
    return model.embed([as_tensor(image)], [rows])[0][0].cpu()
