"""The options that make a recipe, in one value for each kind of model, and the shipped presets as such values."""

import dataclasses
from dataclasses import dataclass, field

import yaml

from datasets.augmentation import CropAugmentation, FrameAugmentation
from detection.settings import JOINT_LOSSES, DetectorConfig, EmbeddingConfig, JointTrainingConfig
from reid.crops.settings import CropTrainingConfig, SphereReIDConfig
from reid.losses.settings import LossConfig
from tools.configurations import PRESETS


@dataclass(frozen=True)
class JointModelOptions:
    """What a joint model is made of and how it is trained.

    Args:
        detector: The structure of the detector.
        embedding: The structure of the embedding head.
        losses: The identity losses, which are added to those of the detector by their weights. The Sphere loss is off
            unless it is given. With --losses.oim 0 alone there is none, and the detector learns from boxes that need no
            identities.
        training: The recipe of the training.
        augmentation: How far training frames depart from the recorded ones.
    """

    detector: DetectorConfig = field(default_factory=DetectorConfig)
    embedding: EmbeddingConfig = field(default_factory=EmbeddingConfig)
    losses: LossConfig = JOINT_LOSSES
    training: JointTrainingConfig = field(default_factory=JointTrainingConfig)
    augmentation: FrameAugmentation = field(default_factory=FrameAugmentation)


@dataclass(frozen=True)
class CropModelOptions:
    """What a crop model is made of and how it is trained.

    Args:
        network: The structure of the network.
        losses: The losses that are minimized, each by its weight.
        training: The recipe of the training.
        augmentation: How far training crops depart from the recorded ones.
    """

    network: SphereReIDConfig = field(default_factory=SphereReIDConfig)
    losses: LossConfig = field(default_factory=LossConfig)
    training: CropTrainingConfig = field(default_factory=CropTrainingConfig)
    augmentation: CropAugmentation = field(default_factory=CropAugmentation)


def joint_preset(name: str) -> JointModelOptions:
    """The preset tools/presets/NAME.yaml.

    Example:
        >>> joint_preset("plaza").detector.backbone
        'resnet18'
    """
    values = yaml.safe_load((PRESETS / f"{name}.yaml").read_text(encoding="utf-8"))
    return JointModelOptions(
        DetectorConfig(**values.get("detector", {})),
        EmbeddingConfig(**values.get("embedding", {})),
        dataclasses.replace(JOINT_LOSSES, **values.get("losses", {})),
        JointTrainingConfig(**values.get("training", {})),
        FrameAugmentation(**values.get("augmentation", {})),
    )
