"""find by several examples: frames by name, sightings of the gallery, others, and what is told of a weak probe."""

import json
import shutil
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from tools.main import main


def asked(gallery: Path, run: Path, answer: Path, *words: str) -> list[dict[str, Any]]:
    """The sightings of `find`."""
    limit = [] if "--limit" in words else ["--limit", "500"]
    assert main(["find", str(gallery), "--model", str(run), *limit, *words, "--json", str(answer)]) == 0
    found: list[dict[str, Any]] = json.loads(answer.read_text())["sightings"]
    return found


def box_of(sighting: dict[str, Any]) -> str:
    return ",".join(str(side) for side in sighting["box"])


def test_a_frame_is_found_by_the_name_that_answers_print_and_a_copy_by_its_pixels(
    square: Path, run: Path, gallery: Path, tmp_path: Path
) -> None:
    picture = sorted((square / "frames").iterdir())[0]
    first = ["--frame", str(picture), "--box", "10,10,40,80", "--include-own-frame"]
    everybody = asked(gallery, run, tmp_path / "a.json", *first)
    one = everybody[0]
    original = next(file for file in (square / "frames").iterdir() if one["frame"].endswith(file.name))
    by_file = asked(gallery, run, tmp_path / "a.json", "--frame", str(original), "--box", box_of(one))
    by_name = asked(gallery, run, tmp_path / "b.json", "--frame", one["frame"], "--box", box_of(one))
    shutil.copy(original, tmp_path / "elsewhere.jpg")
    copy = ["--frame", str(tmp_path / "elsewhere.jpg"), "--box", box_of(one)]
    by_copy = asked(gallery, run, tmp_path / "c.json", *copy)
    assert by_file == by_name == by_copy
    assert one["frame"] not in {sighting["frame"] for sighting in by_file}
    kept = asked(gallery, run, tmp_path / "d.json", *copy, "--include-own-frame")
    assert kept[0]["frame"] == one["frame"]


def test_sightings_are_examples_of_the_person_and_of_others(
    square: Path, run: Path, gallery: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    picture = sorted((square / "frames").iterdir())[0]
    everybody = asked(gallery, run, tmp_path / "a.json", "--frame", str(picture), "--box", "10,10,40,80")
    liked, not_liked = everybody[0]["id"], everybody[1]["id"]
    like = asked(gallery, run, tmp_path / "b.json", "--like", liked)
    assert liked not in {one["id"] for one in like}
    capsys.readouterr()
    again = asked(gallery, run, tmp_path / "c.json", "--like", liked, "--not-like", not_liked)
    names = {one["id"] for one in again}
    assert names == {one["id"] for one in like} - {not_liked}
    assert [one["id"] for one in again] != [one["id"] for one in like if one["id"] != not_liked]
    figures = json.loads((tmp_path / "c.json").read_text())
    assert (figures["probe"]["like"], figures["probe"]["not_like"]) == ([liked], [not_liked])
    two = ["--frame", f"{picture},{picture}", "--box", "10,10,40,80,50,10,90,80", "--crop", str(picture)]
    assert asked(gallery, run, tmp_path / "d.json", *two, "--limit", "3")
    assert json.loads((tmp_path / "d.json").read_text())["probe"]["box"] == [[10, 10, 40, 80], [50, 10, 90, 80]]


def test_a_weak_probe_is_told(run: Path, gallery: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    dot = tmp_path / "dot.png"
    assert cv2.imwrite(str(dot), np.full((3, 3, 3), 90, dtype=np.uint8))
    asked(gallery, run, tmp_path / "a.json", "--crop", str(dot))
    assert f"\n{dot}: The person is only 3 pixels tall" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--like", "nowhere.jpg"], "has no sighting 'nowhere.jpg'"),
        (["--frame", "nowhere.jpg", "--box", "1,1,9,9"], "nowhere.jpg"),
        (["--frame", "a.jpg,b.jpg", "--box", "1,1,9,9"], "--box has 4 numbers for 2 frames"),
        (["--frame", "a.jpg", "--box", "1,1"], "--box has 2 numbers for 1 frame, expected four"),
        (["--not-like", "a.jpg#0"], "it is unclear whom to look for"),
        (["--like", "a.jpg#0", "--context"], "--context does not go with --like"),
    ],
)
def test_what_cannot_be_an_example_is_one_line_and_status_2(
    words: list[str], message: str, run: Path, gallery: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["find", str(gallery), "--model", str(run), *words]) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert message in line
