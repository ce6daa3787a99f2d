"""The chapter of docs/data_sets.md about labels of other programs: its commands are run as they stand there."""

import re
import shlex
import zipfile
from pathlib import Path

import cv2
import numpy as np
import pytest

import datasets
from tools.main import main

PAGE = Path(__file__).resolve().parents[3] / "docs" / "data_sets.md"


def test_the_commands_of_the_page_read_both_forms(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    chapter = PAGE.read_text(encoding="utf-8").split("## Labels of other programs\n")[1].split("\n## ")[0]
    commands = [shlex.split(line) for line in re.findall(r"^    personsearch (.*)$", chapter, flags=re.MULTILINE)]
    assert len(commands) == 3
    monkeypatch.chdir(tmp_path)
    for number, name in enumerate(
        ["shop/images/train/a.jpg", "shop/images/val/b.jpg", "crossing/images/frame_000000.jpg"]
    ):
        Path(name).parent.mkdir(parents=True)
        cv2.imwrite(name, np.full((100, 200, 3), 90 + number, dtype=np.uint8))
    Path("shop/classes.txt").write_text("person\ncar\n")
    for part in ("train/a", "val/b"):
        Path(f"shop/labels/{part}.txt").parent.mkdir(parents=True)
        Path(f"shop/labels/{part}.txt").write_text("0 0.5 0.5 0.2 0.4\n1 0.1 0.1 0.1 0.1\n")
    box = '<box frame="0" xtl="10" ytl="10" xbr="30" ybr="60"><attribute name="person_id">5</attribute></box>'
    track = f'<annotations><track id="0" label="person">{box}</track></annotations>'
    Path("crossing/annotations.xml").write_text(track)
    assert [main(words) for words in commands] == [0, 0, 0]
    assert len(datasets.load_frames("custom", "shop_set", "train")[0].boxes) == 1
    assert datasets.load_frames("custom", "crossing_set", "gallery")[0].person_ids.tolist() == [5]


@pytest.mark.parametrize("form", ["yolo", "cvat"])
def test_an_archive_is_to_be_unpacked(form: str, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "export.zip", "w") as archive:
        archive.writestr("annotations.xml", "<annotations/>")
    with pytest.raises(datasets.DatasetNotFoundError, match=r"export\.zip is a ZIP archive, expected .*; unpack it"):
        datasets.load_frames(form, tmp_path / "export.zip", "train")
