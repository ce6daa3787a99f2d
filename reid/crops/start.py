"""The crop model that a training starts from."""

from pathlib import Path

import torch

from reid.crops.backbones import IMAGENET
from reid.crops.settings import SphereReIDConfig
from reid.crops.sphere_reid import FORMAT, SphereReID
from reid.devices import default_device
from reid.runs.torchvision_weights import download_weights, read_weight_file, trunk_of_classifier
from reid.runs.weight_files import is_model_file

_FREE = ("dropout", "test_view", "frozen_early", "height", "width", "resize_height", "resize_width")
"""What may differ from the model that a training starts from, as no weight depends on it."""


def start_crop_model(weights: str, config: SphereReIDConfig, *, seed: int) -> SphereReID:
    """A crop model to train, on the GPU when there is one.

    Args:
        weights: "none" for random weights; "imagenet" for a backbone with torchvision's published weights; a .pth or
            .safetensors file of torchvision's structure; or a model file of this project, of the same structure. The
            size of its input may be another one, and so may dropout, what is frozen and what is embedded.
        config: The structure of the model.
        seed: The seed of the weights that stay random, 0 or more.

    Raises:
        ConnectionError: The weights are not in torch's cache and cannot be downloaded.
        FileNotFoundError: There is no such file.
        ValueError: The file's names and shapes, or its structure, are not those of `config`, or layers would be frozen
            at their random initial state.
    """
    torch.manual_seed(seed)
    if weights == "none" and config.frozen_early:
        raise ValueError("network.frozen_early with weights 'none' freezes layers at random; set it to false")
    if is_model_file(weights, FORMAT):
        model = SphereReID.from_checkpoint(weights, device="cpu")
        for name, value in vars(config).items():
            own = getattr(model.config, name)
            if own != value and name not in _FREE:
                raise ValueError(
                    f"{weights} has network.{name} = {own}, this call has {value}; give the same structure"
                )
        return _ready(_with_config(model, config))
    model = SphereReID(config)
    if weights != "none":
        if weights == "imagenet":
            state = download_weights(IMAGENET, weights, config.backbone)
        else:
            state = read_weight_file(weights)
        trunk = trunk_of_classifier(state)
        own_state = model.backbone.state_dict()
        wrong = [name for name in own_state if name in trunk and own_state[name].shape != trunk[name].shape]
        absent = [name for name in own_state if name not in trunk and not name.endswith("num_batches_tracked")]
        if wrong or absent:
            raise ValueError(
                f"weights {weights}: {len(absent)} parameters of a {config.backbone} are missing and {len(wrong)} have "
                f"another shape, {(wrong + absent)[0]} among them; expected torchvision's {config.backbone}"
            )
        model.backbone.load_state_dict(trunk, strict=False)
    return _ready(model)


def resumed_crop_model(run_directory: Path, config: SphereReIDConfig) -> SphereReID:
    """The model of a run to go on with; the weights that it started from are not needed again.

    Args:
        run_directory: The folder of the run.
        config: The structure of the model, as in the run's first call.

    Raises:
        FileNotFoundError: There is no model yet.
        ValueError: The structure asked for is not the run's.
    """
    model = SphereReID.from_checkpoint(run_directory, device="cpu")
    for name, value in vars(config).items():
        own = getattr(model.config, name)
        if own != value:
            raise ValueError(
                f"{run_directory} was trained with network.{name} = {own}, this call has {value}; resume with the "
                f"arguments of the first call"
            )
    return _ready(model)


def _with_config(model: SphereReID, config: SphereReIDConfig) -> SphereReID:
    changed = SphereReID(config)
    changed.load_state_dict(model.state_dict())
    return changed


def _ready(model: SphereReID) -> SphereReID:
    return model.to(default_device()).to(memory_format=torch.channels_last).train()
