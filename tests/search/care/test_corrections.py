"""Corrections: rows of a source get their camera and times, others stay, and a cut correction is done again."""

import shlex
from pathlib import Path

import numpy as np
import pytest
from blob_scenes import BlobModel, scene, write

from datasets.footage.planning import planned
from datasets.footage.reading import Reading
from search.care.corrections import Correction, correct, correcting_lines, describe
from search.gallery.gallery import Gallery
from search.indexing import index_sources
from search.pipeline import PersonSearch
from tools.main import main


@pytest.fixture
def gallery(tmp_path: Path) -> Gallery:
    search = PersonSearch(BlobModel(), batch_size=2, device="cpu")
    for folder in ("gate", "yard"):
        for number in range(3):
            write(tmp_path / folder / f"{number}.png", scene([1, 2], number))
    made = search.open_gallery(tmp_path / "people", create=True)
    sources, _ = planned([str(tmp_path / "gate"), str(tmp_path / "yard")], Reading(start_time=1.7e9))
    index_sources(sources, made, search.looking(made), batch_size=2)
    return made


def rows(gallery: Gallery, folder: str) -> list[tuple[str | None, float]]:
    return sorted(
        {
            (row["camera"], row["timestamp"])
            for table in (gallery.table, gallery.frames)
            for row in table.search().select(["source", "camera", "timestamp"]).to_list()
            if row["source"].endswith(folder)
        },
        key=str,
    )


def test_camera_and_times_of_one_source_are_set_right(gallery: Gallery, tmp_path: Path) -> None:
    done = correct(gallery, Correction(str(tmp_path / "gate"), "north", 1.6e9))
    assert (done.frames, done.sightings, done.seconds) == (3, 6, -1e8)
    again = Gallery.open(gallery.path)
    assert rows(again, "gate") == [("north", 1.6e9), ("north", 1.6e9 + 1), ("north", 1.6e9 + 2)]
    assert rows(again, "yard") == [(None, 1.7e9), (None, 1.7e9 + 1), (None, 1.7e9 + 2)]
    assert again.cameras() == ("north",)
    assert again.is_done("0.png", source=str(tmp_path / "gate"))
    assert correct(again, Correction(str(tmp_path / "gate"), None, 1.6e9)).seconds == 0


def test_a_single_file_of_a_folder_is_set_right(gallery: Gallery, tmp_path: Path) -> None:
    assert correct(gallery, Correction(str(tmp_path / "yard" / "1.png"), "hall")).frames == 1
    assert [camera for camera, _ in rows(gallery, "yard")].count("hall") == 1


def test_a_correction_that_was_cut_short_is_done_again(gallery: Gallery, tmp_path: Path) -> None:
    gallery.frames.update(where="true", values_sql={"timestamp": "timestamp + 5.0"})  # the sightings are still behind
    correct(gallery, Correction(str(tmp_path / "gate"), None, 1.7e9 + 5))
    assert [time for _, time in rows(gallery, "gate")] == [1.7e9 + 5, 1.7e9 + 6, 1.7e9 + 7]


def test_what_cannot_be_corrected_is_one_line(gallery: Gallery, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="is not in gallery"):
        correct(gallery, Correction(str(tmp_path / "none"), "x"))
    with pytest.raises(ValueError, match="nothing says what is right"):
        Correction("gate")
    gallery.frames.update(where="frame = '1.png'", values={"timestamp": 3.0})
    with pytest.raises(ValueError, match="file by file"):
        correct(gallery, Correction(str(tmp_path / "gate"), None, 1.7e9))
    gallery.frames.update(where="true", values={"timestamp": None})
    with pytest.raises(ValueError, match="have no times"):
        correct(gallery, Correction(str(tmp_path / "gate"), None, 1.7e9))


def test_what_is_known_of_a_camera_is_noted(gallery: Gallery) -> None:
    describe(gallery, "gate", name="North gate", place=(1.0, 2.0), zone=None)
    describe(gallery, "gate", name=None, place=None, zone="Europe/Berlin")
    told = Gallery.open(gallery.path).description.camera("gate")
    assert (told.name, told.place, told.time_zone) == ("North gate", (1.0, 2.0), "Europe/Berlin")
    assert np.isfinite(told.place).all()  # type: ignore[arg-type]


def told(gallery: Gallery, words: list[str], **reading: object) -> list[str]:
    sources, _ = planned(words, Reading(**reading))  # type: ignore[arg-type]
    return [line for one in sources for line in correcting_lines(gallery, one)]


def test_what_indexing_again_does_not_change_is_told_with_the_words_to_type(
    gallery: Gallery, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    gate, yard = str(tmp_path / "gate"), str(tmp_path / "yard")
    assert told(gallery, [gate, yard]) == []
    assert told(gallery, [gate, yard], start_time=1.7e9) == []
    assert told(gallery, [str(tmp_path / "new")], camera="gate", start_time=1.6e9) == []
    (line,) = told(gallery, [gate], camera="North gate", start_time=1777615200.0, time_zone="Europe/Berlin")
    assert line == (
        f"{gate} is in the gallery with camera unknown and the start time 2023-11-14T23:13:20+01:00, which indexing "
        f"again does not change; to correct it: personsearch gallery set {gallery.path} --source {gate} "
        "--camera 'North gate' --start-time 2026-05-01T08:00:00+02:00"
    )
    assert main(shlex.split(line.partition("to correct it: personsearch ")[2])) == 0
    again = Gallery.open(gallery.path)
    assert rows(again, "gate") == [("North gate", 1777615200.0 + number) for number in range(3)]
    assert told(again, [gate], camera="North gate", start_time=1777615200.0) == []


def test_the_pieces_of_a_recording_move_together(gallery: Gallery, tmp_path: Path) -> None:
    files = [str(tmp_path / "yard" / f"{number}.png") for number in range(3)]
    assert told(gallery, files, start_time=1.7e9) == []
    lines = told(gallery, files, start_time=1.7e9 + 60)
    assert [line.rpartition(" ")[2] for line in lines] == [
        "2023-11-14T22:14:20+00:00", "2023-11-14T22:14:21+00:00", "2023-11-14T22:14:22+00:00",
    ]  # fmt: skip
    gallery.frames.update(where="true", values_sql={"timestamp": "NULL"})
    (line,) = told(gallery, files, start_time=1.7e9)
    assert "have no times that could move; index them into a new gallery with --start-time" in line
