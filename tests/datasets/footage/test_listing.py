"""Frames that are named first and decoded in slices are the frames that reading from the start gives."""

import pickle
from collections.abc import Iterator
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from test_film import KINDS, REGULAR, film

from datasets.footage import listing
from datasets.footage.listing import Moment, listed_items, read_listed, together
from datasets.footage.reading import Reading
from datasets.footage.sources import frames_from_source, frames_of_listed, listed_from_source
from datasets.footage.videos import Failures, Item, Picking, video_items
from datasets.samples import Frame

pytestmark = pytest.mark.skipif("libx264" not in av.codecs_available, reason="this PyAV has no H.264 encoder")

Seen = tuple[str, float | None, bytes]


def seen(items: Iterator[Item]) -> list[Seen]:
    return [(item.name, item.timestamp, item.decode().tobytes()) for item in items]


def in_slices(path: Path, picking: Picking, size: int) -> tuple[list[Seen], Failures]:
    """As several processes read it: each is sent some items."""
    failures: Failures = []
    groups = list(together(listed_items(path, failures, picking)))
    found: list[Seen] = []
    for start in range(0, len(groups), size):
        some = pickle.loads(pickle.dumps([item for group in groups[start : start + size] for item in group]))
        found += seen(read_listed(some, failures))
    return found, failures


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("every", [0, 0.2, 1.0])
def test_slices_give_what_reading_from_the_start_gives(tmp_path: Path, kind: str, every: float) -> None:
    times, options = KINDS[kind]
    path = film(tmp_path / kind, times, **options)
    picking, failures = Picking("v", every, "1", 1_700_000_000.0), []
    whole = seen(video_items(path, failures, picking))
    assert failures == []
    assert in_slices(path, picking, 3 if every else 40) == (whole, [])


def test_a_slice_decodes_no_more_than_its_groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = film(tmp_path / "v.mp4", [number / 25 for number in range(500)], g="50", keyint_min="50")
    decoded = []
    given = listing.SparseFilm._given

    def counted(self: listing.SparseFilm, frame: av.VideoFrame) -> object:
        decoded.append(frame.pts)
        return given(self, frame)

    monkeypatch.setattr(listing.SparseFilm, "_given", counted)
    items = list(listed_items(path, [], Picking("v", 1.0)))
    assert len(items) == 20
    assert len(decoded) <= 50, "one group, to see that decoding can begin in the middle"
    decoded.clear()
    assert len(seen(read_listed(items[10:12], []))) == 2
    assert 0 < len(decoded) <= 50


@pytest.mark.parametrize("place", [0.3, 0.5, 0.8])
@pytest.mark.parametrize("every", [0.04, 1.0])
def test_damage_costs_the_frames_that_it_costs_one_process(tmp_path: Path, place: float, every: float) -> None:
    path = film(tmp_path / "v.mp4", [number / 25 for number in range(250)], g="50", keyint_min="50")
    content = bytearray(path.read_bytes())
    at = content.index(b"mdat") + int(place * (content.index(b"moov") - content.index(b"mdat")))
    content[at : at + 600] = bytes(600)
    path.write_bytes(content)
    picking, failures = Picking("v", every), []
    whole = seen(video_items(path, failures, picking))
    assert len(failures) == 1
    assert in_slices(path, picking, 4) == (whole, failures)


def test_damage_that_only_decoding_finds_is_named_and_costs_no_other_frame(tmp_path: Path) -> None:
    """A packet whose parts fill it, with nonsense inside."""
    path = film(tmp_path / "v.mp4", [number / 25 for number in range(250)], g="50", keyint_min="50", bf="0")
    clear = Picking("v", 1.0)
    before = {name: image for name, _, image in seen(video_items(path, [], clear))}
    with av.open(str(path)) as container:
        packets = [packet for packet in container.demux(video=0) if packet.size]
        keys = [packet for packet in packets if packet.is_keyframe]
        hit = keys[2]  # at four seconds
        place, size = hit.pos, hit.size
    content = bytearray(path.read_bytes())
    random = np.random.default_rng(0)
    content[place + 40 : place + size] = random.integers(0, 256, size - 40, np.uint8).tobytes()
    path.write_bytes(content)
    failures: Failures = []
    one_process = [name for name, _, _ in seen(video_items(path, failures, clear))]
    found, met = in_slices(path, clear, 3)
    assert [name for name, _, _ in found] == one_process
    assert len(met) == len(failures) <= 1
    untouched = [name for name in one_process if not 4 <= float(name.removeprefix("v#t=")) < 6]
    assert {name: image for name, _, image in found if name in untouched} == {name: before[name] for name in untouched}


def test_frames_that_changed_since_they_were_named_are_not_made_up(tmp_path: Path) -> None:
    path = film(tmp_path / "v.mp4", REGULAR)
    items = list(listed_items(path, [], Picking("v", 1.0)))
    film(path, REGULAR[:40])
    failures: Failures = []
    names = [item.name for item in read_listed(items, failures)]
    assert names == ["v#t=000000.000", "v#t=000001.000"]
    assert [name for name, _ in failures] == ["v"]
    path.unlink()
    failures.clear()
    assert list(read_listed(items, failures)) == []
    assert failures == [("v", "the file does not exist")]


def test_a_listed_frame_can_be_decoded_alone(tmp_path: Path) -> None:
    path = film(tmp_path / "v.mp4", REGULAR)
    (_, second, *_) = listed_items(path, [], Picking("v", 1.0))
    assert isinstance(second.decode, Moment)
    (_, same, *_) = seen(video_items(path, [], Picking("v", 1.0)))
    assert second.decode().tobytes() == same[2]
    with pytest.raises(ValueError, match="cannot be decoded"):
        Moment(path, Picking("v", 1.0), 99.0)()


def test_a_folder_of_pictures_and_videos_is_listed_as_it_is_read(tmp_path: Path) -> None:
    folder = tmp_path / "footage"
    folder.mkdir()
    film(folder / "part1.mp4", REGULAR)
    film(folder / "part2.mp4", REGULAR[:50])
    (folder / "broken.mp4").write_bytes(b"no video")
    (folder / "half.png").write_bytes(b"\x89PNG")
    cv2.imwrite(str(folder / "picture.png"), np.full((40, 60, 3), 90, np.uint8))

    def told(frames: Iterator[Frame]) -> list[tuple[str, object, float | None, bytes]]:
        return [(one.name, one.camera, one.timestamp, one.image.tobytes()) for one in frames]

    reading = Reading(1.0, start_time=1_700_000_000.0, rotation=90)
    failures: Failures = []
    notes: list[str] = []
    read = told(frames_from_source(folder, reading=reading, failures=failures, notes=notes))
    listed_failures: Failures = []
    listed_notes: list[str] = []
    items = list(listed_from_source(folder, reading, listed_failures, listed_notes))
    assert told(frames_of_listed(items, reading, listed_failures)) == read
    assert sorted(listed_failures) == sorted(failures)
    assert listed_notes == notes
    assert len(read) == 8
    with pytest.raises(ValueError, match="is a stream"):
        listed_from_source("rtsp://10.0.0.7/live", reading, [], [])
