"""Converting a data set: what cannot be read is left out and named, and nothing is written over."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

import datasets
from datasets.catalog.conversion import convert_dataset


def write(root: Path) -> Path:
    """Three pictures; the second is smaller than its record says, the third is missing."""
    root.mkdir()
    for name, shape in (("a", (50, 100)), ("b", (25, 50))):
        assert cv2.imwrite(str(root / f"{name}.png"), np.zeros((*shape, 3), np.uint8))
    images = [{"id": n, "file_name": f"{name}.png", "width": 100, "height": 50} for n, name in enumerate("abc")]
    people = [{"image_id": n, "bbox": [1, 1, 20, 40], "person_id": 7 + n} for n in range(3)]
    for file in ("train.json", "test.json"):
        (root / file).write_text(json.dumps({"images": images, "annotations": people}))
    return root


@pytest.mark.parametrize("split", ["train", "gallery"])
def test_what_cannot_be_read_is_left_out_and_named(tmp_path: Path, split: str) -> None:
    calls: list[tuple[str, int, int]] = []
    root, out = write(tmp_path / "set"), tmp_path / "out"
    (root / "queries.json").write_text("[]")
    made = convert_dataset("custom", root, out, [split], on_progress=lambda *call: calls.append(call))
    assert [sample.path.name for sample in made.splits[split]] == ["a.png"]
    assert len(made.failures) == 2
    assert "b.png: the image is 50 x 25, the annotation says 100 x 50" in made.failures[0]
    assert "c.png: the file does not exist" in made.failures[1]
    assert calls == [(split, 1, 3), (split, 2, 3), (split, 3, 3)]
    (again,) = datasets.load_frames("custom", out, split)
    assert (again.size, again.original_ids.tolist() if again.original_ids is not None else None) == ((100, 50), [7])


def test_nothing_is_written_over(tmp_path: Path) -> None:
    root = write(tmp_path / "set")
    before = (root / "train.json").read_text()
    with pytest.raises(FileExistsError, match=r"train\.json exists"):
        convert_dataset("custom", root, root, ["train"])
    assert (root / "train.json").read_text() == before


def test_one_set_of_frames_for_both_splits_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="has the same frames in both splits"):
        convert_dataset("custom", write(tmp_path / "set"), tmp_path / "out", ["train", "gallery"])
    assert not (tmp_path / "out").exists()
