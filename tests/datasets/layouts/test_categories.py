"""Who is a person in a COCO file: by the category's name, whatever its number; the others are counted."""

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

import datasets
from datasets.catalog.check import check_dataset
from datasets.layouts.custom import scan_frames

CAR = {"category_id": 1, "bbox": [1, 1, 20, 10]}
PERSON = {"category_id": 2, "bbox": [40, 5, 10, 30], "person_id": 3}


def write(root: Path, annotations: list[dict[str, Any]], categories: object = None, **image: Any) -> Path:
    record = {"id": 1, "file_name": "a.png", "width": 100, "height": 50} | image
    content: dict[str, Any] = {"images": [record], "annotations": [{"image_id": 1} | one for one in annotations]}
    if categories is not None:
        content["categories"] = categories
    (root / "test.json").write_text(json.dumps(content))
    assert cv2.imwrite(str(root / "a.png"), np.zeros((50, 100, 3), np.uint8))
    return root


def categories(*names: str, first: int = 1) -> list[dict[str, Any]]:
    return [{"id": number, "name": name} for number, name in enumerate(names, start=first)]


@pytest.mark.parametrize("name", ["person", "Person ", "pedestrians", "human", "PEOPLE", "Human beings"])
def test_people_are_found_by_name_and_cars_are_not_read(tmp_path: Path, name: str) -> None:
    write(tmp_path, [CAR, PERSON, CAR], categories("car", name))
    (frame,) = datasets.load_frames("custom", tmp_path, "gallery")
    assert (frame.boxes.tolist(), frame.person_ids.tolist()) == ([[40, 5, 50, 35]], [3])
    notes: list[str] = []
    assert check_dataset("custom", tmp_path, notes=notes) == []
    assert notes == ["test.json: 2 boxes of 'car' are no people and are not read"]


def test_a_root_category_beside_the_people_changes_nothing(tmp_path: Path) -> None:
    write(tmp_path, [{**PERSON, "category_id": 1}], categories("people-Xyz", "person", first=0))
    assert len(datasets.load_frames("custom", tmp_path, "gallery")[0].boxes) == 1


@pytest.mark.parametrize("names", [("car", "mannequin"), ("object",), ("Fußgänger",)])
def test_a_file_without_a_category_of_people_is_refused_with_the_names_that_it_has(
    tmp_path: Path, names: tuple[str, ...]
) -> None:
    write(tmp_path, [{**PERSON, "category_id": len(names)}], categories(*names))
    complaint = rf"no category is called person: 1 boxes of '{names[-1]}' are not read"
    with pytest.raises(ValueError, match=complaint):
        datasets.load_frames("custom", tmp_path, "gallery")
    (problem,) = check_dataset("custom", tmp_path)
    assert 'name the category of people "person"' in problem.remedy


@pytest.mark.parametrize("written", [2, 2.0, "2", "2.0", " 2 "])
def test_a_category_number_may_be_written_in_many_ways(tmp_path: Path, written: Any) -> None:
    write(tmp_path, [CAR, {**PERSON, "category_id": written}], categories("car", "person"))
    assert len(datasets.load_frames("custom", tmp_path, "gallery")[0].boxes) == 1
    write(tmp_path, [CAR, PERSON], [{"id": 1, "name": "car"}, {"id": written, "name": "person"}])
    assert len(datasets.load_frames("custom", tmp_path, "gallery")[0].boxes) == 1


@pytest.mark.parametrize(
    ("annotation", "what"),
    [
        ({"category_id": None}, r"category_id is missing, expected one of 1 \(car\), 2 \(person\)"),
        ({"category_id": 2.5}, "category_id is 2.5"),
        ({"category_id": True}, "category_id is True"),
        ({"category_id": [2]}, r"category_id is \[2\]"),
        ({"iscrowd": "maybe"}, "iscrowd is 'maybe', expected 0 or 1"),
        ({"iscrowd": 2}, "iscrowd is 2, expected 0 or 1"),
    ],
)
def test_what_nobody_can_understand_is_refused(tmp_path: Path, annotation: dict[str, Any], what: str) -> None:
    write(tmp_path, [{**PERSON, **annotation}], categories("car", "person"))
    with pytest.raises(ValueError, match=what):
        datasets.load_frames("custom", tmp_path, "gallery")


def test_boxes_of_a_category_that_the_file_does_not_list_are_named(tmp_path: Path) -> None:
    write(tmp_path, [PERSON, {**PERSON, "category_id": 9}], categories("car", "person"))
    (problem,) = scan_frames(tmp_path, "gallery").problems
    assert (problem.fatal, problem.kept) == (False, False)
    assert problem.what.startswith("category 9 of 1 boxes is not in categories, which has 1 (car), 2 (person)")


def test_a_file_of_which_no_box_is_of_a_listed_category_is_refused(tmp_path: Path) -> None:
    write(tmp_path, [{**PERSON, "category_id": 9}, {**PERSON, "category_id": "person"}], categories("car", "person"))
    with pytest.raises(ValueError, match=r"2 broken records, for example test\.json: category 9 of 1 boxes is not in"):
        datasets.load_frames("custom", tmp_path, "gallery")


@pytest.mark.parametrize("written", [[{"id": 1}], {"id": 1}, ["person"], [{"name": "person"}]])
def test_categories_of_another_shape_are_refused(tmp_path: Path, written: object) -> None:
    write(tmp_path, [PERSON], written)
    with pytest.raises(ValueError, match="expected objects with an id and a name"):
        datasets.load_frames("custom", tmp_path, "gallery")


