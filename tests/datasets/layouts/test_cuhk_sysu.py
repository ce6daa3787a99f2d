"""CUHK-SYSU: exact to the oracle on a miniature with the real structure, and to the rules on hand-made files."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.io import loadmat, savemat

import datasets
from datasets.layouts import cuhk_sysu


def structs(rows: list[tuple[Any, ...]], names: list[str]) -> np.ndarray:
    """A MATLAB struct array 1 x N."""
    array = np.empty((1, len(rows)), dtype=[(name, "O") for name in names])
    for index, row in enumerate(rows):
        array[0, index] = row
    return array


def xywh(*numbers: int, dtype: type = np.uint8) -> np.ndarray:
    return np.asarray([numbers], dtype=dtype)


NOTHING = np.zeros((1, 0))
IMAGE = ["imname", "nAppear", "box"]
BOX = ["idlocate", "ishard"]
SCENE = ["imname", "idlocate", "ishard"]
QUERY = ["imname", "idlocate", "ishard", "idname"]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Two training frames, three pool frames, one person each side; uint8 boxes whose x + w passes 255."""
    protocol = tmp_path / "annotation" / "test" / "train_test"
    protocol.mkdir(parents=True)
    (tmp_path / "Image" / "SSM").mkdir(parents=True)
    boxes = {
        "s2.jpg": [xywh(200, 100, 100, 200), xywh(0, 5, 0, 9), xywh(10, 20, 30, 40)],
        "s10.jpg": [xywh(300, 1, 20, 30, dtype=np.uint16), xywh(7, 7, 7, 7)],
        "s3.jpg": [xywh(1, 2, 3, 4), xywh(1, 2, 3, 4)],
        "s4.jpg": [xywh(250, 250, 250, 250)],
        "s1.jpg": [xywh(9, 9, 9, 9)],
    }
    images = [(name, len(found), structs([(box, 0) for box in found], BOX)) for name, found in boxes.items()]
    savemat(tmp_path / "annotation" / "Images.mat", {"Img": structs(images, IMAGE)})
    pool = np.asarray(["s4.jpg", "s3.jpg", "s1.jpg"], dtype=object)[:, None]
    savemat(tmp_path / "annotation" / "pool.mat", {"pool": pool})
    scenes = structs([("s2.jpg", boxes["s2.jpg"][2], 0), ("s10.jpg", boxes["s10.jpg"][0], 0)], SCENE)
    train = np.empty((2, 1), dtype=object)
    train[0, 0] = structs([("p7", 2, scenes)], ["idname", "nAppear", "scene"])
    train[1, 0] = structs(
        [("p3", 1, structs([("s10.jpg", xywh(7, 7, 7, 7), 0)], SCENE))], ["idname", "nAppear", "scene"]
    )
    savemat(protocol / "Train.mat", {"Train": train})
    gallery = [("s3.jpg", xywh(1, 2, 3, 4), 0), ("s1.jpg", NOTHING, NOTHING), ("s3.jpg", xywh(1, 2, 3, 4), 0)]
    for size in (50, 100):
        rows = [
            (structs([("s4.jpg", xywh(250, 250, 250, 250), 0, "p9")], QUERY), structs(gallery, SCENE)),
            (structs([("s1.jpg", xywh(9, 9, 9, 9), 0, "p2")], QUERY), structs(gallery[1:2], SCENE)),
        ]
        savemat(protocol / f"TestG{size}.mat", {f"TestG{size}": structs(rows, ["Query", "Gallery"])})
    return tmp_path


@pytest.mark.parametrize("split", ["train", "gallery"])
def test_every_frame_box_and_identity_of_the_oracle(shared: Path, split: str) -> None:
    expected = json.loads((shared / "oracles" / "full_frame_a.json").read_text())["cuhk-sysu"][split]
    samples = datasets.load_frames("cuhk-sysu", shared / "oracles" / "mini_a" / "cuhk-sysu", split)
    assert [sample.name for sample in samples] == [record["frame"] for record in expected]
    for sample, record in zip(samples, expected, strict=True):
        # The oracle counts identities from 1 and writes 5555 where there is none.
        ids = np.where(sample.person_ids == datasets.samples.UNLABELLED, 5555, sample.person_ids + 1)
        assert sample.boxes.tolist() == record["boxes"]
        assert ids.tolist() == record["person_ids"]
        assert sample.camera is None
        assert sample.path.is_file()


@pytest.mark.parametrize("size", [50, 100])
def test_every_query_and_gallery_of_the_oracle(shared: Path, size: int) -> None:
    root = shared / "oracles" / "mini_a" / "cuhk-sysu"
    expected = json.loads((shared / "oracles" / "full_frame_a.json").read_text())["cuhk-sysu"]["query"]
    queries = datasets.load_queries("cuhk-sysu", root, gallery_size=size)
    assert [query.frame for query in queries] == [record["frame"] for record in expected]
    assert [query.person_id for query in queries] == list(range(len(expected)))
    raw = loadmat(root / "annotation" / "test" / "train_test" / f"TestG{size}.mat")[f"TestG{size}"].ravel()
    for query, record, protocol in zip(queries, expected, raw, strict=True):
        assert query.box is not None
        assert query.box.tolist() == record["boxes"][0]
        for (name, box), item in zip(query.gallery, protocol["Gallery"].ravel(), strict=True):
            located = [int(number) for number in item["idlocate"].ravel()]
            assert name == item["imname"].item()
            if located:
                x, y, width, height = located
                assert box is not None
                assert box.tolist() == [x, y, x + width, y + height]
            else:
                assert box is None


