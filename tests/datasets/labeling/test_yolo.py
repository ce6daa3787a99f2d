"""YOLO's form: where pictures and names are found, what a line means, and what is named and left out."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

import datasets
from datasets.labeling import yolo
from datasets.layouts.scan import BrokenFileError, DatasetNotFoundError

NAMES = "names:\n  0: person\n  1: car\n"


def picture(path: Path, width: int = 200, height: int = 100) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.full((height, width, 3), 90, dtype=np.uint8))
    return path


def labeled(path: Path, rows: str) -> None:
    picture(path)
    label = yolo.label_file(path)
    label.parent.mkdir(parents=True, exist_ok=True)
    label.write_text(rows)


def test_boxes_are_shares_of_the_picture_and_other_classes_are_counted(tmp_path: Path) -> None:
    (tmp_path / "data.yaml").write_text(NAMES)
    labeled(tmp_path / "images" / "b.jpg", "0 0.5 0.5 0.2 0.4\n1 0.1 0.1 0.1 0.1\n\n0 1.0 0.5 0.1 1.005\n")
    picture(tmp_path / "images" / "a.png")
    scan = yolo.scan_frames(tmp_path, "train")
    empty, full = scan.samples
    assert (empty.name, len(empty.boxes), empty.boxes.shape) == ("images/a.png", 0, (0, 4))
    # 200 x 100 pixels; the second box is cut at the picture's edges.
    np.testing.assert_allclose(full.boxes, [[80, 30, 120, 70], [190, 0, 200, 100]], atol=1e-4)
    assert full.person_ids.tolist() == [datasets.UNLABELLED] * 2
    assert (full.size, full.camera, full.timestamp) == ((200, 100), None, None)
    assert not scan.problems
    assert "1 boxes of 'car' are no people" in scan.notes[0]
    assert "1 pictures have no text file" in scan.notes[1]


def test_what_a_line_must_be(tmp_path: Path) -> None:
    (tmp_path / "classes.txt").write_text("person\ncar\n")
    rows = {
        "0 0.5 0.5 0.2": "has 4 numbers",
        "0 0.1 0.1 0.2 0.1 0.2 0.2": "outline of a shape",
        "0 0.5 0.5 0.2 0.2 0.9": "has 6 numbers",
        "person 0.5 0.5 0.2 0.2": "is 'person 0.5",
        "2 0.5 0.5 0.2 0.2": "class 2, which has no name; expected one of 0 (person), 1 (car)",
        "0 100 50 40 20": "pixels are divided",
        "0 0.5 0.5 0 0.2": "no area",
        "0 nan 0.5 0.2 0.2": "from 0 to 1",
        "0 -0.01 0.5 0.001 0.2": "no area inside",
        "0 0.5 0.5 0.2 0.2": "",
    }
    labeled(tmp_path / "images" / "a.jpg", "\n".join(rows))
    scan = yolo.scan_frames(tmp_path, "gallery")
    expected = [text for text in rows.values() if text]
    assert [text in problem.what for text, problem in zip(expected, scan.problems, strict=True)] == [True] * len(
        expected
    )
    assert not any(problem.fatal for problem in scan.problems)
    assert len(scan.samples[0].boxes) == 1


@pytest.mark.parametrize(
    ("content", "places"),
    [
        (f"path: .\ntrain: images/train\nval: images/val\n{NAMES}", ("images/train", "images/val")),
        (f"train: ../train/images\nval: ../valid/images\n{NAMES}", ("train/images", "valid/images")),
        (
            f"path: /elsewhere/away\ntrain: [images/a, images/b]\ntest: images/test\n{NAMES}",
            ("images/a", "images/test"),
        ),
        ("nc: 1\nnames: [person]\n", ("images/train", "images/val")),
        (None, ("train/images", "test/images")),
    ],
)
def test_every_usual_division_is_found(content: str | None, places: tuple[str, str], tmp_path: Path) -> None:
    if content is None:
        (tmp_path / "classes.txt").write_text("person\n")
    else:
        (tmp_path / "data.yaml").write_text(content)
    for number, place in enumerate(places):
        labeled(tmp_path / place / f"{number}.jpg", "0 0.5 0.5 0.2 0.2\n")
    if content is not None and "images/b" in content:
        labeled(tmp_path / "images" / "b" / "2.jpg", "0 0.5 0.5 0.2 0.2\n")
    train, gallery = (datasets.load_frames("yolo", tmp_path, split) for split in ("train", "gallery"))
    assert train[0].name == f"{places[0]}/0.jpg"
    assert [frame.name for frame in gallery] == [f"{places[1]}/1.jpg"]
    assert all(len(frame.boxes) == 1 for frame in (*train, *gallery))


def test_lists_of_pictures_and_parts_that_are_not_read(tmp_path: Path) -> None:
    (tmp_path / "data.yaml").write_text(f"train: train.txt\nval: images/val\ntest: images/test\n{NAMES}")
    labeled(tmp_path / "obj_train_data" / "a.jpg", "0 0.5 0.5 0.2 0.2\n")  # its labels are beside it
    for part in ("val", "test"):
        labeled(tmp_path / "images" / part / f"{part}.jpg", "")
    (tmp_path / "train.txt").write_text("data/obj_train_data/a.jpg\n\nobj_train_data/away.jpg\n")
    scan = yolo.scan_frames(tmp_path, "train")
    assert [(one.name, len(one.boxes)) for one in scan.samples] == [("obj_train_data/a.jpg", 1)]
    assert "away.jpg does not exist" in scan.problems[0].what
    gallery = yolo.scan_frames(tmp_path / "data.yaml", "gallery")
    assert gallery.samples[0].name == "images/test/test.jpg"
    assert any("the part val is not read; test is" in note for note in gallery.notes)


def test_a_turned_picture_has_the_size_that_is_seen(tmp_path: Path) -> None:
    (tmp_path / "data.yaml").write_text(NAMES)
    path = tmp_path / "images" / "turned.jpg"
    labeled(path, "0 0.5 0.5 1 1\n")
    turned = Image.Exif()
    turned[0x0112] = 6
    Image.new("RGB", (200, 100)).save(path, exif=turned)
    (sample,) = datasets.load_frames("yolo", tmp_path, "train")
    assert sample.size == (100, 200)
    assert sample.boxes.tolist() == [[0, 0, 100, 200]]
    assert datasets.read_frame(sample).shape == (200, 100, 3)


def test_broken_files_are_named(tmp_path: Path) -> None:
    (tmp_path / "data.yaml").write_text(NAMES)
    labeled(tmp_path / "images" / "a.jpg", "0 0.5 0.5 0.2 0.2\n")
    labeled(tmp_path / "images" / "b.jpg", "0 0.5 0.5 0.2 0.2\n")
    (tmp_path / "images" / "b.jpg").write_bytes(b"no picture")
    (tmp_path / "labels" / "c.txt").write_text("0 0.5 0.5 0.2 0.2\n")
    (tmp_path / "labels" / "a.txt").write_bytes(b"0 0.5 \x9f")
    found = [str(problem) for problem in datasets.check_dataset("yolo", tmp_path)]
    assert len(found) == 3
    for text in ("b.jpg: is no picture", "c.txt: belongs to no picture", "a.txt: is not plain text"):
        assert any(text in line for line in found), text


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("names: [car, dog]\n", "names no class person: it has car, dog"),
        ("names: {}\n", "names no classes"),
        ("names: {x: person}\n", "is no whole number"),
        ("- person\n", "holds list"),
        ("names: [person\n", "is no YAML"),
        (f"path: .\n{NAMES}\ntrain: images/away\n", ""),
    ],
)
def test_a_file_of_names_that_says_nothing_is_refused(content: str, expected: str, tmp_path: Path) -> None:
    picture(tmp_path / "images" / "a.jpg")
    (tmp_path / "data.yaml").write_text(content)
    error = BrokenFileError if expected else DatasetNotFoundError
    with pytest.raises(error, match=expected or "does not exist, though .* names it"):
        datasets.load_frames("yolo", tmp_path, "train")


def test_what_is_missing_is_said(tmp_path: Path) -> None:
    with pytest.raises(DatasetNotFoundError, match="nobody can say which class is a person"):
        datasets.load_frames("yolo", tmp_path, "train")
    (tmp_path / "data.yaml").write_text(NAMES)
    with pytest.raises(DatasetNotFoundError, match="no folder of pictures"):
        datasets.load_frames("yolo", tmp_path, "train")
    (tmp_path / "images" / "train").mkdir(parents=True)
    with pytest.raises(DatasetNotFoundError, match="no picture in"):
        datasets.load_frames("yolo", tmp_path, "train")
    with pytest.raises(DatasetNotFoundError, match="has the parts train, expected test or val"):
        datasets.load_frames("yolo", tmp_path, "gallery")
    with pytest.raises(DatasetNotFoundError, match="does not exist"):
        datasets.load_frames("yolo", tmp_path / "away", "train")
