"""Every kind of broken record is found, in every layout, and nothing else."""

import json
from pathlib import Path
from typing import Any, get_args

import cv2
import numpy as np
import pytest
from scipy.io import savemat

import datasets
from datasets.catalog import table
from datasets.catalog.check import Problem, check_dataset


def write_image(path: Path, width: int = 100, height: int = 50) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    image = np.random.default_rng(width + height).integers(0, 256, (height, width, 3)).astype(np.uint8)
    assert cv2.imwrite(str(path), image)
    return path


def image(image_id: int, name: str, **more: Any) -> dict[str, Any]:
    return {"id": image_id, "file_name": name, "width": 100, "height": 50} | more


def person(annotation_id: int, image_id: int, bbox: list[Any], person_id: Any = 7) -> dict[str, Any]:
    return {"id": annotation_id, "image_id": image_id, "category_id": 1, "bbox": bbox, "person_id": person_id}


def write(path: Path, images: list[Any], annotations: list[Any]) -> None:
    path.write_text(json.dumps({"images": images, "annotations": annotations}))


def texts(problems: list[Problem]) -> list[str]:
    assert all(problem.where and problem.what and problem.remedy for problem in problems)
    assert not any("\n" in str(problem) for problem in problems)
    return [str(problem) for problem in problems]


@pytest.mark.parametrize(
    ("name", "place", "images"),
    [
        ("cuhk-sysu", "oracles/mini_a/cuhk-sysu", 52),
        ("prw", "oracles/mini_a/prw", 52),
        ("custom", "data/prw_c6", 914 + 264),
        ("custom", "data/coco_persons", 134),
        ("mot", "data/MOT17-mini", 15),
    ],
)
def test_whole_data_sets_have_no_problem(shared: Path, name: str, place: str, images: int) -> None:
    calls: list[tuple[int, int]] = []
    problems = check_dataset(name, shared / place, on_progress=lambda done, total: calls.append((done, total)))
    assert problems == []
    assert calls == [(done, images) for done in range(1, images + 1)]


def test_every_broken_record_of_a_custom_data_set_is_listed(tmp_path: Path) -> None:
    frames = tmp_path / "frames"
    write_image(frames / "good.jpg")
    write_image(frames / "wide.jpg", 120, 50)
    write_image(frames / "turned.jpg", 50, 100)
    half = write_image(frames / "half.jpg")
    half.write_bytes(half.read_bytes()[:-200])
    (frames / "empty.jpg").write_bytes(b"")
    (frames / "text.jpg").write_text("not a picture")
    names = ["good", "wide", "turned", "half", "empty", "text", "missing"]
    images = [image(index, f"frames/{name}.jpg") for index, name in enumerate(names)]
    images += [image(3, "frames/again.jpg"), image(77, "frames/good.jpg"), {"id": "x"}]
    people = [
        person(1, 0, [1, 1, 9, 9]),
        person(2, 0, [5, 5, 9, 9]),
        person(3, 0, [5, 5, 0, 9], 8),
        person(4, 0, [500, 5, 9, 9], 9),
        person(5, 99, [1, 1, 9, 9]),
        person(6, 0, [1, 1, float("nan"), 9]),
        person(7, 0, [1, 1, 9, 9], "x"),
        person(8, 0, [50, 20, 9, 9], -1),
        person(8, 0, [60, 20, 9, 9], -1),
    ]
    write(tmp_path / "test.json", images, people)
    (frames / "crop.jpg").write_bytes(b"\xff\xd8")
    queries = [
        {"crop": "frames/crop.jpg", "person_id": 7},
        {"crop": "frames/good.jpg", "person_id": 12345},
        {"file_name": "frames/none.jpg", "bbox": [1, 1, 2, 2], "person_id": 7},
    ]
    (tmp_path / "queries.json").write_text(json.dumps(queries))
    found = texts(check_dataset("custom", tmp_path))
    expected = [
        "id 3 occurs twice", "file_name occurs twice", "file_name is None", "person 7 occurs twice in the frame",
        "has no area", "lies outside its frame", "image_id 99 is not in images", "expected four finite numbers",
        "person_id is 'x'", "its id occurs twice", "person 12345 is in no frame", "'frames/none.jpg' is not a frame",
        "wide.jpg: the image is 120 x 50, the annotation says 100 x 50",
        "apply its EXIF orientation", "half.jpg): the image is truncated", "empty.jpg): the file is empty",
        "text.jpg): is no readable image", "missing.jpg): the file does not exist", "crop.jpg): the image is truncated",
    ]  # fmt: skip
    for what in expected:
        assert sum(what in text for text in found) == 1, (what, found)
    assert len(found) == len(expected)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"images": 1}', "\x00"])