def test_true_boxes_are_boxes_of_the_gallery_split(shared: Path) -> None:
    root = shared / "oracles" / "mini_a" / "cuhk-sysu"
    samples = {sample.name: sample for sample in datasets.load_frames("cuhk-sysu", root, "gallery")}
    for query in datasets.load_queries("cuhk-sysu", root, gallery_size=50):
        for name, box in query.gallery:
            if box is not None:
                row = samples[name].boxes.tolist().index(box.tolist())
                assert samples[name].person_ids[row] == query.person_id


def test_small_integer_types_do_not_overflow_and_flat_boxes_are_dropped(root: Path) -> None:
    train = datasets.load_frames("cuhk-sysu", root, "train")
    assert [sample.name for sample in train] == ["s10.jpg", "s2.jpg"]  # sorted as text, as published readers do
    assert train[1].boxes.tolist() == [[200, 100, 300, 300], [10, 20, 40, 60]]
    assert train[1].person_ids.tolist() == [-1, 0]
    assert train[0].boxes.tolist() == [[300, 1, 320, 31], [7, 7, 14, 14]]
    assert train[0].person_ids.tolist() == [0, 1]


def test_gallery_keeps_the_order_of_the_pool_and_labels_the_first_equal_box(root: Path) -> None:
    gallery = datasets.load_frames("cuhk-sysu", root, "gallery")
    assert [sample.name for sample in gallery] == ["s4.jpg", "s3.jpg", "s1.jpg"]
    assert [sample.person_ids.tolist() for sample in gallery] == [[0], [0, -1], [1]]
    assert gallery[0].boxes.tolist() == [[250, 250, 500, 500]]


def test_a_frame_listed_twice_stays_listed_twice(root: Path) -> None:
    first, second = datasets.load_queries("cuhk-sysu", root)
    assert [(name, box is None) for name, box in first.gallery] == [
        ("s3.jpg", False), ("s1.jpg", True), ("s3.jpg", False),
    ]  # fmt: skip
    assert first.box is not None
    assert first.box.tolist() == [250, 250, 500, 500]
    assert second.person_id == 1
    assert list(second.gallery) == [("s1.jpg", None)]


def test_an_unpacked_archive_may_lie_one_folder_deeper(root: Path, tmp_path: Path) -> None:
    outer = tmp_path / "outer"
    outer.mkdir()
    for name in ("annotation", "Image"):
        shutil.move(str(root / name), str(outer / "dataset" / name))
    assert len(datasets.load_frames("cuhk-sysu", outer, "train")) == 2


def test_a_wrong_root_says_what_is_missing_and_what_to_do(root: Path, tmp_path: Path) -> None:
    with pytest.raises(datasets.DatasetNotFoundError, match=r"nowhere does not exist.*Image/SSM.*Ask the authors"):
        datasets.load_frames("cuhk-sysu", tmp_path / "nowhere", "train")
    (root / "annotation" / "pool.mat").unlink()
    with pytest.raises(datasets.DatasetNotFoundError, match=r"lacks annotation/pool\.mat") as caught:
        datasets.load_frames("cuhk-sysu", root, "train")
    assert "\n" not in str(caught.value)


def test_a_missing_gallery_size_names_those_that_are_there(root: Path) -> None:
    with pytest.raises(datasets.DatasetNotFoundError, match=r"TestG4000\.mat; galleries of size 50, 100 are there"):
        datasets.load_queries("cuhk-sysu", root, gallery_size=4000)
    with pytest.raises(ValueError, match="gallery_size is 60, expected one of 50, 100"):
        datasets.load_queries("cuhk-sysu", root, gallery_size=60)


def test_damaged_files_end_in_one_line(root: Path) -> None:
    images = root / "annotation" / "Images.mat"
    images.write_bytes(images.read_bytes()[:200])
    with pytest.raises(ValueError, match=r"Images\.mat: is no readable MATLAB 5 file"):
        datasets.load_frames("cuhk-sysu", root, "train")
    savemat(images, {"other": np.zeros(3)})
    with pytest.raises(ValueError, match=r"Images\.mat: has no variable Img"):
        datasets.load_frames("cuhk-sysu", root, "train")


def test_a_gallery_frame_outside_the_pool_is_named(root: Path) -> None:
    savemat(root / "annotation" / "pool.mat", {"pool": np.asarray(["s4.jpg", "s1.jpg"], dtype=object)[:, None]})
    _, problems = cuhk_sysu.scan_queries(root)
    assert any("s3.jpg is not in pool.mat" in problem.what for problem in problems)
    with pytest.raises(ValueError, match=r"TestG100\.mat query 1: .*personsearch data check .* --format cuhk-sysu"):
        datasets.load_queries("cuhk-sysu", root)


def test_a_person_whose_box_is_unknown_is_reported_and_left_out(root: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = root / "annotation" / "test" / "train_test" / "Train.mat"
    person = np.empty((1, 1), dtype=object)
    person[0, 0] = structs(
        [("p7", 1, structs([("s2.jpg", xywh(1, 1, 1, 1), 0)], SCENE))], ["idname", "nAppear", "scene"]
    )
    savemat(path, {"Train": person})
    scan = cuhk_sysu.scan_frames(root, "train")
    assert any("not among the boxes of s2.jpg" in problem.what for problem in scan.problems)
    assert all((sample.person_ids == -1).all() for sample in datasets.load_frames("cuhk-sysu", root, "train"))
    assert "left out or doubtful" in caplog.text
