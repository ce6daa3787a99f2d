"""Trainings so small that a step takes a moment, as the benches make them."""

from pathlib import Path
from typing import Any

from detection.settings import DetectorConfig, EmbeddingConfig, JointTrainingConfig
from reid.crops.settings import CropTrainingConfig, SphereReIDConfig
from tools.bench.trainings import crop_training, training
from tools.recipe_files import CropModelOptions, JointModelOptions

JOINT = JointModelOptions(
    DetectorConfig(
        backbone="resnet18", pyramid_levels=(1, 2), pyramid_channels=16, anchor_sizes=((24,), (48,), (96,)),
        anchor_ratios=(2.5,), box_features=16, min_size=64, max_size=96, rpn_post_nms=10, box_batch=16,
    ),
    EmbeddingConfig(dimension=16, pool_height=8, pool_width=4, channels=16),
    training=JointTrainingConfig(batch_size=2, workers=0, warmup_steps=2, learning_rate=0.001),
)  # fmt: skip
CROPS = CropModelOptions(
    SphereReIDConfig(backbone="resnet18", height=32, width=16, resize_height=34, resize_width=18),
    training=CropTrainingConfig(persons=3, images=2, workers=0, optimizer="adam"),
)


def joint_task(folder: Path, *, plain: bool) -> Any:
    frames = training.NoiseFrames(people=2, frame_width=96, frame_height=64, identities=5)
    folder.mkdir(exist_ok=True)
    task = training._task(JOINT, training._written(folder, 8, frames, 3), 3, plain=plain)
    task.model.precision = "float32"
    return task


def crop_task(folder: Path, *, plain: bool) -> Any:
    folder.mkdir(exist_ok=True)
    task = crop_training._task(CROPS, crop_training._written(folder, 30, CROPS, 3), 3, plain=plain)
    task.model.precision = "float32"
    return task
