"""UESTC-PR: the custom layout, with cameras and times from the names of frames."""

import json
from pathlib import Path

import pytest

import datasets
from datasets.layouts import uestc_pr


@pytest.fixture
def root(tmp_path: Path) -> Path:
    names = ["c1p1_000000.jpg", "c2p2_000010.jpg", "night/c5p3_004019.jpg", "other.jpg"]
    images = [{"id": i, "file_name": name, "width": 1920, "height": 1080} for i, name in enumerate(names)]
    images[1] |= {"camera_id": 9, "timestamp": 1.5}
    people = [
        {"id": i, "image_id": i, "category_id": 1, "bbox": [10, 10, 20, 40], "person_id": 100 + i % 2} for i in range(4)
    ]
    content = json.dumps({"images": images, "annotations": people})
    for name in ("train.json", "test.json"):
        (tmp_path / name).write_text(content)
    queries = [{"file_name": names[0], "bbox": [10, 10, 20, 40], "person_id": 100}]
    (tmp_path / "queries.json").write_text(json.dumps(queries))
    return tmp_path


def test_cameras_and_times_come_from_names_where_the_records_have_none(root: Path) -> None:
    samples = datasets.load_frames("uestc-pr", root, "gallery")
    assert [sample.camera for sample in samples] == [1, 9, 5, None]
    assert [sample.timestamp for sample in samples] == [30600.0, 1.5, 17 * 3600 + 4019.0, None]
    assert [sample.person_ids.tolist() for sample in samples] == [[100], [101], [100], [101]]
    train = datasets.load_frames("uestc-pr", root, "train")
    assert [sample.person_ids.tolist() for sample in train] == [[0], [1], [0], [1]]


def test_search_crosses_cameras_by_the_names_too(root: Path) -> None:
    (query,) = datasets.load_queries("uestc-pr", root)
    assert query.camera == 1
    assert [name for name, _ in query.gallery] == ["c2p2_000010.jpg", "night/c5p3_004019.jpg", "other.jpg"]


@pytest.mark.parametrize("name", ["c6p1_000001.jpg", "c1p4_000001.jpg", "c1p1_x.jpg", "xc1p1_000001.jpg", ""])
def test_other_names_tell_nothing(name: str) -> None:
    assert uestc_pr.parse_name(name) is None


def test_a_wrong_root(tmp_path: Path) -> None:
    with pytest.raises(datasets.DatasetNotFoundError, match=r"train\.json"):
        datasets.load_frames("uestc-pr", tmp_path, "train")
