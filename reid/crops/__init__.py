"""The crop model, SphereReID: its network, its training, its embeddings of a whole split."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reid.crops.evaluation_log import PeriodicEvaluation
    from reid.crops.settings import CropTrainingConfig, SphereReIDConfig
    from reid.crops.sphere_reid import SphereReID
    from reid.crops.splits import crop_features, embed_crops
    from reid.crops.start import resumed_crop_model, start_crop_model
    from reid.crops.training import CropTrainingTask
else:

    def __getattr__(name: str) -> object:
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module(_HOMES[name]), name)


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

_HOMES = {
    "CropTrainingConfig": "reid.crops.settings",
    "CropTrainingTask": "reid.crops.training",
    "PeriodicEvaluation": "reid.crops.evaluation_log",
    "SphereReID": "reid.crops.sphere_reid",
    "SphereReIDConfig": "reid.crops.settings",
    "crop_features": "reid.crops.splits",
    "embed_crops": "reid.crops.splits",
    "resumed_crop_model": "reid.crops.start",
    "start_crop_model": "reid.crops.start",
}
