"""A model over a split: broken pictures are named and passed over, and change nothing for the others."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from datasets.augmentation import FrameAugmentation
from datasets.samples import FrameSample, Query
from datasets.transforms import FrameTransform
from detection.detections import Detections
from detection.faster_rcnn import DetectorConfig
from detection.joint import EmbeddingConfig, PersonSearchRCNN
from detection.loader import TrainingFrames
from detection.true_boxes import embed_people
from search.evaluation.splits import detect_split, embed_queries, query_context

BOX = np.array([20, 10, 60, 90], dtype=np.float32)


@pytest.fixture(scope="module")
def model() -> PersonSearchRCNN:
    torch.manual_seed(0)
    detector = DetectorConfig(
        backbone="resnet18", pyramid_levels=(1, 2), pyramid_channels=16, anchor_sizes=((16,), (32,), (64,)),
        box_features=16, min_size=96, max_size=160, score_threshold=0.0, detections_per_frame=5,
    )  # fmt: skip
    embedding = EmbeddingConfig(dimension=8, pool_height=8, pool_width=4, channels=16)
    return PersonSearchRCNN(detector, embedding, precision="float32").eval()


@pytest.fixture
def samples(tmp_path: Path) -> list[FrameSample]:
    """Four frames; the third is broken."""
    random = np.random.default_rng(0)
    found = []
    for number in range(4):
        path = tmp_path / f"{number}.png"
        assert cv2.imwrite(str(path), random.integers(0, 256, (96, 128, 3), dtype=np.uint8))
        found.append(FrameSample(path.name, path, BOX[None], np.array([number])))
    found[2].path.write_bytes(b"")
    return found


def test_a_broken_frame_is_named_and_the_rest_is_detected(model: PersonSearchRCNN, samples: list[FrameSample]) -> None:
    for size in (1, 3):
        found = detect_split(model, samples, batch_size=size)
        assert set(found.by_frame) == {"0.png", "1.png", "3.png"}
        assert [name for name, _ in found.failures] == ["2.png"]


def test_a_picture_of_another_size_than_stated_is_named_in_frames_queries_and_training(
    model: PersonSearchRCNN, samples: list[FrameSample]
) -> None:
    """Its boxes would lie on other pixels than those that somebody drew them on."""
    turned = [replace(sample, size=(96, 128) if number == 1 else (128, 96)) for number, sample in enumerate(samples)]
    found = detect_split(model, turned)
    assert dict(found.failures)["1.png"] == "the image is 128 x 96, the annotation says 96 x 128"
    assert set(found.by_frame) == {"0.png", "3.png"}
    queries = [Query(number, [], frame=f"{number}.png", box=BOX) for number in (0, 1)]
    answer = embed_queries(model, queries, turned)
    assert [query.person_id for query in answer.queries] == [0]
    assert "the annotation says 96 x 128" in answer.failures[0][1]
    frames = TrainingFrames(turned, FrameTransform(FrameAugmentation()), seed=0, cameras={})
    assert frames[0, 1] == ("1.png", "the image is 128 x 96, the annotation says 96 x 128")
    assert len(frames[0, 0][1]["boxes"]) == 1  # type: ignore[index]
    assert len(embed_people(model, turned).embeddings) == 2


def test_queries_that_cannot_be_seen_are_named_and_the_others_keep_their_embeddings(
    model: PersonSearchRCNN, samples: list[FrameSample], tmp_path: Path
) -> None:
    (tmp_path / "cut.jpg").write_bytes(b"\xff\xd8\xff")
    queries = [
        Query(0, [], frame="0.png", box=BOX),
        Query(1, [], crop=tmp_path / "cut.jpg"),
        Query(2, [], frame="2.png", box=BOX),
        Query(3, [], frame="0.png", box=BOX + 500),
        Query(4, [], crop=samples[1].path),
        Query(5, [], frame="2.png", box=BOX + 1),
    ]
    calls: list[tuple[int, int]] = []
    answer = embed_queries(model, queries, samples, batch_size=2, on_progress=lambda *call: calls.append(call))
    assert [query.person_id for query in answer.queries] == [0, 4]
    assert [name for name, _ in answer.failures] == [
        f"query of person 1 ({tmp_path / 'cut.jpg'})",
        "query of person 2 (2.png)",
        "query of person 3 (0.png)",
        "query of person 5 (2.png)",
    ]
    assert all(reason and "\n" not in reason for _, reason in answer.failures)
    assert calls[-1] == (6, 6)
    alone = embed_queries(model, [queries[0], queries[4]], samples)
    torch.testing.assert_close(answer.embeddings, alone.embeddings, atol=1e-5, rtol=0)
    assert answer.embeddings.norm(dim=1).tolist() == pytest.approx([1, 1], abs=1e-4)
    nothing = embed_queries(model, queries[1:3], samples)
    assert (nothing.queries, nothing.embeddings.shape) == ([], (0, 8))


@pytest.mark.parametrize("size", [0, -1])
def test_a_batch_of_nothing_is_refused(model: PersonSearchRCNN, samples: list[FrameSample], size: int) -> None:
    with pytest.raises(ValueError, match=f"batch size {size}, expected at least 1"):
        detect_split(model, samples, batch_size=size)
    with pytest.raises(ValueError, match=f"batch size {size}, expected at least 1"):
        embed_queries(model, [], samples, batch_size=size)


def test_the_company_of_a_query_is_who_passes_the_score_threshold() -> None:
    query = Query(0, [], frame="a", box=BOX)
    boxes = torch.from_numpy(np.stack([BOX, BOX + 100, BOX + 200]))
    found = {"a": Detections(boxes, torch.tensor([0.9, 0.6, 0.2]), torch.eye(3))}
    sizes = []
    for threshold in (0.7, 0.5, 0.1):
        (company,) = query_context([query], torch.eye(3)[:1], found, score_threshold=threshold)
        assert company is not None
        sizes.append(len(company))
    assert sizes == [1, 2, 3]
