"""A published checkpoint becomes a model file of this project, and what was done is told.

Nothing is filled with random weights: a part that this project does not compute refuses the file, and a part that
searching does not need is named. What no weight tells is taken as its publishers have it, and told.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from datasets.files import write_whole
from detection.published.coco_detector import (
    build_coco_detector,
    current_names,
    recognized,
    save_coco_detector,
    with_counts,
)
from detection.published.crop_families import read_crop_model
from detection.published.reading import PublishedFile, read_published
from detection.published.seqnet import SeqNet, SeqNetConfig, save_seqnet
from detection.published.settings import Unsaid
from reid.crops.settings import SphereReIDConfig
from reid.crops.sphere_reid import SphereReID

_STEMS = {
    "torchvision": "torchvision's stem",
    "plain": "no ReLU behind the first BatchNorm",
    "unpadded": "max pooling that begins at the edge",
}
_TRAINING_ALONE = "roi_heads.reid_loss."


@dataclass(frozen=True)
class Imported:
    """A model file that was made of a published checkpoint.

    Args:
        kind: "crop model", "joint model" or "detector".
        program: The program whose form the checkpoint has.
        fingerprint: That of the model.
        notes: What the model file keeps beside the weights.
        done: What was taken and what was left out, one sentence each.
        assumed: What no weight tells and was therefore assumed, one sentence each.
    """

    kind: str
    program: str
    fingerprint: str
    notes: Mapping[str, object]
    done: tuple[str, ...]
    assumed: tuple[str, ...]


def import_published(file: Path, output: Path, unsaid: Unsaid) -> Imported:
    """Write a published checkpoint as a model file of this project, and a card beside it.

    Args:
        file: The checkpoint.
        output: The model file to write, *.safetensors; its card has the suffix .md.
        unsaid: What the checkpoint does not say.

    Raises:
        FileNotFoundError: There is no such checkpoint.
        ValueError: The checkpoint is damaged, holds Python objects, or has parts that this project does not compute.
        OSError: A file cannot be written.
    """
    published = read_published(file)
    state = current_names(published.state)
    try:
        if any(name.startswith("roi_heads.reid_head.") for name in state):
            imported = _seqnet(published, state, output, unsaid)
        elif any(name.startswith(("backbone.body.", "backbone.fpn.", "rpn.", "roi_heads.")) for name in state):
            imported = _detector(published, state, output, unsaid)
        else:
            imported = _crop_model(published, output, unsaid)
    except ValueError as error:
        raise ValueError(f"{file} cannot be imported: {error}") from None
    write_whole(output.with_suffix(".md"), _card(output, imported))
    return imported


def _crop_model(published: PublishedFile, output: Path, unsaid: Unsaid) -> Imported:
    found = read_crop_model(published.state, unsaid)
    model = SphereReID(found.config)
    _fill(model, found.state)
    notes = _notes(published, found.family.name, found.people)
    model.save(output, notes=notes)
    config = found.config
    assumed = [f"crops of {config.height} x {config.width} pixels (--height, --width)"]
    if unsaid.last_stride is None:
        assumed.append(f"a last stride of {config.last_stride} (--last-stride)")
    if config.network == "bnneck":
        assumed.append("embeddings are taken after the neck (--neck before takes them before it)")
    assumed.append(
        "pictures are RGB, normalized by ImageNet's mean and deviation, and features are averaged over all places"
    )
    structure = f"{_crop_structure(config)}; embeddings of {model.embedding_dim} numbers"
    return Imported(
        "crop model",
        found.family.name,
        model.fingerprint(),
        notes,
        _done(published, structure, found.left_out),
        tuple(assumed),
    )


def _crop_structure(config: SphereReIDConfig) -> str:
    heads = {"A": "nothing behind the pooling", "bnneck": "BatchNorm neck", "C": "linear map and BatchNorm"}
    return f"{config.backbone}, last stride {config.last_stride}, {_STEMS[config.stem]}, {heads[config.network]}"


def _detector(published: PublishedFile, state: Mapping[str, Tensor], output: Path, unsaid: Unsaid) -> Imported:
    config = recognized(state)
    if config is None:
        parts = sorted({".".join(name.split(".")[:2]) for name in state})
        raise ValueError(
            f"it has the parts {', '.join(parts[:8])}{', ...' if parts[8:] else ''}, which are those of no detector of "
            "torchvision that is known and not SeqNet's; expected Faster R-CNN, RetinaNet or FCOS of torchvision, or "
            "SeqNet"
        )
    detector = build_coco_detector(
        type(config)(**{**vars(config), "min_size": unsaid.min_size, "max_size": unsaid.max_size})
    )
    detector.network.load_state_dict(with_counts(state, detector.network.state_dict()))
    notes = _notes(published, "torchvision", None) | {"classes": config.classes}
    save_coco_detector(output, detector, notes)
    structure = (
        f"{config.network}, {config.classes} classes with the background, all of them kept; class 1 is the person"
    )
    assumed = ["class 1 is the person, as in COCO"]
    if unsaid.min_size is None:
        assumed.append("frames have torchvision's usual size (--min-size, --max-size)")
    return Imported(
        "detector", "torchvision", detector.fingerprint(), notes, _done(published, structure, ()), tuple(assumed)
    )


def _seqnet(published: PublishedFile, state: Mapping[str, Tensor], output: Path, unsaid: Unsaid) -> Imported:
    left_out = tuple(name for name in state if name.startswith(_TRAINING_ALONE))
    weights = {name: value for name, value in state.items() if name not in left_out}
    halves = [weights.get(f"roi_heads.embedding_head.projectors.feat_{part}.0.bias", ()) for part in ("res4", "res5")]
    usual = SeqNetConfig()
    config = SeqNetConfig(
        dimension=sum(map(len, halves)) or usual.dimension,
        box_norm="roi_heads.box_predictor.bbox_pred.0.weight" in weights,
        min_size=unsaid.min_size or usual.min_size,
        max_size=unsaid.max_size or max(usual.max_size, unsaid.min_size or 0),
    )
    model = SeqNet(config)
    _fill(model, weights)
    table = state.get(f"{_TRAINING_ALONE}lut")
    notes = _notes(published, "SeqNet", None if table is None else len(table))
    save_seqnet(output, model, notes)
    structure = f"SeqNet, resnet50 up to stride 16, two heads; embeddings of {config.dimension} numbers"
    assumed = [
        f"frames of {config.min_size} to {config.max_size} pixels (--min-size, --max-size)",
        "confidence from 0.5 on; suppression at 0.4, and 0.5 after the second head",
        "embeddings have unit length, and are not times the confidence as its publishers have them (--class-weighted)",
    ]
    return Imported(
        "joint model", "SeqNet", model.fingerprint(), notes, _done(published, structure, left_out), tuple(assumed)
    )


def _fill(model: SphereReID | SeqNet, state: Mapping[str, Tensor]) -> None:
    """Load weights that must be all of the model's, in its shapes; raises ValueError with what is wrong."""
    own = model.state_dict()
    given = with_counts(state, own)
    missing, unknown = sorted(own.keys() - given.keys()), sorted(given.keys() - own.keys())
    for names, what in ((missing, "are missing"), (unknown, "are unknown")):
        if names:
            raise ValueError(
                f"{len(names)} parts {what}, the first is {names[0]}; the model would not be the published one"
            )
    wrong = [name for name in own if name in given and given[name].shape != own[name].shape]
    if wrong:
        shapes = f"{tuple(given[wrong[0]].shape)}, expected {tuple(own[wrong[0]].shape)}"
        raise ValueError(f"{len(wrong)} parts have another shape, {wrong[0]} {shapes}")
    model.load_state_dict(given)
    model.eval()