def test_a_file_that_is_no_json_is_one_problem_and_the_rest_is_checked(tmp_path: Path, text: str) -> None:
    (tmp_path / "train.json").write_text(text)
    write(tmp_path / "test.json", [image(1, "missing.jpg")], [])
    (tmp_path / "queries.json").write_text("nonsense")
    found = texts(check_dataset("custom", tmp_path))
    assert len(found) == 3
    assert "train.json" in found[0]
    assert "queries.json: is not JSON" in found[1]
    assert "missing.jpg" in found[2]


def test_an_image_in_both_splits_is_named(tmp_path: Path) -> None:
    write_image(tmp_path / "a.jpg")
    for name in ("train.json", "test.json"):
        write(tmp_path / name, [image(1, "a.jpg")], [])
    (found,) = texts(check_dataset("custom", tmp_path))
    assert "in both splits" in found


def test_a_single_json_file_is_one_split(tmp_path: Path) -> None:
    write_image(tmp_path / "a.jpg")
    write(tmp_path / "any.json", [image(1, "a.jpg")], [person(1, 1, [1, 1, 5, 5])])
    assert check_dataset("custom", tmp_path / "any.json") == []


def test_prw_with_missing_and_broken_parts(tmp_path: Path) -> None:
    (tmp_path / "annotations").mkdir()
    boxes = {"c1s1_000001": [1, 5, 5, 20, 20], "c1s1_000002": [1, 500, 5, 20, 20], "c2s1_000003": [1, 5, 5, 20, 20]}
    for name, row in boxes.items():
        write_image(tmp_path / "frames" / f"{name}.jpg")
        savemat(tmp_path / "annotations" / f"{name}.jpg.mat", {"box_new": np.asarray([row], dtype=float)})
    train, test = ["c1s1_000001"], ["c1s1_000002", "c2s1_000003", "c3s1_000009"]
    savemat(tmp_path / "frame_train.mat", {"img_index_train": np.asarray(train, dtype=object)[:, None]})
    savemat(tmp_path / "frame_test.mat", {"img_index_test": np.asarray(test, dtype=object)[:, None]})
    (tmp_path / "query_info.txt").write_text("1 5 5 20 20 c2s1_000003\nbroken line\n")
    (tmp_path / "frames" / "c1s1_000001.jpg").unlink()
    found = texts(check_dataset("prw", tmp_path))
    for what in (
        "c3s1_000009.jpg.mat: the file does not exist",
        "query_info.txt line 2",
        "c1s1_000001.jpg): the file does not exist",
        "c1s1_000002.jpg: a box (500, 5, 520, 25) lies outside its frame of 100 x 50",
    ):
        assert sum(what in text for text in found) == 1, (what, found)
    assert len(found) == 4


def test_mot_with_an_unreadable_frame(tmp_path: Path) -> None:
    write_image(tmp_path / "S" / "img1" / "000001.jpg")
    (tmp_path / "S" / "img1" / "000002.jpg").write_text("x")
    (tmp_path / "S" / "gt").mkdir()
    (tmp_path / "S" / "gt" / "gt.txt").write_text("1,1,1,1,5,5,1,1,1\n1,2,700,1,5,5,1,1,1\n9,1,1,1,5,5,1,1,1\n")
    found = texts(check_dataset("mot", tmp_path))
    assert len(found) == 3
    assert "frame 9: has rows in gt.txt, but no image" in found[0]
    assert "a box (699, 0, 704, 5) lies outside its frame" in found[1]
    assert "000002.jpg" in found[2]


def test_what_is_no_data_set_at_all_is_refused(tmp_path: Path) -> None:
    for name in ("custom", "prw", "cuhk-sysu", "mot", "uestc-pr", "yolo", "cvat"):
        with pytest.raises(datasets.DatasetNotFoundError):
            check_dataset(name, tmp_path)
    with pytest.raises(ValueError, match="'voc' is not known; expected one of cuhk-sysu"):
        check_dataset("voc", tmp_path)


def test_the_names_of_the_command_line_are_those_of_the_table() -> None:
    """The one table of data sets: loading, checking and the command line know the same names."""
    assert set(get_args(table.FrameFormat)) == set(table.FRAME_DATASETS)
    assert set(get_args(table.SearchFormat)) == set(table.SEARCH_DATASETS)
    assert set(get_args(table.CropFormat)) == set(table.CROP_DATASETS)
    assert set(get_args(table.CheckFormat)) == set(table.LAYOUTS)
    for layout in table.LAYOUTS.values():
        for name, there in (("scan_frames", layout.frames), ("scan_queries", layout.queries)):
            assert not there or callable(layout.function(name))
        assert not layout.crops or callable(layout.function(layout.crop_scan))
