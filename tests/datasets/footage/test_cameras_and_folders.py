"""What a folder of footage tells: cameras and not dates, footage and not thumbnails, and what was passed over."""

import os
from pathlib import Path

import cv2
import numpy as np
import pytest

from datasets.footage.cameras import camera_of, folders_of_time
from datasets.footage.folders import PassedOver, SourceError, files_below
from datasets.footage.names import file_of, written
from datasets.footage.sources import count_frames, frames_from_source


def write_image(path: Path, value: int = 0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(cv2.imencode(".png", np.full((24, 32, 3), value, np.uint8))[1].tobytes())
    return path


@pytest.mark.parametrize(
    ("name", "camera"),
    [
        ("2026-05-01/08/gate/00.10.jpg", "gate"),
        ("2026-05-01/08/00.10.jpg", None),
        ("2026/05/01/a.jpg", None),
        ("2026/5/1/8.jpg", None),
        ("20260501/gate/a.jpg", "gate"),
        ("20260501_083000/a.jpg", None),
        ("20260501083000/a.jpg", None),
        ("2026-05-01_08/a.jpg", None),
        ("2026-05-01 08-30-00/gate/a.jpg", "gate"),
        ("2026-05-01T08-30-00Z/a.jpg", None),
        ("01.05.2026/yard/a.jpg", "yard"),
        ("2026-05/01/hour 08/a.jpg", None),
        ("2026/May/01/a.jpg", None),
        ("May 2026/a.jpg", None),
        ("08-00-00_09-00-00/gate/a.jpg", "gate"),
        ("hour08/gate/a.jpg", "gate"),
        ("Monday/gate/a.jpg", "gate"),
        ("gate/2026-05-01/08/a.jpg", "gate"),
        ("gate/2026/05/01/a.jpg", "gate"),
        ("2026-05-01/001/jpg/08/30/00.jpg", "001"),
        ("2026-05-01/3/a.jpg", 3),
        ("frames/2026/05/01/gate/a.jpg", "gate"),
        ("3/2026/05/01/a.jpg", 3),
        ("05/a.jpg", "05"),
        ("1/f.jpg", 1),
        ("01/f.jpg", "01"),
        ("2026/05/01/Gate_00_20260501083000.jpg", "Gate"),
        ("2026/05/01/Gate_02_20260501083000.jpg", "Gate_02"),
        ("Gate_20260501083000.jpg", None),
        ("north gate 2/a.jpg", "north gate 2"),
        ("Hall, north/f.jpg", "Hall, north"),
        ("cam2026/f.jpg", "cam2026"),
        ("2019123456/f.jpg", 2019123456),  # a serial number
        ("Tu\u0308r/f.jpg", "T\u00fcr"),  # decomposed letters, as macOS writes them
    ],
)
def test_a_date_is_no_camera(name: str, camera: object) -> None:
    assert camera_of(name) == camera


def test_a_number_is_an_hour_only_below_a_date() -> None:
    assert camera_of("08/gate/a.jpg") == "08"
    assert camera_of("08/gate/a.jpg", ["disk", "2026-05-01"]) == "gate"
    assert camera_of("01/a.jpg", ["disk", "2026", "05"]) is None
    assert folders_of_time(["2026", "13"]) == [True, False]
    assert folders_of_time(["2026", "05", "01", "08", "30", "59", "59"]) == [True] * 6 + [False]


def test_who_gives_no_camera_is_told_why(tmp_path: Path) -> None:
    for name in ("2026/05/01/a.png", "2026/05/02/b.png", "gate/c.png"):
        write_image(tmp_path / name)
    notes: list[str] = []
    assert {frame.camera for frame in frames_from_source(tmp_path, notes=notes)} == {None, "gate"}
    assert len(notes) == 1
    assert notes[0].startswith("no camera is known of 2 of 3 files: their folders are dates")
    assert "--camera" in notes[0]


SYSTEM = [
    "@eaDir/f.png", "gate/@eaDir/f.png/SYNOPHOTO_THUMB_XL.png", "#recycle/old.png", "#snapshot/a.png", "@Recycle/a.png",
    "$RECYCLE.BIN/a.png", "System Volume Information/a.png", "lost+found/a.png", ".Trash-1000/a.png", "Thumbs/a.png",
    ".@__thumb/a.png", "gate/.thumbnails/a.png", "__MACOSX/gate/f.png", "@Recently-Snapshot/a.png", "LOST.DIR/a.png",
]  # fmt: skip


@pytest.mark.parametrize("name", SYSTEM)
def test_thumbnails_and_deleted_pictures_are_no_footage(tmp_path: Path, name: str) -> None:
    write_image(tmp_path / "gate" / "f.png")
    write_image(tmp_path / name)
    notes: list[str] = []
    found = [(frame.name, frame.camera) for frame in frames_from_source(tmp_path, notes=notes)]
    assert found == [("gate/f.png", "gate")]
    assert count_frames(tmp_path) == 1
    folder = next(part for part in name.split("/") if part != "gate")
    assert (folder in " ".join(notes)) == (not folder.startswith("."))


def test_a_folder_of_thumbnails_that_is_asked_for_is_read(tmp_path: Path) -> None:
    write_image(tmp_path / "@eaDir" / "f.png")
    assert [frame.name for frame in frames_from_source(tmp_path / "@eaDir")] == ["f.png"]


def test_other_files_are_counted_by_suffix(tmp_path: Path) -> None:
    write_image(tmp_path / "a.png")
    for name in ("b.heic", "c.HEIC", "d.txt", "e", ".hidden", "gate/f.heic"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x")
    notes: list[str] = []
    assert len(list(frames_from_source(tmp_path, notes=notes))) == 1
    assert notes == ["5 files of other kinds (.heic (3), no suffix (1), .txt (1)) passed over"]


@pytest.mark.parametrize("suffix", ["jfif", "jpe", "gif", "avif", "jp2", "JPG", "Jfif", "dib", "pbm"])
def test_more_kinds_of_pictures_are_read_in_a_folder(tmp_path: Path, suffix: str) -> None:
    write_image(tmp_path / "a.png").rename(tmp_path / f"a.{suffix}")  # the content decides
    assert [frame.name for frame in frames_from_source(tmp_path)] == [f"a.{suffix}"]


NO_TEXT = b"K\xf6ln.png"


def test_a_name_that_is_no_text_is_read_and_written_with_escapes(tmp_path: Path) -> None:
    write_image(tmp_path / "a.png", 1)
    write_image(tmp_path / "z.png", 3)
    os.rename(tmp_path / "z.png", os.path.join(os.fsencode(tmp_path), NO_TEXT))
    write_image(tmp_path / "z.png", 3)
    os.mkdir(os.path.join(os.fsencode(tmp_path), b"S\xfcd"))
    os.rename(write_image(tmp_path / "b.png", 4), os.path.join(os.fsencode(tmp_path), b"S\xfcd", b"b.png"))
    failures: list[tuple[str, str]] = []
    frames = {frame.name: frame for frame in frames_from_source(tmp_path, failures=failures)}
    assert sorted(frames) == ["K\\xf6ln.png", "S\\xfcd/b.png", "a.png", "z.png"]
    assert frames["S\\xfcd/b.png"].camera == "S\\xfcd"
    for name in frames:
        name.encode()
        assert file_of(str(tmp_path / name)).is_file()
    assert failures == []


def test_a_broken_file_of_such_a_name_is_named(tmp_path: Path) -> None:
    write_image(tmp_path / "a.png")
    for name in (b"K\xf6ln.jpg", b"K\xf6ln.mp4"):
        Path(os.fsdecode(os.path.join(os.fsencode(tmp_path), name))).write_bytes(b"text")
    failures: list[tuple[str, str]] = []
    assert len(list(frames_from_source(tmp_path, failures=failures))) == 1
    assert [name for name, _ in failures] == ["K\\xf6ln.jpg", "K\\xf6ln.mp4"]
    for line in failures:
        "".join(line).encode()


def test_written_names_of_text_are_unchanged(tmp_path: Path) -> None:
    for name in ("Köln.jpg", "a\\xb6.jpg", " a .jpg", "日本", "a\u0308"):
        assert written(name) == name
    existing = tmp_path / "a\\xb6.png"  # called so to the letter
    existing.touch()
    assert file_of(str(existing)) == existing


def test_links_pipes_and_loops(tmp_path: Path) -> None:
    write_image(tmp_path / "data" / "a.png")
    (tmp_path / "data" / "b.png").symlink_to(tmp_path / "data" / "a.png")  # the same file again
    write_image(tmp_path / "elsewhere" / "c.png")
    (tmp_path / "data" / "c1.png").symlink_to(tmp_path / "elsewhere" / "c.png")
    (tmp_path / "data" / "c2.png").symlink_to(tmp_path / "elsewhere" / "c.png")
    (tmp_path / "data" / "d.png").symlink_to(tmp_path / "nothing")
    (tmp_path / "data" / "e.png").symlink_to("e.png")  # a loop
    os.mkfifo(tmp_path / "data" / "f.png")  # reading it would wait forever
    failures: list[tuple[str, str]] = []
    notes: list[str] = []
    frames = frames_from_source(tmp_path / "data", failures=failures, notes=notes)
    assert [frame.name for frame in frames] == ["a.png", "c1.png"]
    assert sorted(failures) == [
        ("d.png", "the link leads to nothing"), ("e.png", "the link leads to nothing"),
        ("f.png", "is no file; remove it"),
    ]  # fmt: skip
    assert notes == ["2 links to files that are read already passed over"]
    with pytest.raises(ValueError, match="neither a file nor a folder"):
        frames_from_source(tmp_path / "data" / "f.png")


def test_an_empty_tree_says_what_it_holds(tmp_path: Path) -> None:
    (tmp_path / "a.txt").touch()
    with pytest.raises(SourceError, match=r"holds 1 file of other kinds \(\.txt \(1\)\)"):
        files_below(tmp_path, [], PassedOver())
