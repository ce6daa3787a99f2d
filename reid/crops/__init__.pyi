"""The names that `__init__.py` imports when they are first used, for type checkers."""

from reid.crops.evaluation_log import PeriodicEvaluation
from reid.crops.settings import CropTrainingConfig, SphereReIDConfig
from reid.crops.sphere_reid import SphereReID
from reid.crops.splits import crop_features, embed_crops
from reid.crops.start import resumed_crop_model, start_crop_model
from reid.crops.training import CropTrainingTask

__all__ = [
    "CropTrainingConfig",
    "CropTrainingTask",
    "PeriodicEvaluation",
    "SphereReID",
    "SphereReIDConfig",
    "crop_features",
    "embed_crops",
    "resumed_crop_model",
    "start_crop_model",
]
