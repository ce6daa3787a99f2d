"""A published checkpoint becomes a model file of this project, and what was done is told.

Nothing is filled with random weights: a part that this project does not compute refuses the file, and a part that
searching does not need is named. What no weight tells is taken as its publishers have it, and told.
"""

from collections.abc import Mapping
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
from detection.published.imported import Imported, card_text, fill, notes_of, told
from detection.published.joint_importing import import_joint
from detection.published.reading import PublishedFile, read_published
from detection.published.settings import Unsaid
from reid.crops.settings import SphereReIDConfig
from reid.crops.sphere_reid import SphereReID
from reid.runs.weight_files import NoChance

_STEMS = {
    "torchvision": "torchvision's stem",
    "plain": "no ReLU behind the first BatchNorm",
    "unpadded": "max pooling that begins at the edge",
}
_ATTENTION = {"single": "non-local blocks of one channel", "half": "non-local blocks of half the channels"}
_HEADS = {"A": "nothing behind the pooling", "bnneck": "BatchNorm neck", "C": "linear map and BatchNorm"}


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
        with NoChance():  # every weight of the model comes from the checkpoint
            imported = import_joint(published, state, output, unsaid)
            if imported is None:
                parts = ("backbone.body.", "backbone.fpn.", "rpn.", "roi_heads.")
                detects = any(name.startswith(parts) for name in state)
                imported = (
                    _detector(published, state, output, unsaid) if detects else _crop_model(published, output, unsaid)
                )
    except ValueError as error:
        raise ValueError(f"{file} cannot be imported: {error}") from None
    write_whole(output.with_suffix(".md"), card_text(output, imported))
    return imported


def _crop_model(published: PublishedFile, output: Path, unsaid: Unsaid) -> Imported:
    found = read_crop_model(published.state, unsaid)
    model = SphereReID(found.config)
    fill(model, found.state)
    notes = notes_of(published, found.family.name, found.people)
    model.save(output, notes=notes)
    structure = f"{_crop_structure(found.config)}; embeddings of {model.embedding_dim} numbers"
    done = told(published, structure, found.left_out, found.never_used)
    return Imported("crop model", found.family.name, model.fingerprint(), notes, done, found.assumed)


def _crop_structure(config: SphereReIDConfig) -> str:
    parts = [config.backbone, f"last stride {config.last_stride}", _STEMS[config.stem]]
    if config.instance_norm:
        parts.append("IBN")
    if config.attention != "none":
        parts.append(_ATTENTION[config.attention])
    if config.pooling == "gem":
        parts.append("GeM pooling")
    return ", ".join([*parts, _HEADS[config.network]])


def _detector(published: PublishedFile, state: Mapping[str, Tensor], output: Path, unsaid: Unsaid) -> Imported:
    config = recognized(state)
    if config is None:
        parts = sorted({".".join(name.split(".")[:2]) for name in state})
        raise ValueError(
            f"it has the parts {', '.join(parts[:8])}{', ...' if parts[8:] else ''}, which are those of no detector of "
            "torchvision that is known and of no joint model; expected Faster R-CNN, RetinaNet or FCOS of torchvision, "
            "SeqNet, NAE or OIM"
        )
    detector = build_coco_detector(
        type(config)(**{**vars(config), "min_size": unsaid.min_size, "max_size": unsaid.max_size})
    )
    detector.network.load_state_dict(with_counts(state, detector.network.state_dict()))
    notes = notes_of(published, "torchvision", None) | {"classes": config.classes}
    save_coco_detector(output, detector, notes)
    structure = (
        f"{config.network}, {config.classes} classes with the background, all of them kept; class 1 is the person"
    )
    assumed = ["class 1 is the person, as in COCO"]
    if unsaid.min_size is None:
        assumed.append("frames have torchvision's usual size (--min-size, --max-size)")
    done = told(published, structure)
    return Imported("detector", "torchvision", detector.fingerprint(), notes, done, tuple(assumed))
