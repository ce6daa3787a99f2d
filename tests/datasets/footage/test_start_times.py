"""When recordings begin: by dates in names in the camera's zone, by creation times, by the piece before."""

import shutil
from datetime import UTC, datetime
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from datasets.footage.reading import Reading
from datasets.footage.sources import frames_from_source
from datasets.footage.start_times import camera_in_name, created, dated
from datasets.moments import clock_of, seconds_of, zone_named

NAMES = {
    "Entrance North 2026-05-01 08-00-00.mp4": ("2026-05-01T08:00:00", "Entrance North"),
    "gate_20260501_083000.mkv": ("2026-05-01T08:30:00", "gate"),
    "gate_20260501083000.mkv": ("2026-05-01T08:30:00", "gate"),
    "cam2-2026-05-01T08.30.15.mp4": ("2026-05-01T08:30:15", "cam2"),
    "rec_20260501_0830.mp4": ("2026-05-01T08:30:00", None),
    "20260501080000_20260501090000.mp4": ("2026-05-01T08:00:00", None),
    "Hof 01.05.2026 08.30.mp4": ("2026-05-01T08:30:00", "Hof"),
    "2026-05-01/VID_20260501_083000.mp4": ("2026-05-01T08:30:00", None),
    "Flur 2026-05-01T08-00-00Z.mp4": ("2026-05-01T08:00:00+00:00", "Flur"),
    "gate 2026-05-01.mp4": (None, None),  # a day, but no time of day
    "gate 2026-13-41 08-00-00.mp4": (None, "gate"),
    "serial 120260501083000.mp4": (None, None),
    "part1.mp4": (None, None),
    "cam2.mp4": (None, "cam2"),
    "gate.mp4": (None, "gate"),
    "north gate.mp4": (None, "north gate"),
    "a8f3c.mp4": (None, None),
    "video.mp4": (None, None),
    "output new.mp4": (None, None),
    "v.mp4": (None, None),
}


@pytest.mark.parametrize("name", NAMES)
def test_what_a_name_tells(name: str) -> None:
    told = dated(name)
    assert (None if told is None else told.isoformat(), camera_in_name(name)) == NAMES[name]


def clip(path: Path, seconds: int = 2, created: str | None = None) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as out:
        if created is not None:
            out.metadata["creation_time"] = created
        video = out.add_stream("mpeg4", rate=10)
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        for number in range(10 * seconds):
            out.mux(video.encode(av.VideoFrame.from_ndarray(np.full((48, 64, 3), number, np.uint8), "rgb24")))
        out.mux(video.encode())
    return path


def first_times(folder: Path, **options: object) -> tuple[dict[str, str], list[str]]:
    notes: list[str] = []
    frames = list(frames_from_source(folder, reading=Reading(**options), notes=notes))  # type: ignore[arg-type]
    berlin = zone_named("Europe/Berlin")
    first = {
        frame.name.split("#")[0]: "-" if frame.timestamp is None else clock_of(frame.timestamp, berlin).isoformat()
        for frame in reversed(frames)
    }
    return first, notes


@pytest.mark.parametrize(("zone", "shown"), [("Europe/Berlin", "08:00:00+02:00"), ("UTC", "10:00:00+02:00")])
def test_a_date_in_a_name_is_read_in_the_cameras_zone(tmp_path: Path, zone: str, shown: str) -> None:
    clip(tmp_path / "Entrance North 2026-05-01 08-00-00.mp4")
    first, notes = first_times(tmp_path, time_zone=zone)
    assert list(first.values()) == [f"2026-05-01T{shown}"]
    assert any("1 of 1 videos are taken from their names" in note and zone in note for note in notes)
    assert any("cameras are called as the files say: Entrance North" in note for note in notes)


def test_where_nothing_tells_a_time_or_a_camera_a_line_says_so(tmp_path: Path) -> None:
    for name in ("gate.mp4", "2.mp4", "hall 2026-05-02 09-00-00.mp4"):
        clip(tmp_path / name)
    times = "nothing tells when 2 of 3 videos began, so their times count from 0"
    cameras = "no camera is known of 1 of 3 videos: neither their names nor their folders tell one; --camera says it"
    notes = first_times(tmp_path)[1]
    assert cameras in notes
    assert [note for note in notes if note.startswith(times) and "--start-time" in note]
    said = " ".join(first_times(tmp_path, camera="gate", start_time=1.7e9)[1])
    assert "nothing tells" not in said
    assert "no camera" not in said


