"""personsearch export: a trained model as a file to pass on."""

from pathlib import Path

from tools.outcome import Outcome


def export(
    model: Path, file: Path, *, half: bool = False, average_with: Path | None = None, average_share: float = 0.5
) -> Outcome:
    """Write the joint model or the crop model of a run as one safetensors file, without what only training needs.

    Its calibration is written beside it, if there is one, and so is the learned share of its second stage. --half
    changes the weights, and so the similarities a little: calibrate the file that you pass on.

    Example:
        personsearch export runs/first first.safetensors --half

    Args:
        model: The model.safetensors of a run of `train joint` or `train crop`, or the run's folder.
        file: The file to write, which must not exist.
        half: Whether to store float16: half the size, each weight rounded by about one part in two thousand.
        average_with: Another model of the same structure, whose weights are averaged with MODEL's: the one that MODEL
            was trained from, for example. The average often knows new places better than either.
        average_share: How much that other model counts, from 0 (not) to 1 (alone).
    """
    from search.models.learned_share import share_file
    from search.models.passing_on import AveragedWith, pass_on
    from search.query.calibration_files import calibration_file, store_calibrations, stored_calibrations

    if file.suffix != ".safetensors":
        raise ValueError(
            f"{file} has the suffix {file.suffix!r}, expected .safetensors, by which a model is recognized"
        )
    for taken in (file, calibration_file(file), share_file(file)):
        if taken.exists():
            raise FileExistsError(f"{taken} exists; remove it, or name another file")
    averaged = None if average_with is None else AveragedWith(average_with, average_share)
    written = pass_on(model, file, half=half, averaged=averaged)
    text = f"{file}: {written.numbers:,} numbers, {written.bytes / 1e6:.2f} MB, fingerprint {written.fingerprint}"
    beside = stored_calibrations(model)
    own = [one for one in beside.calibrations if one.embedded_by.model == written.fingerprint]
    failures = [beside.damage] if beside.damage else []
    if own:
        text += f"\ncalibration: {store_calibrations(file, own)}"
    elif beside.calibrations:
        text += "\nthe calibration beside the model is of other weights: run `personsearch calibrate` on this file"
    if written.shares:
        text += f"\nlearned share of the second stage: {share_file(file)}"
    figures = {"file": file, "bytes": written.bytes, "fingerprint": written.fingerprint, "notes": written.notes}
    return Outcome(text, figures | {"calibrations": len(own)}, failures)
