"""Each row once, whoever writes: keys are declared, and galleries of earlier versions get theirs."""

import json
import multiprocessing
import queue
import threading
import zipfile
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch
from asking import ask
from separate_processes import finish, start

from datasets.samples import Frame
from detection.detections import Detections
from search.gallery.description import GalleryDescription, read_description
from search.gallery.gallery import Gallery
from search.gallery.lance import lancedb
from search.gallery.store import has_key
from search.gallery.upkeep import TableFiles, writing
from search.models.embedded_by import EmbeddedBy

DIM = 16
MODEL = GalleryDescription(DIM, EmbeddedBy("weights-1"))
IMAGE = np.full((60, 80, 3), 120, dtype=np.uint8)
FRAMES = 12
OLD = Path(__file__).resolve().parents[1] / "old"
WRITTEN = json.loads((OLD / "answers.json").read_text(encoding="utf-8"))


def index_all(path: Path, together: Any, rounds: int) -> None:
    """What each of two indexers does: the same frames of one source, two people in each."""
    for attempt in range(rounds):
        gallery = Gallery.open_or_create(path / str(attempt), MODEL)
        together.wait()
        random = np.random.default_rng(0)
        for number in range(FRAMES):
            embeddings = random.standard_normal((2, DIM)).astype(np.float32)
            found = Detections([[1, 1, 20, 40], [5, 5, 30, 60]], [0.9, 0.8], embeddings)
            gallery.add(Frame(f"{number}.jpg", IMAGE, "1", float(number)), found, source="street")
            gallery.flush()


def keys(gallery: Gallery) -> Counter[tuple[Any, ...]]:
    rows = gallery.table.search().select(["source", "frame", "index"]).to_arrow()
    return Counter(zip(*(rows[name].to_pylist() for name in ("source", "frame", "index")), strict=True))


@pytest.mark.parametrize("rounds", [2, pytest.param(50, marks=pytest.mark.slow)])
def test_two_indexers_of_one_source_never_double_rows(tmp_path: Path, rounds: int) -> None:
    together = multiprocessing.get_context("forkserver").Barrier(2)
    for attempt in range(rounds):
        Gallery.create(tmp_path / str(attempt), MODEL)
    both = [start(index_all, tmp_path, together, rounds, said=tmp_path / f"said{number}") for number in range(2)]
    for number, one in enumerate(both):
        finish(one, tmp_path / f"said{number}")
    expected = Counter({("street", f"{number}.jpg", index): 1 for number in range(FRAMES) for index in range(2)})
    for attempt in range(rounds):
        gallery = Gallery.open(tmp_path / str(attempt))
        assert keys(gallery) == expected
        assert gallery.summary().frames == FRAMES


@pytest.fixture
def old(tmp_path: Path) -> Path:
    with zipfile.ZipFile(OLD / "galleries.zip") as archive:
        archive.extractall(tmp_path)
    return tmp_path


def test_a_gallery_of_an_earlier_version_is_converted_when_it_is_opened_for_writing(old: Path) -> None:
    path = old / "two_stages"
    reader = Gallery.open(path)
    rows = reader.table.search().to_arrow().to_pylist()
    assert not has_key(reader.table)
    ask(reader, np.array(WRITTEN["probe"]))
    assert not has_key(Gallery.open(path).table), "reading changes nothing"
    with Gallery.open_or_create(path, read_description(path)) as gallery:
        assert has_key(gallery.table)
        assert gallery.table.search().to_arrow().to_pylist() == rows
        assert gallery.is_done(rows[0]["frame"], source=rows[0]["source"])
    assert reader.table.search().to_arrow().to_pylist() == rows, "who reads meanwhile sees the same rows"
    answer = ask(Gallery.open(path), np.array(WRITTEN["probe"]))
    assert len(answer) == len(rows)
    for one in answer:
        assert (Gallery.open(path).cutout(one.cutout) or b"")[:2] == b"\xff\xd8"


def test_the_first_write_converts_too_and_doubled_rows_become_single(old: Path) -> None:
    path = old / "plain"
    table = lancedb.connect(str(path / "tables")).open_table("sightings")
    rows = table.search().to_arrow()
    table.add(rows.slice(1, 2))  # as two indexers left it
    gallery = Gallery.open(path)
    assert max(keys(gallery).values()) == 2
    one = Detections([[1, 1, 20, 40]], [0.9], torch.eye(1, 4))
    gallery.add(Frame("new.jpg", IMAGE, "c1", 5.0), one, source="elsewhere", file_state="1:2")
    gallery.flush()
    assert has_key(gallery.table)
    assert max(keys(gallery).values()) == 1
    assert len(gallery) == len(rows) + 1
    again = Gallery.open(path)
    assert again.is_done("new.jpg", source="elsewhere", file_state="1:2")
    assert not again.is_done("new.jpg", source="elsewhere", file_state="1:3")


def test_who_makes_a_table_anew_waits_for_those_who_write(tmp_path: Path) -> None:
    Gallery.create(tmp_path / "people", MODEL)
    order: queue.SimpleQueue[str] = queue.SimpleQueue()

    def alone() -> None:
        with writing(tmp_path / "people", alone=True):
            order.put("alone")

    with writing(tmp_path / "people"), writing(tmp_path / "people"):
        other = threading.Thread(target=alone)
        other.start()
        other.join(0.3)
        order.put("together")
    other.join()
    assert [order.get(), order.get()] == ["together", "alone"]


def test_new_files_and_their_folders_are_written_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gallery = Gallery.create(tmp_path / "people", MODEL)
    table = tmp_path / "people" / "tables" / "sightings.lance"
    before = set(table.rglob("*"))
    seen: list[str] = []
    monkeypatch.setattr("search.gallery.upkeep._write_out", seen.append)
    gallery.add(Frame("a.jpg", IMAGE), Detections([[1, 1, 20, 40]], [0.9], torch.eye(1, DIM)))
    gallery.flush()
    new = {str(file) for file in set(table.rglob("*")) - before if file.is_file() and file.suffix != ".json"}
    assert len(new) >= 2, "rows, and the version that names them"
    assert new <= set(seen)
    assert {str(table), str(table / "data"), str(table / "_versions")} <= set(seen)
    frames = [number for number, name in enumerate(seen) if "frames.lance" in name]
    assert max(seen.index(name) for name in new) < frames[0], "a frame is done when its sightings are on the disk"
    seen.clear()
    TableFiles(tmp_path / "people").write_out()
    assert not seen


def test_a_key_is_declared_in_the_files_of_the_store(tmp_path: Path) -> None:
    gallery = Gallery.create(tmp_path / "people", MODEL)
    marked = [field.name for field in gallery.table.schema if field.metadata]
    assert marked == ["source", "frame", "index"]
    assert isinstance(gallery.table.schema, pa.Schema)
