"""A joint model small enough for tests, and frames with people of flat colors."""

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from built_before import remembering

from datasets.samples import FrameSample
from detection import faster_rcnn
from detection.faster_rcnn import DetectorConfig
from detection.joint import EmbeddingConfig, PersonSearchRCNN


@pytest.fixture(scope="session", autouse=True)
def trunks_that_were_built_before() -> Iterator[None]:
    """A trunk is drawn once, as most of its time is spent on levels that are dropped."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(faster_rcnn, "build_pyramid", remembering(faster_rcnn.build_pyramid))
        yield


@pytest.fixture
def tiny_detector() -> DetectorConfig:
    return DetectorConfig(
        backbone="resnet18",
        pyramid_levels=(1, 2),
        pyramid_channels=16,
        anchor_sizes=((16,), (32,), (64,)),
        anchor_ratios=(2.0, 3.0),
        box_features=32,
        min_size=96,
        max_size=160,
        rpn_post_nms=30,
        box_batch=16,
    )


@pytest.fixture
def tiny_embedding() -> EmbeddingConfig:
    return EmbeddingConfig(dimension=24, pool_height=8, pool_width=4, channels=16)


@pytest.fixture
def tiny_model(tiny_detector: DetectorConfig, tiny_embedding: EmbeddingConfig) -> PersonSearchRCNN:
    torch.manual_seed(0)
    return PersonSearchRCNN(tiny_detector, tiny_embedding, precision="float32")


@pytest.fixture
def frames(tmp_path: Path) -> list[FrameSample]:
    """Eight frames of 128 x 96 with two of three people each, one of them without an identity, and one empty frame."""
    rng = np.random.default_rng(0)
    colors = {0: (200, 30, 30), 1: (30, 30, 200), -1: (30, 160, 30)}
    samples = []
    for row in range(9):
        image = rng.integers(90, 130, (96, 128, 3), dtype=np.uint8)
        people = [] if row == 8 else [row % 2, -1] if row % 3 == 0 else [0, 1]
        boxes = []
        for place, person in enumerate(people):
            x, y = 10 + 60 * place + int(rng.integers(20)), 15 + int(rng.integers(20))
            cv2.rectangle(image, (x, y), (x + 18, y + 48), colors[person], -1)
            boxes.append([x, y, x + 19, y + 49])
        path = tmp_path / f"frame{row}.png"
        cv2.imwrite(str(path), cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
        samples.append(FrameSample(path.name, path, np.asarray(boxes, np.float32), np.asarray(people), camera=row % 2))
    return samples
