"""A small world of colored people, and a model that finds and tells them apart by their colors."""

from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from detection.canvas import on_canvas
from detection.detections import Detections

PEOPLE = np.array([[230, 20, 20], [20, 220, 30], [30, 40, 240], [220, 210, 20], [210, 20, 200]], dtype=np.uint8)
HEIGHT, WIDTH = 120, 160


class BlobModel(nn.Module):
    """Detects bright blobs on a dark ground and embeds their mean color; it has what searches need of a model."""

    embedding_dim = 3
    least_confidence = 0.0
    sees_surroundings = True

    def fingerprint(self) -> str:
        return "blobs"

    def view(self, picture: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
        return on_canvas(picture)

    def detect(self, images: list[Tensor]) -> list[Detections]:
        found = []
        for image in images:
            bright = (image.amax(dim=0) > 0.5).numpy().astype(np.uint8)
            _, _, boxes, _ = cv2.connectedComponentsWithStats(bright)
            x, y, width, height, area = boxes[1:].T
            rows = torch.from_numpy(np.stack([x, y, x + width, y + height], axis=1)).float()
            scores = torch.from_numpy(np.where(area > 100, 0.9, 0.3)).float()
            found.append(Detections(rows, scores, self.embed([image], [rows])[0]))
        return found

    def embed(self, images: list[Tensor], boxes: list[Tensor]) -> list[Tensor]:
        answers = []
        for image, rows in zip(images, boxes, strict=True):
            means = [image[:, y1:y2, x1:x2].mean(dim=(1, 2)) for x1, y1, x2, y2 in rows.round().int().tolist()]
            answers.append(torch.stack(means) if means else torch.zeros(0, 3))
        return [nn.functional.normalize(rows, dim=1) for rows in answers]


def scene(people: list[int], step: int = 0) -> NDArray[np.uint8]:
    """People side by side; every one has the height 40 to 60."""
    image = np.full((HEIGHT, WIDTH, 3), 15, dtype=np.uint8)
    for place, person in enumerate(people):
        left = 8 + 40 * place + step % 7
        image[30 : 70 + 2 * (step % 10), left : left + 18] = PEOPLE[person]
    return image


def write(path: Path, image: NDArray[np.uint8]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
