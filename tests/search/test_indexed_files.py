"""A gallery and the files behind it: replaced, reached twice, moved; never an old box in a new picture."""

import os
import shutil
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from asking import look_for
from blob_scenes import HEIGHT, PEOPLE, WIDTH, BlobModel, scene, write

from datasets.footage.reading import Reading
from search.cases.footage import footage_around
from search.gallery.gallery import Gallery
from search.gallery.originals import read_original, source_place, split_location
from search.pages.find_page import find_page
from search.pipeline import PersonSearch
from search.query.named import read_named


def crop_of(person: int) -> np.ndarray:
    return np.full((50, 18, 3), PEOPLE[person], dtype=np.uint8)


@pytest.fixture
def search() -> PersonSearch:
    return PersonSearch(BlobModel(), batch_size=2, device="cpu")


@pytest.fixture
def gallery(search: PersonSearch, tmp_path: Path) -> Gallery:
    return search.open_gallery(tmp_path / "people", create=True)


def write_video(path: Path, people: list[list[int]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    writer = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, cv2.VideoWriter.fourcc(*"MJPG"), 1.0, (WIDTH, HEIGHT))
    assert writer.isOpened()
    for number, who in enumerate(people):
        writer.write(np.ascontiguousarray(scene(who, number)[..., ::-1]))
    writer.release()
    return path


def seen(search: PersonSearch, gallery: Gallery, person: int) -> list[str]:
    return sorted(one.frame for one in look_for(search, gallery, crop=crop_of(person), minimum_similarity=0.98))


def later(path: Path) -> None:
    """Make the time of change another one, also where the clock of the disk is coarse."""
    status = path.stat()
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns + 2_000_000_000))


def test_a_replaced_picture_is_looked_at_again(search: PersonSearch, gallery: Gallery, tmp_path: Path) -> None:
    folder = tmp_path / "watched"
    write(folder / "latest.png", scene([0], 0))
    write(folder / "other.png", scene([3], 1))
    search.index(folder, gallery)
    assert seen(search, gallery, 0) == ["latest.png"]
    write(folder / "latest.png", scene([1, 2], 0))
    later(folder / "latest.png")
    again = search.index(folder, gallery)
    assert (again.frames, again.skipped) == (1, 1)
    assert any("1 file was replaced" in note for note in again.notes)
    assert seen(search, gallery, 0) == []
    assert seen(search, gallery, 1) == seen(search, gallery, 2) == ["latest.png"]
    assert seen(search, gallery, 3) == ["other.png"]
    unchanged = search.index(folder, gallery)
    assert (unchanged.frames, unchanged.skipped, unchanged.notes) == (0, 2, ())


def test_a_replaced_video_leaves_no_frame_behind(search: PersonSearch, gallery: Gallery, tmp_path: Path) -> None:
    path = write_video(tmp_path / "watched" / "gate.avi", [[0], [0], [0], [0]])
    search.index(tmp_path / "watched", gallery)
    assert len(seen(search, gallery, 0)) == 4
    write_video(path, [[1], [1]])
    later(path)
    again = search.index(tmp_path / "watched", gallery)
    assert again.frames == 2
    assert gallery.summary().frames == 2
    assert seen(search, gallery, 0) == []
    assert seen(search, gallery, 1) == ["gate.avi#t=000000.000", "gate.avi#t=000001.000"]


