"""personsearch gallery set and info: what is noted of cameras, of whom it may be, and where it shows."""

import json
from pathlib import Path

import pytest
from served import BEGAN, fill

from datasets.footage.cameras import CameraDescription
from search.care.corrections import cameras_of
from search.gallery.description import note_cameras, read_description
from search.gallery.gallery import Gallery
from tools.main import main


@pytest.fixture
def people(tmp_path: Path) -> Path:
    """Cameras north, south/east and gate; nothing is noted of them."""
    return fill(tmp_path)


def said(capsys: pytest.CaptureFixture[str], *words: str) -> list[str]:
    capsys.readouterr()
    assert main([*words]) == 0
    return capsys.readouterr().out.splitlines()


def test_a_camera_that_the_gallery_does_not_have_is_refused(people: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = (people / "gallery.json").read_bytes()
    for told in (["--name", "X"], ["--time-zone", "Asia/Tokyo"], ["--place", "1,2"]):
        assert main(["gallery", "set", str(people), "--camera", "99", *told]) == 2
        assert capsys.readouterr().err == (
            f"personsearch: camera '99' is not in gallery {people}; it has: gate, north, south/east\n"
        )
    assert (people / "gallery.json").read_bytes() == before


def test_what_was_noted_is_said_with_its_values_and_shown_by_info(
    people: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    words = ["gallery", "set", str(people), "--camera"]
    told = ["--name", "North gate", "--place", "120,80.5", "--time-zone", "Europe/Berlin"]
    assert said(capsys, *words, "north", *told) == [
        "noted of camera north: name North gate, place 120, 80.5, time zone Europe/Berlin"
    ]
    assert said(capsys, *words, " gate", "--name", "Gate") == ["noted of camera gate: name Gate"]
    assert [one.id for one in read_description(people).cameras] == ["gate", "north"]
    lines = said(capsys, "gallery", "info", str(people), "--json", str(tmp_path / "a.json"))
    rows = {
        line.split("  ")[0]: line.split("  ")[1:] for line in lines if line.startswith(("camera", "north", "south"))
    }
    shown = {name: [cell.strip() for cell in cells if cell.strip()] for name, cells in rows.items()}
    assert shown["camera"][:4] == ["name", "place", "time zone", "frames"]
    assert shown["north"][:4] == ["North gate", "120, 80.5", "Europe/Berlin", "6"]
    assert shown["north"][-1] == "2026-09-21T16:14:10+02:00"
    assert shown["south/east"][:4] == ["-", "-", "-", "6"]
    assert shown["south/east"][-1] == "2026-09-21T14:14:10Z"
    north = next(one for one in json.loads((tmp_path / "a.json").read_text())["cameras"] if one["camera"] == "north")
    assert (north["name"], north["place"], north["time_zone"]) == ("North gate", [120.0, 80.5], "Europe/Berlin")


def test_a_camera_of_a_cameras_file_may_be_noted_before_its_footage_comes(
    people: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    note_cameras(people, read_description(people), [CameraDescription("pier", "Pier")])  # as index notes them
    words = ["--camera", "pier", "--time-zone", "Asia/Tokyo"]
    assert said(capsys, "gallery", "set", str(people), *words) == ["noted of camera pier: time zone Asia/Tokyo"]
    (pier,) = [line.split() for line in said(capsys, "gallery", "info", str(people)) if line.startswith("pier ")]
    assert pier == ["pier", "Pier", "-", "Asia/Tokyo", "0", "0", "-", "-"]
    empty = Gallery.create(tmp_path / "empty", read_description(people))
    words = ["--camera", "hall", "--name", "Hall"]
    assert said(capsys, "gallery", "set", str(empty.path), *words) == ["noted of camera hall: name Hall"]


def test_a_start_time_is_read_on_the_clock_that_was_noted_of_the_camera(
    people: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    video = str(people.parent / "footage" / "gate.mp4")
    assert cameras_of(Gallery.open(people), video) == ("gate",)
    set_right = ["gallery", "set", str(people)]
    said(capsys, *set_right, "--camera", "gate", "--time-zone", "Asia/Tokyo")
    lines = said(capsys, *set_right, "--source", video, "--start-time", "2026-09-21T23:13:30")
    assert lines[1:] == [
        "their times moved by 10 s, and begin at 2026-09-21T23:13:30+09:00",
        "--start-time 2026-09-21T23:13:30 is read as 2026-09-21T23:13:30+09:00, in Asia/Tokyo, the zone of camera gate",
    ]
    times = [row["timestamp"] for row in Gallery.open(people).frames.search().where("camera = 'gate'").to_list()]
    assert min(times) == BEGAN + 10
    lines = said(capsys, *set_right, "--source", video, "--start-time", "2026-09-21T14:13:20Z")
    assert lines[1:] == ["their times moved by -10 s, and begin at 2026-09-21T23:13:20+09:00"]
    both = ["--source", str(people.parent / "footage"), "--start-time", "2026-09-21T14:13:20"]
    assert main([*set_right, *both]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("personsearch: --start-time 2026-09-21T14:13:20 names no time zone, and the cameras do not")
    assert line.endswith("or give --time-zone")
    assert main([*set_right, *both, "--time-zone", "UTC"]) == 0
