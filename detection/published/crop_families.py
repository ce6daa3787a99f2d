"""Published re-identification checkpoints whose networks this project computes exactly, and how their names read.

Four families, each a ResNet, a pooling and perhaps a neck (Luo et al., "Bag of Tricks and A Strong Baseline for Deep
Person Re-identification", 2019; Ye et al., "Deep Learning for Person Re-identification: A Survey and Outlook", TPAMI
2022; He et al., "FastReID", 2020; Zhou and Xiang, "Torchreid", 2019):

    bag of tricks   base.conv1.weight ...        bottleneck.weight ...           no ReLU behind the first BatchNorm
    AGW             the same                     and global_pool.p               the same, under GeM pooling
    fast-reid       backbone.conv1.weight ...    heads.bottleneck.0.weight ...   max pooling that begins at the edge
    torchreid       conv1.weight ...             -                               torchvision's ResNet

A trunk of theirs may have IBN (...bn1.IN.weight) and a ResNet-50 non-local blocks (NL_2.0.g.weight), which stand behind
the last blocks of a group. All of them take RGB pictures, normalized by ImageNet's mean and deviation, as this project
does.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from detection.published.settings import Unsaid
from reid.crops.settings import Attention, Backbone, Pooling, SphereReIDConfig, Stem

TRUNKS: Mapping[tuple[int, int, int], Backbone] = {(2, 2, 0): "resnet18", (3, 6, 0): "resnet34", (3, 6, 1): "resnet50"}
"""Blocks of the first and the third group, and whether they are bottlenecks -> the trunk."""

_TRUNK_PART = re.compile(
    r"(conv1|bn1|layer[1-4]\.\d+\.(conv\d|bn\d|bn1\.IN|bn1\.BN|downsample\.\d))\.(weight|bias|running_\w+|num_\w+)"
)
_NON_LOCAL = re.compile(r"NL_([23])\.(\d+)\.(.+)")
_FIRST_ATTENDED = {"2": 2, "3": 3}
"""The group of a ResNet-50 -> the block behind which its first non-local block stands."""
_NORMALIZED = {"pixel_mean": (0.485, 0.456, 0.406), "pixel_std": (0.229, 0.224, 0.225)}
_AGW_POWER = 3.0

_WITHOUT_COUNTERPART = {
    r"(^|\.)layer\d\.\d+\.IN\.": "instance normalization behind whole blocks (IBN-b)",
    r"\.se\.": "squeeze-and-excitation",
    r"^conv1\.conv\.|^conv2\.0\.conv1\.conv": "OSNet's layers",
    r"(^|\.)conv1\.0\.weight$": "a stem of several convolutions (ResNeSt)",
    r"^fc\.\d": "a layer with ReLU behind the pooling (resnet50_fc512)",
    r"patch_embed|\.attn\.": "a transformer",
}
"""Names of parts that no crop model of this project has -> what they are."""


@dataclass(frozen=True)
class Family:
    """How the checkpoints of one program are written.

    Args:
        name: The program.
        mark: A part that tells it from those behind it in `FAMILIES`.
        trunk: What stands in front of the trunk's names.
        necks: What the neck's names begin with, the first that there is; empty where there is none.
        power: The name of a learned power of the pooling.
        unneeded: The names of what searching does not need. The first that there is has a row for each person of the
            training.
        last_stride: The stride of the last group of layers, as its publishers have it.
        stem: What follows the first BatchNorm.
    """

    name: str
    mark: str
    trunk: str
    necks: tuple[str, ...]
    power: str
    unneeded: tuple[str, ...]
    last_stride: int
    stem: Stem


_TRICKS = ("base.", ("bottleneck.",), "global_pool.p", ("classifier.weight", "classifier.bias"))
FAMILIES = (
    Family("AGW", "global_pool.p", *_TRICKS, 1, "plain"),
    Family("bag of tricks", "base.conv1.weight", *_TRICKS, 1, "plain"),
    Family(
        "fast-reid",
        "backbone.conv1.weight",
        "backbone.",
        ("heads.bottleneck.", "heads.bnneck."),
        "heads.pool_layer.p",
        ("heads.weight", "heads.classifier.weight"),
        1,
        "unpadded",
    ),
    Family("torchreid", "conv1.weight", "", (), "", ("classifier.weight", "classifier.bias"), 2, "torchvision"),
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
        never_used: The names of what the published network has and does not compute with.
        assumed: What no weight tells and was therefore assumed, one sentence each.
    """

    family: Family
    config: SphereReIDConfig
    state: Mapping[str, Tensor]
    people: int | None
    left_out: tuple[str, ...]
    never_used: tuple[str, ...]
    assumed: tuple[str, ...]


