"""The model that a training starts from."""

import dataclasses
import logging
from collections.abc import Collection
from pathlib import Path
from typing import Any

import torch

from detection.checkpoints import FORMAT, load_model
from detection.joint import PersonSearchRCNN
from detection.pretrained import KNOWN, freeze_early_layers, load_pretrained, pretrained_structure
from detection.settings import DetectorConfig, EmbeddingConfig, JointTrainingConfig
from reid.crops.start import is_crop_model
from reid.devices import default_device
from reid.runs.starts import SHIPPED, ChosenStart, settings_asked
from reid.runs.weight_files import is_model_file

_log = logging.getLogger(__name__)
Settings = dict[str, Any]


TRUNK_RATE = 0.3
"""The share of the learning rate for the trunk of a shipped model: at a high rate its frozen norms let it die."""


def careful_training(config: JointTrainingConfig, given: Collection[str] | None) -> JointTrainingConfig:
    """The recipe of a training that goes on from the shipped model: its trunk learns slowly.

    Args:
        config: The recipe.
        given: The names of the settings that are asked for; a learning rate among them is left as it is. None asks for
            all of them.
    """
    if given is None or not {"training.learning_rate", "training.trunk_rate"}.isdisjoint(given):
        return config
    return dataclasses.replace(config, trunk_rate=TRUNK_RATE)


def choose_weights(
    weights: str,
    shipped: Path,
    detector: DetectorConfig,
    embedding: EmbeddingConfig,
    *,
    given: Collection[str] | None = None,
    new_head: bool = False,
) -> ChosenStart:
    """What a training starts from where "shipped" may be asked for: the shipped model, if its weights fit.

    The structure is the shipped model's, but for the settings that are asked for. Where they make another structure,
    the training starts from random weights, unless "shipped" was asked for in so many words.

    Args:
        weights: "shipped", or anything that `start_model` takes, which is given back.
        shipped: The file of the shipped model.
        detector: The structure of the detector.
        embedding: The structure of the embedding head.
        given: The names of the settings that are asked for, "weights" among them where it is; None for all that are
            not at their default.
        new_head: Whether the embedding head begins anew, so that only the detector has to fit.

    Raises:
        FileNotFoundError: The shipped model is missing.
        ValueError: "shipped" is asked for together with a structure that its weights do not fit.
    """
    if weights != SHIPPED:
        return ChosenStart(weights)
    trained = load_model(shipped, device="cpu")
    named = given is not None and "weights" in given
    asked = settings_asked("detector", detector, given)
    own = trained.detector_config.backbone
    if not named and asked.get("backbone", own) != own:
        return ChosenStart.at_random(shipped, [f"detector.backbone = {own}, not {detector.backbone}"])
    head = {} if new_head else settings_asked("embedding", embedding, given)
    wanted, other = _departing(trained, asked, head)
    if not _misfits(PersonSearchRCNN(*wanted), trained):
        size = f"frames of {wanted[0].min_size} pixels"
        return ChosenStart.on_shipped(shipped, f"{own} on {size}")
    if named:
        raise ValueError(f"{shipped} has {', '.join(other)}; its weights do not fit that: leave it out")
    return ChosenStart.at_random(shipped, other)


def start_model(
    weights: str,
    detector: DetectorConfig,
    embedding: EmbeddingConfig,
    *,
    seed: int,
    new_head: bool = False,
    given: Collection[str] | None = None,
) -> PersonSearchRCNN:
    """A joint model to train, on the GPU when there is one.

    Args:
        weights: "none", "imagenet", "coco", a file of torchvision's structure or a crop model of this project (see
            `load_pretrained`), or a joint model of this project, which brings its own structure.
        detector: The structure of the detector. With a model file, the settings asked for here replace the file's:
            other sizes of the input, another number of proposals.
        embedding: The structure of the embedding head. With a model file, the settings asked for here replace the
            file's; parts that the file does not have begin at random.
        seed: The seed of the weights that stay random, 0 or more.
        new_head: Whether only the detector of a model file is taken. The embedding head is then the one asked for and
            begins at random; the detector keeps the file's settings but for those that `given` names, or without
            `given` is the one asked for.
        given: The names of the settings that are asked for, such as "detector.min_size"; None for all that are not at
            their default.

    Raises:
        ValueError: The weights of a model file do not fit the structure asked for.
    """
    if new_head:
        model = _with_detector_of(weights, detector, embedding, seed, given)
    elif is_model_file(weights, FORMAT) and not is_crop_model(weights):
        model = _continued(
            weights, settings_asked("detector", detector, given), settings_asked("embedding", embedding, given), seed
        )
    else:
        torch.manual_seed(seed)
        model = PersonSearchRCNN(pretrained_structure(detector, weights), embedding)
        random = load_pretrained(model, weights)
        if random and weights != "none":
            _log.info("weights %s: %d parameters are not in them and start at random", weights, len(random))
    return _ready(model)


