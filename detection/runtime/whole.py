"""The whole joint model as one graph of tensors: from the pixels of frames to people, for ONNX.

torchvision's steps take lists of frames, which a tracer unrolls for the number that it sees. Here a batch is one tensor
and every box carries the number of its frame, so that frames of any size and in any number go through one graph. The
steps and their order are those of `PersonSearchRCNN.detect` and `embed`.
"""

from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional
from torchvision.models.detection.image_list import ImageList
from torchvision.ops import nms, roi_align
from torchvision.ops.poolers import LevelMapper, MultiScaleRoIAlign, _setup_scales

from detection.backbones import TrunkAndPyramid
from detection.faster_rcnn import without_parts
from detection.joint import PersonSearchRCNN
from detection.runtime.networks import box_heads
from detection.runtime.pooling import SAMPLES

STRIDE = 32
"""Frames are padded to a multiple of this, as torchvision pads them."""


class WholeJoint(nn.Module):
    """A joint model from pixels to people, in float32.

    Args:
        model: The joint model, in evaluation mode.
    """

    def __init__(self, model: PersonSearchRCNN) -> None:
        super().__init__()
        self.model = model
        self.heads = nn.ModuleList(box_heads(model))
        self.scales = {pool: _scales(model, pool) for pool in (self.heads[0].box_roi_pool, model.embedding_head.pool)}
        transform: Any = model.transform
        self.register_buffer("mean", torch.tensor(transform.image_mean).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("deviation", torch.tensor(transform.image_std).view(1, 3, 1, 1), persistent=False)

    def forward(self, frames: Tensor, given: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        """Finds everybody, and embeds them and whoever is in given boxes.

        Args:
            frames: (N, H, W, 3) uint8 RGB.
            given: (P, 5) float32: for each box the number of its frame, and xyxy in its pixels. It may be empty.

        Returns:
            boxes (K, 4) float32 xyxy in pixels of the frames, those of the first frame first and the surest first;
            scores (K,) float32 in [0, 1]; embeddings (K, D) float32 of unit length; the frame of each, (K,) int64; and
            (P, D) float32 of unit length, the embeddings of the given boxes.
        """
        images, size = self._resized(frames)
        trunk, pyramid = cast(TrunkAndPyramid, self.model.detector.backbone).both(images)
        boxes, of = self._proposed(images, pyramid, size)
        for head in self.heads[:-1]:
            _, moves = self._look(head, pyramid, boxes, of, size)
            boxes = self._moved(head, boxes, moves, size)
        last: Any = self.heads[-1]
        logits, moves = self._look(last, pyramid, boxes, of, size)
        score = logits.softmax(dim=1)[:, 1]
        if self.model.norm_score is not None and self.model.embedding_config.score_by == "norm":
            score = self.model.norm_score(self._embedded(trunk, pyramid, boxes, of, size)).sigmoid()
        boxes = self._moved(last, boxes, moves, size)
        boxes, score, of = self._kept(last, boxes, score, of, (images.shape[0], size))
        ratio = _sides(frames).float().flip(0) / size.flip(0)  # (2,) x and y
        embeddings = functional.normalize(self._embedded(trunk, pyramid, boxes, of, size), dim=1)
        asked = given[:, 1:] / ratio.repeat(2)
        rows = self._embedded(trunk, pyramid, asked, given[:, 0].long(), size)
        return boxes * ratio.repeat(2), score, embeddings, of, functional.normalize(rows, dim=1)

    def _resized(self, frames: Tensor) -> tuple[Tensor, Tensor]:
        """The network's input (N, 3, H', W'), padded, and the frames' height and width in it before, (2,) float32."""
        config = self.model.detector_config
        images = frames.permute(0, 3, 1, 2).float() / 255
        sides = _sides(frames).double()  # as torchvision computes sizes: in single precision some are a pixel smaller
        wanted = torch.tensor([config.min_size, config.max_size], dtype=torch.float64)
        scale = (wanted / torch.stack([sides.min(), sides.max()])).min()
        size = (sides * scale).floor().clamp(min=1).long()  # (2,)
        # torchvision normalizes first; resizing is linear, and so the order does not matter.
        images = (images - cast(Tensor, self.mean)) / cast(Tensor, self.deviation)
        images = functional.interpolate(images, size=[size[0], size[1]], mode="bilinear", align_corners=False)  # type: ignore[list-item]
        beyond = (STRIDE - size % STRIDE) % STRIDE
        images = functional.pad(images, [0, beyond[1], 0, beyond[0]])  # type: ignore[list-item]
        return images, size.float()

    def _proposed(self, images: Tensor, pyramid: dict[str, Tensor], size: Tensor) -> tuple[Tensor, Tensor]:
        """Boxes (R, 4) in the network's input and the frame (R,) of each, the surest of a frame first."""
        rpn: Any = self.model.detector.rpn
        levels = list(pyramid.values())
        objectness, moves = rpn.head(levels)
        every = rpn.anchor_generator(ImageList(images, [(images.shape[2], images.shape[3])]), levels)[0]
        boxes, scores, frames, groups, begin = [], [], [], [], 0
        most = rpn.pre_nms_top_n()
        for number, (level, move) in enumerate(zip(objectness, moves, strict=True)):
            sure = level.permute(0, 2, 3, 1).flatten(1)  # (N, n)
            count = sure.shape[1]
            per_anchor = move.unflatten(1, (-1, 4)).permute(0, 3, 4, 1, 2).flatten(1, 3)  # (N, n, 4)
            few = torch.minimum(torch.tensor(most), torch.as_tensor(count))
            best, rows = sure.topk(few, dim=1)
            chosen = per_anchor.gather(1, rows[:, :, None].expand(-1, -1, 4)).flatten(0, 1)
            anchors = every[begin : begin + count][rows.flatten()]
            begin = begin + count
            boxes.append(rpn.box_coder.decode_single(chosen, anchors))
            scores.append(best.flatten().sigmoid())
            frames.append(torch.arange(images.shape[0]).repeat_interleave(few))
            groups.append(frames[-1] * len(objectness) + number)
        found, score, of = torch.cat(boxes), torch.cat(scores), torch.cat(frames)
        found = _clipped(found, size)
        good = ((found[:, 2:] - found[:, :2]) >= rpn.min_size).all(dim=1) & (score >= rpn.score_thresh)
        rows = good.nonzero()[:, 0]
        found, score, of, group = found[rows], score[rows], of[rows], torch.cat(groups)[rows]
        kept = self._suppressed(found, score, group, rpn.nms_thresh, size)
        kept = kept[_first(of[kept], images.shape[0], rpn.post_nms_top_n())]
        return found[kept], of[kept]

    def _look(
        self, head: Any, pyramid: dict[str, Tensor], boxes: Tensor, of: Tensor, size: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Logits (R, 2) and moves (R, 8) of boxes."""
        samples = self._sampled(cast(MultiScaleRoIAlign, self.heads[0].box_roi_pool), pyramid, boxes, of)
        logits, moves = head.box_predictor(head.box_head(samples))
        return logits[:-1], moves[:-1]

    def _moved(self, head: Any, boxes: Tensor, moves: Tensor, size: Tensor) -> Tensor:
        """Boxes (R, 4) where the head's moves for a person put them, inside their frames."""
        return _clipped(head.box_coder.decode_single(moves, boxes)[:, 4:], size)

    def _kept(
        self, head: Any, boxes: Tensor, score: Tensor, of: Tensor, batch: tuple[int, Tensor]
    ) -> tuple[Tensor, Tensor, Tensor]:
        """What is left of boxes after the threshold and suppression, frame by frame, the surest first.

        Args:
            head: The last box head.
            boxes: (R, 4).
            score: (R,).
            of: (R,) the frame of each.
            batch: How many frames there are, and their size in the network's input.
        """
        frames, size = batch
        config = self.model.detector_config
        large = ((boxes[:, 2:] - boxes[:, :2]) >= 1e-2).all(dim=1)
        rows = ((score > head.score_thresh) & large).nonzero()[:, 0]
        boxes, score, of = boxes[rows], score[rows], of[rows]
        kept = self._suppressed(boxes, score, of, head.nms_thresh, size)
        kept = kept[_first(of[kept], frames, head.detections_per_img)]
        boxes, score, of = boxes[kept], score[kept], of[kept]
        if config.part_share is not None:
            # Boxes of other frames are moved aside: they overlap nobody.
            aside = boxes + (of * (size[1] + 1))[:, None] * boxes.new_tensor([1.0, 0, 1, 0])
            rows = without_parts(aside, score, config.part_share, cast(float, size[0])).nonzero()[:, 0]
            boxes, score, of = boxes[rows], score[rows], of[rows]
        order = (of * of.shape[0] + torch.arange(of.shape[0])).argsort()  # scores fall within each frame already
        return boxes[order], score[order], of[order]

    def _suppressed(self, boxes: Tensor, score: Tensor, group: Tensor, overlap: float, size: Tensor) -> Tensor:
        """The rows that suppression within each group leaves, the surest first."""
        aside = group * (size.max() + 1)
        return nms(boxes + aside[:, None], score, overlap)

    def _embedded(
        self, trunk: dict[str, Tensor], pyramid: dict[str, Tensor], boxes: Tensor, of: Tensor, size: Tensor
    ) -> Tensor:
        """Raw embeddings (R, D) of boxes in the network's input."""
        head = self.model.embedding_head
        maps = trunk if self.model.embedding_config.source == "trunk" else pyramid
        return head.of_samples(self._sampled(head.pool, maps, boxes, of))[:-1]

    def _sampled(self, pool: MultiScaleRoIAlign, maps: dict[str, Tensor], boxes: Tensor, of: Tensor) -> Tensor:
        """Samples (R + 1, C, h, w) of boxes, each from the level that torchvision would take.

        The last row is of no box: norms of groups fail on no rows at all, where there is nobody.
        """
        scales, level_of = self.scales[pool]
        boxes = torch.cat([boxes, boxes.new_tensor([[0.0, 0, STRIDE, STRIDE]])])
        of = torch.cat([of, torch.zeros(1, dtype=torch.int64)])
        rows = torch.cat([of[:, None].to(boxes), boxes], dim=1)  # (R + 1, 5)
        mine = level_of([boxes])  # (R + 1,)
        orders = [(mine == number).nonzero()[:, 0] for number in range(len(scales))]
        samples = [
            roi_align(maps[name], rows[order], pool.output_size, scale, SAMPLES)
            for name, order, scale in zip(pool.featmap_names, orders, scales, strict=True)
        ]
        return torch.cat(samples)[torch.cat(orders).argsort()]


@torch.no_grad()
def _scales(model: PersonSearchRCNN, pool: MultiScaleRoIAlign) -> tuple[list[float], LevelMapper]:
    """How many places of each map that a pool reads stand for one pixel, and what chooses the map of a box."""
    side = 8 * STRIDE
    pyramid = cast(TrunkAndPyramid, model.detector.backbone).both(torch.zeros(1, 3, side, side))[1]
    shapes = [pyramid[name] for name in pool.featmap_names]
    scales, mapper = _setup_scales(shapes, [(side, side)], pool.canonical_scale, pool.canonical_level)
    return scales, cast(LevelMapper, mapper)


def _sides(frames: Tensor) -> Tensor:
    """Height and width of frames (N, H, W, 3), (2,) int64."""
    return torch._shape_as_tensor(frames)[1:3]


def _clipped(boxes: Tensor, size: Tensor) -> Tensor:
    """Boxes (R, 4) cut at the edges of frames of one size, (2,) height and width."""
    most = size.flip(0).repeat(2)
    return torch.minimum(boxes.clamp(min=0), most)


def _first(of: Tensor, frames: int, most: int) -> Tensor:
    """The rows that are among the first of their frame, (R',) int64.

    Args:
        of: (R,) the frame of each row.
        frames: How many frames there are.
        most: How many rows of a frame are wanted.
    """
    mine = (of[:, None] == torch.arange(frames)).long()  # (R, N)
    rank = (mine.cumsum(0) * mine).sum(1)  # 1 for the first
    return (rank <= most).nonzero()[:, 0]
