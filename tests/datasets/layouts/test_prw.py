"""PRW: exact to the oracle on a miniature with the real structure, and to the rules on hand-made files."""

import json
from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat

import datasets
from datasets.layouts import prw
from datasets.samples import UNLABELLED, QueryGallery


def write_root(root: Path, annotations: dict[str, list[list[float]]], test: list[str], queries: str) -> Path:
    (root / "frames").mkdir(parents=True)
    (root / "annotations").mkdir()
    variables = ("box_new", "anno_file", "anno_previous")
    for index, (name, rows) in enumerate(annotations.items()):
        savemat(root / "annotations" / f"{name}.jpg.mat", {variables[index % 3]: np.asarray(rows, dtype=float)})
    train = [name for name in annotations if name not in test]
    for name, variable, frames in (("train", "img_index_train", train), ("test", "img_index_test", test)):
        savemat(root / f"frame_{name}.mat", {variable: np.asarray(frames, dtype=object)[:, None]})
    (root / "query_info.txt").write_bytes(queries.encode())
    return root


@pytest.fixture
def root(tmp_path: Path) -> Path:
    annotations = {
        "c1s1_000001": [[932, 10.9, 20.9, 30.9, 40.9], [-2, 1, 2, 3, 4]],
        "c2s1_000002": [[5, -1.703, 10.5, 20.25, 30.25]],
        "c6s1_000003": [[483, 1, 1, 9, 9], [5, 3, 3, 8, 8], [5, 50, 50, 8, 8]],
        "c1s1_000011": [[500, -3.25, -2.5, 20.5, 30.5], [932, 5, 5, 5, 5]],
        "c1s1_000012": [[500, 60, 60, 10, 10], [500, 90, 90, 10, 10]],
        "c3s1_000013": [[-2, 1, 1, 5, 5]],
        "c4s1_000014": [[500, 7, 8, 9, 10]],
    }
    queries = "500 -3.2500 -2.5000 20.5000 30.5000 c1s1_000011\r\n500 7.0 8.0 9.0 10.0 c4s1_000014\r\n"
    return write_root(tmp_path / "prw", annotations, list(annotations)[3:], queries)


@pytest.mark.parametrize("split", ["train", "gallery"])
def test_every_frame_box_identity_and_camera_of_the_oracle(shared: Path, split: str) -> None:
    expected = json.loads((shared / "oracles" / "full_frame_a.json").read_text())["prw"][split]
    samples = datasets.load_frames("prw", shared / "oracles" / "mini_a" / "prw", split)
    assert [sample.name for sample in samples] == [record["frame"] for record in expected]
    for sample, record in zip(samples, expected, strict=True):
        original = sample.original_ids
        assert original is not None
        assert sample.boxes.tolist() == record["boxes"]
        assert np.where(original == -2, 5555, original).tolist() == record["person_ids"]
        assert sample.camera == record["camera"]
        assert sample.path.is_file()
        if split == "gallery":
            assert sample.person_ids.tolist() == [UNLABELLED if i == 5555 else i for i in record["person_ids"]]


def test_training_identities_have_no_gaps(shared: Path) -> None:
    samples = datasets.load_frames("prw", shared / "oracles" / "mini_a" / "prw", "train")
    ids = np.concatenate([sample.person_ids for sample in samples])
    original = np.concatenate([sample.original_ids for sample in samples if sample.original_ids is not None])
    names = np.unique(original[original > 0])
    assert names.tolist() == [1, 2, 3, 5, 8, 13, 479, 482, 932]
    assert np.unique(ids[ids >= 0]).tolist() == list(range(9))
    assert (names[ids[ids >= 0]] == original[ids >= 0]).all()
    assert (ids[original == -2] == UNLABELLED).all()


def test_every_query_of_the_oracle(shared: Path) -> None:
    root = shared / "oracles" / "mini_a" / "prw"
    expected = json.loads((shared / "oracles" / "full_frame_a.json").read_text())["prw"]["query"]
    queries = datasets.load_queries("prw", root)
    assert [query.frame for query in queries] == [record["frame"] for record in expected]
    for query, record in zip(queries, expected, strict=True):
        assert query.box is not None
        assert query.box.tolist() == record["boxes"][0]
        assert [query.person_id] == record["person_ids"]
        assert query.camera == record["camera"]


@pytest.mark.parametrize("same_camera", [True, False])
def test_galleries_equal_the_slow_rule(shared: Path, same_camera: bool) -> None:
    root = shared / "oracles" / "mini_a" / "prw"
    samples = datasets.load_frames("prw", root, "gallery")
    for query in datasets.load_queries("prw", root, same_camera=same_camera):
        expected = []
        for sample in samples:
            if sample.name != query.frame and (same_camera or sample.camera != query.camera):
                boxes = sample.boxes[sample.person_ids == query.person_id]
                expected.append((sample.name, boxes[0].tolist() if len(boxes) else None))
        assert [(name, None if box is None else box.tolist()) for name, box in query.gallery] == expected