def test_the_hour_that_comes_twice_goes_on_where_the_piece_before_ended(tmp_path: Path) -> None:
    for name in ("gate 2026-10-25 02-59-58.mp4", "gate 2026-10-25 02-00-00.mp4"):
        clip(tmp_path / name)
    whole = tmp_path / "order"
    clip(whole / "1" / "gate 2026-10-25 02-59-58.mp4")
    clip(whole / "1" / "zate 2026-10-25 02-00-00.mp4")  # an hour after the change, named the same hour
    first, _ = first_times(whole / "1", time_zone="Europe/Berlin", camera="gate")
    assert list(first.values())[::-1] == ["2026-10-25T02:59:58+02:00", "2026-10-25T02:00:00+01:00"]
    first, _ = first_times(tmp_path / "gate 2026-10-25 02-00-00.mp4", time_zone="Europe/Berlin")
    assert list(first.values()) == ["2026-10-25T02:00:00+02:00"]  # alone, the first is meant


def test_creation_times_count_where_asked_for_and_names_win(tmp_path: Path) -> None:
    clip(tmp_path / "part1.mp4", created="2026-05-01T06:00:00Z")
    clip(tmp_path / "part2.mp4")
    shutil.copy(tmp_path / "part1.mp4", tmp_path / "hall 2026-05-02 09-00-00.mp4")
    first, notes = first_times(tmp_path, time_zone="Europe/Berlin", creation_times=True)
    assert first["part1.mp4"] == "2026-05-01T08:00:00+02:00"
    assert first["part2.mp4"] == "2026-05-01T08:00:02+02:00"  # goes on where part1 ends
    assert first["hall 2026-05-02 09-00-00.mp4"] == "2026-05-02T09:00:00+02:00"
    assert sum("of 3 videos are" in note for note in notes) == 3
    assert (
        first_times(tmp_path, start_time=1.7e9)[0]["part1.mp4"]
        == clock_of(1.7e9, zone_named("Europe/Berlin")).isoformat()
    )
    plain = [frame.timestamp for frame in frames_from_source(tmp_path / "part1.mp4")]
    assert plain == pytest.approx([0.0, 1.0])


@pytest.mark.parametrize("lie", ["1904-01-01T00:00:00Z", "1970-01-01T00:00:00Z", "2190-01-01T00:00:00Z", "soon", None])
def test_a_clock_that_was_never_set_tells_nothing(tmp_path: Path, lie: str | None) -> None:
    assert created(clip(tmp_path / "a.mkv", created=lie)) is None
    assert created(tmp_path / "none.mp4") is None


def test_pictures_are_dated_by_their_names(tmp_path: Path) -> None:
    for name in ("Gate_00_20260501083000.jpg", "Gate_00_20260501083001.jpg", "plain.jpg"):
        assert cv2.imwrite(str(tmp_path / name), np.zeros((8, 8, 3), np.uint8))
    times = {frame.name: frame.timestamp for frame in frames_from_source(tmp_path, reading=Reading(time_zone="UTC"))}
    assert times == {
        "Gate_00_20260501083000.jpg": 1777624200.0, "Gate_00_20260501083001.jpg": 1777624201.0, "plain.jpg": None,
    }  # fmt: skip


def test_times_without_a_zone_are_read_in_the_zone_that_is_given() -> None:
    berlin = zone_named("Europe/Berlin")
    assert seconds_of("2026-05-01T08:00", berlin) == seconds_of("20260501080000", berlin) == 1777615200.0
    assert seconds_of("2026-01-01T08:00", berlin) == datetime(2026, 1, 1, 7, tzinfo=UTC).timestamp()
    assert seconds_of("2026-05-01T08:00Z", berlin) == seconds_of("20260501080000Z", berlin) == 1777622400.0
    assert seconds_of("90", berlin) == 90
    with pytest.raises(ValueError, match="is no time zone"):
        Reading(time_zone="Mars/Olympus")
