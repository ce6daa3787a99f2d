"""CUHK03 on a miniature of its MATLAB 7.3 file: axes reversed, an empty cell, two folds, both protocols."""

from pathlib import Path

import cv2
import h5py
import numpy as np
import pytest
from scipy.io import savemat

from datasets import DatasetNotFoundError, load_crops, read_crops
from datasets.crops import read_crop
from datasets.images import ImageError
from datasets.samples import CropSample

PERSONS = (3, 2)
"""Persons of the two camera pairs; numbered 1 .. 5 over both."""

FOLDS = ([[1, 2], [2, 1]], [[1, 1], [1, 3]])
"""(camera pair, row) of the test persons, both from 1: persons {2, 4} and {1, 3}."""


def picture(kind: str, person: int, column: int) -> np.ndarray:
    """(H, W, 3): its values say where it stands in the file; heights and widths differ."""
    image = np.zeros((6 + person, 4 + column % 3, 3), np.uint8)
    image[0] = (person, column, kind == "detected")
    image[:, 0, 2] = np.arange(len(image))
    return image


def columns(person: int) -> tuple[int, ...]:
    """Pictures of a person: two of view 1 and one of view 2; person 3 has none of view 2, person 5 all ten."""
    return {3: (0, 1), 5: tuple(range(10))}.get(person, (0, 1, 5))


