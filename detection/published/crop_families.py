"""Published re-identification checkpoints whose networks this project computes exactly, and how their names read.

Three families, each a ResNet under mean pooling (Luo et al., "Bag of Tricks and A Strong Baseline for Deep Person
Re-identification", 2019; He et al., "FastReID", 2020; Zhou and Xiang, "Torchreid", 2019):

    bag of tricks   base.conv1.weight ...        bottleneck.weight ...           no ReLU behind the first BatchNorm
    fast-reid       backbone.conv1.weight ...    heads.bottleneck.0.weight ...   max pooling that begins at the edge
    torchreid       conv1.weight ...             -                               torchvision's ResNet

All of them take RGB pictures, normalized by ImageNet's mean and deviation, as this project does.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from detection.published.settings import Unsaid
from reid.crops.settings import Backbone, SphereReIDConfig, Stem

TRUNKS: Mapping[tuple[int, int, int], Backbone] = {(2, 2, 0): "resnet18", (3, 6, 0): "resnet34", (3, 6, 1): "resnet50"}
"""Blocks of the first and the third group, and whether they are bottlenecks -> the trunk."""

_TRUNK_PART = re.compile(r"(conv1|bn1|layer[1-4]\.\d+\.(conv|bn|downsample\.)\d)\.(weight|bias|running_\w+|num_\w+)")
_NORMALIZED = {"pixel_mean": (0.485, 0.456, 0.406), "pixel_std": (0.229, 0.224, 0.225)}

_WITHOUT_COUNTERPART = {
    r"NL_\d": "non-local blocks",
    r"\.IN\.": "instance normalization (IBN)",
    r"\.se\.": "squeeze-and-excitation",
    r"pool_layer\.p": "generalized mean pooling (GeM)",
    r"^conv1\.conv\.|^conv2\.0\.conv1\.conv": "OSNet's layers",
    r"^fc\.\d": "a layer with ReLU behind the pooling (resnet50_fc512)",
    r"patch_embed|\.attn\.": "a transformer",
}
"""Names of parts that no crop model of this project has -> what they are."""


@dataclass(frozen=True)
class Family:
    """How the checkpoints of one program are written.

    Args:
        name: The program.
        trunk: What stands in front of the trunk's names.
        neck: What the neck's names begin with; "" where there is none.
        classifiers: The names of the layer that told the people of the training apart, which searching does not need.
        last_stride: The stride of the last group of layers, as its publishers have it.
        stem: What follows the first BatchNorm.
    """

    name: str
    trunk: str
    neck: str
    classifiers: tuple[str, ...]
    last_stride: int
    stem: Stem


FAMILIES = (
    Family("bag of tricks", "base.", "bottleneck.", ("classifier.weight", "classifier.bias"), 1, "plain"),
    Family("fast-reid", "backbone.", "heads.bottleneck.", ("heads.weight", "heads.classifier.weight"), 1, "unpadded"),
    Family("torchreid", "", "", ("classifier.weight", "classifier.bias"), 2, "torchvision"),
)


@dataclass(frozen=True)
class CropWeights:
    """A published crop model in this project's names.

    Args:
        family: The program that wrote it.
        config: Its structure.
        state: Name -> tensor, all that a `SphereReID` of this structure has.
        people: How many people its classifier told apart, None where the file has no classifier.
        left_out: The names of what is not taken, because searching does not need it.
    """

    family: Family
    config: SphereReIDConfig
    state: Mapping[str, Tensor]
    people: int | None
    left_out: tuple[str, ...]


def family_of(state: Mapping[str, Tensor]) -> Family | None:
    """The family of a checkpoint; None where it is of none.

    Args:
        state: Name -> tensor.
    """
    if any(name.startswith(("rpn.", "roi_heads.", "backbone.body.")) for name in state):
        return None
    return next((one for one in FAMILIES if f"{one.trunk}conv1.weight" in state), None)


def read_crop_model(state: Mapping[str, Tensor], unsaid: Unsaid) -> CropWeights:
    """The structure and the weights of a published crop model.

    Args:
        state: Name -> tensor.
        unsaid: What no weight tells.

    Raises:
        ValueError: The file is of no family that is known, or has parts that this project does not compute; the text
            names them.
    """
    family = family_of(state)
    _refuse_foreign(state, family)
    assert family is not None
    trunk = _below(state, family.trunk, family)
    neck = {name: value for name, value in state.items() if family.neck and name.startswith(family.neck)}
    head, network = _head({name.removeprefix(family.neck): value for name, value in neck.items()}, unsaid)
    taken = {*(family.trunk + name for name in trunk), *(neck if head else ())}
    classifier = next((name for name in family.classifiers if name in state), None)
    left_out = sorted(set(state) - taken)
    unknown = [name for name in left_out if name not in (*family.classifiers, *_NORMALIZED, *neck)]
    if unknown:
        raise ValueError(
            f"{family.name}: {len(unknown)} parts are unknown, the first is {unknown[0]} "
            f"{tuple(state[unknown[0]].shape)}; expected a ResNet with mean pooling, a neck and a classifier"
        )
    config = SphereReIDConfig(
        network=network,
        backbone=_trunk_name(trunk),
        dimension=len(head["head.0.weight"]) if network == "C" else 1024,
        bias=False,
        last_stride=unsaid.last_stride or family.last_stride,
        stem=family.stem,
        height=unsaid.height,
        width=unsaid.width,
        resize_height=unsaid.height,
        resize_width=unsaid.width,
    )
    weights = {f"backbone.{name}": value for name, value in trunk.items()} | head
    people = None if classifier is None else len(state[classifier])
    return CropWeights(family, config, weights, people, tuple(left_out))


def _refuse_foreign(state: Mapping[str, Tensor], family: Family | None) -> None:
    """Refuse parts that have no counterpart here, and pictures that are normalized in another way."""
    for pattern, what in _WITHOUT_COUNTERPART.items():
        found = [name for name in state if re.search(pattern, name)]
        if found:
            raise ValueError(
                f"the network has {what} ({found[0]} and {len(found) - 1} more), which this project does not compute, "
                "so the imported model would be another one; import a plain ResNet with mean pooling"
            )
    if family is None:
        raise ValueError(
            f"the names ({', '.join(list(state)[:3])}, ...) are of no known program; expected a checkpoint of the bag "
            "of tricks, fast-reid or torchreid, SeqNet, or a detector of torchvision"
        )
    if "fc.weight" in state:
        raise ValueError(
            "this is a classifier of torchvision, which has not learned to tell people apart; train with it: "
            "`train crop --weights FILE`"
        )
    for name, expected in _NORMALIZED.items():
        if name in state:
            found_values = state[name].float().flatten()
            if not torch.allclose(found_values, 255 * torch.tensor(expected), atol=0.5):
                raise ValueError(
                    f"{name} is {found_values.tolist()}, expected ImageNet's, by which pictures are normalized here"
                )


def _below(state: Mapping[str, Tensor], prefix: str, family: Family) -> dict[str, Tensor]:
    """The trunk's parts without what stands in front of their names."""
    names = [name for name in state if name.startswith(prefix) and _TRUNK_PART.fullmatch(name.removeprefix(prefix))]
    if not names:
        raise ValueError(
            f"{family.name}: no part of a ResNet begins with {prefix!r}; expected {prefix}layer1.0.conv1.weight"
        )
    return {name.removeprefix(prefix): state[name] for name in names}


