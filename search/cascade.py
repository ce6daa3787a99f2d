"""The second look: other embeddings of the same boxes, before they are stored or compared."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from detection.detections import Detections
from detection.joint import PersonSearchRCNN
from search.inference import as_tensor


def refine(model: PersonSearchRCNN, image: NDArray[np.uint8], detections: Detections) -> Detections:
    """Average each embedding with that of the mirrored frame, so that it matters less which way a person walks.

    A gallery and its probes must be treated alike: refine both or neither. Costs one more pass through the network.

    Args:
        model: the joint model that made the detections, in evaluation mode.
        image: (H, W, 3) uint8 RGB, the frame.
        detections: what the model found in it, with embeddings; boxes in its pixels.

    Returns:
        The same boxes and scores with unit embeddings (N, D).

    Raises:
        ValueError: the detections have no embeddings.
    """
    if detections.embeddings is None:
        raise ValueError("detections without embeddings cannot be refined; take those of model.detect()")
    if not len(detections):
        return detections
    mirrored = model.embed([as_tensor(image).flip(-1)], [mirror(detections.boxes, image.shape[1])])[0]
    both = detections.embeddings + mirrored.to(detections.embeddings.device)
    return detections.with_embeddings(functional.normalize(both, dim=1))


def mirror(boxes: Tensor, width: int) -> Tensor:
    """Boxes (N, 4) xyxy of a frame `width` pixels wide, where they lie in the mirrored frame."""
    x1, y1, x2, y2 = boxes.unbind(1)
    return torch.stack([width - x2, y1, width - x1, y2], dim=1)