def _notes(published: PublishedFile, program: str, people: int | None) -> dict[str, object]:
    notes: dict[str, object] = {"imported_from": published.path.name, "sha256": published.sha256, "program": program}
    return notes if people is None else notes | {"people": people}


def _done(published: PublishedFile, structure: str, left_out: tuple[str, ...]) -> tuple[str, ...]:
    taken = len(published.state) - len(left_out)
    lines = [f"structure: {structure}", f"{taken} of {len(published.state)} tensors are taken, none is random"]
    if left_out:
        lines.append(f"left out, because only training needs them: {', '.join(left_out)}")
    if published.beside:
        lines.append(f"not read beside the weights: {', '.join(published.beside)}")
    return tuple(lines)


def _card(output: Path, imported: Imported) -> str:
    people = imported.notes.get("people")
    seen = "the file does not say" if people is None else f"{people} people; which ones, the file does not say"
    lines = [
        f"# {output.name}: an imported {imported.kind}",
        "",
        f"- **What it is**: {imported.done[0].removeprefix('structure: ')}.",
        f"- **What it has seen**: {seen}.",
        f"- **How it was made**: imported from {imported.notes['imported_from']} in the form of {imported.program} "
        f"(SHA-256 {imported.notes['sha256']}).",
        *(f"  - {line}." for line in imported.done[1:]),
        "- **Assumed**, because no weight says it:",
        *(f"  - {line}." for line in imported.assumed),
        "- **Not measured** here: `personsearch evaluate` says how good it is, `personsearch calibrate` sets limits",
        "  for its verdicts.",
        "- **License**: that of the published weights and of the data they have seen; ask their publisher.",
    ]
    return "\n".join(lines) + "\n"
