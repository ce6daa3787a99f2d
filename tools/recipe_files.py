"""The shipped presets as the values that the library takes."""

import dataclasses
from dataclasses import dataclass

import yaml

from datasets.augmentation import FrameAugmentation
from detection.settings import DetectorConfig, EmbeddingConfig
from detection.training import JOINT_LOSSES, JointTrainingConfig
from reid.losses.settings import LossConfig
from tools.configurations import PRESETS


@dataclass(frozen=True)
class JointPreset:
    """Structure, training and augmentation of a joint model, as `train joint --config NAME` takes them."""

    detector: DetectorConfig
    embedding: EmbeddingConfig
    losses: LossConfig
    training: JointTrainingConfig
    augmentation: FrameAugmentation


def joint_preset(name: str) -> JointPreset:
    """The preset tools/presets/NAME.yaml."""
    values = yaml.safe_load((PRESETS / f"{name}.yaml").read_text(encoding="utf-8"))
    return JointPreset(
        DetectorConfig(**values.get("detector", {})),
        EmbeddingConfig(**values.get("embedding", {})),
        dataclasses.replace(JOINT_LOSSES, **values.get("losses", {})),
        JointTrainingConfig(**values.get("training", {})),
        FrameAugmentation(**values.get("augmentation", {})),
    )