def write_archive(folder: Path) -> Path:
    """As MATLAB writes it: a 5 x 1 cell of P x 10 cells of H x W x 3 pictures, every axis order reversed."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "cuhk-03.mat"
    with h5py.File(path, "w") as archive:
        cells = archive.create_group("#refs#")

        def reference(array: np.ndarray) -> h5py.Reference:
            return cells.create_dataset(f"cell{len(cells)}", data=array).ref

        def vector(references: list[h5py.Reference]) -> np.ndarray:
            return np.asarray(references, dtype=h5py.ref_dtype)[None]

        for kind in ("labeled", "detected"):
            tables, person = [], 0
            for rows in PERSONS:
                table = np.empty((10, rows), dtype=h5py.ref_dtype)
                for row in range(rows):
                    person += 1
                    for column in range(10):
                        there = column in columns(person)
                        content = picture(kind, person, column).T if there else np.zeros(2, np.uint64)
                        table[column, row] = reference(content)
                tables.append(reference(table))
            archive.create_dataset(kind, data=vector(tables))
        folds = [reference(np.asarray(fold, dtype=float).T) for fold in FOLDS]
        archive.create_dataset("testsets", data=vector(folds))
    return path


def write_config(folder: Path, kind: str = "detected") -> list[str]:
    """Persons 1 and 5 train; of 2 and 4 the first picture of each view is the query; indices count from 1."""
    rows = [(1, 1, 1, 0), (1, 1, 1, 5), (2, 2, 5, 9), (1, 2, 2, 5), (1, 2, 2, 0), (1, 2, 2, 1), (2, 1, 4, 0)]
    names = [f"{pair}_{row:03d}_{column // 5 + 1}_{column + 1:02d}.png" for pair, row, _, column in rows]
    savemat(
        folder / f"cuhk03_new_protocol_config_{kind}.mat",
        {
            "filelist": np.asarray(names, dtype=object)[:, None],
            "labels": np.asarray([[person] for _, _, person, _ in rows], dtype=float),
            "camId": np.asarray([[column // 5 + 1] for *_, column in rows], dtype=np.uint8),
            "train_idx": [[1], [2], [3]],
            "query_idx": [[4], [5]],
            "gallery_idx": [[6], [7]],
        },
    )
    return names


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write_archive(tmp_path / "x_c9" / "cuhk03_release")
    return tmp_path / "x_c9"


@pytest.mark.parametrize(("fold", "tested"), [(0, {2, 4}), (1, {1, 3})])
def test_classic_folds(root: Path, fold: int, tested: set[int]) -> None:
    train = load_crops("cuhk03", root, "train", fold=fold)
    assert {crop.original_id for crop in train} == {1, 2, 3, 4, 5} - tested
    assert {crop.person_id for crop in train} == {0, 1, 2}
    gallery = load_crops("cuhk03", root, "gallery", fold=fold)
    assert {crop.person_id for crop in gallery} == tested
    assert gallery == load_crops("cuhk03", root / "cuhk03_release", "query", fold=fold)


@pytest.mark.parametrize("kind", ["labeled", "detected"])
def test_every_picture_stands_as_matlab_shows_it(root: Path, kind: str) -> None:
    crops = [crop for split in ("train", "gallery") for crop in load_crops("cuhk03", root, split, boxes=kind)]
    assert len(crops) == len({crop.name for crop in crops}) == sum(len(columns(person)) for person in range(1, 6))
    for crop in crops:
        column = int(crop.name[-6:-4]) - 1
        assert np.array_equal(read_crop(crop), picture(kind, crop.original_id or 0, column))
        assert crop.camera == column // 5 + 1
        assert crop.name.startswith(kind)


def test_names_are_those_of_the_unpacked_files(root: Path) -> None:
    names = [crop.name for crop in load_crops("cuhk03", root, "gallery")]
    assert names == [f"labeled/{stem}.png" for stem in
                     ("1_002_1_01", "1_002_1_02", "1_002_2_06", "2_001_1_01", "2_001_1_02", "2_001_2_06")]  # fmt: skip


def test_both_kinds_of_boxes_share_persons(root: Path) -> None:
    kinds = {kind: load_crops("cuhk03", root, "gallery", boxes=kind) for kind in ("labeled", "detected", "both")}
    assert sorted(crop.name for crop in kinds["both"]) == sorted(
        crop.name for kind in ("labeled", "detected") for crop in kinds[kind]
    )
    assert {crop.person_id for crop in kinds["both"]} == {2, 4}


def check_new_protocol(root: Path) -> dict[str, list[CropSample]]:
    splits = {s: load_crops("cuhk03", root, s, protocol="new", boxes="detected") for s in ("train", "gallery", "query")}
    found = {
        split: [(crop.person_id, crop.original_id, crop.camera) for crop in crops] for split, crops in splits.items()
    }
    assert found == {
        "train": [(0, 1, 1), (0, 1, 2), (1, 5, 2)],
        "gallery": [(2, 2, 1), (4, 4, 1)],
        "query": [(2, 2, 1), (2, 2, 2)],
    }
    for split, crops in splits.items():
        for crop, (_, person, camera) in zip(crops, found[split], strict=True):
            image = read_crop(crop)
            assert image[0, -1, 0] == person
            assert image[0, -1, 1] // 5 + 1 == camera
    return splits


def test_the_new_protocol_over_the_archive(root: Path) -> None:
    write_config(root)
    splits = check_new_protocol(root)
    assert {crop.path.name for crops in splits.values() for crop in crops} == {"cuhk-03.mat"}


def test_the_new_protocol_over_unpacked_pictures(root: Path) -> None:
    write_config(root)
    folder = root / "images_detected"
    folder.mkdir()
    for crop in (crop for s in ("train", "gallery") for crop in load_crops("cuhk03", root, s, boxes="detected")):
        assert cv2.imwrite(str(folder / crop.name.partition("/")[2]), read_crop(crop)[:, :, ::-1])
    (root / "cuhk03_release" / "cuhk-03.mat").unlink()
    splits = check_new_protocol(root)
    assert {crop.path.parent for crops in splits.values() for crop in crops} == {folder}


def test_the_new_protocol_in_market_layout(tmp_path: Path) -> None:
    for folder, name in (("bounding_box_train", "0001_c1_1"), ("bounding_box_test", "1402_c2_7"), ("query", "77_c2_6")):
        path = tmp_path / "cuhk03-np" / "labeled" / folder / f"{name}.png"
        path.parent.mkdir(parents=True)
        assert cv2.imwrite(str(path), np.zeros((8, 4, 3), np.uint8))
        path.with_name("._0001_c1_1.png").write_bytes(b"litter")
    splits = [load_crops("cuhk03", tmp_path, split, protocol="new") for split in ("train", "gallery", "query")]
    assert [[(crop.original_id, crop.camera) for crop in crops] for crops in splits] == [
        [(1, 1)],
        [(1402, 2)],
        [(77, 2)],
    ]
    with pytest.raises(DatasetNotFoundError, match="cuhk03_new_protocol_config_detected"):
        load_crops("cuhk03", tmp_path, "train", protocol="new", boxes="detected")


def test_a_picture_that_is_not_there_is_named(root: Path) -> None:
    write_config(root)
    (root / "images_detected").mkdir()
    crops, left_out = read_crops("cuhk03", root, "query", protocol="new", boxes="detected")
    assert not crops
    assert [line.split(":")[0] for line in left_out] == [
        "cuhk03_new_protocol_config_detected.mat 1_002_1_01.png",
        "cuhk03_new_protocol_config_detected.mat 1_002_2_06.png",
    ]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"protocol": "old"}, "protocol is 'old', expected one of classic, new"),
        ({"boxes": "drawn"}, "boxes is 'drawn', expected one of labeled, detected, both"),
        ({"boxes": "both", "protocol": "new"}, "boxes is 'both', expected one of labeled, detected$"),
        ({"fold": 20}, "fold is 20, expected 0 to 19"),
        ({"fold": 2}, r"cuhk-03\.mat: .*it has 2 test sets, expected more than fold 2"),
        ({"split_by": "files"}, "'split_by'; see load_crops"),
    ],
)
def test_wrong_options_are_one_line(root: Path, options: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        load_crops("cuhk03", root, "train", **options)


def test_damaged_files_are_named(root: Path) -> None:
    path = root / "cuhk03_release" / "cuhk-03.mat"
    crop = load_crops("cuhk03", root, "query")[0]
    path.write_bytes(path.read_bytes()[:3000])
    with pytest.raises(ValueError, match=r"cuhk-03\.mat: is no readable cuhk-03\.mat"):
        load_crops("cuhk03", root, "query")
    with pytest.raises(ImageError, match=r"has no readable picture labeled\{1\}\{2,1\}"):
        read_crop(crop)
    path.unlink()
    with pytest.raises(ImageError, match="the file does not exist"):
        read_crop(crop)
    with pytest.raises(DatasetNotFoundError, match=r"lacks cuhk-03\.mat"):
        load_crops("cuhk03", root, "query")


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("labeled{1}{9,1}", "no readable picture"),
        ("labeled{7}{1,1}", "no readable picture"),
        ("drawn{1}{1,1}", "no readable picture"),
        ("labeled{1}{3,6}", "expected uint8"),
        ("labeled{0}{1,1}", "no picture's address"),
        ("/#refs#/cell0", "no picture's address"),
    ],
)
def test_a_wrong_address_is_one_line(root: Path, entry: str, message: str) -> None:
    with pytest.raises(ImageError, match=message):
        read_crop(CropSample(root / "cuhk03_release" / "cuhk-03.mat", 0, entry=entry))


def test_a_config_that_does_not_fit_together_is_named(root: Path) -> None:
    write_config(root)
    path = root / "cuhk03_new_protocol_config_detected.mat"
    savemat(path, {"filelist": np.asarray(["1_001_1_01.png"], dtype=object), "labels": [[1]], "camId": [[1]],
                   "train_idx": [[2]], "query_idx": [[0]], "gallery_idx": [[1]]})  # fmt: skip
    for split in ("train", "query"):
        with pytest.raises(ValueError, match=rf"config_detected\.mat: {split}_idx cannot be read"):
            load_crops("cuhk03", root, split, protocol="new", boxes="detected")
    savemat(path, {"filelist": np.asarray(["1_001_1_01.png"], dtype=object)})
    with pytest.raises(ValueError, match="has no variable labels"):
        load_crops("cuhk03", root, "train", protocol="new", boxes="detected")
