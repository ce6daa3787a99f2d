"""The second look at a frame's people."""

import numpy as np
import pytest
import torch

from datasets.images import as_tensor
from detection.detections import Detections
from detection.faster_rcnn import DetectorConfig
from detection.joint import EmbeddingConfig, PersonSearchRCNN
from search.models.mirrored import mirror, mirrored_embeddings


@pytest.fixture(scope="module")
def model() -> PersonSearchRCNN:
    torch.manual_seed(0)
    detector = DetectorConfig(
        backbone="resnet18",
        pyramid_levels=(1, 2),
        pyramid_channels=16,
        anchor_sizes=((16,), (32,), (64,)),
        box_features=16,
        min_size=96,
        max_size=160,
        score_threshold=0.0,
    )
    embedding = EmbeddingConfig(dimension=16, pool_height=8, pool_width=4, channels=16)
    return PersonSearchRCNN(detector, embedding, precision="float32").eval()


def test_mirroring_twice_changes_nothing() -> None:
    boxes = torch.tensor([[1.0, 2.0, 30.0, 40.0], [0.0, 0.0, 128.0, 96.0]])
    assert torch.equal(mirror(mirror(boxes, 128), 128), boxes)
    assert torch.equal(mirror(boxes, 128)[1], boxes[1])


def test_a_frame_and_its_mirror_image_get_the_same_refined_embeddings(model: PersonSearchRCNN) -> None:
    """The point of it: which way a person walks no longer matters."""
    picture = np.random.default_rng(0).integers(0, 256, (96, 128, 3), dtype=np.uint8)
    image = as_tensor(picture)
    boxes = torch.tensor([[10.0, 12.0, 40.0, 80.0], [60.0, 20.0, 90.0, 95.0]])
    scores = torch.ones(2)
    plain = Detections(boxes, scores, model.embed([image], [boxes])[0])
    flipped_boxes = mirror(boxes, 128)
    flipped = Detections(flipped_boxes, scores, model.embed([image.flip(-1)], [flipped_boxes])[0])
    first, second = mirrored_embeddings(model, picture, plain), mirrored_embeddings(model, picture[:, ::-1], flipped)
    torch.testing.assert_close(first.embeddings, second.embeddings, atol=1e-5, rtol=1e-4)
    assert not torch.allclose(plain.embeddings, flipped.embeddings, atol=1e-3)
    torch.testing.assert_close(first.embeddings.norm(dim=1), torch.ones(2))
    assert torch.equal(first.boxes, plain.boxes)
    assert torch.equal(first.scores, plain.scores)


def test_nobody_there_and_no_embeddings(model: PersonSearchRCNN) -> None:
    nobody = Detections(torch.zeros(0, 4), torch.zeros(0), torch.zeros(0, 16))
    assert len(mirrored_embeddings(model, np.zeros((96, 128, 3), np.uint8), nobody)) == 0
    with pytest.raises(ValueError, match="without embeddings"):
        mirrored_embeddings(
            model, np.zeros((96, 128, 3), np.uint8), Detections(torch.tensor([[1.0, 1.0, 9.0, 9.0]]), torch.ones(1))
        )
