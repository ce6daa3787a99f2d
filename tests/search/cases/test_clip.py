"""Clips: what is in them, which box is drawn when, and the words where there is no footage."""

import dataclasses
import os
import shutil
from pathlib import Path

import av
import numpy as np
import pytest
from cases_world import START, seen
from numpy.typing import NDArray

from search.cases.clip import SHORTEST_SIDE, band_below, film_size, fitted, write_clip
from search.cases.film import film
from search.cases.footage import NoFootage, footage_around
from search.cases.way import HOLD_SECONDS, LONGEST_BRIDGE, Way, way_of
from search.gallery.gallery import Gallery
from search.pages.lettering import ACCENT, shortened, text_width


def read(path: Path) -> tuple[list[NDArray[np.uint8]], float]:
    """All frames of a film, and its frames a second."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert (stream.codec_context.name, stream.codec_context.pix_fmt) == ("h264", "yuv420p")
        assert stream.average_rate is not None
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)], float(stream.average_rate)


def blue_span(image: NDArray[np.uint8]) -> tuple[float, float] | None:
    """The left and the right edge of the box that is drawn, in pixels of the frame, None without one."""
    picture = image[: image.shape[0] - band_below(image.shape[1], image.shape[0])].astype(int)
    scale = image.shape[1] / 160
    row = picture[(90 * 1) : round(75 * scale)]
    near = (np.abs(row - np.array(ACCENT)).max(axis=2) < 40).mean(axis=0) > 0.5
    columns = np.flatnonzero(near)
    return None if not len(columns) else (columns.min() / scale, columns.max() / scale)


def test_a_clip_of_a_video_shows_the_seconds_around_with_the_box_on_the_person(
    gallery: Gallery, tmp_path: Path
) -> None:
    told: list[tuple[int, int]] = []
    sighting = seen(gallery, "hall", 0, 4)
    clip = write_clip(
        tmp_path / "clip.mp4", gallery, sighting, seconds=4, on_progress=lambda done, total: told.append((done, total))
    )
    frames, rate = read(tmp_path / "clip.mp4")
    assert rate == 10
    assert len(frames) == clip.frames == 41
    assert clip.seconds == pytest.approx(4.1)
    assert (clip.width, clip.height) == film_size(160, 120) == frames[0].shape[1::-1]
    assert told[-1] == (4, 4)
    for number in range(0, 41, 5):
        span = blue_span(frames[number])
        assert span is not None, number
        left = 10 + 10 * (2 + number / 10)
        assert span == pytest.approx((left, left + 18), abs=1.6), "between sightings the box is on the line"


def test_the_mp4_begins_with_its_index_so_that_browsers_start_at_once(gallery: Gallery, tmp_path: Path) -> None:
    write_clip(tmp_path / "clip.mp4", gallery, seen(gallery, "hall", 2, 1), seconds=1)
    content = (tmp_path / "clip.mp4").read_bytes()
    assert 0 < content.index(b"moov") < content.index(b"mdat")


def test_the_same_clip_is_the_same_file(gallery: Gallery, tmp_path: Path) -> None:
    for name in ("a.mp4", "b.mp4"):
        write_clip(tmp_path / name, gallery, seen(gallery, "hall", 0, 3), seconds=2)
    assert (tmp_path / "a.mp4").read_bytes() == (tmp_path / "b.mp4").read_bytes()


@pytest.mark.parametrize(("second", "begins", "frames"), [(0, 0.0, 11), (7, 6.0, 20)])
def test_a_clip_ends_where_the_recording_does(
    gallery: Gallery, tmp_path: Path, second: int, begins: float, frames: int
) -> None:
    clip = write_clip(tmp_path / "clip.mp4", gallery, seen(gallery, "hall", 2, second), seconds=2)
    assert clip.frames == frames
    found = list(footage_around(gallery, seen(gallery, "hall", 2, second), before=1, after=1).moments())
    assert found[0].offset + second == pytest.approx(begins)


def test_a_clip_of_pictures_without_times_shows_the_one_picture(gallery: Gallery, tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.mp4", gallery, seen(gallery, "yard", 0, 1))
    assert (clip.frames, clip.seconds) == (10, 1.0)


def test_pictures_with_times_follow_one_another_at_their_times(footage: Path, tmp_path: Path) -> None:
    from blob_scenes import BlobModel

    from search.pipeline import PersonSearch

    search = PersonSearch(BlobModel())
    with search.open_gallery(tmp_path / "timed", create=True) as gallery:
        for number, time in enumerate([0.0, 1.0, 1.5, 9.0]):
            picture = footage / "yard" / f"{number:03}.png"
            search.index(picture, gallery, camera="yard", start_time=START + time)
        sighting = seen(gallery, "yard", 0, 1)
        moments = list(footage_around(gallery, sighting, before=5, after=20).moments())
        way = way_of(gallery, sighting, before=5, after=20)
    assert [moment.offset for moment in moments] == [-1, 0, 0.5, 8]
    assert [moment.length for moment in moments] == [1.0, 0.5, 1.5, 1.0]
    assert way.offsets == (-1, 0, 0.5), "after eight seconds nobody knows whether it is the same walk"


def test_streams_and_files_that_are_gone_or_others_are_told_in_one_line(
    gallery: Gallery, footage: Path, tmp_path: Path
) -> None:
    sighting = seen(gallery, "hall", 0, 4)
    with pytest.raises(NoFootage, match="came from a stream"):
        write_clip(tmp_path / "clip.mp4", gallery, dataclasses.replace(sighting, location=None))
    gone = dataclasses.replace(sighting, location=f"{tmp_path}/gone.mp4#t=000004.000")
    with pytest.raises(NoFootage, match=r"gone\.mp4 is not there any more"):
        write_clip(tmp_path / "clip.mp4", gallery, gone)
    shutil.copy(footage / "hall" / "walk.mp4", tmp_path / "other.mp4")
    moved = dataclasses.replace(sighting, location=f"{tmp_path}/other.mp4#t=000001.000")
    with pytest.raises(NoFootage, match="shows something else now"):
        write_clip(tmp_path / "clip.mp4", gallery, moved)
    assert not list(tmp_path.glob("*clip*")), "nothing is left behind"


@pytest.mark.parametrize("seconds", [0, -1, 601, float("nan")])
def test_impossible_lengths_are_refused(gallery: Gallery, tmp_path: Path, seconds: float) -> None:
    with pytest.raises(ValueError, match="expected more than 0"):
        write_clip(tmp_path / "clip.mp4", gallery, seen(gallery, "hall", 0, 4), seconds=seconds)


def test_a_way_holds_the_box_for_a_moment_and_bridges_no_long_gap() -> None:
    boxes = np.array([[0.0, 0, 10, 20], [10, 0, 20, 20], [90, 0, 100, 20]])
    way = Way((0.0, 1.0, 1.0 + 2 * LONGEST_BRIDGE), boxes)
    assert way.at(-HOLD_SECONDS) is boxes[0] or np.array_equal(way.at(-HOLD_SECONDS), boxes[0])
    assert way.at(-HOLD_SECONDS - 0.01) is None
    assert way.at(1.0 + LONGEST_BRIDGE) is None
    for share in np.linspace(0, 1, 7):
        found = way.at(float(share))
        assert found is not None
        np.testing.assert_allclose(found, (1 - share) * boxes[0] + share * boxes[1])


def test_two_people_keep_their_own_boxes(gallery: Gallery) -> None:
    standing = way_of(gallery, seen(gallery, "hall", 2, 3), before=3, after=3)
    assert standing.offsets == (-3, -2, -1, 0, 1, 2, 3, 4), "and one second more, for the boxes between"
    assert np.ptp(standing.boxes[:, 0]) <= 2
    walking = way_of(gallery, seen(gallery, "hall", 0, 3), before=3, after=3)
    assert np.ptp(walking.boxes[:, 0]) == pytest.approx(70, abs=2)


def test_frames_of_another_form_get_bars() -> None:
    image, scale, corner = fitted(np.full((100, 50, 3), 200, dtype=np.uint8), 400, 200)
    assert (scale, corner) == (2.0, (150.0, 0.0))
    assert image.shape == (200, 400, 3)
    assert image[:, :150].max() == 0
    assert image[:, 150:250].min() >= 199


@pytest.mark.parametrize("size", [(160, 120), (1920, 1080), (720, 1280), (3, 5000)])
def test_films_are_even_and_readable_and_know_their_band(size: tuple[int, int]) -> None:
    width, height = film_size(*size)
    assert width % 2 == height % 2 == 0
    assert SHORTEST_SIDE - 1 <= max(width, height) <= 1400
    assert film_size(*size)[1] - band_below(width, height) > 0


def test_a_film_without_a_frame_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no frame"), film(tmp_path / "a.mp4", width=16, height=16, rate=5):
        pass
    assert not os.listdir(tmp_path)


def test_long_names_lose_their_middle() -> None:
    text = "camera " + "entrance north " * 20
    short = shortened(text, 200, 14)
    assert text_width(short, 14) <= 200
    assert short.startswith("camera")
    assert "…" in short
    assert shortened("gate", 200, 14) == "gate"
