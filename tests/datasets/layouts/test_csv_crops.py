"""A user's own crops in a CSV file: what is read, and the line that is named when it cannot be."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from datasets import DatasetNotFoundError, load_crops, read_crops
from datasets.crops import read_crop
from datasets.samples import UNLABELLED

TEXT = """path,person_id,camera,split
b/2.png,30,gate,train
a/1.png,12,1,train
a/1.png,12,1,gallery
b/2.png,30,,gallery
a/1.png,12,1,query
b/3.png,-1,2,train
"""


def write(folder: Path, text: str, encoding: str = "utf-8") -> Path:
    path = folder / "crops.csv"
    path.write_bytes(text.encode(encoding))
    return path


def test_every_split_from_the_file_or_its_folder(tmp_path: Path) -> None:
    path = write(tmp_path, TEXT)
    train = load_crops("csv", path, "train")
    assert [(crop.name, crop.person_id, crop.original_id, crop.camera) for crop in train] == [
        ("a/1.png", 0, 12, 1), ("b/2.png", 1, 30, "gate"), ("b/3.png", UNLABELLED, -1, 2),
    ]  # fmt: skip
    gallery = load_crops("csv", tmp_path, "gallery")
    assert [(crop.person_id, crop.camera) for crop in gallery] == [(12, 1), (30, None)]
    (query,) = load_crops("csv", tmp_path, "query")
    assert query == gallery[0]


def test_pictures_lie_beside_the_file(tmp_path: Path) -> None:
    write(tmp_path, TEXT)
    (tmp_path / "a").mkdir()
    assert cv2.imwrite(str(tmp_path / "a" / "1.png"), np.zeros((9, 5, 3), np.uint8))
    assert read_crop(load_crops("csv", tmp_path, "query")[0]).shape == (9, 5, 3)


def test_no_camera_column_other_order_and_a_spreadsheets_file(tmp_path: Path) -> None:
    write(tmp_path, 'split, person_id, note, path\r\ntrain, 5, "a, b", x\\1.png\r\n\r\n', "utf-8-sig")
    (crop,) = load_crops("csv", tmp_path, "train")
    assert (crop.path, crop.original_id, crop.camera) == (tmp_path / "x" / "1.png", 5, None)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("a.png,x,1,train", r"crops\.csv line 2: person_id is 'x', expected a whole number >= 0, or -1"),
        ("a.png,-2,1,train", "line 2: person_id is '-2'"),
        ("a.png,,1,train", "line 2: person_id is ''"),
        ("a.png,1,1,test", "line 2: split is 'test', expected one of train, gallery, query"),
        ("a.png,1", "line 2: split is ''"),
        (",1,1,train", "line 2: path is empty"),
        ("a.png,-1,1,query", "line 2: person_id is -1; a query needs an identity"),
    ],
)
def test_a_line_that_is_not_understood_refuses_the_file(tmp_path: Path, line: str, message: str) -> None:
    write(tmp_path, f"path,person_id,camera,split\n{line}\n")
    with pytest.raises(ValueError, match=message):
        load_crops("csv", tmp_path, "train")


@pytest.mark.parametrize("text", ["", "a.png,1,1,train\n", "path;person_id;camera;split\na;1;1;train\n"])
def test_missing_columns_are_named(tmp_path: Path, text: str) -> None:
    with pytest.raises(ValueError, match=r"crops\.csv: has the columns .* lacks path, .* write path,person_id,camera"):
        load_crops("csv", write(tmp_path, text), "train")


def test_a_picture_twice_in_one_split_counts_once(tmp_path: Path) -> None:
    write(tmp_path, TEXT + "a/1.png,13,1,gallery\n")
    crops, left_out = read_crops("csv", tmp_path, "gallery")
    assert [crop.person_id for crop in crops] == [12, 30]
    assert left_out == [
        "crops.csv line 8: a/1.png is listed twice in the split gallery, the first line counts; remove one of the lines"
    ]


def test_no_text_and_no_file(tmp_path: Path) -> None:
    with pytest.raises(DatasetNotFoundError, match=r"no file .*crops\.csv"):
        load_crops("csv", tmp_path, "train")
    (tmp_path / "crops.csv").write_bytes(b"\xff\xfe\x00\x81path")
    with pytest.raises(ValueError, match="is no CSV file in UTF-8"):
        load_crops("csv", tmp_path, "train")
