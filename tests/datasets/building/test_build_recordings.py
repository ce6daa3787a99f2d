"""Recordings, box files and identities become a data set: which frame of a second, whose box, what is left out."""

import hashlib
import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from datasets import load_crops, load_frames, load_queries
from datasets.building.build import BuildSummary, build_dataset
from datasets.building.recorded_boxes import RecordingError, read_boxes, read_identities
from datasets.building.recordings import find_recordings
from datasets.catalog.check import check_dataset
from datasets.images import read_image
from datasets.layouts.custom_records import read_split

RATE, SECONDS = 5, 6
SIZE = (96, 64)


def grey(number: int) -> np.ndarray:
    return np.full((SIZE[1], SIZE[0], 3), 5 * number, dtype=np.uint8)


def write_video(path: Path, frames: int = RATE * SECONDS, rate: float = RATE) -> None:
    writer = cv2.VideoWriter(str(path), cv2.CAP_OPENCV_MJPEG, cv2.VideoWriter.fourcc(*"MJPG"), rate, SIZE, [])
    for number in range(1, frames + 1):
        writer.write(grey(number))
    writer.release()


def write_folder(path: Path, frames: int = SECONDS) -> None:
    path.mkdir()
    for number in range(1, frames + 1):
        cv2.imwrite(str(path / f"{number:06d}.jpg"), grey(number))


def row(frame: int, track: int) -> str:
    """A box whose place tells frame and track: left = frame, top = track, in 0-based pixels."""
    return f"{frame},{track},{frame + 1},{track + 1},10,20,1,1,1\n"


