"""Published joint models, told by the names of their parts: SeqNet, NAE and OIM."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from torch import Tensor

from detection.published.imported import Imported, fill, notes_of, told
from detection.published.nae import Nae, NaeConfig
from detection.published.oim import Oim, OimConfig
from detection.published.oim_parts import own_names
from detection.published.published_joint import PublishedJoint
from detection.published.reading import PublishedFile
from detection.published.seqnet import SeqNet, SeqNetConfig
from detection.published.settings import Unsaid

_TABLES: Mapping[str, tuple[str, ...]] = {
    "SeqNet": ("roi_heads.reid_loss.",),
    "NAE": ("roi_heads.reid_loss.",),
    "OIM": ("labeled_matching_layer.", "unlabeled_matching_layer."),
}
"""What the names of the tables begin with that only training needs."""

_NEVER_USED = ("roi_heads.box_predictor.cls_score.weight", "roi_heads.box_predictor.cls_score.bias")
"""NAE has a classifier beside its correction of boxes; its confidences come of the embeddings alone."""

_UNIT_LENGTH = (
    "embeddings have unit length, and are not times the confidence as its publishers have them (--class-weighted)"
)
_PROJECTORS = "roi_heads.embedding_head.projectors."


def import_joint(
    published: PublishedFile, state: Mapping[str, Tensor], output: Path, unsaid: Unsaid
) -> Imported | None:
    """Write a joint model as a model file of this project; None where the checkpoint is of none.

    Args:
        published: The checkpoint.
        state: Its weights, under torchvision's names of today.
        output: The model file to write.
        unsaid: What the checkpoint does not say.

    Raises:
        ValueError: The model has parts that this project does not compute, or lacks some.
        OSError: The file cannot be written.
    """
    if any(name.startswith("roi_heads.reid_head.") for name in state):
        return _seqnet(published, state, output, unsaid)
    if any(name.startswith("roi_heads.embedding_head.") for name in state):
        return _nae(published, state, output, unsaid)
    if "backbone.SpatialConvolution_0.weight" in state:
        return _oim(published, own_names(state), output, unsaid)
    if "roi_head.bbox_head.fc_feat.weight" in state:
        raise ValueError(
            "this is OIM in the form of mmdetection, which this project does not compute; import the one of "
            "person_search's main branch, SeqNet or NAE"
        )
    return None


def _seqnet(published: PublishedFile, state: Mapping[str, Tensor], output: Path, unsaid: Unsaid) -> Imported:
    config = _sized(SeqNetConfig(_width(state), "roi_heads.box_predictor.bbox_pred.0.weight" in state), unsaid)
    assumed = ("confidence from 0.5 on; suppression at 0.4, and 0.5 after the second head", _UNIT_LENGTH)
    return _written(published, state, output, SeqNet(config), "two heads", assumed)


def _nae(published: PublishedFile, state: Mapping[str, Tensor], output: Path, unsaid: Unsaid) -> Imported:
    if any(name.startswith(_PROJECTORS) and value.ndim == 4 for name, value in state.items()):
        raise ValueError(
            "this is NAE+, whose embeddings see every place of a box by itself, which this project does not compute; "
            "import NAE"
        )
    config = _sized(NaeConfig(_width(state), "roi_heads.box_predictor.bbox_pred.0.weight" in state), unsaid)
    assumed = ("confidence from 0.5 on; suppression at 0.4", _UNIT_LENGTH)
    return _written(published, state, output, Nae(config), "one head, confidence of the embedding's length", assumed)


def _oim(published: PublishedFile, state: Mapping[str, Tensor], output: Path, unsaid: Unsaid) -> Imported:
    config = _sized(OimConfig(len(state.get("feature.bias", ())) or OimConfig.dimension), unsaid)
    assumed = ("confidence from 0.5 on; suppression at 0.4", "frames are BGR from 0 to 255 without Caffe's mean")
    return _written(published, state, output, Oim(config), "Caffe's form, one head", assumed)


def _width(state: Mapping[str, Tensor]) -> int:
    """The length of an embedding of two halves."""
    halves = [state.get(f"{_PROJECTORS}feat_{part}.0.bias", ()) for part in ("res4", "res5")]
    return sum(map(len, halves)) or SeqNetConfig.dimension


def _sized(config: Any, unsaid: Unsaid) -> Any:
    """The structure with the size of frames that the user knows, else the published one."""
    min_size = unsaid.min_size or config.min_size
    return replace(config, min_size=min_size, max_size=unsaid.max_size or max(config.max_size, unsaid.min_size or 0))


def _written(
    published: PublishedFile,
    state: Mapping[str, Tensor],
    output: Path,
    model: PublishedJoint[Any],
    heads: str,
    assumed: Sequence[str],
) -> Imported:
    """Fill a model with all weights but those that nothing needs, and write it."""
    program, config = model.program, model.config
    left_out = [name for name in state if name.startswith(_TABLES[program])]
    never_used = [name for name in state if program == "NAE" and name in _NEVER_USED]
    fill(model, {name: value for name, value in state.items() if name not in {*left_out, *never_used}})
    table = next((state[name] for name in left_out if name.endswith(("lut", "lookup_table"))), None)
    notes = notes_of(published, program, None if table is None else len(table))
    model.save(output, notes=notes)
    structure = f"{program}, resnet50 up to stride 16, {heads}; embeddings of {config.dimension} numbers"
    size = f"frames of {config.min_size} to {config.max_size} pixels (--min-size, --max-size)"
    done = told(published, structure, left_out, never_used)
    return Imported("joint model", program, model.fingerprint(), notes, done, (size, *assumed))
