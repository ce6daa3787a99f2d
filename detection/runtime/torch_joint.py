"""The joint model by torch with a compiled trunk, which a graphics card computes without waiting for Python."""

from typing import NamedTuple, cast

import torch
from torch import Tensor
from torch.nn import functional
from torchvision.models.detection.image_list import ImageList

from detection.backbones import TrunkAndPyramid
from detection.detections import Detections
from detection.embedding_head import FrameMaps
from detection.joint import PersonSearchRCNN
from detection.runtime.stand_in import PersonStandIn
from reid.devices import autocast
from reid.runtime.torch_compiled import Call, Compilers, compiled_by_torch, compilers_for

TOGETHER = 4
"""Frames that go through the trunk together, always so many: a graph is recorded for one size."""


class CompiledTrunk:
    """The networks of a joint model (`detection.joint.JointParts`), its trunk and pyramid compiled.

    Args:
        model: The joint model, which computes everything else.
        both: What gives the trunk's and the pyramid's maps of `TOGETHER` frames.
    """

    def __init__(self, model: PersonSearchRCNN, both: Call) -> None:
        self._both = both
        self.proposals, self.look, self.raw_embeddings = model.proposals, model.look, model.raw_embeddings

    def maps(self, images: ImageList) -> FrameMaps:
        """Computes what the network sees in frames, in float32; a graph's results are copied before it runs again."""
        found: list[FrameMaps] = []
        for frames in images.tensors.split(TOGETHER):
            missing = TOGETHER - len(frames)
            full = functional.pad(frames, [0, 0] * 3 + [0, missing]) if missing else frames
            maps = self._both(full.contiguous(memory_format=torch.channels_last))
            found.append(FrameMaps(*({name: _kept(one, len(frames)) for name, one in each.items()} for each in maps)))
        if len(found) == 1:
            return found[0]
        return FrameMaps(*({name: torch.cat([one[name] for one in each]) for name in each[0]} for each in zip(*found)))


class TorchJoint(PersonStandIn):
    """A joint model by torch whose trunk is compiled; given boxes are embedded by the model itself.

    Args:
        model: The joint model, where it will compute.
        both: What gives the trunk's and the pyramid's maps of `TOGETHER` frames.
    """

    model: PersonSearchRCNN

    def __init__(self, model: PersonSearchRCNN, both: Call) -> None:
        super().__init__(model)
        self.parts = CompiledTrunk(model, both)

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self.model.device

    def detect(self, images: list[Tensor], *, embeds: bool = True) -> list[Detections]:
        """Finds everybody in each image, see `PersonSearchRCNN.detect`."""
        return self.model.detect(images, self.parts, embeds=embeds)

    def embed(self, images: list[Tensor], boxes: list[Tensor]) -> list[Tensor]:
        """Embeds the people in given boxes, see `PersonSearchRCNN.embed`."""
        return self.model.embed(images, boxes)


class Compiling(NamedTuple):
    """What came of compiling a trunk.

    Args:
        model: The model with a compiled trunk; the model itself where nothing could compile it.
        by: What compiled it, in words; "" where nothing did.
        failed: A line for each way that did not work.
    """

    model: TorchJoint | PersonSearchRCNN
    by: str
    failed: tuple[str, ...]


@torch.no_grad()
def compiled_by_torch_joint(
    model: PersonSearchRCNN, size: tuple[int, int], compilers: Compilers | None = None
) -> Compiling:
    """Compiles the trunk of a joint model by torch, which takes up to some minutes.

    Args:
        model: The joint model in evaluation mode, where it will compute, with the precision that it will have.
        size: The height and width of most frames in the network's input, multiples of 32.
        compilers: The ways to compile, in the order in which they are tried; None takes those for the device.
    """
    backbone = cast(TrunkAndPyramid, model.eval().detector.backbone)
    frames = torch.rand(TOGETHER, 3, *size, generator=torch.Generator().manual_seed(0)).to(model.device)
    with autocast(model.device, model.precision):
        call, by, failed = compiled_by_torch(
            backbone.both,
            frames.contiguous(memory_format=torch.channels_last),
            compilers_for(model.device) if compilers is None else compilers,
        )
    return Compiling(TorchJoint(model, call) if by else model, by, failed)


def _kept(maps: Tensor, count: int) -> Tensor:
    """The maps of the first frames, float32, in memory of their own."""
    some = maps[:count]
    return some.clone() if some.dtype == torch.float32 else some.float()
