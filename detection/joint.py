"""The joint model: Faster R-CNN and an embedding head on its RoIs, three methods with one return type each.

losses(images, targets) -> JointLosses     training: detection losses and the embeddings of people
detect(images)          -> [Detections]    boxes, scores and unit embeddings of every person
embed(images, boxes)    -> [Tensor]        unit embeddings of given boxes, a probe's for example
"""

import json
from typing import Any, NamedTuple, Protocol, TypeVar, cast

import torch
from torch import Tensor, nn
from torch.nn import functional
from torchvision.models.detection.image_list import ImageList
from torchvision.models.detection.roi_heads import RoIHeads, fastrcnn_loss
from torchvision.models.detection.transform import resize_boxes
from torchvision.ops import clip_boxes_to_image

from datasets.boxes import paired_overlap
from datasets.samples import BACKGROUND
from detection.backbones import TrunkAndPyramid
from detection.canvas import SeesFrames
from detection.detections import Detections
from detection.embedding_head import FrameMaps, NormScore, build_embedding_head
from detection.faster_rcnn import OneSizePerBatch, build_box_heads, build_detector, frame_sampler, without_parts
from detection.settings import DetectorConfig, EmbeddingConfig
from reid.devices import Precision, at_least_float32, autocast
from reid.runs.files import departures
from reid.runs.weight_files import state_fingerprint

Target = dict[str, Tensor]
"""boxes (N, 4) xyxy pixels, labels (N,) ones, person_index (N,) >= 0 or UNLABELLED, camera_index (N,); frame_seed, an
integer that decides what is sampled of the frame, may be absent; so may taught (N, D), what a teacher makes of the
people."""


class JointLosses(NamedTuple):
    """What one training step needs.

    Args:
        detection: Scalars: the four losses of Faster R-CNN, loss_objectness, loss_rpn_box_reg, loss_classifier,
            loss_box_reg; with refined boxes loss_refined_classifier and loss_refined_box_reg; with norm-aware
            embeddings loss_norm.
        embeddings: (R, D) float32, raw embeddings of the sampled boxes that are people; their direction is the
            identity. Background is not among them, as no identity loss counts it.
        person_index: (R,) the identity of each, >= 0 or UNLABELLED.
        camera_index: (R,) the camera of the frame that each comes from.
        image_index: (R,) the row of the frame in the batch.
        truth_index: (R,) the row of the person in the frame's target.
        overlap: (R,) float32, the overlap (IoU) of the box with that person's true box.
    """

    detection: dict[str, Tensor]
    embeddings: Tensor
    person_index: Tensor
    camera_index: Tensor
    image_index: Tensor
    truth_index: Tensor
    overlap: Tensor


Maps = TypeVar("Maps")


class JointParts(Protocol[Maps]):
    """What computes the networks of a joint model: torch, or a runtime in its place.

    The order of the steps, and which boxes are kept, is the joint model's own affair (`PersonSearchRCNN.detect`).
    """

    def maps(self, images: ImageList) -> Maps:
        """Computes what the network sees in a batch of resized frames, in whatever form the other methods take it."""

    def proposals(self, images: ImageList, maps: Maps) -> list[Tensor]:
        """Proposes boxes (N_i, 4) of each image, xyxy in the network's input."""

    def look(self, number: int, maps: Maps, boxes: list[Tensor], sizes: list[tuple[int, int]]) -> tuple[Tensor, Tensor]:
        """Looks at boxes with a box head, 0 the first: logits (R, 2) and box regression (R, 8), float32."""

    def raw_embeddings(self, maps: Maps, boxes: list[Tensor], sizes: list[tuple[int, int]]) -> Tensor:
        """Embeds boxes, (R, D) float32 of any length."""


