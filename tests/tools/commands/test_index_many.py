"""`personsearch index` with many sources and with a cameras file: what it prints, writes and answers."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from search.gallery.description import read_description
from search.pipeline import PersonSearch
from tools.main import main
from tools.progress import Progress, SourceLine, SourceProgress

pytestmark = pytest.mark.usefixtures("packages")


def pictures(folder: Path, count: int = 2) -> Path:
    folder.mkdir(parents=True)
    random = np.random.default_rng(0)
    for number in range(count):
        assert cv2.imwrite(str(folder / f"{number}.png"), random.integers(0, 255, (96, 128, 3), np.uint8))
    return folder


def test_many_sources_with_a_broken_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "bad.mp4").write_bytes(b"text")
    words = [str(pictures(tmp_path / "gate")), str(tmp_path / "bad.mp4"), str(pictures(tmp_path / "yard", 3)), "0"]
    status = main(["index", *words, "--gallery", str(tmp_path / "people"), "--json", str(tmp_path / "a.json")])
    shown, errors = capsys.readouterr()
    assert status == 1
    assert "sources read                   2 of 4" in shown
    assert "frames searched                5" in shown
    assert f"{tmp_path / 'bad.mp4'} is left out: is no readable video" in errors
    assert "webcam 0 is left out: the webcam does not open" in errors
    assert errors.count("no readable video") == 1
    figures = json.loads((tmp_path / "a.json").read_text())
    assert [(one["state"], one["frames"]) for one in figures["sources"]].count(("broken", 0)) == 2
    assert figures["run"]["frames"] == 5
    assert len(figures["failures"]) == 2


def test_frames_that_the_models_are_spared_are_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for number in range(12):
        (tmp_path / "hall").mkdir(exist_ok=True)
        assert cv2.imwrite(str(tmp_path / "hall" / f"{number:02}.png"), np.full((96, 128, 3), 60, np.uint8))
    words = ["index", str(tmp_path / "hall"), "--gallery", str(tmp_path / "people"), "--minimum-confidence", "1"]
    assert main([*words, "--skip-still", "true", "--json", str(tmp_path / "a.json")]) == 0
    shown = capsys.readouterr().out
    assert "frames searched                                        12" in shown
    assert "of these still since nobody was seen, and passed over  8" in shown
    figures = json.loads((tmp_path / "a.json").read_text())
    assert (figures["run"]["still"], figures["sources"][0]["still"]) == (8, 8)


def test_one_broken_source_alone_is_one_line_and_status_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for words, said in (
        (["0"], "the webcam does not open"),
        ([str(tmp_path / "no.mp4")], "does not exist"),
        ([], "SOURCE is missing, expected it or --cameras"),
        (["--cameras", str(tmp_path / "no.yaml")], "no.yaml does not exist; write a cameras file there"),
    ):
        assert main(["index", *words, "--gallery", str(tmp_path / "people")]) == 2
        error = capsys.readouterr().err.strip().splitlines()[-1]
        assert said in error


@pytest.mark.parametrize("names", [["no.mp4"], ["no1.mp4", "no2.mp4"], ["no.mp4", "text.doc"], ["here/no.mp4", "away"]])
def test_where_nothing_can_be_read_no_model_is_loaded_and_no_gallery_made(
    names: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "text.doc").write_text("text")
    monkeypatch.setattr(PersonSearch, "from_files", lambda *_, **__: pytest.fail("a model was loaded"))
    assert main(["index", *(str(tmp_path / name) for name in names), "--gallery", str(tmp_path / "people")]) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert str(tmp_path / names[0]) in line
    assert "give an image, a folder" in line
    assert not (tmp_path / "people").exists()


def test_a_folder_without_footage_is_named_before_a_model_is_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "empty").mkdir(), (tmp_path / "notes" / "deep").mkdir(parents=True)
    (tmp_path / "notes" / "deep" / "text.doc").write_text("text")
    monkeypatch.setattr(PersonSearch, "from_files", lambda *_, **__: pytest.fail("a model was loaded"))
    for name, met in (("empty", "nothing"), ("notes", "1 file of other kinds (.doc (1))")):
        assert main(["index", str(tmp_path / name), "--gallery", str(tmp_path / "people")]) == 2
        assert f"{tmp_path / name} holds {met}, expected images" in capsys.readouterr().err
        assert not (tmp_path / "people").exists()


def test_a_webcam_that_is_not_there_is_named_before_a_model_is_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(PersonSearch, "from_files", lambda *_, **__: pytest.fail("a model was loaded"))
    monkeypatch.setattr("sys.platform", "linux")
    assert main(["index", "4711", "--gallery", str(tmp_path / "people")]) == 2
    assert capsys.readouterr().err.startswith("personsearch: webcam 4711: the webcam does not open: there is no /dev/v")
    assert not (tmp_path / "people").exists()


def test_a_cameras_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pictures(tmp_path / "north"), pictures(tmp_path / "south")
    (tmp_path / "cameras.yaml").write_text(
        "cameras:\n"
        "  - {id: gate, name: North gate, place: [3, 4], source: north, time_zone: Europe/Berlin, "
        "start_time: 2026-05-01T08:00}\n"
        "  - {id: yard, source: south, rotation: 90, leave_out: [[0, 0, 999, 999]]}\n"
    )
    words = ["--gallery", str(tmp_path / "people"), "--minimum-confidence", "0", "--json", str(tmp_path / "a.json")]
    assert main(["index", "--cameras", str(tmp_path / "cameras.yaml"), *words]) == 0
    described = read_description(tmp_path / "people").camera("gate")
    assert (described.name, described.place, described.time_zone) == ("North gate", (3.0, 4.0), "Europe/Berlin")
    figures = json.loads((tmp_path / "a.json").read_text())
    assert [(one["source"], one["camera"], one["frames"]) for one in figures["sources"]] == [
        ("North gate", "gate", 2), ("yard", "yard", 2),
    ]  # fmt: skip
    assert figures["sources"][0]["sightings"] > 0
    assert figures["sources"][1]["sightings"] == 0  # all of its picture is left out
    assert figures["summary"]["first"] == 1777615200.0
    capsys.readouterr()
    assert main(["gallery", "info", str(tmp_path / "people")]) == 0
    gate, yard = (row for row in capsys.readouterr().out.splitlines() if row.startswith(("gate ", "yard ")))
    assert gate.split()[-2:] == ["2026-05-01T08:00:00+02:00", "2026-05-01T08:00:01+02:00"]
    assert yard.split()[-2:] == ["-", "-"]
    file = tmp_path / "cameras.yaml"
    file.write_text(file.read_text().replace("08:00", "09:00"))
    assert main(["index", "--cameras", str(file), *words]) == 0
    assert (
        f"personsearch gallery set {tmp_path / 'people'} --source {tmp_path / 'north'} "
        "--start-time 2026-05-01T09:00:00+02:00\n"
    ) in capsys.readouterr().out


def test_the_lines_of_the_progress_display(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Progress, "when", "always")
    drawn: list[str] = []
    lines = [
        SourceLine("gate", 30, 20, 120, 7),
        SourceLine("yard", 5, 5, None, 1, "", 2.4, 3),
        SourceLine("hall", 4, 4, 4, 0, "done", ended=True),
    ]
    with SourceProgress("Indexing", 3, drawn.append) as progress:
        progress(lines)
        assert [text.split(":")[0] for text in progress.texts(0.0)] == ["gate", "yard", "hall"]
    assert drawn[0].count("\n") == 3
    assert drawn[-1].startswith("\x1b[3F")  # over the lines of before
    assert "2 s behind, 3 frames missed" in drawn[-1]
    assert "hall: 4 of 4 frames" in drawn[-1]
    monkeypatch.setattr(Progress, "when", "never")
    drawn.clear()
    with SourceProgress("Indexing", 3, drawn.append) as progress:
        progress(lines)
    assert drawn == []


def test_a_gallery_is_set_right(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pictures(tmp_path / "north")
    people = str(tmp_path / "people")
    words = ["index", str(tmp_path / "north"), "--gallery", people, "--start-time", "2026-05-01T08:00Z"]
    assert main([*words, "--minimum-confidence", "0"]) == 0
    right = ["--camera", "gate", "--start-time", "2026-05-01T08:00", "--time-zone", "Europe/Berlin", "--name", "Gate 1"]
    capsys.readouterr()
    assert main(["gallery", "set", people, "--source", str(tmp_path / "north"), *right]) == 0
    shown = capsys.readouterr().out
    assert "corrected: 2 frames" in shown
    assert "their times moved by -7200 s, and begin at 2026-05-01T08:00:00+02:00" in shown
    described = read_description(tmp_path / "people").camera("gate")
    assert (described.name, described.time_zone) == ("Gate 1", "Europe/Berlin")
    for wrong, said in (
        ([], "unclear what is to be corrected"),
        (["--camera", "gate"], "unclear what is to be corrected"),
        (["--source", "nowhere", "--camera", "x"], "source nowhere is not in gallery"),
        (["--source", str(tmp_path / "north")], "nothing says what is right"),
        (["--source", "x", "--name", "y"], "--name and --place are of a camera"),
        (["--camera", "gate", "--time-zone", "Mars"], "'Mars' is no time zone"),
    ):
        assert main(["gallery", "set", people, *wrong]) == 2
        assert said in capsys.readouterr().err


def test_every_frame_is_said_with_the_number(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pictures(tmp_path / "north", 3)
    words = ["index", str(tmp_path / "north"), "--gallery", str(tmp_path / "people"), "--every-seconds", "0"]
    assert main(words) == 0
    assert "every frame is looked at, about 3 of files" in capsys.readouterr().err
