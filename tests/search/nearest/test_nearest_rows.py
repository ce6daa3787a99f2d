"""Search in memory answers exactly as the full comparison: any filter, any limit, ties, growing galleries."""

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from asking import ask
from numpy.typing import NDArray

from datasets.samples import Frame
from detection.detections import Detections
from search.care.removal import Doomed, delete_sightings
from search.gallery.description import GalleryDescription
from search.gallery.gallery import Gallery
from search.models.embedded_by import EmbeddedBy
from search.nearest import coded
from search.nearest.bounded import best_rows, exact_scores
from search.nearest.coded import CodedRows
from search.nearest.resident import ResidentRows, keep_in_memory
from search.query.ranking import Ranking

DIM = 32
IMAGE = np.zeros((60, 80, 3), np.uint8)


def unit(values: NDArray[np.floating[Any]]) -> NDArray[np.float32]:
    return np.asarray(values / np.linalg.norm(values, axis=-1, keepdims=True), dtype=np.float32)


def alike(count: int, width: int, seed: int, spread: float) -> NDArray[np.float32]:
    """Unit vectors around one direction: embeddings of people are far from being spread evenly."""
    random = np.random.default_rng(seed)
    return unit(random.standard_normal(width) + spread * random.standard_normal((count, width)))


@pytest.mark.parametrize("few", [0, 10_000], ids=["threads", "one thread"])
@pytest.mark.parametrize("spread", [0.02, 0.3, 50.0])
@pytest.mark.parametrize("width", [1, 7, 256])
def test_the_true_similarity_is_within_the_bound(
    spread: float, width: int, few: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(coded, "BLOCK_ROWS", 500)
    monkeypatch.setattr(coded, "FEW_ROWS", few)
    monkeypatch.setattr(coded, "CLOSER_ROWS", 70)
    rows, probes = alike(1700, width, 1, spread), alike(20, width, 2, spread)
    codes = CodedRows(rows[:100].mean(axis=0))
    for part in np.split(rows, [3, 503, 1200]):
        codes.append(part)
    chosen = np.flatnonzero(np.random.default_rng(3).random(1700) < 0.3)
    kept = copy.deepcopy(codes)
    kept.keep(chosen)
    assert (len(codes), len(kept)) == (1700, len(chosen))
    for probe in probes:
        true = rows.astype(np.float64) @ probe
        found, closer = codes.estimates(probe), codes.closer_estimates(probe, chosen)
        assert (np.abs(found.middle - true) <= found.error).all()
        assert (np.abs(closer.middle - true[chosen]) <= closer.error).all()
        assert closer.error.mean() <= found.error[chosen].mean()
        for some in (codes.estimates(probe, chosen), kept.estimates(probe)):
            np.testing.assert_array_equal(some.middle, found.middle[chosen])
            np.testing.assert_array_equal(some.error, found.error[chosen])
    if width == 256:
        assert found.error.max() < 0.02 * max(np.linalg.norm(rows - rows.mean(axis=0), axis=1)) + 1e-4


def test_a_thousand_random_queries_answer_as_the_full_comparison(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(coded, "FEW_ROWS", 0)
    random = np.random.default_rng(0)
    rows = alike(4000, DIM, 1, 0.4)
    rows[1000:1100] = rows[7]  # more of the same than anybody asks for
    codes = CodedRows(rows[:500].mean(axis=0))
    codes.append(rows)
    confidence = random.random(4000).astype(np.float32)
    for number, probe in enumerate(alike(1000, DIM, 2, 0.4)):
        probes = unit(np.stack([probe, rows[number], probe + rows[7]]))[: 1 + number % 3]
        weights = confidence if number % 4 == 3 else None
        chosen = None if number % 2 else np.flatnonzero(random.random(4000) < random.choice([0.001, 0.1, 0.9]))
        most = int(random.choice([1, 20, 300]))
        count = 4000 if chosen is None else len(chosen)
        if not count:
            continue
        asked: list[int] = []

        def exact(some: NDArray[np.int64], asked: list[int] = asked) -> NDArray[np.float32]:
            asked.extend(some.tolist())
            return rows[some]

        found = best_rows(codes, probes, most, chosen, weights, exact)
        every = np.arange(4000) if chosen is None else chosen
        scores = exact_scores(rows[every], probes, weights, every)
        limit = np.sort(scores)[-min(most, count)]
        assert sorted(found.tolist()) == every[scores >= limit].tolist()
        assert len(asked) == len(set(asked)), "no row is read twice"


@pytest.fixture
def gallery(tmp_path: Path) -> Gallery:
    gallery = Gallery.create(tmp_path / "people", GalleryDescription(DIM, EmbeddedBy("weights-1")))
    grow(gallery, 0, 300)
    return gallery


def grow(gallery: Gallery, first: int, last: int, source: str = "street") -> None:
    """Frames of two people; three cameras and an unknown one, times with gaps."""
    rows = alike(2 * last, DIM, 1, 0.4).reshape(last, 2, DIM)
    for number in range(first, last):
        found = Detections([[1, 1, 20, 40], [5, 5, 30, 60]], [0.9, 0.3 + number % 7 / 10], rows[number])
        camera = None if number % 4 == 3 else f"c{number % 4}"
        frame = Frame(f"{number % 200}.jpg", IMAGE, camera, None if number % 5 == 4 else 10.0 * number)
        gallery.add(frame, found, source=source + str(number // 200))
    gallery.flush()


CASES: list[dict[str, Any]] = [
    {},
    {"limit": 3},
    {"limit": 5000},
    {"cameras": "c1"},
    {"cameras": ["c0", "c2"], "after": 500.0, "before": 1500.0},
    {"after": 2000.0, "limit": 500},
    {"minimum_similarity": 0.6, "limit": 500},
    {"exclude_frame": "7.jpg", "limit": 5000},
    {"exclude_frame": "7.jpg", "exclude_source": "street1", "limit": 5000},
    {"exclude_frame": "nowhere.jpg"},
    {"ranking": Ranking(class_weighted=True), "limit": 40},
    {"ranking": Ranking(class_weighted=True), "cameras": "c2"},
    {"ranking": Ranking(rerank=True, candidates=60), "limit": 10},
]


@pytest.mark.parametrize("case", CASES, ids=[str(one) for one in CASES])
def test_every_filter_and_order_answers_as_the_store(gallery: Gallery, case: dict[str, Any]) -> None:
    fast = Gallery.open(gallery.path)
    keep_in_memory(fast)
    for probe in alike(5, DIM, 9, 0.4):
        several = np.stack([probe, alike(1, DIM, 10, 0.4)[0]])
        for given, combine in ((probe, "mean"), (several, "max")):
            asked = {**case, "combine": combine}
            if combine == "max" and "ranking" in case and case["ranking"].rerank:
                continue
            assert ask(fast, given, **asked) == ask(gallery, given, **asked)


def test_a_filter_never_costs_an_answer(gallery: Gallery) -> None:
    keep_in_memory(gallery)
    for probe in alike(5, DIM, 9, 0.4):
        everything = ask(gallery, probe, limit=5000)
        some = ask(gallery, probe, limit=10, cameras="c1")
        assert [one.id for one in some] == [one.id for one in everything if one.camera == "c1"][:10]


def test_what_changes_on_the_disk_changes_the_answer(gallery: Gallery) -> None:
    fast = Gallery.open(gallery.path)
    rows = keep_in_memory(fast)
    probe = alike(1, DIM, 9, 0.4)[0]

    def same() -> None:
        assert ask(fast, probe, limit=5000) == ask(gallery, probe, limit=5000)
        assert len(rows) == len(gallery)

    same()
    grow(gallery, 300, 320)
    same()
    grow(gallery, 290, 310)  # the same frames again
    same()
    gallery.forget_file("nothing", "#t=")
    gallery.optimize()
    same()
    delete_sightings(gallery, Doomed(cameras=("c1",)))
    same()
    grow(gallery, 320, 330)
    same()


def test_an_empty_gallery_and_one_whose_filter_leaves_nothing(tmp_path: Path, gallery: Gallery) -> None:
    empty = Gallery.create(tmp_path / "empty", GalleryDescription(DIM, EmbeddedBy("weights-1")))
    keep_in_memory(empty)
    assert len(ask(empty, np.ones(DIM))) == 0
    keep_in_memory(gallery)
    answer = ask(gallery, np.ones(DIM), after=100_000.0)
    assert (len(answer), answer.searched) == (0, 0)
    assert answer.contents


def test_the_memory_is_a_quarter_of_the_embeddings_and_forty_bytes(gallery: Gallery) -> None:
    rows = ResidentRows(gallery)
    rows.follow()
    assert rows.bytes == coded.BLOCK_ROWS * DIM + 40 * len(gallery)
