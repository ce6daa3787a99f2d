"""Times that are typed without a zone: read on the clock of the cameras that are asked for, said, or refused."""

import json
from pathlib import Path

import pytest
from blob_scenes import scene, write
from served import BEGAN, blob_search, fill

from datasets.footage.cameras import CameraDescription
from search.gallery.description import note_cameras, read_description
from search.gallery.gallery import Gallery
from search.pipeline import PersonSearch
from tools.commands.find import Choice
from tools.main import main

BEFORE_LAST, BEFORE_LAST_TOKYO = "2026-09-21T14:14:05", "2026-09-21T23:14:05"  # 45 seconds after the begin


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Cameras north, south/east and gate, of which nobody noted a zone."""
    return fill(tmp_path_factory.mktemp("typed"))


@pytest.fixture
def gallery(people: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The same, searched by the model that filled it."""
    note(people)
    monkeypatch.setattr(PersonSearch, "from_gallery", lambda *_, **__: blob_search())
    return people


def note(people: Path, **zones: str) -> None:
    """Note the zones of these cameras, and of no others."""
    described = read_description(people)
    cleared = [CameraDescription(one.id, one.name) for one in described.cameras]
    described = note_cameras(people, described, cleared)
    note_cameras(people, described, [CameraDescription(name, name, time_zone=zone) for name, zone in zones.items()])


def found(people: Path, capsys: pytest.CaptureFixture[str], *words: str) -> tuple[list[float], str]:
    """The seconds after the begin at which somebody was found, and what was printed."""
    crop, answer = people.parent / "crop.png", people.parent / "answer.json"
    write(crop, scene([1], 0))
    capsys.readouterr()
    assert main(["find", str(people), "--crop", str(crop), *words, "--json", str(answer)]) == 0
    figures = json.loads(answer.read_text(encoding="utf-8"))
    printed = capsys.readouterr().out
    assert figures["times_read"] is None or figures["times_read"] in printed.splitlines()
    return sorted({one["timestamp"] - BEGAN for one in figures["sightings"]}), printed


