"""Cameras are one thing however they are written: in samples, galleries, protocols, tracks and figures."""

import json
import unicodedata
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import datasets
from datasets.catalog.statistics import measure_frames
from datasets.layouts.market1501 import query_groups
from datasets.samples import CropSample, Frame, FrameSample, Query, camera_name, canonical_camera
from reid import rank_metrics
from search.tracks.tracklets import by_camera

TWICE = [(6, "6"), (6, " 6 "), ("Tür", unicodedata.normalize("NFD", "Tür")), ("gate", "gate ")]


def frame(name: str, camera: Any) -> FrameSample:
    return FrameSample(name, Path(name), np.array([[0, 0, 10, 20]]), np.array([4]), camera)


@pytest.mark.parametrize(("one", "other"), TWICE)
def test_one_camera_written_in_two_ways_is_one_in_every_sample(one: Any, other: Any) -> None:
    assert camera_name(one) == camera_name(other)
    image = np.zeros((2, 2, 3), np.uint8)
    for made in (
        lambda camera: Frame("a", image, camera),
        lambda camera: frame("a", camera),
        lambda camera: CropSample(Path("a"), 1, camera),
        lambda camera: Query(1, [], crop=Path("a"), camera=camera),
    ):
        assert made(one).camera == made(other).camera == canonical_camera(one)


def test_folders_01_and_1_are_two_cameras() -> None:
    assert len({canonical_camera(name) for name in ("01", "1", "001")}) == 3
    assert canonical_camera("1") == 1
    assert canonical_camera(np.int64(7)) == 7  # type: ignore[arg-type]


@pytest.mark.parametrize(("one", "other"), TWICE)
def test_one_camera_written_in_two_ways_is_one_in_figures_and_tracks(one: Any, other: Any) -> None:
    frames = [frame("a", one), frame("b", other)]
    assert len(measure_frames({"gallery": frames}).cameras) == 1
    assert [len(members) for members in by_camera(frames).values()] == [2]
    pool = [CropSample(Path("p"), 1, one)]
    assert query_groups([CropSample(Path("q"), 1, other)], pool) == [pool]


@pytest.mark.parametrize(("one", "other"), TWICE)
def test_a_metric_skips_the_own_camera_however_it_is_written(one: Any, other: Any) -> None:
    distance = np.array([[0.1, 0.2, 0.3]])
    found = rank_metrics(distance, [1], [1, 2, 1], [one], [other, "far", "far"])
    apart = rank_metrics(distance, [1], [1, 2, 1], [one], ["near", "far", "far"])
    assert found.mean_ap == pytest.approx(0.5)  # the nearest picture is of the own camera and does not count
    assert apart.mean_ap == pytest.approx((1 + 2 / 3) / 2)


def test_queries_with_cameras_as_text_give_the_same_galleries_and_crops(tmp_path: Path) -> None:
    images = [{"id": n, "file_name": f"{n}.jpg", "width": 90, "height": 90, "camera_id": n % 2 + 1} for n in range(6)]
    people = [{"image_id": n, "bbox": [1, 1, 20, 40], "person_id": 3} for n in range(6)]
    found = []
    for name, kind in (("numbers", int), ("texts", str)):
        root = tmp_path / name
        root.mkdir()
        (root / "test.json").write_text(json.dumps({"images": images, "annotations": people}))
        query = {"file_name": "0.jpg", "bbox": [1, 1, 20, 40], "person_id": 3, "camera_id": kind(1)}
        (root / "queries.json").write_text(json.dumps([query]))
        (asked,) = datasets.load_queries("custom", root)
        (crop,) = datasets.load_crops("custom", root, "query")
        found.append(([entry[0] for entry in asked.gallery], asked.camera, crop.camera))
    assert found[0] == found[1] == (["1.jpg", "3.jpg", "5.jpg"], 1, 1)
