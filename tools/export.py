"""personsearch export: a trained model as a file to pass on."""

import json
from pathlib import Path

from tools.outcome import Outcome


def export(model: Path, file: Path, *, half: bool = False) -> Outcome:
    """Write the model of a run as one safetensors file, without anything that only training needs.

    Args:
        model: model.safetensors of a run, or its folder.
        file: the file to write; must not exist.
        half: store float16: half the size, each weight rounded by about one part in two thousand.
    """
    from detection.checkpoints import fingerprint, load_model, read_header, save_model

    if file.exists():
        raise FileExistsError(f"{file} exists; remove it, or name another file")
    notes = json.loads(read_header(model)["notes"])
    save_model(file, load_model(model, device="cpu"), notes=notes, half=half)
    written = load_model(file, device="cpu")
    size = file.stat().st_size
    weights = sum(value.numel() for value in written.state_dict().values())
    text = f"{file}: {weights:,} numbers, {size / 1e6:.2f} MB, fingerprint {fingerprint(written)}"
    return Outcome(text, {"file": file, "bytes": size, "fingerprint": fingerprint(written), "notes": notes})