def rows(frames: range, tracks: tuple[int, ...]) -> str:
    return "".join(row(frame, track) for frame in frames for track in tracks)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Two cameras and two periods; persons 100 to 103 are seen by both cameras, track 9 is nobody known."""
    root = tmp_path / "recordings"
    root.mkdir()
    identities = ["recording,track,person_id"]
    for name, tracks in {"c1p1": (1, 2), "c1p2": (3, 4)}.items():
        write_video(root / f"{name}.avi")
        (root / f"{name}.txt").write_text(rows(range(1, RATE * SECONDS + 1), (*tracks, 9)))
        identities += [f"{name},{track},{99 + track}" for track in tracks]
    for name, tracks in {"c2p1": (2, 1), "c2p2": (4, 3)}.items():
        write_folder(root / name)
        (root / f"{name}.txt").write_text(rows(range(1, SECONDS + 1), tracks))
        identities += [f"{name},{track},{99 + track}" for track in tracks]
    (root / "identities.csv").write_text("\n".join(identities) + "\n")
    return root


def build(root: Path, out: Path, **options) -> BuildSummary:
    recordings, failures = find_recordings(root, "uestc-pr")
    assert not failures
    options.setdefault("person_of", read_identities(root / "identities.csv"))
    return build_dataset(recordings, out, **options)


def fingerprint(root: Path) -> dict[str, str]:
    files = sorted(path for path in root.rglob("*") if path.is_file())
    return {str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_one_frame_a_second_with_the_boxes_of_that_frame(root: Path, tmp_path: Path) -> None:
    out = tmp_path / "set"
    summary = build(root, out)
    names = [f"c{camera}p{period}_{second:06d}.jpg" for camera in (1, 2) for period in (1, 2) for second in range(6)]
    assert sorted(path.name for path in (out / "frames").iterdir()) == sorted(names)
    for name, step in {"c1p1": RATE, "c2p2": 1}.items():
        samples = read_split(out / "recordings" / f"{name}.json").samples
        assert len(samples) == SECONDS
        for second, sample in enumerate(samples):
            number = second * step + 1
            assert abs(read_image(sample.path).mean() - 5 * number) < 2
            assert set(sample.boxes[:, 0].tolist()) == {number}
            tops = {top: person for top, person in zip(sample.boxes[:, 1].tolist(), sample.person_ids.tolist())}
            assert tops == ({1: 100, 2: 101, 9: -1} if name == "c1p1" else {3: 102, 4: 103})
    assert [one.annotated for one in summary.recordings] == [90, 90, 12, 12]
    assert [one.labelled for one in summary.recordings] == [12, 12, 12, 12]


def test_the_set_is_whole_and_says_camera_and_time(root: Path, tmp_path: Path) -> None:
    summary = build(root, tmp_path / "set")
    assert check_dataset("uestc-pr", tmp_path / "set") == []
    samples = [*load_frames("uestc-pr", tmp_path / "set", "train"), *load_frames("custom", tmp_path / "set", "gallery")]
    times = {sample.name: (sample.camera, sample.timestamp) for sample in samples}
    assert times["frames/c1p1_000003.jpg"] == (1, 8.5 * 3600 + 3)
    assert times["frames/c2p2_000005.jpg"] == (2, 11 * 3600 + 5)
    queries = load_queries("uestc-pr", tmp_path / "set")
    assert len(queries) == summary.queries == 2 * len(summary.identities.query)
    crops = load_crops("uestc-pr", tmp_path / "set", "train")
    assert {crop.original_id for crop in crops} == set(summary.identities.train)
    told = json.loads((tmp_path / "set" / "split.json").read_text())
    assert tuple(told["train"]) == summary.identities.train


def test_workers_change_nothing(root: Path, tmp_path: Path) -> None:
    build(root, tmp_path / "one", seed=4)
    build(root, tmp_path / "two", seed=4, workers=3)
    assert fingerprint(tmp_path / "one") == fingerprint(tmp_path / "two")


def test_an_interrupted_build_goes_on_to_the_same_bytes(root: Path, tmp_path: Path) -> None:
    build(root, tmp_path / "whole")

    def stop(done: int, _: int) -> None:
        if done == 15:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build(root, tmp_path / "set", on_progress=stop)
    assert not (tmp_path / "set" / "train.json").exists()
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "set" / "frames").iterdir()}
    assert len(before) == 15
    build(root, tmp_path / "set")
    assert fingerprint(tmp_path / "set") == fingerprint(tmp_path / "whole")
    assert all(path.stat().st_mtime_ns == time for path, time in before.items())


def test_nothing_is_written_over(root: Path, tmp_path: Path) -> None:
    out = tmp_path / "set"
    build(root, out)
    before = fingerprint(out)
    with pytest.raises(FileExistsError, match="remove train"):
        build(root, out, seed=9)
    assert fingerprint(out) == before
    for name in ("train", "test", "queries", "split"):
        (out / f"{name}.json").unlink()
    build(root, out)
    assert fingerprint(out) == before


def test_a_bad_recording_is_named_and_can_be_added_later(root: Path, tmp_path: Path) -> None:
    out, video = tmp_path / "set", root / "c1p2.avi"
    content = video.read_bytes()
    video.write_bytes(content[: len(content) // 2])
    summary = build(root, out)
    ((name, reason),) = summary.failures
    assert name == "c1p2"
    assert str(video) in reason
    assert {one.name for one in summary.recordings} == {"c1p1", "c2p1", "c2p2"}
    assert not (out / "recordings" / "c1p2.json").exists()
    for file in ("train", "test", "queries", "split"):
        (out / f"{file}.json").unlink()
    video.write_bytes(content)
    # Pictures of the damaged file are not mixed with those of the new one.
    summary = build(root, out)
    assert "has changed since its frames were taken" in summary.failures[0][1]
    for path in (*(out / "frames").glob("c1p2_*"), *(out / "recordings").glob("c1p2.*")):
        path.unlink()
    for file in ("train", "test", "queries", "split"):
        (out / f"{file}.json").unlink()
    assert len(build(root, out).recordings) == 4


def test_frames_that_an_annotator_chose_are_taken(root: Path, tmp_path: Path) -> None:
    (root / "c1p1.txt").write_text("".join(row(frame, 1) + row(frame, 2) for frame in (3, 8, 11, 20, 21, 28)))
    build(root, tmp_path / "set")
    samples = read_split(tmp_path / "set" / "recordings" / "c1p1.json").samples
    assert [int(sample.boxes[0, 0]) for sample in samples] == [3, 8, 11, 20, 21, 28]
    for sample in samples:
        assert abs(read_image(sample.path).mean() - 5 * sample.boxes[0, 0]) < 2


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("500,1,1,1,10,20,1,1,1\n1,1,1,1,10,20,1,1,1\n", "has boxes of frame 500"),
        ("".join(row(frame, 1) for frame in range(2, 5)) * 9, "occurs twice"),
        ("7,1,1,1\n", "expected frame, track"),
        ("x", "expected frame, track"),
    ],
)
def test_boxes_that_do_not_fit_the_recording(root: Path, tmp_path: Path, text: str, words: str) -> None:
    (root / "c1p1.txt").write_text(text)
    summary = build(root, tmp_path / "set")
    assert any(name == "c1p1" and words in reason for name, reason in summary.failures)


def test_a_broken_picture_is_left_out_and_named_each_time(root: Path, tmp_path: Path) -> None:
    (root / "c2p1" / "000003.jpg").write_bytes(b"no picture")
    first = build(root, tmp_path / "set")
    assert [name for name, _ in first.failures] == ["c2p1"]
    assert "second 2 is left out" in first.failures[0][1]
    assert not (tmp_path / "set" / "frames" / "c2p1_000002.jpg").exists()
    for name in ("train", "test", "queries", "split"):
        (tmp_path / "set" / f"{name}.json").unlink()
    assert build(root, tmp_path / "set").failures == first.failures


def test_pictures_of_a_folder_are_copied_byte_by_byte(root: Path, tmp_path: Path) -> None:
    build(root, tmp_path / "set")
    copied = (tmp_path / "set" / "frames" / "c2p1_000004.jpg").read_bytes()
    assert copied == (root / "c2p1" / "000005.jpg").read_bytes()


def test_boxes_are_clipped_and_those_outside_named(root: Path, tmp_path: Path) -> None:
    (root / "c2p1.txt").write_text("1,1,-4,3,10,20,1,1,1\n1,2,500,3,10,20,1,1,1\n2,1,90,60,30,30,0,1,1\n")
    summary = build(root, tmp_path / "set")
    assert any("outside the picture of 96 x 64" in reason for _, reason in summary.failures)
    first, second, *_ = read_split(tmp_path / "set" / "recordings" / "c2p1.json").samples
    assert first.boxes.tolist() == [[0, 2, 5, 22]]
    assert second.ignore.tolist() == [[89, 59, 96, 64]]


def test_csv_and_json_say_the_same_as_text(root: Path, tmp_path: Path) -> None:
    text, _ = read_boxes(root / "c2p1.txt", video=False)
    lines = ["second,track,left,top,width,height"]
    for frame, truth in text.truths.items():
        lines += [
            f"{frame - 1},{track},{box[0]},{box[1]},{box[2] - box[0]},{box[3] - box[1]}"
            for track, box in zip(truth.tracks, truth.boxes)
        ]
    build(root, tmp_path / "txt", person_of=None)
    (root / "c2p1.txt").unlink()
    (root / "c2p1.csv").write_text("\n".join(lines))
    build(root, tmp_path / "csv", person_of=None)
    (root / "c2p1.csv").unlink()
    images = [{"id": k, "file_name": f"c2p1/{k:06d}.jpg", "width": 96, "height": 64} for k in text.truths]
    people = [
        {"image_id": k, "bbox": [*box[:2], box[2] - box[0], box[3] - box[1]], "person_id": track}
        for k, truth in text.truths.items()
        for track, box in zip(truth.tracks, truth.boxes)
    ]
    (root / "c2p1.json").write_text(json.dumps({"images": images, "annotations": people}))
    build(root, tmp_path / "json", person_of=None)
    for kind in ("csv", "json"):
        for name in ("train.json", "test.json", "queries.json"):
            assert (tmp_path / kind / name).read_bytes() == (tmp_path / "txt" / name).read_bytes()


@pytest.mark.parametrize("kind", ["csv", "json"])
def test_boxes_of_a_video_by_seconds(root: Path, tmp_path: Path, kind: str) -> None:
    (root / "c1p1.txt").unlink()
    if kind == "csv":
        lines = [f"{second}.4,{track},{second},{track},10,20" for second in range(SECONDS) for track in (1, 2)]
        (root / "c1p1.csv").write_text("\n".join(["second,track,left,top,width,height", *lines]))
    else:
        images = [
            {"id": k, "file_name": f"{k}", "timestamp": k + 0.4, "width": 96, "height": 64} for k in range(SECONDS)
        ]
        people = [
            {"image_id": k, "bbox": [k, track, 10, 20], "person_id": track} for k in range(SECONDS) for track in (1, 2)
        ]
        (root / "c1p1.json").write_text(json.dumps({"images": images, "annotations": people}))
    assert build(root, tmp_path / "set").failures == ()
    for second, sample in enumerate(read_split(tmp_path / "set" / "recordings" / "c1p1.json").samples):
        assert sample.boxes.tolist() == [[second, track, second + 10, track + 20] for track in (1, 2)]
        assert sample.person_ids.tolist() == [100, 101]


def test_images_of_a_video_need_times(root: Path, tmp_path: Path) -> None:
    (root / "c1p1.txt").unlink()
    (root / "c1p1.json").write_text(json.dumps({"images": [{"id": 1, "file_name": "1", "width": 9, "height": 9}]}))
    assert any("has no timestamp" in reason for _, reason in build(root, tmp_path / "set").failures)


def test_sequences_of_motchallenge_are_recordings(root: Path, tmp_path: Path) -> None:
    folder = root / "c2p1"
    shutil.rmtree(folder)
    folder.mkdir()
    write_folder(folder / "img1", 12)
    (folder / "gt").mkdir()
    (root / "c2p1.txt").unlink()
    (folder / "gt" / "gt.txt").write_text(rows(range(1, 13), (1, 2)))
    (folder / "seqinfo.ini").write_text("[Sequence]\nname=c2p1\nimDir=img1\nframeRate=2\n")
    build(root, tmp_path / "set")
    samples = read_split(tmp_path / "set" / "recordings" / "c2p1.json").samples
    assert [int(sample.boxes[0, 0]) for sample in samples] == [1, 3, 5, 7, 9, 11]


def test_recordings_of_any_name_with_times_of_their_own(root: Path, tmp_path: Path) -> None:
    (root / "c1p2.avi").rename(root / "gate morning.avi")
    (root / "recordings.csv").write_text(
        "recording,source,boxes,camera,start\n"
        "gate,gate morning.avi,c1p2.txt,7,2024-05-01T08:30:00Z\n"
        "c2p2,,,yard,\nlost,nowhere.avi,c2p2.txt,,\nc2p1,,,,soon\n"
    )
    recordings, failures = find_recordings(root, "custom")
    assert {name for name, _ in failures} == {"lost", "c2p1"}
    gate, yard = recordings
    assert (gate.camera, gate.start) == (7, 1714552200.0)
    assert (yard.camera, yard.start) == ("yard", None)
    build_dataset(recordings, tmp_path / "set", person_of=None)
    samples = read_split(tmp_path / "set" / "recordings" / "gate.json").samples
    assert samples[2].timestamp == 1714552202.0
    assert samples[2].path.name == "gate_000002.jpg"


def test_names_that_uestc_pr_does_not_have(root: Path) -> None:
    (root / "c1p2.avi").rename(root / "c6p1.avi")
    (root / "c2p2").rename(root / "c2p4")
    write_video(root / "gate.avi", 2)
    recordings, failures = find_recordings(root, "uestc-pr")
    assert [one.name for one in recordings] == ["c1p1", "c2p1"]
    assert {name for name, _ in failures} == {"c6p1", "c2p4", "gate"}
    recordings, failures = find_recordings(root, "custom")
    assert {name for name, _ in failures} == {"c6p1", "c2p4", "gate"}  # their boxes are still called otherwise


def test_no_recording_at_all(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="is no folder"):
        find_recordings(tmp_path / "nowhere", "custom")
    with pytest.raises(ValueError, match="holds no recording"):
        find_recordings(tmp_path, "custom")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("recording,track\nc1p1,1\n", "add person_id"),
        ("recording,track,person_id\nc1p1,1,5\nc1p1,1,6\n", "an earlier row says 5"),
        ("recording,track,person_id\nc1p1,one,5\n", "line 2: 'one' is no number"),
        ("recording,track,person_id\nc1p1,1,2.5\n", "'2.5' is no whole number"),
        ("recording,track,person_id\nc1p1,1,-7\n", "person_id is -7"),
    ],
)
def test_identities_that_cannot_be_understood(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "identities.csv").write_text(text)
    with pytest.raises(ValueError, match=words):
        read_identities(tmp_path / "identities.csv")


def test_a_box_file_of_another_kind(tmp_path: Path) -> None:
    (tmp_path / "boxes.xml").write_text("<a/>")
    with pytest.raises(RecordingError, match="ends in"):
        read_boxes(tmp_path / "boxes.xml", video=True)
