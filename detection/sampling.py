"""Which anchors and proposals of a training frame count: drawn by the frame's own seed."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torchvision.models.detection._utils import BalancedPositiveNegativeSampler
from torchvision.models.detection.image_list import ImageList
from torchvision.models.detection.roi_heads import RoIHeads
from torchvision.models.detection.rpn import RegionProposalNetwork
from torchvision.models.detection.transform import GeneralizedRCNNTransform


class FrameSampler(BalancedPositiveNegativeSampler):
    """torchvision's sampler, with a generator for each frame.

    What is drawn of a frame does not depend on which other frames are in the batch, in which process it is computed,
    or on what was drawn before, so that one process and several train on the same samples, and a resumed run goes on
    with those of an uninterrupted one.

    Args:
        batch_size_per_image: rows drawn of each frame.
        positive_fraction: share of people among them at most.
        stage: tells the draws of one frame apart: proposals, boxes, refined boxes.

    Attributes:
        seeds: one integer for each frame of the batch that comes next; without them torch's own generator draws.
    """

    def __init__(self, batch_size_per_image: int, positive_fraction: float, stage: int) -> None:
        super().__init__(batch_size_per_image, positive_fraction)
        self.stage = stage
        self.seeds: list[int] = []

    def __call__(self, matched_idxs: list[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
        """Masks of the rows that are drawn, for each frame, of those that are people and of those that are not."""
        if len(self.seeds) != len(matched_idxs):
            drawn: tuple[list[Tensor], list[Tensor]] = super().__call__(matched_idxs)
            return drawn
        people, others = [], []
        for seed, labels in zip(self.seeds, matched_idxs):
            # torchvision draws with the global generator of the labels' device.
            devices = [labels.device] if labels.is_cuda else []
            with torch.random.fork_rng(devices=devices):
                torch.manual_seed(seed + self.stage)
                one, other = super().__call__([labels])
            people += one
            others += other
        return people, others


def frame_sampler(part: RegionProposalNetwork | RoIHeads, stage: int) -> FrameSampler:
    """Give a part of torchvision's detector a `FrameSampler` with its own settings in place of its sampler."""
    given = part.fg_bg_sampler
    sampler = FrameSampler(given.batch_size_per_image, given.positive_fraction, stage)
    part.fg_bg_sampler = sampler
    return sampler


class OneSizePerBatch(GeneralizedRCNNTransform):
    """torchvision's resizing, with one size drawn for a batch instead of one for each frame: nothing is padded.

    Attributes:
        size_seed: decides which; the same in all processes and parts of a batch. None draws anew each time.
    """

    size_seed: Sequence[int] | None = None

    def forward(
        self, images: list[Tensor], targets: list[dict[str, Tensor]] | None = None
    ) -> tuple[ImageList, list[dict[str, Tensor]] | None]:
        """As torchvision's."""
        generator = np.random.default_rng(self.size_seed)
        self._drawn = int(generator.choice(self.min_size)) if self.training else self.min_size[-1]
        result: tuple[ImageList, list[dict[str, Tensor]] | None] = super().forward(images, targets)
        return result

    def torch_choice(self, k: list[int]) -> int:
        """The size of this batch."""
        return self._drawn