class PersonSearchRCNN(SeesFrames, nn.Module):
    """The joint model: one network that finds people and embeds them.

    Source: Xiao et al., "Joint Detection and Identification Feature Learning for Person Search", CVPR 2017, with a
    feature pyramid and RoIAlign instead of a single map and RoI pooling.

    Args:
        detector: The structure of the Faster R-CNN; None for the default one.
        embedding: The structure of the embedding head; None for the default one.
        precision: "auto" computes in bf16 where the device has it; "float32" never does (exports, exact comparisons).

    Example:
        >>> _ = torch.manual_seed(0)
        >>> small = DetectorConfig(backbone="resnet18", pyramid_channels=16, box_features=16, min_size=64, max_size=96)
        >>> model = PersonSearchRCNN(small, EmbeddingConfig(dimension=8, channels=16)).eval()
        >>> frame = torch.rand(3, 64, 96)  # [3, H, W], RGB in [0, 1]
        >>> len(model.detect([frame]))
        1
        >>> [tuple(rows.shape) for rows in model.embed([frame], [torch.tensor([[10.0, 5, 30, 60]])])]
        [(1, 8)]
    """

    def __init__(
        self,
        detector: DetectorConfig | None = None,
        embedding: EmbeddingConfig | None = None,
        *,
        precision: Precision = "auto",
    ) -> None:
        super().__init__()
        self.precision: Precision = precision
        self.detector_config = detector or DetectorConfig()
        self.embedding_config = embedding or EmbeddingConfig()
        self.detector = build_detector(self.detector_config)
        self.embedding_head = build_embedding_head(self.embedding_config, self.detector_config)
        self.refinement = build_box_heads(self.detector_config) if self.embedding_config.refined else None
        self.norm_score = NormScore() if self.embedding_config.norm_aware else None
        parts = [self.detector.rpn, *(heads for _, heads in self._box_heads())]
        self._samplers = [frame_sampler(part, number) for number, part in enumerate(parts)]

    @property
    def embedding_dim(self) -> int:
        """The length D of an embedding."""
        return self.embedding_config.dimension

    @property
    def transform(self) -> OneSizePerBatch:
        """What resizes frames to the network's input."""
        return cast(OneSizePerBatch, self.detector.transform)

    @property
    def box_loss_names(self) -> tuple[str, ...]:
        """The names of the box heads' losses in `JointLosses.detection`, and of the norm's."""
        names = [f"loss_{name}{part}" for name, _ in self._box_heads() for part in ("classifier", "box_reg")]
        return (*names, *(() if self.norm_score is None else ("loss_norm",)))

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self.embedding_head.project.weight.device

    @property
    def least_confidence(self) -> float:
        """The confidence below which `detect` returns nobody."""
        return self.detector_config.score_threshold

    def fingerprint(self) -> str:
        """16 hexadecimal digits that two models share only if their weights and structure are equal.

        A gallery stores it, so that a probe is never compared with embeddings of another model.
        """
        structure = [departures(self.detector_config), departures(self.embedding_config)]
        return state_fingerprint(json.dumps(structure, sort_keys=True), self)

    def losses(self, images: list[Tensor], targets: list[Target]) -> JointLosses:
        """Computes the detection losses and the embeddings of the sampled people of a batch, in training mode.

        Args:
            images: Each has shape [3, H, W], RGB in [0, 1]; sizes may differ.
            targets: One `Target` for each image. A frame without people has (0, 4) boxes.

        Raises:
            RuntimeError: The model is in evaluation mode.
        """
        if not self.training:
            raise RuntimeError("losses() needs training mode, call model.train() first")
        for sampler in self._samplers:
            sampler.seeds = [int(target["frame_seed"]) for target in targets if "frame_seed" in target]
        with autocast(self.device, self.precision):
            image_list, scaled = self.detector.transform(images, targets)
            sizes = image_list.image_sizes
            maps = self.maps(image_list)
            boxes, losses = self.detector.rpn(image_list, maps.pyramid, scaled)
            for name, heads in self._box_heads():
                boxes, matched, labels, regression_targets = heads.select_training_samples(boxes, scaled)
                logits, regression = self._look(heads, maps.pyramid, boxes, sizes)
                losses[f"loss_{name}classifier"], losses[f"loss_{name}box_reg"] = fastrcnn_loss(
                    logits, regression, labels, regression_targets
                )
                sampled = boxes
                boxes = _moved(heads, boxes, regression.detach(), sizes)
            people = [label > 0 for label in labels]
            if self.norm_score is None:
                kept = [box[mask] for box, mask in zip(sampled, people, strict=True)]
                embeddings = self.embedding_head(maps, kept, sizes)
            else:
                everything = self.embedding_head(maps, sampled, sizes)
                is_person = torch.cat(people)
                losses["loss_norm"] = functional.binary_cross_entropy_with_logits(
                    self.norm_score(everything), is_person.to(everything)
                )
                embeddings = everything[is_person]
        rows = [index[mask] for index, mask in zip(matched, people, strict=True)]
        counts = torch.tensor([len(row) for row in rows], device=self.device)
        found = torch.cat([box[mask] for box, mask in zip(sampled, people, strict=True)])
        truths = [
            target["boxes"][row] if len(target["boxes"]) else target["boxes"].new_zeros(len(row), 4)
            for target, row in zip(scaled, rows, strict=True)
        ]
        return JointLosses(
            losses,
            embeddings,
            _gather(targets, "person_index", rows, BACKGROUND),
            _gather(targets, "camera_index", rows, 0),
            torch.arange(len(rows), device=self.device).repeat_interleave(counts),
            torch.cat(rows),
            paired_overlap(found, torch.cat(truths)),
        )

    @torch.no_grad()
    def detect(
        self, images: list[Tensor], parts: JointParts[Any] | None = None, *, embeds: bool = True
    ) -> list[Detections]:
        """Finds everybody in each image; embeddings are taken from the final boxes, not from proposals.

        Args:
            images: Each has shape [3, H, W], RGB in [0, 1]; sizes may differ.
            parts: What computes the networks (`detection.runtime`); None is the model itself.
            embeds: Whether people are embedded; without, the detections have no embeddings.

        Returns:
            One Detections for each image, the most confident person first, boxes in the pixels of the image given, on
            the model's device.

        Raises:
            RuntimeError: The model is in training mode.
        """
        self._require_evaluation("detect")
        if not images:
            return []
        by: JointParts[Any] = parts or self
        with autocast(self.device, self.precision):
            image_list, _ = self.detector.transform([image.to(self.device) for image in images])
            maps = by.maps(image_list)
            sizes = image_list.image_sizes
            boxes = by.proposals(image_list, maps)
            all_heads = self._box_heads()
            last = len(all_heads) - 1
            for number, (_, heads) in enumerate(all_heads[:-1]):
                _, regression = by.look(number, maps, boxes, sizes)
                boxes = _moved(heads, boxes, regression, sizes)
            logits, regression = by.look(last, maps, boxes, sizes)
            if self.norm_score is not None and self.embedding_config.score_by == "norm":
                person = self.norm_score(by.raw_embeddings(maps, boxes, sizes))
                logits = torch.stack([torch.zeros_like(person), person], dim=1)
            boxes, scores, _ = all_heads[last][1].postprocess_detections(logits, regression, boxes, sizes)
            boxes, scores = self._whole_people(boxes, scores, sizes)
            rows: list[Any] = [None] * len(images)
            if embeds:
                embeddings = functional.normalize(by.raw_embeddings(maps, boxes, sizes), dim=1)
                rows = list(embeddings.split([len(one) for one in boxes]))
        return [
            Detections(_resize(box, size, image), score, embedding)
            for box, size, image, score, embedding in zip(boxes, sizes, images, scores, rows, strict=True)
        ]

    def _whole_people(
        self, boxes: list[Tensor], scores: list[Tensor], sizes: list[tuple[int, int]]
    ) -> tuple[list[Tensor], list[Tensor]]:
        """Leave out boxes of parts of people, frame by frame, where the model's structure says so."""
        share = self.detector_config.part_share
        if share is None:
            return boxes, scores
        kept = [
            without_parts(box, score, share, size[0]) for box, score, size in zip(boxes, scores, sizes, strict=True)
        ]
        return [box[keep] for box, keep in zip(boxes, kept, strict=True)], [
            score[keep] for score, keep in zip(scores, kept, strict=True)
        ]

    @torch.no_grad()
    def embed(self, images: list[Tensor], boxes: list[Tensor], parts: JointParts[Any] | None = None) -> list[Tensor]:
        """Embeds the people in given boxes, seen in their full image as detections are.

        Args:
            images: Each has shape [3, H, W], RGB in [0, 1]; sizes may differ.
            boxes: One tensor of shape (N_i, 4) for each image, xyxy in its pixels.
            parts: What computes the networks; None is the model itself.

        Returns:
            One float32 tensor of shape (N_i, D) for each image, its rows of unit length.

        Raises:
            RuntimeError: The model is in training mode.
            ValueError: A box has no area or lies outside its image.
        """
        self._require_evaluation("embed")
        self.require_boxes(images, boxes)
        boxes = [torch.as_tensor(box, dtype=torch.float32, device=self.device).reshape(-1, 4) for box in boxes]
        if not images:
            return []
        with autocast(self.device, self.precision):
            targets = [{"boxes": box} for box in boxes]
            image_list, scaled = self.detector.transform([image.to(self.device) for image in images], targets)
            by: JointParts[Any] = parts or self
            found = by.raw_embeddings(by.maps(image_list), [one["boxes"] for one in scaled], image_list.image_sizes)
            embeddings = functional.normalize(found, dim=1)
        return list(embeddings.split([len(box) for box in boxes]))

    def maps(self, images: ImageList) -> FrameMaps:
        """Maps in float32: anchors take their precision, and RoIAlign computes in float32 anyway."""
        backbone = cast(TrunkAndPyramid, self.detector.backbone)
        trunk, pyramid = backbone.both(images.tensors.contiguous(memory_format=torch.channels_last))
        return FrameMaps(*({name: at_least_float32(one) for name, one in maps.items()} for maps in (trunk, pyramid)))

    def proposals(self, images: ImageList, maps: FrameMaps) -> list[Tensor]:
        """Proposes boxes (N_i, 4) of each image, xyxy in the network's input."""
        boxes: list[Tensor] = self.detector.rpn(images, maps.pyramid)[0]
        return boxes

    def look(
        self, number: int, maps: FrameMaps, boxes: list[Tensor], sizes: list[tuple[int, int]]
    ) -> tuple[Tensor, Tensor]:
        """Looks at boxes with a box head, 0 the first: logits (R, 2) and box regression (R, 8), float32."""
        return self._look(self._box_heads()[number][1], maps.pyramid, boxes, sizes)

    def raw_embeddings(self, maps: FrameMaps, boxes: list[Tensor], sizes: list[tuple[int, int]]) -> Tensor:
        """Embeds boxes, (R, D) float32 of any length."""
        return cast(Tensor, self.embedding_head(maps, boxes, sizes))

    def require_boxes(self, images: list[Tensor], boxes: list[Tensor]) -> None:
        """Refuses boxes that show nothing.

        Args:
            images: Each has shape [3, H, W].
            boxes: One tensor of shape (N_i, 4) for each image, xyxy in its pixels.

        Raises:
            ValueError: There is not one tensor for each image, or a box has no area or lies outside its image.
        """
        if len(images) != len(boxes):
            raise ValueError(f"{len(images)} images but {len(boxes)} sets of boxes, expected one for each image")
        for image, rows in zip(images, boxes, strict=True):
            _require_inside(torch.as_tensor(rows, dtype=torch.float32).reshape(-1, 4), image)

    def _box_heads(self) -> list[tuple[str, RoIHeads]]:
        """The box heads, one after another, and what their losses are called."""
        first = [("", self.detector.roi_heads)]
        return first if self.refinement is None else [*first, ("refined_", self.refinement)]

    def _look(
        self, heads: RoIHeads, features: dict[str, Tensor], boxes: list[Tensor], sizes: list[tuple[int, int]]
    ) -> tuple[Tensor, Tensor]:
        """Logits (R, 2) and box regression (R, 8) of boxes, float32."""
        logits, regression = heads.box_predictor(heads.box_head(heads.box_roi_pool(features, boxes, sizes)))
        return at_least_float32(logits), at_least_float32(regression)

    def _require_evaluation(self, method: str) -> None:
        if self.training:
            raise RuntimeError(f"{method}() needs evaluation mode, call model.eval() first")