def test_a_replaced_file_that_cannot_be_read_takes_nothing_away(
    search: PersonSearch, gallery: Gallery, tmp_path: Path
) -> None:
    write(tmp_path / "w" / "latest.png", scene([0], 0))
    write(tmp_path / "w" / "a.png", scene([1], 0))
    search.index(tmp_path / "w", gallery)
    content = (tmp_path / "w" / "latest.png").read_bytes()
    (tmp_path / "w" / "latest.png").write_bytes(content[: len(content) // 2])  # being copied
    again = search.index(tmp_path / "w", gallery)
    assert [name for name, _ in again.failures] == ["latest.png"]
    assert seen(search, gallery, 0) == ["latest.png"]
    (tmp_path / "w" / "latest.png").write_bytes(content)
    search.index(tmp_path / "w", gallery)
    assert seen(search, gallery, 0) == ["latest.png"]


def test_replacing_holds_through_another_folder(search: PersonSearch, gallery: Gallery, tmp_path: Path) -> None:
    path = write_video(tmp_path / "footage" / "gate" / "a.avi", [[0], [0]])
    search.index(tmp_path / "footage" / "gate", gallery)
    write_video(path, [[1]])
    later(path)
    assert search.index(tmp_path / "footage", gallery).frames == 1
    assert seen(search, gallery, 0) == []
    assert seen(search, gallery, 1) == ["gate/a.avi#t=000000.000"]


def test_a_gallery_of_an_earlier_version_is_added_to(search: PersonSearch, gallery: Gallery, tmp_path: Path) -> None:
    write(tmp_path / "w" / "a.png", scene([0], 0))
    search.index(tmp_path / "w", gallery)
    gallery._frames.drop_columns(["file_state"])
    with search.open_gallery(tmp_path / "people", create=True) as old:
        assert search.index(tmp_path / "w", old).skipped == 1
        write(tmp_path / "w" / "b.png", scene([1], 0))
        assert search.index(tmp_path / "w", old).frames == 1
        assert seen(search, old, 0) == ["a.png"]
        write(tmp_path / "w" / "b.png", scene([2, 3], 0))
        later(tmp_path / "w" / "b.png")
        assert search.index(tmp_path / "w", old).frames == 1
        assert seen(search, old, 1) == []


@pytest.mark.parametrize("first", ["inner", "outer", "file", "link"])
def test_no_file_is_searched_twice(search: PersonSearch, gallery: Gallery, tmp_path: Path, first: str) -> None:
    for number in (1, 2):
        write(tmp_path / "footage" / "gate" / f"{number}.png", scene([number], number))
    write_video(tmp_path / "footage" / "gate" / "v.avi", [[0], [0]])
    (tmp_path / "link").symlink_to(tmp_path / "footage", target_is_directory=True)
    doors = {
        "inner": tmp_path / "footage" / "gate", "outer": tmp_path / "footage",
        "file": tmp_path / "footage" / "gate" / "v.avi", "link": tmp_path / "link" / "gate",
    }  # fmt: skip
    assert search.index(doors.pop(first), gallery).frames == (2 if first == "file" else 4)
    frames = 0
    for door in [*doors.values(), tmp_path / "footage"]:
        frames += search.index(door, gallery).frames
    assert frames == (2 if first == "file" else 0)
    assert gallery.summary().frames == 4
    assert [len(seen(search, gallery, person)) for person in (0, 1, 2)] == [2, 1, 1]


def test_moved_footage_is_recognized(search: PersonSearch, gallery: Gallery, tmp_path: Path) -> None:
    write(tmp_path / "disk1" / "gate" / "a.png", scene([0], 0))
    write(tmp_path / "disk1" / "gate" / "b.png", scene([0], 1))
    assert search.index(tmp_path / "disk1", gallery).notes == ()
    shutil.move(tmp_path / "disk1", tmp_path / "disk2")
    again = search.index(tmp_path / "disk2", gallery)
    assert (again.frames, again.skipped) == (0, 2)
    assert again.notes == ("2 files were renamed or moved since being indexed: the gallery has the new places now",)
    assert len(seen(search, gallery, 0)) == 2
    for one in look_for(search, gallery, crop=crop_of(0)):
        assert one.location == str(tmp_path / "disk2" / "gate" / one.frame.rpartition("/")[2])
        assert read_original(one, gallery.cutout(one.cutout)) is not None


def test_moved_footage_that_shows_something_else_gets_a_hint(
    search: PersonSearch, gallery: Gallery, tmp_path: Path
) -> None:
    write(tmp_path / "disk1" / "gate" / "a.png", scene([0], 0))
    search.index(tmp_path / "disk1", gallery)
    shutil.move(tmp_path / "disk1", tmp_path / "disk2")
    write(tmp_path / "disk2" / "gate" / "a.png", scene([2, 3], 3))
    again = search.index(tmp_path / "disk2", gallery)
    (note,) = again.notes
    assert "1 frames of the same names" in note
    assert str(tmp_path / "disk1") in note
    assert "not there now" in note
    assert again.frames == 1


@pytest.mark.parametrize("keeps_time", [True, False])
def test_a_renamed_video_and_a_copy_are_recognized_by_content(
    search: PersonSearch, gallery: Gallery, tmp_path: Path, keeps_time: bool
) -> None:
    video = write_video(tmp_path / "a" / "one.avi", [[0], [1], [0, 1]])
    other = write_video(tmp_path / "a" / "other.avi", [[3], [4], [3, 4]])
    assert search.index(tmp_path / "a", gallery).frames == 6
    (tmp_path / "b").mkdir()
    copy = (shutil.copy2 if keeps_time else shutil.copy)(other, tmp_path / "b" / "copy.avi")
    video.rename(tmp_path / "b" / "renamed.avi")
    if not keeps_time:
        os.utime(tmp_path / "b" / "renamed.avi", (1.6e9, 1.6e9))
    again = search.index(tmp_path / "b", gallery)
    assert (again.frames, again.skipped) == (0, 6)
    assert any("1 file is a copy" in note for note in again.notes)
    assert any("1 file was renamed or moved" in note for note in again.notes)
    places = {one.location for one in look_for(search, gallery, crop=crop_of(0), minimum_similarity=0.98)}
    assert {str(place).partition("#")[0] for place in places} == {str(tmp_path / "b" / "renamed.avi")}
    assert search.index(tmp_path / "b", gallery).skipped == 6
    changed = bytearray(Path(copy).read_bytes())
    changed[len(changed) // 2] ^= 255
    Path(copy).write_bytes(changed)
    assert search.index(Path(copy), gallery).frames == 3  # of the same size, but another content


def test_an_old_box_is_never_drawn_into_a_new_picture(search: PersonSearch, gallery: Gallery, tmp_path: Path) -> None:
    path = tmp_path / "w" / "latest.png"
    write(path, scene([0], 0))
    video = write_video(tmp_path / "w" / "v.avi", [[0], [0]])
    search.index(tmp_path / "w", gallery)
    answer = look_for(search, gallery, crop=crop_of(0), minimum_similarity=0.98)
    assert len(answer) == 3
    for one in answer:
        assert read_original(one, gallery.cutout(one.cutout)) is not None
    assert find_page(answer, gallery, [crop_of(0)]).count("<image") == 3
    write(path, scene([1], 0))  # of the same size
    write_video(video, [[2], [2]])
    for one in answer:
        assert read_original(one) is not None
        assert read_original(one, gallery.cutout(one.cutout)) is None
    assert find_page(answer, gallery, [crop_of(0)]).count("<image") == 0
    write(path, scene([0], 0))  # copied back: the same pixels, another time of change
    assert sum(read_original(one, gallery.cutout(one.cutout)) is not None for one in answer) == 1


def test_names_that_are_no_text_lose_nothing(search: PersonSearch, gallery: Gallery, tmp_path: Path) -> None:
    folder = tmp_path / "w"
    write(folder / "a.png", scene([0], 0))
    write(folder / "k.png", scene([0], 1))
    os.rename(folder / "k.png", os.path.join(os.fsencode(folder), b"K\xf6ln.png"))
    write(folder / "z.png", scene([0], 2))
    assert search.index(folder, gallery).failures == ()
    assert seen(search, gallery, 0) == ["K\\xf6ln.png", "a.png", "z.png"]
    again = search.index(folder, gallery)
    assert (again.frames, again.skipped) == (0, 3)
    for one in look_for(search, gallery, crop=crop_of(0), minimum_similarity=0.98):
        assert read_original(one, gallery.cutout(one.cutout)) is not None
    strange = Path(os.fsdecode(os.path.join(os.fsencode(tmp_path), b"S\xfcd")))
    strange.mkdir()
    write(tmp_path / "a.png", scene([1], 0))
    os.rename(tmp_path / "a.png", strange / "a.png")
    search.index(strange, gallery)
    assert seen(search, gallery, 1) == ["a.png"]


def test_places_and_locations(tmp_path: Path) -> None:
    (tmp_path / "a#t=1.png").touch()
    assert split_location(str(tmp_path / "a#t=1.png")) == (str(tmp_path / "a#t=1.png"), "")
    assert split_location(str(tmp_path / "v.mp4#t=000001.000")) == (str(tmp_path / "v.mp4"), "#t=000001.000")
    one, two = (source_place(f"rtsp://admin:x@h/live?channel={number}&token=t") for number in (1, 2))
    assert one.name != two.name
    assert "x" not in one.name.removeprefix("h/live")
    assert one.location("h/live#t=1") is None


def test_an_empty_answer_says_what_the_gallery_holds(search: PersonSearch, gallery: Gallery, tmp_path: Path) -> None:
    empty = look_for(search, gallery, crop=crop_of(0))
    assert empty.to_table() == "no sighting found, nothing was compared: the gallery is empty: no frame was indexed"
    write(tmp_path / "w" / "gate" / "a.png", scene([0, 1], 0))
    search.index(tmp_path / "w", gallery, start_time=1777624200.0)
    table = look_for(search, gallery, crop=crop_of(0), after=1800000000.0).to_table()
    assert "nothing was compared: the gallery holds 2 sightings of camera gate" in table
    assert "from 2026-05-01T08:30:00Z" in table
    with pytest.raises(ValueError, match=r"has dates, from 2026-05-01T08:30:00Z.* asked for is 30 seconds"):
        look_for(search, gallery, crop=crop_of(0), after=30.0)
    assert len(look_for(search, gallery, crop=crop_of(0), after=1777624200.0)) == 2


def write_raw(path: Path, people: list[list[int]]) -> Path:
    """Pictures one after the other, without a container: nothing tells how many there are in a second."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w", format="mjpeg") as out:
        video = out.add_stream("mjpeg", rate=1, options={"qscale": "1"})
        video.width, video.height, video.pix_fmt = WIDTH, HEIGHT, "yuvj420p"
        for number, who in enumerate(people):
            out.mux(video.encode(av.VideoFrame.from_ndarray(scene(who, number), "rgb24")))
        out.mux(video.encode())
    return path


def test_a_rate_that_is_told_later_replaces_what_was_indexed_and_is_kept(
    search: PersonSearch, gallery: Gallery, tmp_path: Path
) -> None:
    path = write_raw(tmp_path / "watched" / "gate.mjpeg", [[number % 4] for number in range(8)])
    assert search.index(path, gallery).frames == 1  # 8 pictures at 25 a second
    told = Reading(recorded_rate=2)
    again = search.index(path, gallery, reading=told)
    assert again.frames == 4
    assert any("1 file was indexed at another number of frames a second before" in note for note in again.notes)
    assert seen(search, gallery, 0) == ["gate.mjpeg#t=000000.000@2fps", "gate.mjpeg#t=000002.000@2fps"]
    assert sorted({one.timestamp for one in look_for(search, gallery, crop=crop_of(0))}) == [0, 1, 2, 3]
    for one in look_for(search, gallery, crop=crop_of(2)):
        assert read_original(one, gallery.cutout(one.cutout)) is not None
    before = search.index(path.parent, gallery)  # nothing is told: the gallery knows
    assert (before.frames, before.skipped) == (0, 4)
    assert any("read at 2 frames a second, as before" in note for note in before.notes)


def test_the_footage_around_a_sighting_is_as_fast_as_was_told(
    search: PersonSearch, gallery: Gallery, tmp_path: Path
) -> None:
    path = write_raw(tmp_path / "gate.mjpeg", [[number % 4] for number in range(12)])
    search.index(path, gallery, reading=Reading(recorded_rate=2))
    (one,) = [hit for hit in look_for(search, gallery, crop=crop_of(0)) if hit.timestamp == 2]
    around = list(footage_around(gallery, one, before=1, after=1).moments())
    assert [moment.offset for moment in around] == [-1, -0.5, 0, 0.5, 1]
    image, _ = read_named(gallery, one.frame)
    assert np.abs(image.astype(int) - scene([0], 4)).mean() < 3
