"""The models that a search command was given: a joint one with or without a second stage, or a detector and crops."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from detection.joint import PersonSearchRCNN
    from detection.model import PersonModel
    from reid.crops.sphere_reid import SphereReID


def load_search_models(
    model: Path | None, detector: str | None, second_stage: Path | None, *, score_threshold: float = 0.0
) -> "tuple[PersonModel, SphereReID | None]":
    """The model that finds and embeds people, and the second stage or None.

    Args:
        model: `--model`, a joint model; or None.
        detector: `--detector`, "coco" or a joint model whose boxes are used; or None.
        second_stage: `--second-stage`, a crop model. With a detector it is the only stage.
        score_threshold: people found with less confidence are left out; by a detector they are not embedded.

    Raises:
        ValueError: not exactly one of model and detector, a detector without a crop model, or a threshold that the
            model cannot serve.
        ConnectionError, FileNotFoundError: a file is missing or cannot be downloaded.
    """
    from detection.checkpoints import load_model
    from reid.crops.sphere_reid import SphereReID
    from search.models.detector_and_crops import CropPersonSearch, load_detector

    if model is not None and detector is not None:
        raise ValueError(f"--model {model} finds people by itself; leave --detector {detector} out")
    if model is not None:
        joint = load_model(model)
        require_threshold(score_threshold, joint)
        return joint, None if second_stage is None else SphereReID.from_checkpoint(second_stage)
    if detector is None:
        raise ValueError("no model is given, expected --model JOINT, or --detector coco --second-stage CROP_MODEL")
    if second_stage is None:
        raise ValueError(f"--detector {detector} finds people but cannot tell them apart; give --second-stage too")
    crops = SphereReID.from_checkpoint(second_stage)
    return CropPersonSearch(load_detector(detector), crops, score_threshold=score_threshold), None


def require_threshold(threshold: float, model: "PersonSearchRCNN") -> None:
    """Refuse a score threshold that is no confidence, or below the one at which the model itself stops.

    0 takes everybody that the model returns.
    """
    least = model.detector_config.score_threshold
    if threshold != 0 and not least <= threshold <= 1:
        raise ValueError(
            f"score threshold {threshold:g}, expected {least:g} to 1: below {least:g} the model returns nobody"
        )