def family_of(state: Mapping[str, Tensor]) -> Family | None:
    """The family of a checkpoint; None where it is of none.

    Args:
        state: Name -> tensor.
    """
    if any(name.startswith(("rpn.", "roi_heads.", "backbone.body.")) for name in state):
        return None
    return next((one for one in FAMILIES if one.mark in state), None)


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
    trunk = _trunk(state, family)
    start = next((one for one in family.necks if any(name.startswith(one) for name in state)), None)
    neck = {name: value for name, value in state.items() if start is not None and name.startswith(start)}
    head, network = _head({name.removeprefix(start or ""): value for name, value in neck.items()}, unsaid)
    pooling, pool = _pooling(state, family, unsaid)
    instance_norm = any(".bn1.IN." in name for name in trunk)
    # With IBN the bag of tricks has a ReLU in its stem, and a classifier of ImageNet that it does not use.
    never_used = [name for name in ("base.fc.weight", "base.fc.bias") if instance_norm and name in state]
    left_out = sorted(set(state) - set(trunk.values()) - set(neck if head else ()) - {family.power, *never_used})
    known = {*family.unneeded, *_NORMALIZED, *neck}
    _refuse_unknown(state, family, [name for name in left_out if name not in known])
    height = unsaid.height or _usual_height(state, family)
    config = SphereReIDConfig(
        network=network,
        backbone=_trunk_name(trunk),
        dimension=len(head["head.0.weight"]) if network == "C" else 1024,
        bias=False,
        last_stride=unsaid.last_stride or family.last_stride,
        stem="torchvision" if instance_norm and family.stem == "plain" else family.stem,
        pooling=pooling,
        instance_norm=instance_norm,
        attention=_attention(trunk, state),
        height=height,
        width=unsaid.width,
        resize_height=height,
        resize_width=unsaid.width,
    )
    weights = {f"backbone.{name}": state[published] for name, published in trunk.items()} | head | pool
    classifier = next((name for name in family.unneeded if name in state), None)
    people = None if classifier is None else len(state[classifier])
    assumed = _assumed(config, unsaid, told=family.power in state)
    return CropWeights(family, config, weights, people, tuple(left_out), tuple(never_used), assumed)


def _refuse_foreign(state: Mapping[str, Tensor], family: Family | None) -> None:
    """Refuse parts that have no counterpart here, and pictures that are normalized in another way."""
    for pattern, what in _WITHOUT_COUNTERPART.items():
        found = [name for name in state if re.search(pattern, name)]
        if found:
            raise ValueError(
                f"the network has {what} ({found[0]} and {len(found) - 1} more), which this project does not compute, "
                "so the imported model would be another one; import a ResNet without it"
            )
    if family is None:
        raise ValueError(
            f"the names ({', '.join(list(state)[:3])}, ...) are of no known program; expected a checkpoint of the bag "
            "of tricks, AGW, fast-reid, torchreid, SeqNet, NAE or OIM, or a detector of torchvision"
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


def _refuse_unknown(state: Mapping[str, Tensor], family: Family, unknown: list[str]) -> None:
    if unknown:
        raise ValueError(
            f"{family.name}: {len(unknown)} parts are unknown, the first is {unknown[0]} "
            f"{tuple(state[unknown[0]].shape)}; expected a ResNet with mean or GeM pooling, a neck and a classifier"
        )


def _trunk(state: Mapping[str, Tensor], family: Family) -> dict[str, str]:
    """What the trunk's parts are called here -> their published names."""
    names = {}
    for published in state:
        name = published.removeprefix(family.trunk)
        non_local = _NON_LOCAL.fullmatch(name)
        if not published.startswith(family.trunk) or not (non_local or _TRUNK_PART.fullmatch(name)):
            continue
        if non_local:
            group, number, rest = non_local.groups()
            name = f"layer{group}.attention{_FIRST_ATTENDED[group] + int(number)}.{rest}"
        names[name] = published
    if not names:
        raise ValueError(
            f"{family.name}: no part of a ResNet begins with {family.trunk!r}; expected {family.trunk}conv1.weight"
        )
    return names


def _trunk_name(trunk: Mapping[str, str]) -> Backbone:
    groups = [{one.split(".")[1] for one in trunk if re.match(rf"layer{number}\.\d", one)} for number in (1, 3)]
    shape = len(groups[0]), len(groups[1]), int("layer1.0.conv3.weight" in trunk)
    if shape not in TRUNKS:
        known = ", ".join(TRUNKS.values())
        raise ValueError(
            f"the trunk has {shape[0]} blocks in its first and {shape[1]} in its third group, expected {known}"
        )
    return TRUNKS[shape]


def _attention(trunk: Mapping[str, str], state: Mapping[str, Tensor]) -> Attention:
    inner = {tuple(state[published].shape[:2]) for name, published in trunk.items() if name.endswith(".g.weight")}
    if not inner:
        return "none"
    if inner <= {(1, 512), (1, 1024)}:
        return "single"
    if inner <= {(256, 512), (512, 1024)}:
        return "half"
    raise ValueError(f"the non-local blocks map {sorted(inner)} channels, expected 1 or half of 512 and 1024")


def _pooling(state: Mapping[str, Tensor], family: Family, unsaid: Unsaid) -> tuple[Pooling, dict[str, Tensor]]:
    """How the map becomes features, and the power where it has one: learned, or that of AGW, which is not stored."""
    if family.power in state:
        if unsaid.pooling == "mean":
            raise ValueError(f"pooling is mean, but the file has a power for it ({family.power}); leave it out")
        return "gem", {"pooling.p": state[family.power]}
    agw = family.name == "fast-reid" and any(name.startswith("backbone.NL_") for name in state)
    if (unsaid.pooling or ("gem" if agw else "mean")) == "mean":
        return "mean", {}
    return "gem", {"pooling.p": torch.tensor([_AGW_POWER])}


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


def _usual_height(state: Mapping[str, Tensor], family: Family) -> int:
    return 384 if family.name == "fast-reid" and family.power in state else 256


def _assumed(config: SphereReIDConfig, unsaid: Unsaid, *, told: bool) -> tuple[str, ...]:
    """What no weight told, one sentence each; a learned power tells the pooling."""
    assumed = [f"crops of {config.height} x {config.width} pixels (--height, --width)"]
    if unsaid.last_stride is None:
        assumed.append(f"a last stride of {config.last_stride} (--last-stride)")
    if config.network == "bnneck":
        assumed.append("embeddings are taken after the neck (--neck before takes them before it)")
    if not told:
        how = "averaged over all places" if config.pooling == "mean" else f"pooled by GeM with p = {_AGW_POWER:g}"
        assumed.append(f"features are {how} (--pooling)")
    return (*assumed, "pictures are RGB, normalized by ImageNet's mean and deviation")