def refused(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    capsys.readouterr()
    assert main([*words]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    return line


def test_the_zone_of_a_camera_that_the_gallery_does_not_have_reads_nothing(
    gallery: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    note(gallery, hall="Asia/Tokyo")
    seconds, printed = found(gallery, capsys, "--after", BEFORE_LAST)
    assert seconds == [50.0]
    line = f"--after {BEFORE_LAST} is read as {BEFORE_LAST}Z, in UTC, the zone of this machine"
    assert line in printed.splitlines()
    assert " is read as " not in found(gallery, capsys, "--after", f"{BEFORE_LAST}Z")[1]
    assert " is read as " not in found(gallery, capsys, "--after", str(BEGAN + 45))[1]


def test_cameras_of_several_zones_do_not_read_a_time_that_names_none(
    gallery: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    note(gallery, north="Asia/Tokyo")
    crop = gallery.parent / "crop.png"
    write(crop, scene([1], 0))
    words = ["find", str(gallery), "--crop", str(crop)]
    line = refused(capsys, *words, "--after", BEFORE_LAST)
    assert line == (
        f"personsearch: --after {BEFORE_LAST} names no time zone, and the cameras do not share one: UTC (cameras gate, "
        "south/east, of which none is noted: the zone of this machine), Asia/Tokyo (camera north); write the zone, "
        f"such as {BEFORE_LAST}+00:00, or give --time-zone or --camera"
    )
    assert "names no time zone" in refused(capsys, *words, "--camera", "gate,north", "--before", BEFORE_LAST)
    tokyo = f"--after {BEFORE_LAST_TOKYO} is read as {BEFORE_LAST_TOKYO}+09:00, in Asia/Tokyo, "
    seconds, printed = found(gallery, capsys, "--camera", "north", "--after", BEFORE_LAST_TOKYO)
    assert (seconds, f"{tokyo}the zone of camera north" in printed.splitlines()) == ([50.0], True)
    chosen = ["--after", BEFORE_LAST_TOKYO, "--time-zone", "Asia/Tokyo"]
    seconds, printed = found(gallery, capsys, *chosen)
    assert (seconds, f"{tokyo}as --time-zone says" in printed.splitlines()) == ([50.0], True)
    assert found(gallery, capsys, "--camera", "south/east", "--after", BEFORE_LAST)[0] == [50.0]
    assert found(gallery, capsys, "--after", f"{BEFORE_LAST}Z")[0] == [50.0]


def test_zones_of_two_names_that_are_one_clock_read_a_time(gallery: Path) -> None:
    names = {"north": "Europe/Berlin", "south/east": "Europe/Paris"}
    note(gallery, **names)
    times = Choice(after="2026-09-21T16:14:05", camera=list(names)).times(gallery)
    assert times.after == BEGAN + 45
    assert times.said.endswith(", in Europe/Berlin and Europe/Paris, the zone of cameras north, south/east")
    with pytest.raises(ValueError, match=r"UTC \(camera gate, of which none is noted"):
        Choice(after="2026-09-21T16:14:05").times(gallery)


def test_frames_of_unknown_camera_have_the_clock_of_this_machine(gallery: Path, tmp_path: Path) -> None:
    unknown, search = tmp_path / "unknown", blob_search()
    write(tmp_path / "one.png", scene([1], 0))
    with search.open_gallery(unknown, create=True) as store:
        search.index(tmp_path / "one.png", store, start_time=BEGAN)
        assert store.filmed_by() == (None,)
    assert Choice(after=BEFORE_LAST).times(unknown).after == BEGAN + 45
    note(unknown, gate="Asia/Tokyo")
    assert Choice(after=BEFORE_LAST).times(unknown).after == BEGAN + 45
    write(tmp_path / "two.png", scene([3], 1))
    with Gallery.open(unknown) as store:
        search.index(tmp_path / "two.png", store, camera="gate", start_time=BEGAN)
        assert store.filmed_by() == ("gate", None)
    with pytest.raises(ValueError, match=r"Asia/Tokyo \(camera gate\), UTC \(camera unknown, of which none is noted"):
        Choice(after=BEFORE_LAST).times(unknown)


def test_the_end_before_the_begin_is_said_with_what_was_typed(
    gallery: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["find", str(gallery), "--like", "x"]
    asked = ["--after", "2024-10-23T18:00", "--before", "2024-10-23T17:00"]
    assert refused(capsys, *words, *asked) == (
        "personsearch: --after 2024-10-23T18:00 is not before --before 2024-10-23T17:00; nothing can lie between: "
        "exchange them"
    )
    assert refused(capsys, *words, "--after", "20", "--before", "20").endswith(
        "--after 20 is not before --before 20; nothing can lie between: give a later --before"
    )


def test_people_are_deleted_before_the_time_that_find_reads(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    people = fill(tmp_path)
    note(people, north="Asia/Tokyo")
    words = ["gallery", "delete", str(people), "--before"]
    line = refused(capsys, *words, BEFORE_LAST)
    assert f"--before {BEFORE_LAST} names no time zone" in line
    assert line.endswith("or give --camera")
    assert len(Gallery.open(people)) == 2 * 6 + 3 * 6 + 2 * 8
    assert main([*words, BEFORE_LAST, "--camera", "north"]) == 0  # of that clock it is before everybody
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith("deleted: 0 sightings, 0 frames")
    assert main([*words, BEFORE_LAST_TOKYO, "--camera", "north"]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith("deleted: 10 sightings, 5 frames")
    assert said[1:3] == [
        f"only what was seen before {BEFORE_LAST_TOKYO}+09:00 (Asia/Tokyo)",
        f"--before {BEFORE_LAST_TOKYO} is read as {BEFORE_LAST_TOKYO}+09:00, in Asia/Tokyo, the zone of camera north",
    ]
    assert main([*words, f"{BEFORE_LAST}Z"]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith("deleted: 31 sightings, 13 frames")
    assert said[1] == f"only what was seen before {BEFORE_LAST}Z (UTC)"
    assert not any(" is read as " in line for line in said)
