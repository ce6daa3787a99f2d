"""The joint model whose networks OpenVINO computes; proposals and sampling stay torch's."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torchvision.models.detection.image_list import ImageList
from torchvision.models.detection.rpn import concat_box_prediction_layers
from torchvision.ops import MultiScaleRoIAlign
from torchvision.ops.poolers import _setup_scales

from detection.detections import Detections
from detection.joint import PersonSearchRCNN
from detection.runtime.networks import box_heads, compiled_networks, trunk_level
from detection.runtime.pooling import MapTable, pooled
from detection.runtime.stand_in import PersonStandIn
from reid.runtime.compiled import Network
from reid.runtime.settings import ComputedIn, TypicalFrames


@dataclass(frozen=True, eq=False)
class SeenFrames:
    """What the network sees in a batch of frames.

    Args:
        pyramid: (N, L, C) float32, the maps that boxes are sampled from, see `MapTable.rows`.
        trunk: (N, L', C') float32, the map that the embedding head reads; None where it reads the pyramid.
        objectness: (N, A, H_i, W_i) float32 for each level, and for the coarse one after them.
        regression: (N, 4 A, H_i, W_i) float32 for each of these levels.
    """

    pyramid: Tensor
    trunk: Tensor | None
    objectness: list[Tensor]
    regression: list[Tensor]


class CompiledParts:
    """The networks of a joint model, compiled (`detection.joint.JointParts`).

    Args:
        model: The joint model, which says how boxes are proposed and sampled.
        frames: The network of `detection.runtime.networks.Frames`.
        heads: A network of `BoxHead` for each box head.
        embeddings: The network of `Embeddings`.
    """

    def __init__(self, model: PersonSearchRCNN, frames: Network, heads: list[Network], embeddings: Network) -> None:
        self._rpn = model.detector.rpn
        self._pools: list[Any] = [one.box_roi_pool for one in box_heads(model)]
        self._person_pool = model.embedding_head.pool
        self._levels = len(model.detector_config.pyramid_levels)
        self._trunk_level = trunk_level(model)
        self._dimension = model.embedding_dim
        self._frames, self._heads, self._embeddings = frames, heads, embeddings

    def maps(self, images: ImageList) -> SeenFrames:
        """Computes what the network sees in frames."""
        found = self._frames(images.tensors)
        count = self._levels + 1
        objectness, regression = found[1 : 1 + count], found[1 + count : 1 + 2 * count]
        return SeenFrames(found[0], None if self._trunk_level is None else found[-1], objectness, regression)

    def proposals(self, images: ImageList, maps: SeenFrames) -> list[Tensor]:
        """Proposes boxes (N_i, 4) of each image, xyxy in the network's input, as torchvision does."""
        anchors = self._rpn.anchor_generator(images, maps.objectness)
        counts = [int(level[0].numel()) for level in maps.objectness]
        scores, moves = concat_box_prediction_layers(maps.objectness, maps.regression)
        boxes = self._rpn.box_coder.decode(moves, anchors).view(len(anchors), -1, 4)
        kept: list[Tensor] = self._rpn.filter_proposals(boxes, scores, images.image_sizes, counts)[0]
        return kept

    def look(
        self, number: int, maps: SeenFrames, boxes: list[Tensor], sizes: list[tuple[int, int]]
    ) -> tuple[Tensor, Tensor]:
        """Looks at boxes with a box head, 0 the first: logits (R, 2) and box regression (R, 8), float32."""
        samples = self._sampled(self._pools[number], maps, boxes, sizes)
        if not len(samples):
            return samples.new_zeros(0, 2), samples.new_zeros(0, 8)
        logits, regression = self._heads[number](samples)
        return logits.clone(), regression.clone()

    def raw_embeddings(self, maps: SeenFrames, boxes: list[Tensor], sizes: list[tuple[int, int]]) -> Tensor:
        """Embeds boxes, (R, D) float32 of any length."""
        samples = self._sampled(self._person_pool, maps, boxes, sizes)
        return self._embeddings(samples)[0].clone() if len(samples) else samples.new_zeros(0, self._dimension)

    def _sampled(
        self, pool: MultiScaleRoIAlign, maps: SeenFrames, boxes: list[Tensor], sizes: list[tuple[int, int]]
    ) -> Tensor:
        """Samples of boxes (R, h, w, C), from the level that torchvision would take for each."""
        levels = [int(name) for name in pool.featmap_names]
        shapes = [torch.empty(1, 1, *maps.objectness[level].shape[2:], device="meta") for level in levels]
        scales, level_of = _setup_scales(shapes, sizes, pool.canonical_scale, pool.canonical_level)
        rows = maps.trunk if maps.trunk is not None and pool is self._person_pool else maps.pyramid
        table = MapTable(rows, [(int(one.shape[2]), int(one.shape[3])) for one in shapes], scales)
        images = torch.repeat_interleave(torch.arange(len(boxes)), torch.tensor([len(one) for one in boxes]))
        down, across = pool.output_size
        return pooled(table, torch.cat(boxes), level_of(boxes), images, (int(down), int(across)))


class CompiledJoint(PersonStandIn):
    """A joint model whose networks are compiled; its embeddings can be compared with those of the model itself.

    Args:
        model: The joint model, on the processor.
        parts: Its networks.
        batch: How many frames go through the networks together, 1 or more; whoever gives more waits for several calls.
    """

    model: PersonSearchRCNN

    def __init__(self, model: PersonSearchRCNN, parts: CompiledParts, batch: int) -> None:
        super().__init__(model)
        self.parts = parts
        self.batch = batch

    def detect(self, images: list[Tensor], *, embeds: bool = True) -> list[Detections]:
        """Finds everybody in each image, see `PersonSearchRCNN.detect`."""
        parts = [images[start : start + self.batch] for start in range(0, len(images), self.batch)]
        return [found for some in parts for found in self.model.detect(some, self.parts, embeds=embeds)]

    def embed(self, images: list[Tensor], boxes: list[Tensor]) -> list[Tensor]:
        """Embeds the people in given boxes, see `PersonSearchRCNN.embed`."""
        if len(images) != len(boxes):
            return self.model.embed(images, boxes)  # which refuses them
        parts = [slice(start, start + self.batch) for start in range(0, len(images), self.batch)]
        return [rows for part in parts for rows in self.model.embed(images[part], boxes[part], self.parts)]


def compiled_joint(
    model: PersonSearchRCNN, precision: ComputedIn, threads: int, batch: int, typical: TypicalFrames | None = None
) -> CompiledJoint:
    """Compiles the networks of a joint model.

    Args:
        model: The joint model, on the processor.
        precision: What the networks compute in.
        threads: How many threads compute, 1 or more.
        batch: How many frames go through the networks together, 1 or more.
        typical: The frames that 8-bit numbers are chosen by, which int8 needs.
    """
    return CompiledJoint(model, CompiledParts(model, *compiled_networks(model, precision, threads, typical)), batch)