def test_one_number_for_two_categories_is_refused(tmp_path: Path) -> None:
    write(tmp_path, [PERSON], [{"id": 2, "name": "car"}, {"id": "2", "name": "person"}])
    with pytest.raises(ValueError, match="category 2 is both 'car' and 'person'"):
        datasets.load_frames("custom", tmp_path, "gallery")


@pytest.mark.parametrize(("flag", "people", "regions"), [
    ("0", 1, 0), ("false", 1, 0), (0.0, 1, 0), (None, 1, 0), (False, 1, 0),
    ("1", 0, 1), ("true", 0, 1), (1.0, 0, 1), (True, 0, 1),
])  # fmt: skip
def test_a_crowd_is_a_region_to_ignore_and_a_text_of_0_is_none(
    tmp_path: Path, flag: Any, people: int, regions: int
) -> None:
    write(tmp_path, [{**PERSON, "iscrowd": flag}], categories("car", "person"))
    (frame,) = datasets.load_frames("custom", tmp_path, "gallery")
    assert (len(frame.boxes), len(frame.ignore)) == (people, regions)


def test_a_file_in_which_nobody_has_an_identity_says_so_and_where_one_may_stand(tmp_path: Path) -> None:
    nobody = {key: value for key, value in PERSON.items() if key != "person_id"} | {"track_id": 4}
    write(tmp_path, [nobody, {**nobody, "bbox": [1, 1, 5, 5]}], categories("car", "person"))
    notes: list[str] = []
    assert check_dataset("custom", tmp_path, notes=notes) == []
    expected = "none of 2 people has a person_id, so nobody can be searched for; is it called track_id?"
    assert notes == [f"test.json: {expected}"]
    write(tmp_path, [nobody], categories("car", "person"))
    notes.clear()
    check_dataset("custom", tmp_path, notes=notes)
    expected = "its one person has no person_id, so nobody can be searched for; is it called track_id?"
    assert notes == [f"test.json: {expected}"]
    write(tmp_path, [PERSON], categories("car", "person"))
    notes.clear()
    check_dataset("custom", tmp_path, notes=notes)
    assert notes == []


def test_exchanged_width_and_height_are_named_by_their_boxes(tmp_path: Path) -> None:
    write(tmp_path, [{**PERSON, "bbox": [70, 5, 20, 30]}], categories("car", "person"), width=50, height=100)
    found = [problem.what for problem in scan_frames(tmp_path, "gallery").problems]
    assert any("lie beyond their stated size and would fit with width and height exchanged" in what for what in found)
    write(tmp_path, [PERSON], categories("car", "person"))
    assert scan_frames(tmp_path, "gallery").problems == []


@pytest.mark.parametrize(("width", "height"), [("100", "50"), (100.0, 50.0)])
def test_sizes_may_be_written_as_texts_or_with_a_point(tmp_path: Path, width: Any, height: Any) -> None:
    write(tmp_path, [PERSON], categories("car", "person"), width=width, height=height)
    scan = scan_frames(tmp_path, "gallery")
    assert (scan.problems, scan.samples[0].size) == ([], (100, 50))


def test_names_with_backslashes_are_found_in_frames_and_queries(tmp_path: Path) -> None:
    (tmp_path / "frames").mkdir()
    write(tmp_path, [PERSON], categories("car", "person"), file_name="frames\\a.png")
    (tmp_path / "a.png").rename(tmp_path / "frames" / "a.png")
    content = json.loads((tmp_path / "test.json").read_text())
    content["images"].append({"id": 2, "file_name": "frames/b.png", "width": 100, "height": 50})
    content["annotations"].append({"image_id": 2} | PERSON)
    (tmp_path / "test.json").write_text(json.dumps(content))
    query = {"file_name": "frames\\b.png", "bbox": PERSON["bbox"], "person_id": 3}
    (tmp_path / "queries.json").write_text(json.dumps([query]))
    (found,) = datasets.load_queries("custom", tmp_path)
    assert found.frame == "frames/b.png"
    assert [name for name, box in found.gallery if box is not None] == ["frames/a.png"]


def test_one_file_under_two_names_is_one_file(tmp_path: Path) -> None:
    write(tmp_path, [PERSON], categories("car", "person"))
    content = json.loads((tmp_path / "test.json").read_text())
    content["images"].append({"id": 2, "file_name": "./a.png", "width": 100, "height": 50})
    (tmp_path / "test.json").write_text(json.dumps(content))
    with pytest.raises(ValueError, match="file_name occurs twice"):
        datasets.load_frames("custom", tmp_path, "gallery")


@pytest.mark.parametrize("time", [1729672506000, "1729672506000", 1.7e15])
def test_a_time_in_another_unit_is_refused(tmp_path: Path, time: Any) -> None:
    write(tmp_path, [PERSON], categories("car", "person"), timestamp=time)
    with pytest.raises(ValueError, match=r"looks like (milli|micro)seconds since the epoch, expected seconds"):
        datasets.load_frames("custom", tmp_path, "gallery")


@pytest.mark.parametrize("time", [20260501083000, "20260501083000", "2026-05-01T08:30:00Z", 1777624200])
def test_a_date_in_14_digits_is_a_date(tmp_path: Path, time: Any) -> None:
    write(tmp_path, [PERSON], categories("car", "person"), timestamp=time)
    assert datasets.load_frames("custom", tmp_path, "gallery")[0].timestamp == 1777624200
