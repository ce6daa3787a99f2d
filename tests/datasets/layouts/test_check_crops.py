"""The check of crop data sets: every name, line and picture that is broken, and nothing else."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from datasets import DatasetNotFoundError
from datasets.catalog.check import check_dataset


def write_picture(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), np.zeros((8, 4, 3), np.uint8))


@pytest.fixture
def market(tmp_path: Path) -> Path:
    names = {
        "bounding_box_train": ["0002_c1s1_000001_01.jpg", "0002_c2s1_000001_01.jpg"],
        "bounding_box_test": ["0001_c1s1_000001_01.jpg", "0001_c2s1_000001_01.jpg", "0000_c2s1_000001_01.jpg"],
        "query": ["0001_c1s1_000001_00.jpg", "0001_c2s1_000001_00.jpg"],
    }
    for folder, pictures in names.items():
        for name in pictures:
            write_picture(tmp_path / folder / name)
    return tmp_path


def test_a_whole_data_set_has_no_problem(market: Path) -> None:
    calls: list[tuple[int, int]] = []
    assert check_dataset("market1501", market, on_progress=lambda done, total: calls.append((done, total))) == []
    assert calls == [(done, 7) for done in range(1, 8)]


def test_names_pictures_and_queries_without_answer(market: Path) -> None:
    write_picture(market / "query" / "anna.jpg")
    write_picture(market / "query" / "0003_c1s1_000001_00.jpg")
    write_picture(market / "bounding_box_test" / "0003_c1s1_000001_01.jpg")
    (market / "bounding_box_train" / "0002_c1s1_000001_01.jpg").write_bytes(b"")
    lines = [str(problem) for problem in check_dataset("market1501", market, threads=1)]
    assert [line.partition(";")[0].replace(str(market), "ROOT") for line in lines] == [
        "query/anna.jpg: the name does not say person and camera",
        "query 0003_c1s1_000001_00.jpg: person 3 has no other crop in the gallery, or only of the query's camera",
        "0002_c1s1_000001_01.jpg (ROOT/bounding_box_train/0002_c1s1_000001_01.jpg): the file is empty (0 bytes)",
    ]


def test_a_csv_file_without_cameras(tmp_path: Path) -> None:
    for name in ("1.png", "2.png"):
        write_picture(tmp_path / name)
    lines = ["path,person_id,split", "1.png,4,query", "1.png,4,gallery", "2.png,4,gallery", "2.png,x,train"]
    (tmp_path / "crops.csv").write_text("\n".join(lines))
    (problem,) = check_dataset("csv", tmp_path)
    assert str(problem).startswith("crops.csv line 5: person_id is 'x'")
    (tmp_path / "crops.csv").write_text("\n".join(lines[:3]))
    (problem,) = check_dataset("csv", tmp_path / "crops.csv")
    assert str(problem).startswith("query 1.png: person 4 has no other crop")


@pytest.mark.parametrize("name", ["market1501", "dukemtmc", "cuhk03", "msmt17", "csv"])
def test_no_such_data_set(tmp_path: Path, name: str) -> None:
    with pytest.raises(DatasetNotFoundError):
        check_dataset(name, tmp_path)
