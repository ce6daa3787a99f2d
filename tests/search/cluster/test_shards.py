"""A gallery searched in parts answers as one that is searched whole, to the last digit."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from asking import ask
from inline import AFTER, BEFORE, Inline
from numpy.typing import NDArray

from datasets.samples import Frame
from detection.detections import Detections
from search.cluster.shards import Part, parts_of, searched_by
from search.gallery.description import GalleryDescription
from search.gallery.gallery import Gallery
from search.models.embedded_by import EmbeddedBy
from search.nearest.resident import ResidentRows
from search.query.context import Company
from search.query.ranking import Ranking

DIM = 24
IMAGE = np.random.default_rng(5).integers(0, 255, (60, 80, 3), np.uint8)


def unit(seed: int, *shape: int) -> NDArray[np.float32]:
    values = 1.5 + np.random.default_rng(seed).standard_normal(shape)
    return np.asarray(values / np.linalg.norm(values, axis=-1, keepdims=True), dtype=np.float32)


def grow(gallery: Gallery, first: int, last: int, pieces: int, folder: Path | None = None) -> None:
    """Frames of two people, some of them alike to the last digit, in so many fragments."""
    looks, again = unit(1, 400, 2, DIM), unit(2, 400, 2, 8)
    looks[10:60:5] = looks[3]
    for number in range(first, last):
        found = Detections([[1, 1, 20, 40], [5, 5, 30, 60]], [0.9, 0.3 + number % 7 / 10], looks[number])
        camera = None if number % 4 == 3 else f"c{number % 4}"
        time = None if number % 5 == 4 else 10.0 * number
        place = None if folder is None else str(folder / f"{number}.png")
        frame = Frame(f"{number}.png", IMAGE, camera, time)
        gallery.add(
            frame,
            found,
            second_embeddings=again[number],
            source=f"street{number // 50}",
            location=place,
            file_state="1:1",
        )
        if number % max(1, (last - first) // pieces) == 0:
            gallery.flush()
    gallery.flush()


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sharded")
    cv2.imwrite(str(folder / "7.png"), IMAGE)
    gallery = Gallery.create(folder / "people", GalleryDescription(DIM, EmbeddedBy("one", "two"), 8))
    grow(gallery, 0, 160, 6, folder)
    return gallery.path


CASES: list[dict[str, Any]] = [
    {},
    {"limit": 3},
    {"limit": 5000},
    {"cameras": "c1"},
    {"cameras": ["c0", "c2"], "after": 500.0, "before": 1300.0},
    {"after": 1500.0, "limit": 500},
    {"before": 100.0},
    {"minimum_similarity": 0.8, "limit": 500},
    {"exclude_frame": "7.png", "limit": 5000},
    {"exclude_frames": [("street1", "53.png"), ("street2", "110.png")], "limit": 5000},
    {"exclude_sightings": [("street0", "3.png", 0)], "limit": 5000},
    {"exclude_file": "7.png", "limit": 5000},
    {"ranking": Ranking(class_weighted=True), "limit": 40},
    {"ranking": Ranking(rerank=True, candidates=60), "limit": 10},
    {"ranking": Ranking(0.4, candidates=50), "second": True},
    {"ranking": Ranking(0.4, class_weighted=True), "second": True, "cameras": "c2"},
    {"company": True, "limit": 20},
]


@pytest.mark.parametrize("case", CASES, ids=[str(one) for one in CASES])
def test_the_answer_is_that_of_one_process(people: Path, case: dict[str, Any]) -> None:
    whole, parts = Gallery.open(people), Gallery.open(people)
    asked = {name: value for name, value in case.items() if name not in ("second", "company")}
    if "exclude_file" in asked:
        asked["exclude_file"] = people.parent / "7.png"
    with searched_by(parts, actors := Inline(), 4, print):
        assert len(parts_of(parts, 4)) == 4
        for seed in (7, 8):
            probe, second = unit(seed, 2, DIM), unit(seed, 2, 8)
            for count, combine in ((1, "mean"), (2, "max")):
                if count == 2 and ("company" in case or getattr(case.get("ranking"), "rerank", False)):
                    continue
                told = {**asked, "combine": combine}
                told["second_embeddings"] = second[:count] if case.get("second") else None
                told["company"] = Company(unit(seed, 3, DIM)) if case.get("company") else None
                answer = ask(parts, probe[:count], **told)
                assert answer == ask(whole, probe[:count], **told)
        assert answer.searched > 0
    assert parts.in_memory is None
    assert len(actors.started) == 4
    assert not actors.living("Shard")


def test_parts_are_whole_fragments_and_hold_every_row_once(people: Path) -> None:
    gallery = Gallery.open(people)
    fragments = gallery.table.stats()["fragment_stats"]["num_fragments"]
    assert fragments > 4
    everybody = ResidentRows(gallery)
    everybody.follow()
    for count in (1, 2, 3, fragments, 50):
        parts = parts_of(gallery, count)
        assert min(count, fragments) / 2 < len(parts) <= min(count, fragments)
        sizes = []
        for part in parts:
            assert part.first % 2**32 == part.end % 2**32 == 0
            rows = ResidentRows(gallery)
            rows.part = part
            rows.follow()
            sizes.append(len(rows))
        assert sum(sizes) == len(everybody)
        assert min(sizes) > 0
        if count <= 3:
            assert len(parts) == count
            assert max(sizes) < 2 * len(everybody) / count


def test_a_gallery_that_grows_is_shared_out_anew(tmp_path: Path) -> None:
    gallery = Gallery.create(tmp_path / "people", GalleryDescription(DIM, EmbeddedBy("one", "two"), 8))
    whole, parts = Gallery.open(gallery.path), Gallery.open(gallery.path)
    probe = unit(7, DIM)
    with searched_by(parts, Inline(), 3, print):
        empty = ask(parts, probe)
        assert (len(empty), empty.searched) == (0, 0)
        for last in (20, 60, 61):
            grow(gallery, max(0, last - 40), last, 2)
            assert ask(parts, probe) == ask(whole, probe)
        gallery.optimize()
        assert ask(parts, probe, limit=500) == ask(whole, probe, limit=500)


def test_a_process_that_dies_is_replaced_and_asked_again(people: Path) -> None:
    whole, parts = Gallery.open(people), Gallery.open(people)
    said: list[str] = []
    deaths = {2: BEFORE, 3: AFTER, 5: BEFORE}
    with searched_by(parts, Inline(lambda role, method, count: deaths.get(count)), 3, said.append):
        assert ask(parts, unit(7, DIM)) == ask(whole, unit(7, DIM))
    assert len(said) == 3
    assert all("died: its process was ended; another one is asked" in line for line in said)
    lost = pytest.raises(OSError, match=r"part 1 of gallery \S+ could not be searched, 3 processes died")
    with searched_by(parts, Inline(lambda *_: BEFORE), 3, said.append), lost:
        ask(parts, unit(7, DIM))


def test_there_are_no_more_processes_than_processors(people: Path) -> None:
    parts = Gallery.open(people)
    with searched_by(parts, actors := Inline(processors=2), 5, print):
        ask(parts, unit(7, DIM))
    assert len(actors.started) == 2
    assert Part(3, 0, 1 << 32).sql == "_rowid >= 0 AND _rowid < 4294967296"
