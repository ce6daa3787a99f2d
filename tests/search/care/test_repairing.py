"""What is wrong is named, and a gallery that a power cut broke goes back to its last whole state."""

import shutil
from pathlib import Path

import pytest
from filled import PEOPLE, add_frames, make

from search.care.inspection import inspect
from search.care.repairing import repair
from search.gallery.gallery import Gallery
from search.gallery.lance import lancedb
from search.gallery.store import is_cut_short, version_files
from search.gallery.upkeep import writing


def copied(gallery: Path, place: Path) -> Path:
    shutil.rmtree(place, ignore_errors=True)
    shutil.copytree(gallery, place)
    return place


def test_a_whole_gallery_stays_as_it_is(tmp_path: Path) -> None:
    make(tmp_path / "people", "street")
    found = inspect(tmp_path / "people")
    assert (found.sightings, found.frames, found.pictures) == (18, 6, 18)
    assert found.problems == found.notes == ()
    before = sorted(file for file in (tmp_path / "people" / "tables").rglob("*"))
    done = repair(tmp_path / "people")
    assert (done.dropped, done.doubled, done.frames, done.lost, done.sightings) == ((), 0, 0, 0, 18)
    assert sorted(file for file in (tmp_path / "people" / "tables").rglob("*")) == before


@pytest.mark.parametrize("parts", [6, pytest.param(240, marks=pytest.mark.slow)])
@pytest.mark.parametrize("table", ["sightings", "frames"])
def test_truncations_of_the_newest_version_are_repaired(tmp_path: Path, table: str, parts: int) -> None:
    gallery = make(tmp_path / "people", "street", frames=4)
    add_frames(gallery, "street", range(4, 6))
    length = version_files(tmp_path / "people", table)[0][1].stat().st_size
    middle = range(24, length - 24, max(1, length // parts))
    for size in [*range(0, 24), *middle, *range(length - 24, length, 1 if parts > 12 else 3)]:
        path = copied(tmp_path / "people", tmp_path / "broken")
        newest = version_files(path, table)[0][1]
        newest.write_bytes(newest.read_bytes()[:size])
        with pytest.raises(OSError, match=r"broken is damaged: .*`personsearch gallery repair .*broken`") as caught:
            Gallery.open(path)
        assert "\n" not in str(caught.value)
        assert "repair" in inspect(path).problems[0]
        done = repair(path)
        assert len(done.dropped) == 1
        assert "cut short" in done.dropped[0]
        mended = Gallery.open(path)
        lost = table == "sightings"
        assert (done.frames, done.lost) == ((2, 2 * PEOPLE) if lost else (0, 0))
        assert len(mended) == (4 * PEOPLE if lost else 6 * PEOPLE)
        assert [mended.is_done(f"{number:04d}.jpg", source="street") for number in range(6)] == [True] * 4 + [False] * 2
        add_frames(mended, "street", range(4, 6))  # the same footage again
        assert len(Gallery.open(path)) == 6 * PEOPLE
        assert inspect(path).problems == ()


@pytest.mark.slow
@pytest.mark.parametrize("table", ["sightings", "frames"])
def test_every_truncation_of_the_newest_version_is_noticed(tmp_path: Path, table: str) -> None:
    """Of every length in bytes; what `repair` then does no longer depends on the file, which is dropped."""
    gallery = make(tmp_path / "people", "street", frames=4)
    add_frames(gallery, "street", range(4, 6))
    newest, before = (file for _, file in version_files(tmp_path / "people", table)[:2])
    whole = newest.read_bytes()
    for size in range(len(whole)):
        newest.write_bytes(whole[:size])
        assert is_cut_short(newest), f"{size} of {len(whole)} bytes"
        with pytest.raises(OSError, match=r"people is damaged: .*`personsearch gallery repair .*people`"):
            Gallery.open(tmp_path / "people")
    newest.write_bytes(whole)
    assert not is_cut_short(newest)
    assert not is_cut_short(before)
    assert len(Gallery.open(tmp_path / "people")) == 6 * PEOPLE


def test_rows_of_the_newest_version_that_never_reached_the_disk(tmp_path: Path) -> None:
    gallery = make(tmp_path / "people", "street", frames=4)
    data = tmp_path / "people" / "tables" / "sightings.lance" / "data"
    before = set(data.iterdir())
    add_frames(gallery, "street", range(4, 6))
    (new,) = set(data.iterdir()) - before
    new.write_bytes(b"")
    assert "cannot be read to their end" in inspect(tmp_path / "people").problems[0]
    done = repair(tmp_path / "people")
    assert (len(done.dropped), done.frames, done.lost) == (1, 2, 2 * PEOPLE)
    assert inspect(tmp_path / "people").problems == ()


@pytest.mark.parametrize("left", [None, 0, 0.5])
def test_a_file_that_is_lost_or_cut_short_is_named_without_the_code_of_the_store(
    tmp_path: Path, left: float | None
) -> None:
    gallery = make(tmp_path / "people", "street", frames=4)
    data = tmp_path / "people" / "tables" / "sightings.lance" / "data"
    before = set(data.iterdir())
    add_frames(gallery, "street", range(4, 6))
    (new,) = set(data.iterdir()) - before
    if left is None:
        new.unlink()
    else:
        new.write_bytes(new.read_bytes()[: int(new.stat().st_size * left)])
    (problem,) = inspect(tmp_path / "people").problems
    assert problem.endswith("goes back to the last state that is whole, and says what is lost")
    (dropped,) = repair(tmp_path / "people").dropped
    for line in (problem, dropped):
        assert ".rs:" not in line
        assert (f"the file {new} is missing" in line) == (left is None)


def test_a_repair_that_cannot_help_changes_nothing(tmp_path: Path) -> None:
    make(tmp_path / "people", "street")
    versions = version_files(tmp_path / "people", "frames")
    for _, file in versions:
        file.write_bytes(b"no version")
    with pytest.raises(OSError, match="no version of its table of frames is whole; put the folder back from a copy"):
        repair(tmp_path / "people")
    assert all(file.read_bytes() == b"no version" for _, file in versions)


def test_after_merging_pieces_there_is_still_a_version_to_go_back_to(tmp_path: Path) -> None:
    gallery = make(tmp_path / "people", "street")
    gallery.optimize()
    for table in ("sightings", "frames"):
        newest = version_files(tmp_path / "people", table)[0][1]
        newest.write_bytes(newest.read_bytes()[:-1])
    done = repair(tmp_path / "people")
    assert (len(done.dropped), done.lost, done.sightings) == (2, 0, 18)
    assert inspect(tmp_path / "people").problems == ()


def test_what_is_wrong_is_named(tmp_path: Path) -> None:
    path = tmp_path / "people"
    make(path, "street")
    tables = lancedb.connect(str(path / "tables"))
    sightings, frames = tables.open_table("sightings"), tables.open_table("frames")
    sightings.add(sightings.search().to_arrow().slice(0, 1))
    sightings.delete("frame = '0003.jpg' AND index = 2")
    frames.delete("frame = '0004.jpg'")
    sightings.update(where="frame = '0005.jpg' AND index = 0", values={"embedding": [0.1] * 16})
    (pack,) = (path / "cutouts").iterdir()
    pack.write_bytes(pack.read_bytes()[:-1])
    (path / "cutouts" / "left.pack").write_bytes(b"nobody's")
    found = inspect(path)
    text = "\n".join((*found.problems, *found.notes))
    for line in (
        "1 embeddings are not of length 1",
        "1 pictures of people are missing or cut short",
        "1 rows of the table of sightings are there more than once",
        "2 frames are marked as done, but not all of their sightings are there",
        "3 sightings are of 1 frames that are not marked as done",
        "1 files of pictures (0.0 MB) belong to no sighting",
    ):
        assert line in text
    done = repair(path)
    assert done.doubled == 1
    assert (done.frames, done.lost) == (1, 1)
    assert not any("table of sightings" in line or "frames" in line for line in inspect(path).problems)


def test_a_repair_waits_for_who_writes(tmp_path: Path) -> None:
    make(tmp_path / "people", "street")
    with writing(tmp_path / "people"), (tmp_path / "people" / ".writing").open("ab") as file:
        import fcntl

        with pytest.raises(BlockingIOError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
