"""Untrained models where the packages bring theirs: good for nothing but the way of the data."""

from pathlib import Path

import torch

from detection.checkpoints import save_model
from detection.faster_rcnn import DetectorConfig
from detection.joint import EmbeddingConfig, PersonSearchRCNN
from reid.crops.sphere_reid import SphereReID, SphereReIDConfig


def write_stand_ins(detection: Path, reid: Path) -> None:
    """An untrained detector and an untrained crop model in the folders `weights` of two packages."""
    torch.manual_seed(0)
    structure = DetectorConfig(
        backbone="resnet18", pyramid_levels=(1, 2), pyramid_channels=16, anchor_sizes=((24,), (48,), (96,)),
        anchor_ratios=(2.5,), box_features=32, min_size=120, max_size=240, rpn_post_nms=20, score_threshold=0.0,
        detections_per_frame=6,
    )  # fmt: skip
    embedding = EmbeddingConfig(dimension=16, pool_height=8, pool_width=4, channels=16)
    save_model(detection / "weights" / "people.safetensors", PersonSearchRCNN(structure, embedding))
    # Not smaller: on a map of 2 x 1 oneDNN's bfloat16 gradient of a convolution has weights that nobody wrote.
    sizes = {"height": 64, "width": 64, "resize_height": 64, "resize_width": 64}
    config = SphereReIDConfig(backbone="mobilenet_v2", dimension=8, **sizes)
    SphereReID(config).save(reid / "weights" / "people.safetensors")