def test_a_gallery_box_is_clipped_before_adding_and_a_query_box_after(root: Path) -> None:
    train = datasets.load_frames("prw", root, "train")
    assert train[0].boxes.tolist() == [[10, 20, 41, 61], [1, 2, 4, 6]]  # 10.9 + 30.9 is truncated after adding
    assert train[1].boxes.tolist() == [[0, 10, 20, 40]]
    gallery = datasets.load_frames("prw", root, "gallery")
    assert gallery[0].boxes[0].tolist() == [0, 0, 20, 30]
    query = datasets.load_queries("prw", root)[0]
    assert query.box is not None
    assert query.box.tolist() == [0, 0, 17, 28]


def test_ids_483_and_932_and_a_training_person_in_a_test_frame(root: Path) -> None:
    train = datasets.load_frames("prw", root, "train")
    assert [sample.person_ids.tolist() for sample in train] == [[2, -1], [0], [1, 0, 0]]
    assert train[0].original_ids is not None
    assert train[0].original_ids.tolist() == [932, -2]
    assert train[2].camera == 6
    assert datasets.load_frames("prw", root, "gallery")[0].person_ids.tolist() == [500, 932]


def test_the_first_box_of_a_person_is_the_true_one_and_cameras_can_be_left_out(root: Path) -> None:
    same = datasets.load_queries("prw", root, same_camera=True)[0]
    assert [(name, None if box is None else box.tolist()) for name, box in same.gallery] == [
        ("c1s1_000012.jpg", [60, 60, 70, 70]), ("c3s1_000013.jpg", None), ("c4s1_000014.jpg", [7, 8, 16, 18]),
    ]  # fmt: skip
    cross = datasets.load_queries("prw", root, same_camera=False)[0]
    assert [name for name, _ in cross.gallery] == ["c3s1_000013.jpg", "c4s1_000014.jpg"]


@pytest.mark.parametrize("end", ["\r\n", "\n"])
def test_both_line_ends_and_a_file_without_a_last_one(root: Path, end: str) -> None:
    path = root / "query_info.txt"
    lines = path.read_text().split()
    text = end.join(" ".join(lines[start : start + 6]) for start in (0, 6))
    for ending in ("", end, end + end):
        path.write_bytes((text + ending).encode())
        assert [query.frame for query in datasets.load_queries("prw", root)] == ["c1s1_000011.jpg", "c4s1_000014.jpg"]


def test_queries_share_what_they_have_in_common(root: Path) -> None:
    galleries = [query.gallery for query in datasets.load_queries("prw", root)]
    assert all(isinstance(gallery, QueryGallery) for gallery in galleries)
    assert galleries[0].frames is galleries[1].frames  # type: ignore[attr-defined]


def test_broken_annotations_are_all_named(root: Path) -> None:
    (root / "annotations" / "c1s1_000001.jpg.mat").unlink()
    savemat(root / "annotations" / "c2s1_000002.jpg.mat", {"box_new": np.ones((2, 4))})
    savemat(root / "annotations" / "c6s1_000003.jpg.mat", {"something": np.ones((2, 5))})
    found = [problem.what for problem in prw.scan_frames(root, "train").problems]
    assert found[0] == "the file does not exist"
    assert "shape (2, 4)" in found[1]
    assert "no variable box_new or anno_file or anno_previous" in found[2]
    with pytest.raises(ValueError, match=r"has 3 broken records.*personsearch data check .* --format prw` lists all"):
        datasets.load_frames("prw", root, "train")


def test_numbers_that_are_not_finite_and_boxes_without_area(root: Path) -> None:
    savemat(root / "annotations" / "c1s1_000001.jpg.mat", {"box_new": np.asarray([[1, np.nan, 2, 3, 4.0]])})
    savemat(root / "annotations" / "c2s1_000002.jpg.mat", {"box_new": np.asarray([[1, 2, 2, 0, 4.0], [2, 1, 1, 5, 5]])})
    problems = prw.scan_frames(root, "train").problems
    assert [problem.fatal for problem in problems] == [True, False]
    assert prw.scan_frames(root, "train").samples[0].boxes.tolist() == [[1, 1, 6, 6]]


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("500 1 2 3 4", "5 fields"),
        ("500 1 2 3 4 c9s9_999999", "not in frame_test.mat"),
        ("x 1 2 3 4 c1s1_000011", "could not convert"),
        ("500 nan 2 3 4 c1s1_000011", "not finite"),
    ],
)
def test_a_broken_query_line_is_named(root: Path, line: str, what: str) -> None:
    (root / "query_info.txt").write_text(f"\n{line}\n")
    with pytest.raises(ValueError, match=f"query_info.txt line 2.*{what}"):
        datasets.load_queries("prw", root)


def test_a_wrong_root_says_what_is_missing(root: Path, tmp_path: Path) -> None:
    (root / "frame_test.mat").unlink()
    with pytest.raises(datasets.DatasetNotFoundError, match=r"lacks frame_test\.mat .*Get PRW-v16\.04\.20\.zip"):
        datasets.load_frames("prw", root, "train")
    with pytest.raises(datasets.DatasetNotFoundError, match="is a file, not a folder"):
        datasets.load_frames("prw", root / "query_info.txt", "train")
