"""A joint model that looks twice: at each frame, and at the frame mirrored."""

from torch import Tensor

from detection.detections import Detections
from search.evaluation.splits import SearchModel
from search.models.second_look import with_mirrored


class MirroredModel:
    """A joint model whose every embedding is averaged with that of the mirrored frame.

    Args:
        model: in evaluation mode.
    """

    def __init__(self, model: SearchModel) -> None:
        self.model = model

    @property
    def embedding_dim(self) -> int:
        """Length D of an embedding."""
        return self.model.embedding_dim

    def detect(self, images: list[Tensor]) -> list[Detections]:
        """Everybody in each image [3, H, W] in [0, 1], on the processor."""
        found = [one.to("cpu") for one in self.model.detect(images)]
        plain = [one.embeddings for one in found if one.embeddings is not None]
        both = with_mirrored(self.model, images, [one.boxes for one in found], plain)
        return [one.with_embeddings(rows) for one, rows in zip(found, both, strict=True)]

    def embed(self, images: list[Tensor], boxes: list[Tensor]) -> list[Tensor]:
        """(N_i, D) unit embeddings of boxes (N_i, 4) xyxy in images [3, H, W] in [0, 1]."""
        return with_mirrored(self.model, images, boxes, self.model.embed(images, boxes))
