"""DukeMTMC-reID: Market-1501's folders with names of its own."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from datasets import load_crops, read_crops

NAMES = {
    "bounding_box_train": ["0005_c2_f0046985.jpg", "0001_c8_f0000001.jpg", "0005_c1_f0046000.jpg"],
    "bounding_box_test": ["0002_c1_f0044158.jpg", "7139_c3_f0044000.jpg", "0002_c5_f0044999.jpg"],
    "query": ["0002_c1_f0044158.jpg"],
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "person_0009_c9" / "DukeMTMC-reID"
    for folder, names in NAMES.items():
        (root / folder).mkdir(parents=True)
        (root / folder / "Thumbs.db").write_bytes(b"litter")
        for name in names:
            assert cv2.imwrite(str(root / folder / name), np.zeros((8, 4, 3), np.uint8))
    return root


def test_every_split(root: Path) -> None:
    train = load_crops("dukemtmc", root, "train")
    assert [(crop.person_id, crop.original_id, crop.camera) for crop in train] == [(0, 1, 8), (1, 5, 1), (1, 5, 2)]
    gallery = load_crops("dukemtmc", root.parent, "gallery")
    assert [(crop.person_id, crop.camera) for crop in gallery] == [(2, 1), (2, 5), (7139, 3)]
    (query,) = load_crops("dukemtmc", root, "query")
    assert (query.person_id, query.camera, query.name) == (2, 1, gallery[0].name)


def test_names_of_another_data_set_are_left_out(root: Path) -> None:
    (root / "query" / "0002_c1s1_000451_03.jpg").write_bytes(b"")
    crops, left_out = read_crops("dukemtmc", root, "query")
    assert len(crops) == 1
    assert left_out == [
        "query/0002_c1s1_000451_03.jpg: the name does not say person and camera; expected a name like "
        "0005_c2_f0046985.jpg; rename or remove it"
    ]
