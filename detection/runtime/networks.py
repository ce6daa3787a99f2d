"""The networks of a joint model as functions of tensors alone, in the form in which they are compiled."""

from functools import partial
from typing import Any, cast

import torch
from torch import Tensor, nn
from torchvision.models.detection.roi_heads import RoIHeads

from datasets.images import as_tensor
from detection.backbones import TrunkAndPyramid
from detection.joint import PersonSearchRCNN
from reid.runtime.compiled import Network, Source, TypicalInputs, compiled, computed_in
from reid.runtime.settings import ComputedIn, TypicalFrames

SIDE = 128
"""Pixels of the frames that networks are traced with; any multiple of 32 goes through them."""

ROWS = 3
"""Boxes that heads are traced with."""


PROPOSING = ("head.cls_logits", "head.bbox_pred")
"""The layers of `Frames` that say where boxes are: cheap, they keep their numbers where others have 8 bits."""


class Frames(nn.Module):
    """What a joint model sees in frames: its maps as tables, and what it proposes.

    Args:
        model: The joint model.
    """

    def __init__(self, model: PersonSearchRCNN) -> None:
        super().__init__()
        self.backbone = cast(TrunkAndPyramid, model.detector.backbone)
        self.head = model.detector.rpn.head
        self.levels = len(model.detector_config.pyramid_levels)
        self.trunk_level = trunk_level(model)

    def forward(self, frames: Tensor) -> tuple[Tensor, ...]:
        """Computes everything about frames (N, 3, H, W) that are resized, normalized and padded.

        Returns:
            The table of the pyramid's maps, (N, L, C); objectness (N, A, H_i, W_i) of each level, finest first; box
            regression (N, 4 A, H_i, W_i) of each level; and where the embedding head reads the trunk, the table
            (N, H_i W_i, C') of the map that it reads.
        """
        trunk, pyramid = self.backbone.both(frames)
        table = torch.cat([_rows(pyramid[str(level)]) for level in range(self.levels)], dim=1)
        objectness, regression = self.head(list(pyramid.values()))
        read = [] if self.trunk_level is None else [_rows(trunk[str(self.trunk_level)])]
        return (table, *objectness, *regression, *read)


def trunk_level(model: PersonSearchRCNN) -> int | None:
    """The level of the trunk that the embedding head reads, as its row among the pyramid's; None without one.

    Args:
        model: The joint model.
    """
    embedding = model.embedding_config
    if embedding.source != "trunk":
        return None
    return model.detector_config.pyramid_levels.index(embedding.level)


class BoxHead(nn.Module):
    """What looks at boxes, without the sampling.

    Args:
        heads: torchvision's box heads.
    """

    def __init__(self, heads: RoIHeads) -> None:
        super().__init__()
        self.head, self.predictor = heads.box_head, heads.box_predictor

    def forward(self, samples: Tensor) -> tuple[Tensor, Tensor]:
        """Computes logits (R, 2) and box regression (R, 8) of samples (R, 7, 7, C)."""
        found: tuple[Tensor, Tensor] = self.predictor(self.head(samples.permute(0, 3, 1, 2)))
        return found


class Embeddings(nn.Module):
    """What embeds people, without the sampling.

    Args:
        model: The joint model.
    """

    def __init__(self, model: PersonSearchRCNN) -> None:
        super().__init__()
        self.head = model.embedding_head

    def forward(self, samples: Tensor) -> tuple[Tensor]:
        """Computes raw embeddings (R, D) of samples (R, h, w, C)."""
        return (self.head.of_samples(samples.permute(0, 3, 1, 2)),)


def compiled_networks(
    model: PersonSearchRCNN, precision: ComputedIn, threads: int, typical: TypicalFrames | None = None
) -> tuple[Network, list[Network], Network]:
    """Compiles the networks of a joint model.

    Args:
        model: The joint model, on the processor.
        precision: What the networks compute in. The box heads compute in float32 all the same, which takes 3 ms of 50:
            where they put boxes in bf16, second looks see other cut-outs (top-1 on prw_c6 0.371 after 0.379; 0.383 in
            float32).
        threads: How many threads compute, 1 or more.
        typical: The frames that 8-bit numbers are chosen by. In int8 what sees the frames alone has such numbers.

    Returns:
        The networks of `Frames`, of a `BoxHead` for each box head, and of `Embeddings`.
    """
    config, embedding, mark = model.detector_config, model.embedding_config, model.fingerprint()
    given, model.precision = model.precision, "float32"  # what is traced must not choose for itself
    try:
        frames, heads, rows = Frames(model).eval(), [BoxHead(one).eval() for one in box_heads(model)], (0,)
        image, channels = torch.zeros(1, 3, SIDE, SIDE), config.pyramid_channels
        read = channels if frames.trunk_level is None else _trunk_width(frames, image)
        person = torch.zeros(ROWS, embedding.pool_height, embedding.pool_width, read)
        box = torch.zeros(ROWS, 7, 7, channels)
        looks = None if typical is None else TypicalInputs(typical.name, partial(_as_seen, model, typical), PROPOSING)
        sources = [Source(frames, (image,), [(0, 2, 3)], f"joint-{mark}", looks)]
        sources += [Source(head, (box,), [rows], f"boxes{number}-{mark}") for number, head in enumerate(heads)]
        sources += [Source(Embeddings(model).eval(), (person,), [rows], f"embeddings-{mark}")]
        exact: list[ComputedIn] = ["float32"] * len(heads)
        embeds: ComputedIn = computed_in("auto") if precision == "int8" else precision
        kinds = [precision, *exact, embeds]
        made = [compiled(source, one, threads) for source, one in zip(sources, kinds, strict=True)]
    finally:
        model.precision = given
    return made[0], made[1:-1], made[-1]


def box_heads(model: PersonSearchRCNN) -> list[RoIHeads]:
    """The box heads of a joint model, one after another.

    Args:
        model: The joint model.
    """
    first: Any = model.detector.roi_heads
    return [first] if model.refinement is None else [first, model.refinement]


@torch.no_grad()
def _trunk_width(frames: Frames, image: Tensor) -> int:
    """The channels of the trunk's map that the embedding head reads."""
    return int(frames(image)[-1].shape[2])


@torch.no_grad()
def _as_seen(model: PersonSearchRCNN, typical: TypicalFrames) -> list[Tensor]:
    """Frames as the network sees them, (1, 3, H, W) each: resized, normalized and padded."""
    return [model.transform([as_tensor(frame)])[0].tensors for frame in typical.read()]


def _rows(maps: Tensor) -> Tensor:
    """Maps (N, C, H, W) as rows (N, H W, C)."""
    return maps.flatten(2).transpose(1, 2)
