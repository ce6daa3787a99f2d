"""Rows read in small pieces, and kept in place, are the rows of the gallery, whatever came and went in between."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from asking import ask
from numpy.typing import NDArray

from datasets.samples import Frame
from detection.detections import Detections
from search.care.removal import Doomed, delete_sightings
from search.gallery.description import GalleryDescription
from search.gallery.filters import Filters
from search.gallery.gallery import Gallery
from search.models.embedded_by import EmbeddedBy
from search.nearest import coded, resident
from search.nearest.coded import CodedRows
from search.nearest.labels import RowLabels
from search.nearest.resident import ResidentRows, keep_in_memory

DIM = 16
PIECE = 7
"""Rows; neither the rows of a frame nor those of a block are a multiple of it."""

IMAGE = np.zeros((60, 80, 3), np.uint8)


def unit(seed: int, count: int) -> NDArray[np.float32]:
    rows = np.random.default_rng(seed).standard_normal((count, DIM)) + 0.5
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)


def grow(gallery: Gallery, first: int, last: int) -> None:
    """Frames of three people, by three cameras and an unknown one, in sources of 20 frames."""
    for number in range(first, last):
        boxes = [[1, 1, 20, 40], [5, 5, 30, 60], [9, 5, 40, 60]]
        found = Detections(np.array(boxes), np.array([0.9, 0.5, 0.4 + number % 7 / 20]), unit(number, 3))
        camera = None if number % 4 == 3 else f"c{number % 4}"
        when = None if number % 5 == 4 else float(number)
        gallery.add(Frame(f"{number % 20}.jpg", IMAGE, camera, when), found, source=f"street {number // 20}")
    gallery.flush()


@pytest.fixture
def gallery(tmp_path: Path) -> Gallery:
    gallery = Gallery.create(tmp_path / "people", GalleryDescription(DIM, EmbeddedBy("weights-1")))
    grow(gallery, 0, 60)
    return gallery


def test_pieces_answer_as_the_whole_and_as_the_store(gallery: Gallery, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(coded, "BLOCK_ROWS", 50)
    fast, whole = Gallery.open(gallery.path), Gallery.open(gallery.path)
    pieces = keep_in_memory(fast)
    most: list[int] = []
    read = ResidentRows._rows

    def counted(self: ResidentRows, numbers: NDArray[np.uint64], columns: list[str], **options: Any) -> pa.Table:
        most.append(len(numbers))
        return read(self, numbers, columns, **options)

    def same() -> None:
        monkeypatch.setattr(resident, "READ_BYTES", PIECE * 4 * DIM)
        with monkeypatch.context() as watched:
            watched.setattr(ResidentRows, "_rows", counted)
            pieces.follow()
        monkeypatch.setattr(resident, "READ_BYTES", 1 << 30)
        everything = keep_in_memory(whole)  # read in one piece, now
        cases: list[dict[str, Any]] = [{}, {"cameras": ["c0", "c2"]}, {"after": 10.0, "before": 50.0}]
        for case in [*cases, {"exclude_frame": "7.jpg", "exclude_source": "street 1", "limit": 9}]:
            for probe in unit(1000, 2):
                expected = ask(gallery, probe, **{"limit": 5000, **case})
                assert ask(fast, probe, **{"limit": 5000, **case}) == expected
                assert ask(whole, probe, **{"limit": 5000, **case}) == expected
        assert len(pieces) == len(everything) == len(gallery)

    same()
    assert len(most) == -(-180 // PIECE)
    grow(gallery, 60, 70)  # fewer than a quarter: they come behind those that are there
    same()
    assert len(most) == -(-180 // PIECE) + -(-30 // PIECE)
    grow(gallery, 5, 12)  # frames that were there
    same()
    delete_sightings(gallery, Doomed(cameras=("c1",)))
    same()
    grow(gallery, 70, 75)
    same()
    grow(gallery, 75, 130)  # more than a quarter
    same()
    gallery.optimize()
    same()
    assert max(most) == PIECE


def test_rows_that_go_leave_their_place_to_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(coded, "BLOCK_ROWS", 50)
    rows, probe = unit(1, 333), unit(2, 1)[0]
    codes = CodedRows(rows[:100].mean(axis=0))
    codes.append(rows)
    random = np.random.default_rng(3)
    left = np.arange(len(rows))
    for share in (0.9, 0.5, 0.1, 0.0):
        chosen = np.flatnonzero(random.random(len(left)) < share)
        before, memory = codes.estimates(probe), codes.bytes
        codes.keep(chosen)
        left = left[chosen]
        after = codes.estimates(probe)
        np.testing.assert_array_equal(after.middle, before.middle[chosen])
        np.testing.assert_array_equal(after.error, before.error[chosen])
        assert (len(codes), codes.bytes <= memory) == (len(left), True)
        new = unit(10 + len(left), 60)
        codes.append(new)
        rows = np.concatenate([rows[left], new])
        left = np.arange(len(rows))
        found = codes.estimates(probe)
        assert (np.abs(found.middle - rows.astype(np.float64) @ probe) <= found.error).all()


def labelled(numbers: list[int]) -> pa.Table:
    """Rows of made-up frames; every value follows from the row's number."""
    return pa.table(
        {
            "_rowid": pa.array(numbers, pa.uint64()),
            "source": [f"s{number % 3}" for number in numbers],
            "frame": [f"{number // 2}.jpg" for number in numbers],
            "camera": [None if number % 4 == 0 else f"c{number % 4}" for number in numbers],
            "timestamp": [None if number % 5 == 0 else 1.7e9 + number / 3 for number in numbers],
            "frame_width": pa.array([640 + number % 2 for number in numbers], pa.int32()),
            "frame_height": pa.array([480] * len(numbers), pa.int32()),
            "detection_score": pa.array([number / 1000 for number in numbers], pa.float32()),
        }
    )


def test_labels_say_of_each_row_what_the_table_says() -> None:
    labels = RowLabels()
    labels.append(labelled(list(range(0, 90))))
    labels.reserve(200)
    room = labels.bytes
    labels.append(labelled(list(range(90, 200))))
    assert labels.bytes == room == 200 * 28
    labels.keep(np.flatnonzero(np.arange(200) % 7 != 0))
    labels.append(labelled([500, 501]))
    numbers = [number for number in range(200) if number % 7] + [500, 501]
    assert labels.numbers.tolist() == numbers
    table = labelled(numbers)
    assert labels.confidence.tolist() == table["detection_score"].to_pylist()
    for name, values in labels.few_values(np.arange(len(numbers))).items():
        assert values.equals(table[name].combine_chunks())
    passes = labels.passing(Filters(cameras=("c1", "c3"), after=1.7e9 + 10, before=1.7e9 + 50 + 1 / 3))
    assert passes is not None
    expected = [number % 2 == 1 and number % 5 != 0 and 30 <= number < 151 for number in numbers]
    assert passes.tolist() == expected
    assert labels.passing(Filters()) is None
    nobody = labels.passing(Filters(cameras="c9"))
    assert nobody is not None
    assert not nobody.any()
    assert [numbers[row] for row in labels.of_frame("12.jpg")] == [24, 25]
