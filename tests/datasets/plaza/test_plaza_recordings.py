"""The square as raw recordings: videos or pictures, boxes, tracks and identities that make a data set."""

import csv
import hashlib
from pathlib import Path

import numpy as np
import pytest

from datasets import load_frames
from datasets.building.build import build_dataset
from datasets.building.recorded_boxes import read_identities
from datasets.building.recordings import find_recordings
from datasets.footage.sources import frames_from_source
from datasets.images import read_image
from datasets.plaza import RecordingsSummary, write_recordings
from datasets.plaza.recordings import number_tracks

SMALL = {"seed": 4, "persons": 6, "minutes": 0.05, "frame_width": 160, "unlabelled_fraction": 0.4}


@pytest.fixture(scope="module")
def footage(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, RecordingsSummary]:
    root = tmp_path_factory.mktemp("footage") / "videos"
    return root, write_recordings(root, **SMALL)


def fingerprint(root: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in root.iterdir() if path.is_file()}


def test_fifteen_videos_with_boxes_and_one_file_of_identities(footage: tuple[Path, RecordingsSummary]) -> None:
    root, summary = footage
    names = [f"c{camera}p{period}" for camera in range(1, 6) for period in range(1, 4)]
    expected = {f"{name}{suffix}" for name in names for suffix in (".avi", ".txt")} | {"identities.csv", "plaza.json"}
    assert {path.name for path in root.iterdir()} == expected
    assert (summary.recordings, summary.frames) == (15, 45)
    rows = [line.split(",") for name in names for line in (root / f"{name}.txt").read_text().splitlines()]
    assert len(rows) == summary.boxes > 0
    with (root / "identities.csv").open() as file:
        known = list(csv.DictReader(file))
    assert {int(row["person_id"]) for row in known} <= set(range(6))
    assert len(known) < summary.tracks  # some people are known to nobody
    assert len({row["person_id"] for row in known}) == summary.persons


def test_a_data_set_can_be_made_of_them(footage: tuple[Path, RecordingsSummary], tmp_path: Path) -> None:
    root, summary = footage
    recordings, failures = find_recordings(root, "uestc-pr")
    assert not failures
    built = build_dataset(recordings, tmp_path, person_of=read_identities(root / "identities.csv"), seed=1)
    assert built.failures == ()
    assert sum(one.boxes for one in built.recordings) == summary.boxes
    frames = [*load_frames("uestc-pr", tmp_path, "train"), *load_frames("uestc-pr", tmp_path, "gallery")]
    assert len(frames) == summary.frames
    assert {frame.camera for frame in frames} == {1, 2, 3, 4, 5}
    assert {frame.timestamp for frame in frames} == {start + k for start in (30600, 39600, 61200) for k in range(3)}


def test_pictures_hold_what_the_videos_show(footage: tuple[Path, RecordingsSummary], tmp_path: Path) -> None:
    root, summary = footage
    pictures = write_recordings(tmp_path / "pictures", form="pictures", **SMALL)
    assert (pictures.boxes, pictures.tracks) == (summary.boxes, summary.tracks)
    for name in ("c1p1", "c5p3"):
        assert (tmp_path / "pictures" / f"{name}.txt").read_bytes() == (root / f"{name}.txt").read_bytes()
    recordings, _ = find_recordings(root, "custom")
    build_dataset(recordings, tmp_path / "set", person_of=None)
    for number in (1, 3):
        shown = read_image(tmp_path / "set" / "frames" / f"c3p2_{number - 1:06d}.jpg").astype(int)
        drawn = read_image(tmp_path / "pictures" / "c3p2" / f"{number:06d}.jpg").astype(int)
        assert np.abs(shown - drawn).mean() < 4


def test_mp4_files_show_the_same_and_are_the_same_bytes_again(
    footage: tuple[Path, RecordingsSummary], tmp_path: Path
) -> None:
    root, summary = footage
    for folder in ("once", "again"):
        assert write_recordings(tmp_path / folder, form="mp4", **SMALL).frames == summary.frames
    assert fingerprint(tmp_path / "once") == fingerprint(tmp_path / "again")
    for name in ("c2p1", "c5p3"):
        pairs = zip(
            frames_from_source(root / f"{name}.avi"), frames_from_source(tmp_path / "once" / f"{name}.mp4"), strict=True
        )
        for old, new in pairs:
            assert new.timestamp == old.timestamp
            assert np.abs(new.image.astype(int) - old.image).mean() < 5


def test_rendering_goes_on_to_the_same_bytes(footage: tuple[Path, RecordingsSummary], tmp_path: Path) -> None:
    root, summary = footage

    def stop(done: int, _: int) -> None:
        if done == 10:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_recordings(tmp_path / "again", on_progress=stop, **SMALL)
    assert not (tmp_path / "again" / "identities.csv").exists()
    with pytest.raises(FileExistsError, match="other settings"):
        write_recordings(tmp_path / "again", **(SMALL | {"seed": 5}))
    again = write_recordings(tmp_path / "again", **SMALL)
    assert fingerprint(tmp_path / "again") == fingerprint(root)
    assert again.tracks == summary.tracks
    assert write_recordings(tmp_path / "again", **SMALL).boxes == summary.boxes


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(FileExistsError, match="choose another folder"):
        write_recordings(tmp_path, **SMALL)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]
    with pytest.raises(ValueError, match="persons is 1"):
        write_recordings(tmp_path / "new", **(SMALL | {"persons": 1}))
    assert not (tmp_path / "new").exists()


def test_tracks_end_when_somebody_is_away_for_long() -> None:
    seen = [[5, 7], [7], [5], [], [], [5], [7, 5], [], [], [], [5]]
    assert number_tracks(seen) == [[1, 2], [2], [1], [], [], [1], [3, 1], [], [], [], [4]]
