"""Many sources at once: as if each were indexed alone; broken ones are left; pictures are turned, regions left out."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from blob_scenes import HEIGHT, WIDTH, BlobModel, scene, write

from datasets.footage.planning import PlannedSource, planned
from datasets.footage.reading import Reading
from datasets.footage.sources import frames_from_source
from search.gallery.gallery import Gallery
from search.gallery.originals import read_original
from search.gallery.sightings import ClockZones
from search.indexing import index_sources
from search.pipeline import PersonSearch
from search.source_runs import SourceRun, in_regions
from search.tracks.settings import TrackletAveraging


@pytest.fixture
def search() -> PersonSearch:
    return PersonSearch(BlobModel(), batch_size=3, device="cpu")


def indexed(search: PersonSearch, path: Path, sources: list[PlannedSource]) -> tuple[Gallery, list[SourceRun]]:
    gallery = search.open_gallery(path, create=True)
    runs = index_sources(sources, gallery, search.looking(gallery), batch_size=3, averaging=search.tracklets)
    return gallery, runs


def boxes(gallery: Gallery) -> dict[str, list[list[float]]]:
    return {name: found.boxes.tolist() for name, found in sorted(gallery.detections().items())}


@pytest.mark.parametrize("tracklets", [False, True])
def test_many_sources_are_indexed_as_if_each_were_alone(tmp_path: Path, tracklets: bool) -> None:
    search = PersonSearch(BlobModel(), batch_size=3, device="cpu", tracklets=TrackletAveraging() if tracklets else None)
    for camera in range(6):
        for number in range(5):
            write(tmp_path / str(camera) / f"{camera}_{number}.png", scene([camera % 5, 1 + camera % 3], number))
    words = [str(tmp_path / str(camera)) for camera in range(6)]
    together, runs = indexed(search, tmp_path / "together", planned(words, Reading())[0])
    assert [run.summary().frames for run in runs] == [5] * 6
    assert all(run.ended and run.error is None and run.total == 5 for run in runs)
    alone = search.open_gallery(tmp_path / "alone", create=True)
    for word in words:
        search.index(word, alone)
    assert boxes(together) == boxes(alone)
    first, second = together.detections(), alone.detections()
    for name, found in first.items():
        assert np.allclose(found.embeddings, second[name].embeddings)  # type: ignore[arg-type]
    _, again = indexed(search, tmp_path / "together", planned(words, Reading())[0])
    assert [(run.looked, run.summary().skipped) for run in again] == [(0, 5)] * 6


def test_a_broken_source_is_named_and_the_others_go_on(search: PersonSearch, tmp_path: Path) -> None:
    write(tmp_path / "good" / "0.png", scene([1, 2], 0))
    (tmp_path / "bad.mp4").write_bytes(b"no video")
    words = [str(tmp_path / "bad.mp4"), str(tmp_path / "good"), str(tmp_path / "none")]
    gallery, runs = indexed(search, tmp_path / "people", planned(words, Reading())[0])
    assert len(gallery) == 2
    broken = {run.planned.label: str(run.error) for run in runs if run.error is not None}
    assert sorted(broken) == [words[0], words[2]]
    assert "does not exist" in broken[words[2]]


def test_an_interruption_keeps_what_was_found(search: PersonSearch, tmp_path: Path) -> None:
    for camera in range(3):
        for number in range(6):
            write(tmp_path / str(camera) / f"{number}.png", scene([camera], number))
    gallery = search.open_gallery(tmp_path / "people", create=True)
    sources, _ = planned([str(tmp_path / str(camera)) for camera in range(3)], Reading())
    seen = 0

    def interrupt(runs: object) -> None:
        nonlocal seen
        seen += 1
        if seen == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        index_sources(sources, gallery, search.looking(gallery), batch_size=2, on_progress=interrupt)
    assert len(Gallery.open(gallery.path)) == 6
    _, runs = indexed(search, gallery.path, sources)
    assert sum(run.looked for run in runs) == 12


@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_a_turned_picture_is_found_upright_and_can_be_read_again(
    search: PersonSearch, tmp_path: Path, degrees: int
) -> None:
    upright = scene([1, 3], 0)
    write(tmp_path / "c" / "0.png", np.ascontiguousarray(np.rot90(upright, degrees // 90)))  # hangs to the left
    (frame,) = frames_from_source(tmp_path / "c", reading=Reading(rotation=degrees))
    assert np.array_equal(frame.image, upright)
    reading = Reading(rotation=degrees)
    gallery, _ = indexed(search, tmp_path / "people", planned([str(tmp_path / "c")], reading)[0])
    plain = search.open_gallery(tmp_path / "plain", create=True)
    write(tmp_path / "d" / "0.png", upright)
    search.index(tmp_path / "d", plain)
    assert boxes(gallery) == boxes(plain)
    for one in search.find(gallery, crop=np.full((40, 20, 3), 90, np.uint8)):
        again = read_original(one, gallery.cutout(one.cutout))
        assert again is not None
        assert np.array_equal(again, upright)


def test_people_in_regions_are_left_out(search: PersonSearch, tmp_path: Path) -> None:
    write(tmp_path / "c" / "0.png", scene([1, 2, 3], 0))
    everybody, _ = indexed(search, tmp_path / "all", planned([str(tmp_path / "c")], Reading())[0])
    (found,) = boxes(everybody).values()
    x1, y1, x2, y2 = found[0]
    corners = ((x1 - 1, y1 - 1), (x2 + 1, y1 - 1), (x2 + 1, y2 + 1), (x1 - 1, y2 + 1))
    some, _ = indexed(search, tmp_path / "some", planned([str(tmp_path / "c")], Reading(leave_out=(corners,)))[0])
    assert list(boxes(some).values()) == [found[1:]]
    whole = ((0, 0), (WIDTH, 0), (WIDTH, HEIGHT), (0, HEIGHT))
    nobody, runs = indexed(search, tmp_path / "none", planned([str(tmp_path / "c")], Reading(leave_out=(whole,)))[0])
    assert len(nobody) == 0
    assert runs[0].summary().frames == 1


def test_the_middle_of_a_box_decides() -> None:
    concave = ((0.0, 0.0), (10.0, 0.0), (10.0, 10.0), (5.0, 2.0), (0.0, 10.0))
    middles = np.array([[1, 1], [9, 5], [5, 5], [11, 5], [-1, -1], [5, 1]], float)
    at = np.concatenate([middles - 3, middles + 3], axis=1)
    assert in_regions(at, (concave,)).tolist() == [True, True, False, False, False, True]
    assert in_regions(at[:0], (concave,)).shape == (0,)


def test_the_zone_of_a_camera_is_kept_and_its_times_are_shown_in_it(search: PersonSearch, tmp_path: Path) -> None:
    write(tmp_path / "c" / "gate" / "gate_20260501_083000.png", scene([1], 0))
    reading = Reading(time_zone="Asia/Tokyo")
    gallery, _ = indexed(search, tmp_path / "people", planned([str(tmp_path / "c")], reading)[0])
    crop = np.full((40, 20, 3), 90, np.uint8)
    answer = search.find(gallery, crop=crop)
    assert "2026-05-01T08:30:00+09:00" in answer.to_table()
    assert answer[0].timestamp == 1777591800.0
    assert answer[0].to_dict(answer.zones)["time"] == "2026-05-01T08:30:00+09:00"
    zones = ClockZones.known(gallery.description.cameras, "Europe/Berlin")
    assert "2026-05-01T01:30:00+02:00" in dataclasses.replace(answer, zones=zones).to_table()
    assert str(ClockZones.known(gallery.description.cameras).zone("gate")) == "Asia/Tokyo"
