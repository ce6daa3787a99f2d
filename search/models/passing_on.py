"""A trained model as one file to pass on: the weights that searching needs, whole or in half the size."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from detection.checkpoints import FORMAT as JOINT
from detection.checkpoints import load_model, save_model
from reid.crops.sphere_reid import FORMAT as CROP
from reid.crops.sphere_reid import SphereReID
from reid.runs.weight_files import model_file, read_any_header
from search.models.learned_share import pass_shares_on


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


def pass_on(model: Path, file: Path, *, half: bool = False) -> PassedOn:
    """Write the joint model or the crop model of a run as one file, and beside it what was learned of its second stage.

    Rounding the weights changes the similarities far less than a share could tell, so the share stays what it is.

    Args:
        model: The model.safetensors of a run, or the run's folder.
        file: The file to write; one that is there is replaced.
        half: Whether float16 is stored: half the size, each weight rounded by about one part in two thousand.

    Raises:
        FileNotFoundError: There is no such model.
        ValueError: The file is damaged, or holds neither of the two kinds.
        OSError: The file cannot be written.
    """
    path = model_file(model)
    header = read_any_header(path, (JOINT, CROP), made_by="`train joint` or `train crop`")
    notes = json.loads(header["notes"])
    written: Any
    shares = 0
    if header["format"] == CROP:
        SphereReID.from_checkpoint(path, device="cpu").save(file, notes=notes, half=half)
        written = SphereReID.from_checkpoint(file, device="cpu")
    else:
        whole = load_model(path, device="cpu")
        before = whole.fingerprint()
        save_model(file, whole, notes=notes, half=half)
        written = load_model(file, device="cpu")
        shares = pass_shares_on(path, before, file, written.fingerprint())
    numbers = sum(value.numel() for value in written.state_dict().values())
    return PassedOn(file.stat().st_size, numbers, written.fingerprint(), notes, shares)
