"""What SeqNet and NAE have in common, as published: weights, proposals, and what a head sees, in plain operations."""

import numpy as np
import torch
from published_files import MEAN, STD, State, batch_norm, below, group, norm_state, trunk_state
from torch import Tensor
from torch.nn import functional
from torchvision.models.detection.image_list import ImageList
from torchvision.models.detection.rpn import AnchorGenerator, RegionProposalNetwork, RPNHead
from torchvision.ops import roi_align

FRAME = (32, 64)
"""Sides that divide by 32, so that torchvision pads nothing."""
PEOPLE = 5532


def linear_state(prefix: str, inputs: int, outputs: int, scale: float, *places: int) -> State:
    """A linear map, or a convolution over places."""
    weight, bias = torch.randn(outputs, inputs, *places) * scale, torch.randn(outputs) * scale
    return {f"{prefix}weight": weight, f"{prefix}bias": bias}


def one_map_state(*heads: str) -> State:
    """The trunk, the proposals, the last levels, the embedding, the correction and the tables of the loss."""
    trunk = trunk_state(0)
    state = {f"backbone.{name}": value for name, value in trunk.items() if not name.startswith("layer4")}
    for head in heads:
        last = {name: value for name, value in trunk_state(len(head)).items() if name.startswith("layer4")}
        state |= {f"roi_heads.{head}.{name}": value for name, value in last.items()}
    state |= linear_state("rpn.head.conv.", 1024, 1024, 0.01, 3, 3)  # as torchvision called it then
    state |= linear_state("rpn.head.cls_logits.", 1024, 15, 0.05, 1, 1)
    state |= linear_state("rpn.head.bbox_pred.", 1024, 60, 0.01, 1, 1)
    state |= linear_state("roi_heads.box_predictor.bbox_pred.0.", 2048, 8, 0.02)
    state |= norm_state(8, "roi_heads.box_predictor.bbox_pred.1.")
    for part, width in (("feat_res4", 1024), ("feat_res5", 2048)):
        state |= linear_state(f"roi_heads.embedding_head.projectors.{part}.0.", width, 128, 0.02)
        state |= norm_state(128, f"roi_heads.embedding_head.projectors.{part}.1.")
    state |= norm_state(1, "roi_heads.embedding_head.rescaler.")
    state["roi_heads.reid_loss.lut"] = torch.zeros(PEOPLE, 256)
    state["roi_heads.reid_loss.cq"] = torch.zeros(5000, 256)
    return state


def decoded(boxes: Tensor, codes: Tensor, size: tuple[int, int]) -> Tensor:
    """Boxes (R, 4) moved by codes (R, 4) with weights 10, 10, 5, 5, inside the frame."""
    sides = boxes[:, 2:] - boxes[:, :2]
    middle = boxes[:, :2] + 0.5 * sides + codes[:, :2] / 10 * sides
    sides = (codes[:, 2:] / 5).clamp(max=np.log(1000 / 16)).exp() * sides
    corners = torch.cat([middle - 0.5 * sides, middle + 0.5 * sides], dim=1)
    return corners.clamp(min=0).minimum(torch.tensor([size[1], size[0]] * 2))


def linear(x: Tensor, state: State, prefix: str) -> Tensor:
    return functional.linear(x, state[f"{prefix}weight"], state[f"{prefix}bias"])


def head(maps: Tensor, boxes: Tensor, state: State, name: str) -> tuple[Tensor, Tensor]:
    samples = roi_align(maps, [boxes], (14, 14), 1 / 16, 2, False)
    seen = group(samples, state, f"roi_heads.{name}.layer4.", 2)
    return samples.amax((2, 3)), seen.amax((2, 3))


def raw_embedding(features: tuple[Tensor, Tensor], state: State) -> Tensor:
    """The two halves beside each other, before anything is done with their length."""
    halves = []
    for part, values in zip(("feat_res4", "feat_res5"), features, strict=True):
        prefix = f"roi_heads.embedding_head.projectors.{part}."
        halves.append(batch_norm(linear(values, state, f"{prefix}0."), state, f"{prefix}1."))
    return torch.cat(halves, dim=1)


def embedded(features: tuple[Tensor, Tensor], state: State) -> Tensor:
    return functional.normalize(raw_embedding(features, state), dim=1)


def corrections(seen: Tensor, state: State) -> Tensor:
    """The four numbers that move a person's box, of what the last level gives."""
    prefix = "roi_heads.box_predictor.bbox_pred."
    return batch_norm(linear(seen, state, f"{prefix}0."), state, f"{prefix}1.")[:, 4:]


def maps_of(image: Tensor, state: State) -> Tensor:
    """The map at stride 16 of one frame whose size needs no change."""
    own = below(state, "backbone.")
    x = functional.conv2d((image[None] - MEAN) / STD, own["conv1.weight"], stride=2, padding=3)
    x = functional.max_pool2d(batch_norm(x, own, "bn1.").relu(), 3, 2, padding=1)
    for number, stride in ((1, 1), (2, 2), (3, 2)):
        x = group(x, own, f"layer{number}.", stride)
    return x


def proposed(maps: Tensor, image: Tensor, state: State) -> Tensor:
    """The proposals of one frame, by torchvision's own network with the published numbers."""
    anchors = AnchorGenerator(((32, 64, 128, 256, 512),), ((0.5, 1.0, 2.0),))
    before, after = {"training": 0, "testing": 6000}, {"training": 0, "testing": 300}
    rpn = RegionProposalNetwork(anchors, RPNHead(1024, 15), 0.7, 0.3, 256, 0.5, before, after, 0.7).eval()
    rpn.load_state_dict(below(state, "rpn."))
    return rpn(ImageList(image[None], [(int(image.shape[1]), int(image.shape[2]))]), {"map": maps})[0][0]
