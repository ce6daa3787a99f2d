"""MSMT17: lists of pictures, two versions of the folders, test persons apart from training persons."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from datasets import DatasetNotFoundError, load_crops, read_crops
from datasets.crops import read_crop

LISTS = {
    "train": "0001/0001_000_15_0303morning_0006_2.jpg 1\n0000/0000_045_12_0303afternoon_0006_2_ex.jpg 0\n",
    "val": "0003/0003_003_01_0302noon_0001_0.jpg 3\n",
    "query": "0000/0000_001_05_0303morning_0001_1.jpg 0\n",
    "gallery": "0001/0001_002_07_0303morning_0009_1.jpg 1\r\n0000/0000_000_09_0303noon_0001_1.jpg 0\r\n\r\n",
}
FOLDERS = {"V1": ("train", "test"), "V2": ("mask_train_v2", "mask_test_v2")}


def write_msmt(root: Path, version: str = "V1") -> Path:
    root.mkdir(parents=True)
    for part, text in LISTS.items():
        (root / f"list_{part}.txt").write_bytes(text.encode())
        folder = root / FOLDERS[version][part in ("query", "gallery")]
        for line in text.split("\n"):
            if line.strip():
                path = folder / line.split()[0]
                path.parent.mkdir(parents=True, exist_ok=True)
                assert cv2.imwrite(str(path), np.zeros((8, 4, 3), np.uint8))
    return root


@pytest.mark.parametrize("version", FOLDERS)
def test_both_versions(tmp_path: Path, version: str) -> None:
    (tmp_path / "__MACOSX" / f"MSMT17_{version}").mkdir(parents=True)
    write_msmt(tmp_path / f"MSMT17_{version}" / f"MSMT17_{version}", version)
    train = load_crops("msmt17", tmp_path, "train")
    assert [(crop.person_id, crop.camera) for crop in train] == [(0, 12), (1, 15)]
    for split in ("train", "gallery", "query"):
        for crop in load_crops("msmt17", tmp_path, split):
            assert read_crop(crop).shape == (8, 4, 3)


def test_test_persons_follow_all_training_persons(tmp_path: Path) -> None:
    root = write_msmt(tmp_path / "MSMT17_V1")
    gallery = load_crops("msmt17", root, "gallery")
    assert [(crop.person_id, crop.original_id, crop.camera) for crop in gallery] == [(4, 0, 9), (5, 1, 7)]
    assert [crop.person_id for crop in load_crops("msmt17", root, "query")] == [4]


def test_validation_crops_are_an_option(tmp_path: Path) -> None:
    root = write_msmt(tmp_path / "MSMT17_V1")
    crops = load_crops("msmt17", root, "train", validation=True)
    assert [(crop.person_id, crop.original_id) for crop in crops] == [(0, 0), (1, 1), (2, 3)]


def test_a_wrong_line_is_named_and_the_litter_of_a_mac_is_not(tmp_path: Path) -> None:
    root = write_msmt(tmp_path / "MSMT17_V1")
    with (root / "list_query.txt").open("a") as file:
        file.write("0000/._0000_001_05_0303morning_0001_1.jpg 0\n")
        file.write("__MACOSX/0000/0000_001_05_0303morning_0001_1.jpg 0\n")
        file.write("0002/0002_001_16_0303morning_0001_1.jpg 2\n")
    crops, left_out = read_crops("msmt17", root, "query")
    assert len(crops) == 1
    assert len(left_out) == 1
    assert left_out[0].startswith("list_query.txt line 4: '0002/0002_001_16_0303morning_0001_1.jpg 2'")


def test_missing_lists_and_folders_are_named(tmp_path: Path) -> None:
    root = write_msmt(tmp_path / "MSMT17_V1")
    (root / "train").rename(root / "elsewhere")
    with pytest.raises(DatasetNotFoundError, match="lacks train or mask_train_v2"):
        load_crops("msmt17", root, "train")
    (root / "list_query.txt").unlink()
    with pytest.raises(DatasetNotFoundError, match=r"lacks list_query\.txt"):
        load_crops("msmt17", root, "train")
