"""SeqNet as it was published: a joint model on one map of a ResNet-50, whose second head sees the first one's boxes.

Source: Li and Miao, "Sequential End-to-end Network for Efficient Person Search", AAAI 2021. Frames are scaled to 900
pixels; proposals come from the map at stride 16; the first head finds people (confidence 0.5, suppression 0.4); the
second embeds them there and corrects their boxes (suppression 0.5). The confidence is the first head's.

Deviation: embeddings have unit length. The published code multiplies them by the confidence; here the ranking does, if
it is asked to (`--class-weighted`).
"""

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torchvision.models import resnet50
from torchvision.models.detection.faster_rcnn import FastRCNNPredictor
from torchvision.models.detection.roi_heads import RoIHeads
from torchvision.models.detection.rpn import AnchorGenerator, RegionProposalNetwork, RPNHead
from torchvision.models.detection.transform import GeneralizedRCNNTransform, resize_boxes
from torchvision.ops import MultiScaleRoIAlign, clip_boxes_to_image, nms, remove_small_boxes

from detection.canvas import on_canvas
from detection.detections import Detections
from detection.published.seqnet_parts import BoxRegression, LastLevel, NormAwareEmbedding, Trunk
from reid.devices import Precision, at_least_float32, autocast, default_device
from reid.runs.weight_files import model_file, read_weight_header, read_weights, state_fingerprint, write_weights

FORMAT = "personsearch-seqnet-1"
_MAP = "feat_res4"


@dataclass(frozen=True)
class SeqNetConfig:
    """The structure of SeqNet; the defaults are the published ones.

    Args:
        dimension: The length of an embedding.
        box_norm: Whether BatchNorm follows the last correction of boxes.
        min_size: The shorter side of the network's input in pixels.
        max_size: The largest longer side of the network's input in pixels.
        score_threshold: The confidence, 0 or more and below 1, below which nobody is returned.
    """

    dimension: int = 256
    box_norm: bool = True
    min_size: int = 900
    max_size: int = 1500
    score_threshold: float = 0.5


