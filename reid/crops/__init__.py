"""The crop model, SphereReID: its network, its training, its embeddings of a whole split."""

from importlib import import_module

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

__all__ = list(_HOMES)


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