def _moved(heads: RoIHeads, boxes: list[Tensor], regression: Tensor, sizes: list[tuple[int, int]]) -> list[Tensor]:
    """Boxes where the head's regression for a person puts them, inside their frames."""
    counts = [len(box) for box in boxes]
    decoded = heads.box_coder.decode(regression, boxes)[:, 1].split(counts)
    return [clip_boxes_to_image(box, size) for box, size in zip(decoded, sizes, strict=True)]


def _gather(targets: list[Target], key: str, rows: list[Tensor], empty: int) -> Tensor:
    """Row by row the target's value; a frame without people has none to gather (and no RoI that is a person)."""
    values = [
        target[key][row] if len(target[key]) else torch.full_like(row, empty)
        for target, row in zip(targets, rows, strict=True)
    ]
    return torch.cat(values)


def _resize(boxes: Tensor, size: tuple[int, int], image: Tensor) -> Tensor:
    return resize_boxes(boxes, list(size), list(image.shape[-2:])) if len(boxes) else boxes


def _require_inside(boxes: Tensor, image: Tensor) -> None:
    height, width = image.shape[-2:]
    x1, y1, x2, y2 = boxes.unbind(1)
    wrong = ~((x1 < x2) & (y1 < y2) & (x2 > 0) & (y2 > 0) & (x1 < width) & (y1 < height))
    if wrong.any():
        values = ", ".join(f"{value:g}" for value in boxes[wrong][0].tolist())
        raise ValueError(
            f"box {values} has no area inside the image of {width} x {height} pixels, expected x1,y1,x2,y2 with "
            f"0 <= x1 < x2 <= {width} and 0 <= y1 < y2 <= {height}"
        )