class SeqNet(nn.Module):
    """SeqNet, with the methods that every model of a search has.

    Args:
        config: The structure; None for the published one.
        precision: "auto" computes in bf16 where the device has it; "float32" never does.
    """

    def __init__(self, config: SeqNetConfig | None = None, *, precision: Precision = "auto") -> None:
        super().__init__()
        self.config = config or SeqNetConfig()
        self.precision: Precision = precision
        self.backbone = Trunk(resnet50(weights=None))
        anchors = AnchorGenerator(((32, 64, 128, 256, 512),), ((0.5, 1.0, 2.0),))
        head = RPNHead(1024, anchors.num_anchors_per_location()[0])
        self.rpn = RegionProposalNetwork(
            anchors,
            head,
            0.7,
            0.3,
            256,
            0.5,
            {"training": 12000, "testing": 6000},
            {"training": 2000, "testing": 300},
            0.7,
        )
        pool = MultiScaleRoIAlign([_MAP], output_size=14, sampling_ratio=2)
        self.roi_heads = RoIHeads(
            pool, LastLevel(), BoxRegression(self.config.box_norm), 0.5, 0.5, 128, 0.5, None,
            self.config.score_threshold, 0.4, 300,
        )  # fmt: skip
        self.roi_heads.add_module("faster_rcnn_predictor", FastRCNNPredictor(2048, num_classes=2))
        self.roi_heads.add_module("reid_head", LastLevel())
        self.roi_heads.add_module("embedding_head", NormAwareEmbedding(self.config.dimension))
        self.transform = GeneralizedRCNNTransform(
            self.config.min_size, self.config.max_size, [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
        )

    @property
    def embedding_dim(self) -> int:
        """The length D of an embedding."""
        return self.config.dimension

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return next(self.parameters()).device

    @property
    def least_confidence(self) -> float:
        """The confidence below which `detect` returns nobody."""
        return self.config.score_threshold

    @property
    def sees_surroundings(self) -> bool:
        """True: an embedding also depends on what surrounds the box."""
        return True

    def fingerprint(self) -> str:
        """16 hexadecimal digits that two models share only if their weights and structure are equal."""
        return state_fingerprint(repr(self.config), self)

    def view(self, picture: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
        """Places a picture of one person on a canvas, as people stand in frames.

        Args:
            picture: (H, W, 3) uint8 RGB, of any size.

        Returns:
            The canvas, (H', W', 3) uint8 RGB, and the box of the person in it, (4,) float32 xyxy.

        Raises:
            ValueError: The picture has no pixel, or is no RGB picture.
        """
        return on_canvas(picture)

    @torch.no_grad()
    def detect(self, images: list[Tensor]) -> list[Detections]:
        """Finds everybody in each image.

        Args:
            images: Each has shape [3, H, W], RGB in [0, 1]; sizes may differ.

        Returns:
            One Detections for each image, the most confident person first, with unit embeddings.
        """
        if not images:
            return []
        heads = self.roi_heads
        with autocast(self.device, self.precision):
            image_list, _ = self.transform([image.to(self.device) for image in images])
            sizes = image_list.image_sizes
            maps = {_MAP: at_least_float32(self.backbone(image_list.tensors))}  # (N, 1024, H / 16, W / 16)
            with torch.autocast(self.device.type, enabled=False):
                proposals, _ = self.rpn(image_list, maps)
            _, seen = heads.box_head(heads.box_roi_pool(maps, proposals, sizes))  # (R, 2048)
            logits, regression = cast(FastRCNNPredictor, heads.faster_rcnn_predictor)(seen)
            boxes, scores, _ = heads.postprocess_detections(
                at_least_float32(logits), at_least_float32(regression), proposals, sizes
            )
            features = self._features(maps, boxes, sizes)
            embeddings = self._embeddings(features)
            with torch.autocast(self.device.type, enabled=False):
                corrections = heads.box_predictor(features[1])  # (R, 8)
        counts = [len(rows) for rows in boxes]
        moved = heads.box_coder.decode(corrections, boxes).reshape(-1, 2, 4)[:, 1].split(counts)
        found = []
        for image, size, box, score, rows in zip(images, sizes, moved, scores, embeddings.split(counts), strict=True):
            box = clip_boxes_to_image(box, size)
            kept = remove_small_boxes(box, 1e-2)
            kept = kept[nms(box[kept], score[kept], 0.5)]
            scaled = resize_boxes(box[kept], list(size), [int(side) for side in image.shape[-2:]])
            found.append(Detections(scaled, score[kept], rows[kept]))
        return found

    @torch.no_grad()
    def embed(self, images: list[Tensor], boxes: list[Tensor]) -> list[Tensor]:
        """Embeds the people in given boxes, seen in their full image as detections are.

        Args:
            images: Each has shape [3, H, W], RGB in [0, 1]; sizes may differ.
            boxes: One tensor of shape (N_i, 4) for each image, xyxy in its pixels.

        Returns:
            One float32 tensor of shape (N_i, D) for each image, its rows of unit length.

        Raises:
            ValueError: A box has no area inside its image, or there is not one set of boxes for each image.
        """
        if len(images) != len(boxes):
            raise ValueError(f"{len(images)} images but {len(boxes)} sets of boxes, expected one for each image")
        boxes = [torch.as_tensor(box, dtype=torch.float32, device=self.device).reshape(-1, 4) for box in boxes]
        for image, rows in zip(images, boxes, strict=True):
            inside = clip_boxes_to_image(rows, (int(image.shape[-2]), int(image.shape[-1])))
            if not (inside[:, 2:] > inside[:, :2]).all():
                raise ValueError(f"a box of {rows.tolist()} has no area inside its image of {tuple(image.shape[-2:])}")
        if not images:
            return []
        with autocast(self.device, self.precision):
            targets = [{"boxes": rows} for rows in boxes]
            image_list, scaled = self.transform([image.to(self.device) for image in images], targets)
            maps = {_MAP: at_least_float32(self.backbone(image_list.tensors))}
            placed = [one["boxes"] for one in cast(list[dict[str, Tensor]], scaled)]
            embeddings = self._embeddings(self._features(maps, placed, image_list.image_sizes))
        return list(embeddings.split([len(rows) for rows in boxes]))

    def _features(
        self, maps: dict[str, Tensor], boxes: list[Tensor], sizes: list[tuple[int, int]]
    ) -> tuple[Tensor, Tensor]:
        """What the second head sees in boxes: (R, 1024) and (R, 2048)."""
        seen: tuple[Tensor, Tensor] = cast(LastLevel, self.roi_heads.reid_head)(
            self.roi_heads.box_roi_pool(maps, boxes, sizes)
        )
        return seen

    def _embeddings(self, features: tuple[Tensor, Tensor]) -> Tensor:
        """Unit embeddings (R, D) of what the second head sees."""
        with torch.autocast(self.device.type, enabled=False):
            found: Tensor = cast(NormAwareEmbedding, self.roi_heads.embedding_head)(features)
        return found


def save_seqnet(path: Path, model: SeqNet, notes: Mapping[str, object]) -> None:
    """Writes a model, whole or not at all.

    Args:
        path: The file, usually *.safetensors.
        model: The model.
        notes: Anything worth knowing later, JSON-able.
    """
    config = json.dumps(dataclasses.asdict(model.config))
    write_weights(path, model, {"format": FORMAT, "network": config, "notes": json.dumps(dict(notes))})


def load_seqnet(path: Path | str, *, device: torch.device | str | None = None) -> SeqNet:
    """Loads the model of a file, in evaluation mode.

    Args:
        path: The file.
        device: Where it goes; None takes the GPU when there is one.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The file is no SeqNet of this project, or is damaged.
    """
    header = read_weight_header(path, FORMAT, made_by="models import")
    try:
        model = SeqNet(SeqNetConfig(**json.loads(header["network"])))
        model.load_state_dict(read_weights(model_file(path)))
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise ValueError(f"{path} does not fit this version of the project ({reason}); import it again") from None
    return model.to(default_device() if device is None else torch.device(device)).eval()