def _trunk_name(trunk: Mapping[str, Tensor]) -> Backbone:
    groups = [{name.split(".")[1] for name in trunk if name.startswith(f"layer{group}.")} for group in (1, 3)]
    shape = len(groups[0]), len(groups[1]), int("layer1.0.conv3.weight" in trunk)
    if shape not in TRUNKS:
        known = ", ".join(TRUNKS.values())
        raise ValueError(
            f"the trunk has {shape[0]} blocks in its first and {shape[1]} in its third group, expected {known}"
        )
    return TRUNKS[shape]


def _head(neck: Mapping[str, Tensor], unsaid: Unsaid) -> tuple[dict[str, Tensor], Literal["A", "C", "bnneck"]]:
    """What follows the pooling, in this project's names, and the letter of the network."""
    if "0.weight" in neck and neck["0.weight"].ndim == 4:  # a convolution over one place is a linear map
        if unsaid.neck == "before":
            raise ValueError("neck is before, but the file's neck makes fewer numbers; leave it out")
        norm = {f"head.{name}": value for name, value in neck.items() if name.startswith("1.")}
        return {"head.0.weight": neck["0.weight"].flatten(1)} | norm, "C"
    if not neck or unsaid.neck == "before":
        return {}, "A"
    return {f"head.{name.removeprefix('0.')}": value for name, value in neck.items()}, "bnneck"
