"""The second stage: crop embeddings beside the joint ones in a gallery, and the ranking that ranks by both."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from asking import ask
from numpy.typing import NDArray

from datasets.boxes import cut
from datasets.crops import read_crop
from datasets.samples import CropSample, Frame
from detection.detections import Detections
from reid.crops.sphere_reid import SphereReID, SphereReIDConfig
from reid.ranking.rerank import k_reciprocal
from search.gallery.description import GalleryDescription
from search.gallery.gallery import Gallery
from search.models.embedded_by import EmbeddedBy
from search.models.second_look import embed_boxes, look_again_at
from search.query.fusion import fused, reranked
from search.query.ranking import Ranking

DIM, SECOND_DIM, PEOPLE = 16, 12, 300
MODEL = GalleryDescription(DIM, EmbeddedBy("weights-1"))
BOTH = GalleryDescription(DIM, EmbeddedBy("weights-1", "crops-1"), SECOND_DIM)
IMAGE = np.full((90, 160, 3), 120, dtype=np.uint8)


def unit(count: int, width: int, seed: int) -> NDArray[np.float32]:
    values = np.random.default_rng(seed).standard_normal((count, width)).astype(np.float32)
    return np.asarray(values / np.linalg.norm(values, axis=1, keepdims=True), dtype=np.float32)


@pytest.fixture(scope="module")
def crops() -> SphereReID:
    torch.manual_seed(0)
    config = SphereReIDConfig(
        backbone="mobilenet_v2", dimension=SECOND_DIM, height=32, width=16, resize_height=32, resize_width=16
    )
    return SphereReID(config, precision="float32").eval()


def fill(gallery: Gallery, first: NDArray[np.float32], second: NDArray[np.float32] | None) -> None:
    """Frames of three sightings each; cameras c0 and c1 in turn."""
    for row in range(0, len(first), 3):
        rows = slice(row, row + 3)
        boxes = torch.tensor([[0.0, 0, 9, 9]]).expand(len(first[rows]), 4)
        found = Detections(boxes, torch.ones(len(boxes)), torch.from_numpy(first[rows]))
        frame = Frame(f"{row // 3:04d}", IMAGE, f"c{row // 3 % 2}")
        gallery.add(frame, found, second_embeddings=None if second is None else second[rows])


@pytest.fixture(scope="module")
def vectors() -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    return unit(PEOPLE, DIM, 1), unit(PEOPLE, SECOND_DIM, 2)


@pytest.fixture(scope="module")
def gallery(
    tmp_path_factory: pytest.TempPathFactory, vectors: tuple[NDArray[np.float32], NDArray[np.float32]]
) -> Gallery:
    made = Gallery.create(tmp_path_factory.mktemp("second") / "people", BOTH)
    with made:
        fill(made, *vectors)
    return made


def rows_of(answer: object) -> list[int]:
    return [int(one.frame) * 3 + one.index for one in answer]  # type: ignore[attr-defined]


def test_a_box_is_cut_as_the_crops_of_the_training_are(tmp_path: Path, crops: SphereReID) -> None:
    random = np.random.default_rng(0)
    image = random.integers(0, 256, (60, 40, 3), dtype=np.uint8)
    file = tmp_path / "frame.png"
    assert cv2.imwrite(str(file), image[..., ::-1])
    boxes = np.array([[2.5, 3, 20, 50], [-5, 0, 10.2, 30], [30.9, 40.1, 99, 99]], dtype=np.float32)
    trained_on = [read_crop(CropSample(file, 0, box=box)) for box in boxes]
    seen = embed_boxes(crops, [image], [torch.from_numpy(boxes)])[0]
    torch.testing.assert_close(seen, crops.embed(trained_on), atol=1e-5, rtol=0)


def test_boxes_of_several_frames_get_the_embeddings_of_their_cut_pictures(crops: SphereReID) -> None:
    random = np.random.default_rng(0)
    images = [random.integers(0, 256, (60, 40, 3), dtype=np.uint8) for _ in range(3)]
    boxes = [torch.tensor([[2.5, 3, 20, 50], [-5, 0, 10.2, 30]]), torch.zeros(0, 4), torch.tensor([[10.0, 10, 40, 60]])]
    together = embed_boxes(crops, images, boxes, batch_size=2)
    assert [len(rows) for rows in together] == [2, 0, 1]
    for image, rows, answer in zip(images, boxes, together, strict=True):
        for box, embedding in zip(rows, answer, strict=True):
            alone = crops.embed([cut(image, box.numpy())])[0]
            torch.testing.assert_close(embedding, alone, atol=1e-5, rtol=0)
    found = Detections(boxes[0], torch.ones(2), torch.ones(2, 4))
    refined = look_again_at(crops, images[0], found)
    assert torch.equal(refined.boxes, found.boxes)
    torch.testing.assert_close(refined.embeddings, together[0], atol=1e-5, rtol=0)
    with pytest.raises(ValueError, match=r"box 50, 0, 60, 9 has no pixel in the frame of 40 x 60"):
        embed_boxes(crops, images[:1], [torch.tensor([[50.0, 0, 60, 9]])])


@pytest.mark.parametrize("weight", [0.0, 0.3, 1.0])
def test_products_of_fused_embeddings_are_the_weighted_sums(weight: float) -> None:
    first, second = torch.from_numpy(unit(20, DIM, 3)), torch.from_numpy(unit(20, SECOND_DIM, 4))
    both = fused(first, second, weight)
    torch.testing.assert_close(both.norm(dim=1), torch.ones(20))
    expected = (1 - weight) * first @ first.T + weight * second @ second.T
    torch.testing.assert_close(both @ both.T, expected, atol=1e-6, rtol=0)


@pytest.mark.parametrize("weight", [0.0, 0.4, 1.0])
@pytest.mark.parametrize("candidates", [1, 20, 1000])
def test_the_cascade_is_that_of_a_naive_loop(
    gallery: Gallery,
    vectors: tuple[NDArray[np.float32], NDArray[np.float32]],
    weight: float,
    candidates: int,
) -> None:
    first, second = vectors
    probe, second_probe = unit(1, DIM, 5)[0], unit(1, SECOND_DIM, 6)[0]
    in_camera = [row for row in range(PEOPLE) if row // 3 % 2 == 1]
    joint = {row: float(np.dot(first[row].astype(float), probe)) for row in in_camera}
    best = sorted(in_camera, key=lambda row: -joint[row])[: max(candidates, 10)]
    score = {}
    for row in best:
        score[row] = (1 - weight) * joint[row] + weight * float(np.dot(second[row].astype(float), second_probe))
    expected = sorted(best, key=lambda row: -score[row])[:10]
    answer = ask(
        gallery,
        2 * probe,
        second_embeddings=3 * second_probe,
        ranking=Ranking(weight, candidates),
        limit=10,
        cameras="c1",
    )
    assert rows_of(answer) == expected
    np.testing.assert_allclose([one.score for one in answer], [score[row] for row in expected], atol=1e-6)
    assert answer.searched == len(in_camera)


def test_several_probes_count_by_their_mean_or_by_the_best(
    gallery: Gallery, vectors: tuple[NDArray[np.float32], NDArray[np.float32]]
) -> None:
    first, second = vectors
    probes, second_probes = unit(3, DIM, 7), unit(3, SECOND_DIM, 8)
    both = 0.5 * first @ probes.T + 0.5 * second @ second_probes.T
    looks = {"second_embeddings": second_probes, "limit": 20, "ranking": Ranking(0.5)}
    answer = ask(gallery, probes, combine="max", **looks)  # type: ignore[arg-type]
    assert rows_of(answer) == np.argsort(-both.max(axis=1))[:20].tolist()
    means = [rows.mean(axis=0) / np.linalg.norm(rows.mean(axis=0)) for rows in (probes, second_probes)]
    both = 0.5 * first @ means[0] + 0.5 * second @ means[1]
    assert rows_of(ask(gallery, probes, **looks)) == np.argsort(-both)[:20].tolist()  # type: ignore[arg-type]


def test_reranking_orders_the_candidates_by_their_distance(
    gallery: Gallery, vectors: tuple[NDArray[np.float32], NDArray[np.float32]]
) -> None:
    first, second = vectors
    probe, second_probe = unit(1, DIM, 5), unit(1, SECOND_DIM, 6)
    best = np.argsort(-(first @ probe[0]))[:40]
    query = np.hstack([probe * 0.7**0.5, second_probe * 0.3**0.5])
    items = np.hstack([first * 0.7**0.5, second * 0.3**0.5])[best]
    expected = 1 - k_reciprocal(query, items)[0]
    answer = ask(gallery, probe, second_embeddings=second_probe, ranking=Ranking(0.3, 40, rerank=True), limit=15)
    scores = [one.score for one in answer]
    np.testing.assert_allclose(scores, np.sort(expected)[::-1][:15], atol=1e-5)
    assert scores == sorted(scores, reverse=True)
    np.testing.assert_allclose(reranked(query, items), expected, atol=1e-6)
    alone = ask(gallery, probe, ranking=Ranking(candidates=40, rerank=True), limit=40)
    expected = 1 - k_reciprocal(probe, first[best])[0]
    np.testing.assert_allclose([one.score for one in alone], np.sort(expected)[::-1], atol=1e-5)
    surer = ask(
        gallery,
        probe,
        ranking=Ranking(candidates=40, rerank=True),
        limit=40,
        minimum_similarity=float(np.median([one.similarity for one in alone])),
    )
    assert len(surer) == 20


def test_without_a_second_look_the_gallery_answers_as_one_without_a_second_stage(
    gallery: Gallery, vectors: tuple[NDArray[np.float32], NDArray[np.float32]], tmp_path: Path
) -> None:
    plain = Gallery.create(tmp_path / "plain", MODEL)
    fill(plain, vectors[0], None)
    probe = unit(1, DIM, 5)
    assert rows_of(ask(gallery, probe)) == rows_of(ask(plain, probe))
    assert plain.summary().embedded_by.second_stage is None
    assert gallery.summary().embedded_by == BOTH.embedded_by
    with pytest.raises(ValueError, match="has no second stage"):
        ask(plain, probe, second_embeddings=unit(1, SECOND_DIM, 1))
    with pytest.raises(ValueError, match=r"frame 0000: second_embeddings given, gallery .* has no second stage"):
        fill(plain, vectors[0], vectors[1])


def test_indexing_again_with_another_second_stage_is_refused(tmp_path: Path) -> None:
    Gallery.create(tmp_path / "both", BOTH)
    Gallery.create(tmp_path / "plain", MODEL)
    assert Gallery.open_or_create(tmp_path / "both", BOTH).description == BOTH
    assert Gallery.open(tmp_path / "both", MODEL).description == BOTH  # for searching by the first stage alone
    others = GalleryDescription(DIM, EmbeddedBy("weights-1", "crops-2"), SECOND_DIM)
    for path, given, message in (
        ("plain", BOTH, "has no second stage; leave --second-stage out, or index into a new folder"),
        ("both", MODEL, "was indexed with a second stage; give --second-stage too"),
        ("both", others, "was indexed with another second stage than the one given: their weights differ"),
    ):
        with pytest.raises(ValueError, match=message):
            Gallery.open_or_create(tmp_path / path, given)


def test_bad_second_embeddings(tmp_path: Path) -> None:
    both = Gallery.create(tmp_path / "both", BOTH)
    found = Detections([[0, 0, 9, 9]] * 2, [1, 1], unit(2, DIM, 1))
    for second, message in (
        (None, "detections without embeddings"),
        (unit(2, 5, 1), "holds width 12"),
        (unit(1, SECOND_DIM, 1), "1 embeddings, expected 2: one for each box"),
        (np.zeros((2, SECOND_DIM)), "not finite or zero"),
    ):
        with pytest.raises(ValueError, match=f"frame a, second stage: .*{message}"):
            both.add(Frame("a", IMAGE), found, second_embeddings=second)
    assert not both.is_done("a")
    both.add(Frame("nobody", IMAGE), Detections(torch.zeros(0, 4), torch.zeros(0)))
    both.flush()
    assert len(both) == 0
    assert both.is_done("nobody")


def test_a_frame_added_again_replaces_both_embeddings(tmp_path: Path) -> None:
    both = Gallery.create(tmp_path / "both", BOTH)
    first, second = unit(6, DIM, 1), unit(6, SECOND_DIM, 2)
    fill(both, first, second)
    both.flush()
    fill(both, first, second[::-1].copy())
    both.flush()
    assert len(both) == 6
    (best,) = ask(both, first[0], second_embeddings=second[5], ranking=Ranking(1.0), limit=1)
    assert rows_of([best]) == [0]
    assert best.score == pytest.approx(1.0, abs=1e-6)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"second_weight": -0.1}, "second weight -0.1, expected a share from 0"),
        ({"second_weight": float("nan")}, "second weight nan"),
        ({"candidates": 0}, "0 candidates, expected at least 1"),
    ],
)
def test_bad_cascades(values: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Ranking(**values)  # type: ignore[arg-type]