def _continued(weights: str, detector: Settings, embedding: Settings, seed: int) -> PersonSearchRCNN:
    """The model of a file, with what the call asks for and its weights can serve."""
    trained = load_model(weights, device="cpu")
    wanted, other = _departing(trained, detector, embedding)
    torch.manual_seed(seed)
    model = PersonSearchRCNN(*wanted)
    if _misfits(model, trained):
        raise ValueError(
            f"{weights} has {', '.join(other)}; its weights do not fit that: leave it out, or take its detector alone "
            "(--new-head)"
        )
    result = model.load_state_dict(trained.state_dict(), strict=False)
    if result.missing_keys:
        _log.info("weights %s: %d parameters are not in them and start at random", weights, len(result.missing_keys))
    if model.detector_config.frozen_norm:
        freeze_early_layers(model)
    return model


def _departing(
    trained: PersonSearchRCNN, detector: Settings, embedding: Settings
) -> tuple[tuple[DetectorConfig, EmbeddingConfig], list[str]]:
    """The structure of a model with the settings that are asked for, and in words where it departs from the model's."""
    parts = (("detector", trained.detector_config, detector), ("embedding", trained.embedding_config, embedding))
    other = [
        f"{part}.{name} = {getattr(has, name)}, not {value}"
        for part, has, wanted in parts
        for name, value in wanted.items()
        if getattr(has, name) != value
    ]
    if {"min_size", "max_size"} & detector.keys():
        # The further sizes of training belong to the size that is not wanted any more.
        detector = {"train_sizes": ()} | detector
    structure = dataclasses.replace(trained.detector_config, **detector)
    return (structure, dataclasses.replace(trained.embedding_config, **embedding)), other


def _misfits(model: PersonSearchRCNN, trained: PersonSearchRCNN) -> bool:
    """Whether a model has no place for some weights of another one."""
    own = model.state_dict()
    return any(name not in own or own[name].shape != value.shape for name, value in trained.state_dict().items())


def _with_detector_of(
    weights: str, detector: DetectorConfig, embedding: EmbeddingConfig, seed: int, given: Collection[str] | None
) -> PersonSearchRCNN:
    if not is_model_file(weights, FORMAT):
        raise ValueError(f"a new head goes on the detector of a joint model's file, weights are {weights}")
    trained = load_model(weights, device="cpu")
    if given is not None:
        (detector, _), _ = _departing(trained, settings_asked("detector", detector, given), {})
    torch.manual_seed(seed)
    model = PersonSearchRCNN(detector, embedding)
    own, taken = model.detector.state_dict(), trained.detector.state_dict()
    wrong = [name for name in own.keys() | taken.keys() if name not in own or name not in taken]
    wrong += [name for name in own.keys() & taken.keys() if own[name].shape != taken[name].shape]
    if wrong:
        other = [name for name, value in vars(trained.detector_config).items() if value != getattr(detector, name)]
        raise ValueError(
            f"{weights} holds another detector than was asked for ({len(wrong)} parameters differ, {min(wrong)} among "
            f"them); give its structure, which departs in {', '.join(other) or 'nothing that is an option'}"
        )
    model.detector.load_state_dict(taken)
    if detector.frozen_norm:
        freeze_early_layers(model)
    return model


def resumed_model(
    run_directory: Path,
    weights: str,
    detector: DetectorConfig,
    embedding: EmbeddingConfig,
    *,
    new_head: bool = False,
    given: Collection[str] | None = None,
) -> PersonSearchRCNN:
    """The model of a run to go on with; the weights that it started from are not needed again.

    Args:
        run_directory: The folder of the run.
        weights: What the run's first call was given, see `start_model`; so are all that follow.
        detector: The structure of the detector.
        embedding: The structure of the embedding head.
        new_head: Whether the first call took only the detector of a model file.
        given: The names of the settings that are asked for.

    Raises:
        FileNotFoundError: There is no model yet.
        ValueError: The structure asked for is not the run's.
    """
    model = load_model(run_directory, device="cpu")
    away = weights not in ("none", *KNOWN) and not Path(weights).exists()  # "shipped" too
    own_model = is_model_file(weights, FORMAT) and not is_crop_model(weights)
    if new_head and given is not None:
        asked = {"detector": settings_asked("detector", detector, given), "embedding": vars(embedding)}
    elif not new_head and (away or own_model):
        asked = {
            "detector": settings_asked("detector", detector, given),
            "embedding": settings_asked("embedding", embedding, given),
        }
    else:
        structure = detector if new_head else pretrained_structure(detector, weights)
        asked = {"detector": vars(structure), "embedding": vars(embedding)}
    for part, own in (("detector", model.detector_config), ("embedding", model.embedding_config)):
        for name, value in asked[part].items():
            if getattr(own, name) != value:
                raise ValueError(
                    f"{run_directory} was trained with {part}.{name} = {getattr(own, name)}, this call has {value}; "
                    "resume with the arguments of the first call"
                )
    if model.detector_config.frozen_norm:
        freeze_early_layers(model)
    return _ready(model)


def _ready(model: PersonSearchRCNN) -> PersonSearchRCNN:
    return model.to(default_device()).to(memory_format=torch.channels_last).train()
