"""The crop model that a training starts from."""

import dataclasses
from collections.abc import Collection
from pathlib import Path

import torch

from reid.crops.backbones import IMAGENET
from reid.crops.settings import SphereReIDConfig
from reid.crops.sphere_reid import FORMAT, SphereReID
from reid.devices import default_device
from reid.runs.starts import SHIPPED, ChosenStart, settings_asked
from reid.runs.torchvision_weights import download_weights, read_weight_file, trunk_of_classifier
from reid.runs.weight_files import NoChance, is_model_file, model_file

_FREE = ("dropout", "test_view", "frozen_early", "height", "width", "resize_height", "resize_width")
"""What may differ from the model that a training starts from, as no weight depends on it."""


def choose_crop_weights(
    weights: str, shipped: Path | None, config: SphereReIDConfig, *, given: Collection[str] | None = None
) -> ChosenStart:
    """What a training starts from where "shipped" may be asked for: the shipped model, if its weights fit.

    The structure is the shipped model's, but for the settings that are asked for. Where they make another structure,
    the training starts from random weights, unless "shipped" was asked for in so many words.

    Args:
        weights: "shipped", or anything that `start_crop_model` takes, which is given back.
        shipped: The file of the shipped model; None where the packages bring none.
        config: The structure of the model.
        given: The names of the settings that are asked for, "weights" among them where it is; None for all that are
            not at their default.

    Raises:
        ValueError: "shipped" is asked for together with a structure that its weights do not fit, or none is there.
    """
    if weights != SHIPPED:
        return ChosenStart(weights)
    named = given is not None and "weights" in given
    if shipped is None:
        if named:
            raise ValueError("no crop model comes with this installation; give --weights none, imagenet or a file")
        return ChosenStart("none", "start: random weights, because no crop model comes with this installation")
    trained = SphereReID.from_checkpoint(shipped, device="cpu")
    asked, own = settings_asked("network", config, given), trained.config.backbone
    if not named and asked.get("backbone", own) != own:
        return ChosenStart.at_random(shipped, [f"network.backbone = {own}, not {config.backbone}"])
    wanted = dataclasses.replace(trained.config, **asked)
    if not _misfits(SphereReID(wanted), trained):
        size = f"crops of {wanted.height} x {wanted.width} pixels"
        return ChosenStart.on_shipped(shipped, f"{own} on {size}")
    other = _departures(trained.config, wanted)
    if named:
        raise ValueError(f"{shipped} has {', '.join(other)}; its weights do not fit that: leave it out")
    return ChosenStart.at_random(shipped, other)


def start_crop_model(
    weights: str, config: SphereReIDConfig, *, seed: int, given: Collection[str] | None = None
) -> SphereReID:
    """A crop model to train, on the GPU when there is one.

    Args:
        weights: "none" for random weights; "imagenet" for a backbone with torchvision's published weights; a .pth or
            .safetensors file of torchvision's structure; or a model file of this project.
        config: The structure of the model. With a model file and `given` the structure is the file's, but for the
            settings that `given` names, where the file's weights fit. Without `given` it must be the file's; but the
            size of the input may be another one, and so may dropout, what is frozen and what is embedded.
        seed: The seed of the weights that stay random, 0 or more.
        given: The names of the settings that are asked for, such as "network.dropout"; None for all of them.

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
        if given is not None:
            wanted = dataclasses.replace(model.config, **settings_asked("network", config, given))
            changed = SphereReID(wanted)
            if _misfits(changed, model):
                other = ", ".join(_departures(model.config, wanted))
                raise ValueError(f"{weights} has {other}; its weights do not fit that: give the same structure")
            changed.load_state_dict(model.state_dict())
            return _ready(changed)
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


def is_crop_model(weights: str) -> bool:
    """Says whether weights are a crop model of this project.

    Args:
        weights: A file, the folder of a run, or a word that stands for published weights.
    """
    return is_model_file(model_file(weights), FORMAT)


def resumed_crop_model(
    run_directory: Path, config: SphereReIDConfig, *, given: Collection[str] | None = None
) -> SphereReID:
    """The model of a run to go on with; the weights that it started from are not needed again.

    Args:
        run_directory: The folder of the run.
        config: The structure of the model, as in the run's first call.
        given: The names of the settings that are asked for, where the first call took the structure of a model file;
            None for all of them.

    Raises:
        FileNotFoundError: There is no model yet.
        ValueError: The structure asked for is not the run's.
    """
    model = SphereReID.from_checkpoint(run_directory, device="cpu")
    asked = vars(config) if given is None else settings_asked("network", config, given)
    for name, value in asked.items():
        own = getattr(model.config, name)
        if own != value:
            raise ValueError(
                f"{run_directory} was trained with network.{name} = {own}, this call has {value}; resume with the "
                f"arguments of the first call"
            )
    return _ready(model)


def _departures(own: SphereReIDConfig, wanted: SphereReIDConfig) -> list[str]:
    """In words, where a structure departs from another one."""
    return [
        f"network.{name} = {value}, not {getattr(wanted, name)}"
        for name, value in vars(own).items()
        if value != getattr(wanted, name)
    ]


def _misfits(model: SphereReID, trained: SphereReID) -> bool:
    """Whether two models have different weights, by name or by shape."""
    own, taken = ({name: value.shape for name, value in one.state_dict().items()} for one in (model, trained))
    return own != taken


def _with_config(model: SphereReID, config: SphereReIDConfig) -> SphereReID:
    with NoChance():
        changed = SphereReID(config)
    changed.load_state_dict(model.state_dict())
    return changed


def _ready(model: SphereReID) -> SphereReID:
    return model.to(default_device()).to(memory_format=torch.channels_last).train()
