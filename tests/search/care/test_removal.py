"""Deleting: what goes is in no file any more, and what stays is whole."""

from pathlib import Path

import numpy as np
import pytest
from filled import DIM, PEOPLE, add_frames, make

from datasets.samples import Frame
from detection.detections import Detections
from search.care.compacting import compact
from search.care.inspection import inspect
from search.care.merging import merge
from search.care.removal import Doomed, delete_sightings
from search.gallery.description import GalleryDescription
from search.gallery.gallery import Gallery
from search.models.embedded_by import EmbeddedBy


def pictures(gallery: Gallery, source: str, cameras: str = "c0,c1") -> list[bytes]:
    rows = gallery.table.search().where(f"source = '{source}'").to_arrow().to_pylist()
    chosen = [row for row in rows if row["camera"] in cameras.split(",")]
    folder = gallery.path / "cutouts"
    return [
        (folder / row["cutout_pack"]).read_bytes()[row["cutout_offset"] : row["cutout_offset"] + row["cutout_length"]]
        for row in chosen
    ]


def embeddings(gallery: Gallery, source: str) -> list[bytes]:
    rows = gallery.table.search().where(f"source = '{source}'").to_arrow()
    return [np.array(one, np.float32).tobytes() for one in rows["embedding"].to_pylist()]


def raw(gallery: Path) -> bytes:
    """Every byte of every file of a gallery."""
    return b"\n".join(file.read_bytes() for file in sorted(gallery.rglob("*")) if file.is_file())


def test_what_is_deleted_is_in_no_file_any_more(tmp_path: Path) -> None:
    gallery = make(tmp_path / "people", "street", "garden")
    add_frames(gallery, "street", range(6, 8))
    (tmp_path / "people" / "cutouts" / "killed.pack").write_bytes(pictures(gallery, "street")[0])
    gone = [*embeddings(gallery, "street"), *pictures(gallery, "street"), b"street"]
    stays = [*embeddings(gallery, "garden"), *pictures(gallery, "garden"), b"garden"]
    before = raw(tmp_path / "people")
    assert all(one in before for one in (*gone, *stays)), "else this test could not see them"
    done = delete_sightings(gallery, Doomed(source="street"))
    assert (done.sightings, done.frames, done.left) == (8 * PEOPLE, 8, 6 * PEOPLE)
    after = raw(tmp_path / "people")
    assert not [one for one in gone if one in after]
    assert all(one in after for one in stays)
    assert inspect(tmp_path / "people").problems == inspect(tmp_path / "people").notes == ()
    again = Gallery.open(tmp_path / "people")
    assert not again.is_done("0001.jpg", source="street")
    add_frames(again, "street", range(2))
    assert len(again) == 8 * PEOPLE


def test_a_camera_or_a_time_out_of_files_that_hold_others_too(tmp_path: Path) -> None:
    gallery = make(tmp_path / "people", "street")
    kept, gone = pictures(gallery, "street", "c1"), pictures(gallery, "street", "c0")
    delete_sightings(gallery, Doomed(cameras=("c0",)))
    after = raw(tmp_path / "people")
    assert not [one for one in gone if one in after]
    assert pictures(gallery, "street") == kept
    assert gallery.cameras() == ("c1",)
    done = delete_sightings(gallery, Doomed(before=20.0, cameras=("c1",)))  # the frame at 10 s
    assert (done.frames, done.left) == (1, 2 * PEOPLE)
    assert gallery.time_span() == (30.0, 50.0)
    assert inspect(tmp_path / "people").problems == ()


def test_frames_of_unknown_camera_and_time_stay(tmp_path: Path) -> None:
    gallery = make(tmp_path / "people", "street")
    nobody_knows = Frame("unknown.jpg", np.zeros((60, 80, 3), np.uint8))
    gallery.add(nobody_knows, Detections([[1, 1, 20, 40]], [0.9], np.eye(1, DIM, dtype=np.float32)), source="x")
    delete_sightings(gallery, Doomed(before=1000.0, cameras=("c0", "c1")))
    assert len(gallery) == 1
    assert gallery.is_done("unknown.jpg", source="x")


def test_what_cannot_be_meant_is_refused(tmp_path: Path) -> None:
    gallery = make(tmp_path / "people", "street")
    with pytest.raises(ValueError, match="give --before, --source or --camera"):
        Doomed()
    with pytest.raises(ValueError, match=r"source nowhere is not in gallery .*; it has: street"):
        delete_sightings(gallery, Doomed(source="nowhere"))
    with pytest.raises(ValueError, match=r"camera 'c9' is not in gallery"):
        delete_sightings(gallery, Doomed(cameras=("c9",)))
    with pytest.raises(ValueError, match="asked for is 2026"):
        delete_sightings(gallery, Doomed(before=1777624200.0))
    assert len(gallery) == 6 * PEOPLE


def test_compacting_loses_nothing(tmp_path: Path) -> None:
    gallery = make(tmp_path / "people")
    add_frames(gallery, "street", range(12), flushes=12)
    (tmp_path / "people" / "cutouts" / "left.pack").write_bytes(b"nobody's")
    seen = pictures(gallery, "street")
    compact(gallery)
    assert pictures(gallery, "street") == seen
    assert not (tmp_path / "people" / "cutouts" / "left.pack").exists()
    assert gallery.table.stats()["fragment_stats"]["num_fragments"] == 1
    assert inspect(tmp_path / "people").problems == ()


def test_galleries_of_the_same_models_become_one(tmp_path: Path) -> None:
    make(tmp_path / "north", "street", "square")
    make(tmp_path / "south", "street", "garden", frames=8)
    north, south = merge(tmp_path / "all", [tmp_path / "north", tmp_path / "south"])
    assert (north.frames, north.sightings, north.known) == (12, 12 * PEOPLE, 0)
    assert (south.frames, south.sightings, south.known) == (10, 10 * PEOPLE, 6)
    found = inspect(tmp_path / "all")
    assert (found.sightings, found.frames, found.pictures) == (66, 22, 66)
    assert found.problems == ()
    whole = Gallery.open(tmp_path / "all")
    assert pictures(whole, "garden") == pictures(Gallery.open(tmp_path / "south"), "garden")
    again = merge(tmp_path / "all", [tmp_path / "north", tmp_path / "south"])
    assert [one.frames for one in again] == [0, 0]
    assert len(whole) == 66


def test_galleries_that_do_not_go_together_are_refused(tmp_path: Path) -> None:
    make(tmp_path / "north", "street")
    Gallery.create(tmp_path / "other", GalleryDescription(16, EmbeddedBy("weights-2")))
    with pytest.raises(ValueError, match="another model"):
        merge(tmp_path / "all", [tmp_path / "north", tmp_path / "other"])
    with pytest.raises(ValueError, match="is to be merged with itself"):
        merge(tmp_path / "north", [tmp_path / "north"])
    with pytest.raises(FileNotFoundError, match="no gallery at"):
        merge(tmp_path / "all", [tmp_path / "nowhere"])
    assert not (tmp_path / "all").exists()
