"""personsearch models: which models there are, what each of them is, and published ones made our own."""

from pathlib import Path

from detection.published.settings import Unsaid
from tools.outcome import Outcome, table

RUNS = Path("runs")
"""Where trainings write if nobody says otherwise."""


def list_models(*, folder: Path | None = None) -> Outcome:
    """List the models that come with personsearch, and those of a folder: kind, size, fingerprint, what they have seen.

    A joint model finds people and tells them apart (--model). A crop model tells apart who has been found
    (--second-stage). A detector finds people (--detector); a joint model may stand in its place.

    Example:
        personsearch models list --folder runs

    Args:
        folder: A folder with models of your own; folders below it are looked through too. Without this option it is
            runs, where there is one.
    """
    from search.models.known_models import described, model_files_below, shipped_files

    if folder is not None and not folder.is_dir():
        raise FileNotFoundError(f"{folder} is no folder, expected one with models; leave --folder out for runs")
    own = folder or (RUNS if RUNS.is_dir() else None)
    files: list[tuple[Path, str | None]] = [(file, name) for name, file in shipped_files().items()]
    files += [(file, None) for file in (model_files_below(own) if own else ())]
    models, failures = [], []
    for file, name in files:
        try:
            models.append(described(file, name))
        except (OSError, ValueError) as error:
            failures.append(str(error))
    header = ["model", "kind", "trunk", "embedding", "sees", "MB", "fingerprint", "has seen"]
    rows = [
        [
            one.name,
            one.kind,
            one.trunk,
            one.dimension or "-",
            one.sees,
            f"{one.bytes / 1e6:.1f}",
            one.fingerprint,
            one.seen,
        ]
        for one in models
    ]
    text = f"{table(header, rows)}\n`personsearch models card NAME` says more of one"
    return Outcome(text, {"folder": own, "models": models}, failures)


def card(model: str) -> Outcome:
    """Print the card of a model: what it is, what it has seen, how good it is, and what it is not good at.

    Example:
        personsearch models card detection/people

    Args:
        model: A name that `models list` shows, a model file, or the folder of a run.
    """
    from search.models.known_models import card_of, described, named_model

    file = named_model(model)
    return Outcome(card_of(file), {"model": described(file)})


def import_model(file: Path, output: Path, *, unsaid: Unsaid = Unsaid()) -> Outcome:  # noqa: B008 - frozen
    """Make a model file of a published checkpoint, and say what was taken, left out and assumed.

    Read are crop models of the bag of tricks (reid-strong-baseline), AGW, fast-reid and torchreid with a ResNet, with
    IBN, non-local blocks and GeM pooling where they have them; the joint models SeqNet, NAE and OIM; and detectors of
    torchvision (Faster R-CNN, RetinaNet, FCOS). The result computes what the published network computes. A checkpoint
    with parts that this project does not have, such as squeeze-and-excitation, is refused. Nothing in the file is
    executed.

    A card is written beside the model, with the same name and the suffix .md.

    Example:
        personsearch models import market_bot_R50.pth market.safetensors

    Args:
        file: The checkpoint: .pth, .pt, .tar or .safetensors.
        output: The model file to write, which must not exist.
        unsaid: What the checkpoint does not say.
    """
    from detection.published.importing import import_published

    if output.suffix != ".safetensors":
        raise ValueError(
            f"{output} has the suffix {output.suffix!r}, expected .safetensors, by which a model is recognized"
        )
    for taken in (output, output.with_suffix(".md")):
        if taken.exists():
            raise FileExistsError(f"{taken} exists; remove it, or name another file")
    made = import_published(file, output, unsaid)
    lines = [f"{output}: a {made.kind}, imported from {file} ({made.program}), fingerprint {made.fingerprint}"]
    lines += [f"  {line}" for line in made.done]
    lines += [f"  assumed: {line}" for line in made.assumed]
    lines.append(f"search with it: {_SEARCH[made.kind].format(output)}")
    return Outcome("\n".join(lines), {"output": output, "imported": made})


def export_onnx(model: str, *, output: Path) -> Outcome:
    """Write a joint model or a crop model as one ONNX file, which other programs compute without personsearch.

    Its sizes and the number of pictures in a batch are free. docs/api.md tells what goes in and what comes out, and
    shows a short program that finds and compares people with it.

    Example:
        personsearch models export-onnx detection/people --output people.onnx

    Args:
        model: A name that `models list` shows, a model file, or the folder of a run.
        output: The file to write, which must not exist.
    """
    from detection.runtime.onnx_joint import exported
    from search.models.known_models import named_model

    if output.suffix != ".onnx":
        raise ValueError(f"{output} has the suffix {output.suffix!r}, expected .onnx, by which others recognize it")
    if output.exists():
        raise FileExistsError(f"{output} exists; remove it, or name another file")
    source = exported(named_model(model), output)
    notes = dict(source.notes)
    text = f"{output}: a {notes['kind']}, {output.stat().st_size / 1e6:.1f} MB, fingerprint {notes['fingerprint']}"
    text += f"\ntakes {', '.join(source.examples)}; gives {', '.join(source.results)}"
    return Outcome(text, {"output": output, **notes, "takes": list(source.examples), "gives": list(source.results)})


_SEARCH = {
    "crop model": "`personsearch index FOOTAGE --gallery people --second-stage {}`",
    "joint model": "`personsearch index FOOTAGE --gallery people --model {}`",
    "detector": "`personsearch index FOOTAGE --gallery people --detector {}`",
}
"""How a search takes a model of each kind."""
