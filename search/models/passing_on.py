"""A trained model as one file to pass on: the weights that searching needs, whole or in half the size."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from detection.checkpoints import FORMAT as JOINT
from detection.checkpoints import load_model, save_model
from detection.joint import PersonSearchRCNN
from reid.crops.sphere_reid import FORMAT as CROP
from reid.crops.sphere_reid import SphereReID
from reid.runs.weight_files import average_weights, model_file, read_any_header
from search.models.learned_share import pass_shares_on

_MADE_BY = {JOINT: "`train joint`", CROP: "`train crop`"}


@dataclass(frozen=True)
class PassedOn:
    """A model file that was written.

    Args:
        bytes: Its size.
        numbers: How many weights it holds.
        fingerprint: That of the file's weights, which rounding changes.
        notes: What the file tells of the training: the data, the start and the seed.
        shares: How many learned shares of the second stage were written beside it.
    """

    bytes: int
    numbers: int
    fingerprint: str
    notes: dict[str, Any]
    shares: int = 0


@dataclass(frozen=True)
class AveragedWith:
    """Another model of the same structure, whose weights a model is averaged with.

    Args:
        model: Its file, or the folder of its run.
        share: What it counts, from 0 (not) to 1 (alone).
    """

    model: Path
    share: float = 0.5


def pass_on(model: Path, file: Path, *, half: bool = False, averaged: AveragedWith | None = None) -> PassedOn:
    """Write the joint model or the crop model of a run as one file, and beside it what was learned of its second stage.

    Rounding the weights changes the similarities far less than a share could tell, so the share stays what it is. A
    model that is averaged with another one is a new model, and no share is known for it.

    Args:
        model: The model.safetensors of a run, or the run's folder.
        file: The file to write; one that is there is replaced.
        half: Whether float16 is stored: half the size, each weight rounded by about one part in two thousand.
        averaged: What the weights are averaged with before they are written; None writes them as they are.

    Raises:
        FileNotFoundError: There is no such model.
        ValueError: A file is damaged, or holds neither of the two kinds; or the two models that are to be averaged are
            of different kinds or structures.
        OSError: The file cannot be written.
    """
    path = model_file(model)
    header = read_any_header(path, (JOINT, CROP), made_by=" or ".join(_MADE_BY.values()))
    notes = json.loads(header["notes"])
    written: Any
    shares = 0
    if averaged is not None:
        read_any_header(averaged.model, (header["format"],), made_by=_MADE_BY[header["format"]])
    if header["format"] == CROP:
        crops = SphereReID.from_checkpoint(path, device="cpu")
        if averaged is not None:
            notes |= _average(crops, SphereReID.from_checkpoint(averaged.model, device="cpu"), averaged.share)
        crops.save(file, notes=notes, half=half)
        written = SphereReID.from_checkpoint(file, device="cpu")
    else:
        whole = load_model(path, device="cpu")
        before = whole.fingerprint()
        if averaged is not None:
            notes |= _average(whole, load_model(averaged.model, device="cpu"), averaged.share)
        save_model(file, whole, notes=notes, half=half)
        written = load_model(file, device="cpu")
        shares = 0 if averaged is not None else pass_shares_on(path, before, file, written.fingerprint())
    numbers = sum(value.numel() for value in written.state_dict().values())
    return PassedOn(file.stat().st_size, numbers, written.fingerprint(), notes, shares)


def _average(
    model: PersonSearchRCNN | SphereReID, other: PersonSearchRCNN | SphereReID, share: float
) -> dict[str, Any]:
    """Average a model's weights with another's; what the file is to tell of it."""
    average_weights(model, other, share)
    return {"averaged_with": {"fingerprint": other.fingerprint(), "share": share}}
