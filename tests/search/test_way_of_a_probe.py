"""A probe goes from the command to the ranking in few hops between files, and never back up to an earlier floor."""

import sys
from pathlib import Path
from types import FrameType
from typing import Any

import cv2
import numpy as np
import pytest
from blob_scenes import BlobModel, scene, write

from search.pages.find_page import find_page
from search.pipeline import PersonSearch
from tools.commands.find import Probe, find
from tools.errors import PACKAGES

FLOORS = ("tools", "search", "search/tracks", "search/query", "search/gallery", "search/models", "detection")
"""From the command down: a hop leads to the same floor or a lower one."""
MOST_HOPS = 10


def floor_of(file: str) -> int:
    """The floor of a file; what is not named here lies below all of them."""
    room = "tools" if file.startswith("tools/") else file.rpartition("/")[0]
    return FLOORS.index(room) if room in FLOORS else len(FLOORS)


def test_from_find_to_the_ranking(tmp_path: Path, repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(2):
        write(tmp_path / "footage" / f"{number}.png", scene([0, 1], number))
    search = PersonSearch(BlobModel(), device="cpu")
    with search.open_gallery(tmp_path / "people", create=True) as gallery:
        search.index(tmp_path / "footage", gallery)
    assert cv2.imwrite(str(tmp_path / "probe.png"), np.full((50, 18, 3), 200, dtype=np.uint8))
    monkeypatch.setattr(PersonSearch, "from_gallery", lambda *_, **__: search)
    ways: list[list[str]] = []
    assert find_page  # imported before, so that the profile sees the search alone

    def watch(frame: FrameType, event: str, _: Any) -> None:
        if event == "call" and frame.f_code.co_name == "ranked" and frame.f_code.co_filename.endswith("query/rank.py"):
            way: list[str] = []
            above: FrameType | None = frame
            while above is not None:
                file = Path(above.f_code.co_filename)
                if file.is_relative_to(repository) and file.relative_to(repository).parts[0] in PACKAGES:
                    way.append(file.relative_to(repository).as_posix())
                above = above.f_back
            ways.append(way[::-1])

    sys.setprofile(watch)
    try:
        find(tmp_path / "people", probe=Probe(crop=[tmp_path / "probe.png"]))
    finally:
        sys.setprofile(None)
    (way,) = ways
    files = [file for place, file in enumerate(way) if place == 0 or file != way[place - 1]]
    assert files == [
        "tools/commands/find.py",
        "search/pipeline.py",
        "search/query/judging.py",
        "search/query/rank.py",
    ]
    assert len(way) <= MOST_HOPS
    floors = [floor_of(file) for file in files]
    assert floors == sorted(floors), f"the way goes back up: {files}"
