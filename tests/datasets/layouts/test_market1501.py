"""Market-1501's folders of crops: names, identities, what is passed over, and the real release's counts."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from datasets import DatasetNotFoundError, load_crops, read_crops
from datasets.crops import read_crop
from datasets.layouts.market1501 import load_query_groups


def write_picture(path: Path, value: int = 100) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), np.full((16, 8, 3), value, dtype=np.uint8))


def write_market(root: Path) -> Path:
    """Three train persons and two test persons, two cameras, two pictures each; junk, a distractor, litter."""
    for person in (7, 2, 11):
        for camera in (1, 2):
            for frame in (1, 2):
                write_picture(root / "bounding_box_train" / f"{person:04d}_c{camera}s1_{frame:06d}_01.jpg", person)
    for person in (1, 3):
        for camera in (3, 1):
            write_picture(root / "query" / f"{person:04d}_c{camera}s2_000009_00.jpg")
            write_picture(root / "bounding_box_test" / f"{person:04d}_c{camera}s2_000009_01.jpg")
    write_picture(root / "bounding_box_test" / "-1_c1s1_000401_03.jpg")
    write_picture(root / "bounding_box_test" / "0000_c6s1_000401_04.jpg")
    for folder in ("bounding_box_train", "bounding_box_test", "query"):
        (root / folder / "Thumbs.db").write_bytes(b"litter")
        (root / folder / "._0002_c1s1_000001_01.jpg").write_bytes(b"litter")
    return root


@pytest.fixture
def market(tmp_path: Path) -> Path:
    # Readers that search the whole path would take person and camera from this folder's name.
    return write_market(tmp_path / "0009_c9" / "Market-1501-v15.09.15")


def test_train_identities_are_contiguous_and_keep_their_numbers(market: Path) -> None:
    crops = load_crops("market1501", market, "train")
    assert len(crops) == 12
    assert {(crop.person_id, crop.original_id) for crop in crops} == {(0, 2), (1, 7), (2, 11)}
    assert {crop.camera for crop in crops} == {1, 2}
    assert [crop.path for crop in crops] == sorted(crop.path for crop in crops)


def test_junk_is_dropped_and_distractors_stay_in_the_gallery_only(market: Path) -> None:
    gallery = load_crops("market1501", market, "gallery")
    assert [crop.person_id for crop in gallery] == [0, 1, 1, 3, 3]
    assert gallery[0].camera == 6
    write_picture(market / "query" / "0000_c6s1_000401_04.jpg")
    assert {crop.person_id for crop in load_crops("market1501", market, "query")} == {1, 3}


def test_root_may_be_the_parent_or_the_folder(market: Path) -> None:
    assert load_crops("market1501", market.parent, "query") == load_crops("market1501", market, "query")


def test_a_wrong_name_is_named_and_the_rest_is_read(market: Path) -> None:
    write_picture(market / "query" / "person_c1.jpg")
    write_picture(market / "query" / "0005_c7s1_000001_00.jpg")
    crops, left_out = read_crops("market1501", market, "query")
    assert len(crops) == 4
    assert [line.split(":")[0] for line in left_out] == ["query/0005_c7s1_000001_00.jpg", "query/person_c1.jpg"]
    assert "0002_c1s1_000451_03.jpg" in left_out[0]


def test_a_doubled_suffix_of_the_release_is_read(market: Path) -> None:
    write_picture(market / "query" / "0004_c1s6_023021_00.jpg.jpg")
    crops = load_crops("market1501", market, "query")
    assert crops[-1].person_id == 4
    assert read_crop(crops[-1]).shape == (16, 8, 3)


def test_open_reid_pools_queries_and_gallery(market: Path) -> None:
    splits = {split: load_crops("market1501", market, split, split_by="identities") for split in ("gallery", "query")}
    assert [crop.person_id for crop in splits["gallery"]] == [0] + [1] * 4 + [3] * 4
    assert splits["query"] == splits["gallery"][1:]
    assert len(load_crops("market1501", market, "train", split_by="identities")) == 12
    with pytest.raises(ValueError, match="split_by is 'id', expected one of files, identities"):
        load_crops("market1501", market, "train", split_by="id")


def test_multi_query_groups_are_the_hand_drawn_crops_of_person_and_camera(market: Path) -> None:
    queries = load_crops("market1501", market, "query")
    with pytest.raises(DatasetNotFoundError, match="lacks gt_bbox"):
        load_query_groups(market, queries)
    for name in ("0001_c3s2_000009_00.jpg", "0001_c3s2_000034_00.jpg", "0001_c2s2_000034_00.jpg"):
        write_picture(market / "gt_bbox" / name)
    groups = load_query_groups(market.parent, queries)
    assert [query.name for query in queries][1] == "0001_c3s2_000009_00.jpg"
    assert [crop.name for crop in groups[1]] == ["0001_c3s2_000009_00.jpg", "0001_c3s2_000034_00.jpg"]
    assert groups[0] == queries[:1]


def test_a_folder_without_any_such_name_is_refused(market: Path) -> None:
    for path in (market / "query").iterdir():
        path.unlink()
    write_picture(market / "query" / "anna.jpg")
    with pytest.raises(DatasetNotFoundError, match=r"has 1 pictures and none with a name like 0002_c1s1"):
        load_crops("market1501", market, "query")


def test_another_folder_is_refused_with_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(DatasetNotFoundError, match="bounding_box_train"):
        load_crops("market1501", tmp_path, "train")


def test_the_real_release_has_its_published_counts(shared: Path) -> None:
    root = shared / "data" / "Market-1501-v15.09.15"
    splits = {split: read_crops("market1501", root, split) for split in ("train", "gallery", "query")}
    assert {split: len(crops) for split, (crops, _) in splits.items()} == {
        "train": 12936, "gallery": 15913, "query": 3368,
    }  # fmt: skip
    assert not any(left_out for _, left_out in splits.values())
    assert {crop.person_id for crop in splits["train"][0]} == set(range(751))
    assert sum(crop.person_id == 0 for crop in splits["gallery"][0]) == 2798
    queries = {crop.person_id for crop in splits["query"][0]}
    assert len(queries) == 750
    assert queries <= {crop.person_id for crop in splits["gallery"][0]}
    assert read_crop(splits["query"][0][0]).shape == (128, 64, 3)
    pooled = [len(load_crops("market1501", root, split, split_by="identities")) for split in ("gallery", "query")]
    assert pooled == [19281, 16483]
