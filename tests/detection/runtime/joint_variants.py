"""Joint models of every structure, and what every library must make of them."""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass

import torch

from detection.detections import Detections
from detection.joint import EmbeddingConfig, PersonSearchRCNN
from detection.model import PersonModel
from detection.settings import DetectorConfig


def seeing(model: PersonSearchRCNN) -> PersonSearchRCNN:
    """The model in evaluation mode, sure enough of something in noise."""
    with torch.no_grad():
        model.detector.roi_heads.box_predictor.cls_score.weight *= 20
    model.detector.roi_heads.score_thresh = 0.3
    return model.eval()


@dataclass(frozen=True)
class Near:
    """How far another library may be from the model.

    Args:
        boxes: In pixels.
        scores: In confidence.
        cosine: How far that of two embeddings may be from 1.
    """

    boxes: float = 0.01
    scores: float = 1e-4
    cosine: float = 1e-5

    def require(self, found: list[Detections], expected: list[Detections]) -> None:
        assert sum(map(len, expected)) > 5
        for one, other in zip(found, expected, strict=True):
            torch.testing.assert_close(one.boxes, other.boxes, rtol=0, atol=self.boxes)
            torch.testing.assert_close(one.scores, other.scores, rtol=0, atol=self.scores)
            assert one.embeddings is not None
            assert other.embeddings is not None
            alike = (one.embeddings * other.embeddings).sum(1)
            torch.testing.assert_close(alike, torch.ones(len(one)), rtol=0, atol=self.cosine)


VARIANTS: dict[str, Callable[[DetectorConfig, EmbeddingConfig], PersonSearchRCNN]] = {
    "plain": PersonSearchRCNN,
    "refined": lambda detector, embedding: PersonSearchRCNN(detector, dataclasses.replace(embedding, refined=True)),
    "by the trunk": lambda detector, embedding: PersonSearchRCNN(
        detector, dataclasses.replace(embedding, source="trunk", level=2)
    ),
    "by the norm": lambda detector, embedding: PersonSearchRCNN(
        detector, dataclasses.replace(embedding, norm_aware=True, score_by="norm")
    ),
}


def require_same_embeddings(by: PersonModel, model: PersonSearchRCNN, images: list[torch.Tensor]) -> None:
    """Given boxes are embedded alike, also those that reach beyond their frame, and none; `images` are three."""
    boxes = [torch.tensor([[10.0, 10, 40, 80], [0, 0, 90, 70]]), torch.zeros(0, 4), torch.tensor([[-5.0, 5, 30, 100]])]
    for one, other in zip(by.embed(images, boxes), model.embed(images, boxes), strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-4)


def require_same_model(by: PersonModel, model: PersonSearchRCNN) -> None:
    """What stands in the model's place says of itself what the model says, and looks at nothing where nothing is."""
    assert by.fingerprint() == model.fingerprint()
    assert by.embedding_dim == model.embedding_dim
    assert by.least_confidence == model.least_confidence
    assert by.sees_surroundings == model.sees_surroundings
    assert by.eval().to(torch.device("cpu")) is by
    assert by.detect([]) == []
    assert by.embed([], []) == []
