"""What a joint model makes of the people whose boxes a data set tells."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torchvision.ops import clip_boxes_to_image

from datasets.ahead import batches, pictures_ahead
from datasets.crops import read_frame
from datasets.images import ImageError, as_tensor
from datasets.samples import Camera, FrameSample
from detection.joint import PersonSearchRCNN


@dataclass(frozen=True)
class LabelledPeople:
    """Embeddings of true boxes.

    Args:
        embeddings: (N, D) float32 of unit length, on the processor.
        person_index: (N,) int64, below zero where the identity is not known.
        cameras: The camera of each of the N people, None where a frame has none.
    """

    embeddings: Tensor
    person_index: Tensor
    cameras: list[Camera | None]


@torch.no_grad()
def embed_people(model: PersonSearchRCNN, samples: Sequence[FrameSample], *, batch_size: int = 4) -> LabelledPeople:
    """Embeds everybody in frames by their true boxes, without augmentation.

    Frames that cannot be read are passed over, and so are boxes beyond their picture.

    Args:
        model: The joint model. It is left in the mode in which it was.
        samples: The frames.
        batch_size: How many frames go through the network together. More takes more memory.

    Returns:
        The embeddings of all boxes, in the order of the frames.
    """
    was_training = model.training
    model.eval()
    pictures = pictures_ahead(read_frame, samples, ahead=2 * batch_size)
    readable = (
        (sample, as_tensor(image))
        for sample, image in pictures
        if not isinstance(image, ImageError) and len(sample.boxes)
    )
    embeddings: list[Tensor] = []
    ids: list[Tensor] = []
    cameras: list[Camera | None] = []
    for batch in batches(readable, batch_size):
        boxes = [
            clip_boxes_to_image(torch.from_numpy(sample.boxes), (image.shape[1], image.shape[2]))
            for sample, image in batch
        ]
        inside = [(rows[:, 2:] > rows[:, :2]).all(dim=1) for rows in boxes]
        boxes = [rows[kept] for rows, kept in zip(boxes, inside, strict=True)]
        embeddings += [rows.cpu() for rows in model.embed([image for _, image in batch], boxes)]
        for (sample, _), kept in zip(batch, inside, strict=True):
            ids.append(torch.from_numpy(sample.person_ids.astype(np.int64))[kept])
            cameras += [sample.camera] * int(kept.sum())
    model.train(was_training)
    nobody = torch.empty(0, model.embedding_dim), torch.empty(0, dtype=torch.int64)
    return LabelledPeople(torch.cat([nobody[0], *embeddings]), torch.cat([nobody[1], *ids]), cameras)
