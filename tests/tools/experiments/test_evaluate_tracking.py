"""evaluate tracking on real sequences and on the square: as typed, with good and with bad input; the files it reads."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import datasets
from datasets.samples import FrameSample
from detection.checkpoints import save_model
from detection.detections import Detections
from detection.faster_rcnn import DetectorConfig
from detection.joint import EmbeddingConfig, PersonSearchRCNN
from search.tracks.mot_files import number_frames, read_public_detections, read_rows, read_tracks, write_tracks
from tools.main import main

SETTINGS = ["--tracker.minimum-overlap", "0.3", "--tracker.maximum-gap", "2"]


def run(tmp_path: Path, *words: str) -> dict[str, Any]:
    assert main(["evaluate", "tracking", *words, "--json", str(tmp_path / "figures.json")]) == 0
    return json.loads((tmp_path / "figures.json").read_text())


def refusal(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    capsys.readouterr()
    assert main(["evaluate", "tracking", *words]) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1
    return lines[0]


def write_truth(folder: Path, samples: list[FrameSample], shift: int = 0) -> None:
    """The true boxes as tracks; with a shift every camera numbers people its own way."""
    sequences = number_frames(samples, by_file_name=False)
    cameras = {sample.name: place for place, frames in enumerate(sequences.values()) for sample in frames.values()}
    found = {one.name: Detections(torch.from_numpy(one.boxes), torch.ones(len(one.boxes))) for one in samples}
    # Unlabelled people are tracked too, as a tracker would.
    tracks = {
        one.name: np.where(one.person_ids >= 0, one.person_ids, 500 + np.arange(len(one.boxes)))
        + 1000 * shift * cameras[one.name]
        for one in samples
    }
    write_tracks(folder, sequences, found, tracks)


def test_public_detections_of_real_sequences(shared: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """TrackEval 1.3.0 with its preprocessing gives the same figures for the written tracks."""
    root = str(shared / "data" / "MOT17-mini")
    words = [root, "--format", "mot", "--public", *SETTINGS, "--output", str(tmp_path / "tracks")]
    figures = run(tmp_path, *words)
    overall = figures["overall"]
    for name, expected in (
        ("mota", 0.5),
        ("motp", 0.8649),
        ("idf1", 0.6757),
        ("precision", 0.9209),
        ("recall", 0.5614),
    ):
        assert overall[name] == pytest.approx(expected, abs=5e-5), name
    for name, expected in (("hota", 0.6362), ("detection", 0.4797), ("association", 0.8558)):
        assert overall["hota"][name] == pytest.approx(expected, abs=5e-5), name
    counts = overall["counts"]
    names = ("switches", "fragmentations", "mostly_tracked", "mostly_lost")
    assert [counts[name] for name in names] == [3, 2, 24, 18]
    assert [one["metrics"]["counts"]["switches"] for one in figures["sequences"]] == [0, 0, 3]
    printed = capsys.readouterr().out
    assert "0.6362" in printed
    assert "MOT17-05-FRCNN" in printed
    # What was written is judged alike.
    again = run(tmp_path, root, "--format", "mot", "--tracks", str(tmp_path / "tracks"))
    assert again["overall"]["hota"]["hota_at"] == pytest.approx(overall["hota"]["hota_at"])
    assert again["tracker"] is None
    one = str(shared / "data" / "MOT17-mini" / "train" / "MOT17-10-FRCNN")
    single = run(tmp_path, one, "--format", "mot", "--tracks", str(tmp_path / "tracks" / "MOT17-10-FRCNN.txt"))
    assert single["overall"]["mota"] == figures["sequences"][2]["metrics"]["mota"]
    sure = run(tmp_path, root, "--format", "mot", "--public", "--minimum-confidence", "0.9", "--minimum-length", "4")
    assert sure["overall"]["counts"]["found"] < counts["found"]


def test_true_boxes_as_tracks_are_perfect_within_and_across_cameras(square: Path, tmp_path: Path) -> None:
    samples = datasets.load_frames("custom", square, "gallery")
    write_truth(tmp_path / "one", samples)
    figures = run(tmp_path, str(square), "--tracks", str(tmp_path / "one"), "--across-cameras")
    assert len(figures["sequences"]) == 5
    assert figures["overall"]["mota"] == figures["overall"]["hota"]["hota"] == 1
    across = figures["across_cameras"]
    assert across["idf1"] == across["hota"]["hota"] == 1
    assert across["people"] == across["tracks"] > 1
    write_truth(tmp_path / "own", samples, shift=1)
    figures = run(tmp_path, str(square), "--tracks", str(tmp_path / "own"), "--across-cameras")
    assert figures["overall"]["idf1"] == 1
    assert figures["across_cameras"]["idf1"] < 0.8


def test_a_model_is_tracked_linked_and_written(
    square: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """An untrained model: good for nothing but the way of the data."""
    torch.manual_seed(0)
    structure = DetectorConfig(
        backbone="resnet18", pyramid_levels=(1, 2), pyramid_channels=16, anchor_sizes=((24,), (48,), (96,)),
        anchor_ratios=(2.5,), box_features=32, min_size=96, max_size=180, rpn_post_nms=20, score_threshold=0.0,
        detections_per_frame=4,
    )  # fmt: skip
    embedding = EmbeddingConfig(dimension=16, pool_height=8, pool_width=4, channels=16)
    save_model(tmp_path / "joint.safetensors", PersonSearchRCNN(structure, embedding))
    broken = tmp_path / "world"
    broken.mkdir()
    (broken / "frames").symlink_to(square / "frames")
    content = json.loads((square / "test.json").read_text())
    content["images"][0]["file_name"] = "frames/away.jpg"
    (broken / "test.json").write_text(json.dumps(content))
    words = ["evaluate", "tracking", str(broken / "test.json"), "--model", str(tmp_path / "joint.safetensors")]
    words += [
        "--minimum-confidence",
        "0",
        "--across-cameras",
        "--link-similarity",
        "0.2",
        "--json",
        str(tmp_path / "f.json"),
    ]
    assert main([*words, "--output", str(tmp_path / "tracks")]) == 1
    printed = capsys.readouterr()
    assert "away.jpg" in printed.err
    assert "across cameras" in printed.out
    figures = json.loads((tmp_path / "f.json").read_text())
    judged = sum(one["metrics"]["counts"]["frames"] for one in figures["sequences"])
    assert judged == len(content["images"]) - 1
    assert figures["overall"]["counts"]["found"] > 0
    assert sorted(file.name for file in (tmp_path / "tracks").iterdir()) == [f"{camera}.txt" for camera in range(1, 6)]
    numbers = {int(read_rows(file).track.max()) for file in (tmp_path / "tracks").iterdir()}
    assert max(numbers) <= figures["across_cameras"]["tracks"]


def test_what_the_command_refuses(
    shared: Path, square: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    real, own = str(shared / "data" / "MOT17-mini"), str(square)
    assert "nothing given to judge, expected one of" in refusal(capsys, own)
    assert "--public and --tracks given" in refusal(capsys, real, "--format", "mot", "--public", "--tracks", "x")
    assert "--public is MOTChallenge's det/det.txt, --format is custom" in refusal(capsys, own, "--public")
    assert "have nobody in common" in refusal(capsys, real, "--format", "mot", "--public", "--across-cameras")
    missing = refusal(capsys, own, "--tracks", str(tmp_path / "no"))
    assert "1.txt is not there, expected" in missing
    (tmp_path / "one.txt").write_text("")
    assert "is one file for 3 sequences" in refusal(
        capsys, real, "--format", "mot", "--tracks", str(tmp_path / "one.txt")
    )
    assert "momentum of the tracker is 3" in refusal(
        capsys, real, "--format", "mot", "--public", "--tracker.momentum", "3"
    )
    sequence = str(shared / "data" / "MOT17-mini" / "train" / "MOT17-05-FRCNN")
    tracks = str(tmp_path / "one.txt")
    for rows, expected in (
        ("1,1,5,5,10,20,1\n1,1,50,5,10,20,1\n", "MOT17-05-FRCNN frame 1: track 1 occurs twice in one frame"),
        ("1,-1,5,5,10,20,1\n", "rows of track -1, expected numbers from 0"),
        ("1,1,5,5,10,20,1\n2,1,5,x\n", "line 2 is '2,1,5,x', expected frame"),
        ("1,1,5,5,0,20,1\n", "line 1 is"),
        ("0,1,5,5,3,20,1\n", "line 1 is"),
    ):
        Path(tracks).write_text(rows)
        assert expected in refusal(capsys, sequence, "--format", "mot", "--tracks", tracks)


def test_rows_of_frames_that_are_not_there_are_told(
    shared: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "one.txt").write_text("1,1,17,150,77,191\n\n99,1,5,5,10,20\n")
    sequence = str(shared / "data" / "MOT17-mini" / "train" / "MOT17-05-FRCNN")
    figures = run(tmp_path, sequence, "--format", "mot", "--tracks", str(tmp_path / "one.txt"))
    assert figures["rows_left_out"] == 1
    assert "1 rows of" in capsys.readouterr().out
    assert figures["overall"]["counts"]["found"] == 1
    assert figures["overall"]["motp"] == 1  # the very box of gt.txt


def test_a_sequence_without_truth_is_named_and_tracks_alone_are_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("A", "B"):
        (tmp_path / "set" / name / "img1").mkdir(parents=True)
        (tmp_path / "set" / name / "det").mkdir()
        for number in (3, 4):  # the files' numbers count, not their places
            (tmp_path / "set" / name / "img1" / f"{number:06d}.jpg").write_bytes(b"")
        (tmp_path / "set" / name / "det" / "det.txt").write_text("3,-1,11,21,10,20,0.9\n4,-1,12,21,10,20,0.8\n")
    words = ["evaluate", "tracking", str(tmp_path / "set"), "--format", "mot", "--public"]
    assert "give --output to write tracks alone" in refusal(capsys, *words[2:])
    assert main([*words, "--output", str(tmp_path / "out")]) == 0
    assert (tmp_path / "out" / "B.txt").read_text().splitlines() == [
        "3,2,11.000,21.000,10.000,20.000,0.9000,-1,-1,-1", "4,2,12.000,21.000,10.000,20.000,0.8000,-1,-1,-1",
    ]  # fmt: skip
    assert "no true tracks to judge by" in capsys.readouterr().out
    (tmp_path / "set" / "A" / "gt").mkdir()
    (tmp_path / "set" / "A" / "gt" / "gt.txt").write_text("3,5,11,21,10,20,1,1,1\n4,5,12,21,10,20,1,1,1\n")
    assert main(words) == 1
    printed = capsys.readouterr()
    assert "B: no true track in gt/gt.txt" in printed.err
    assert "1.0000" in printed.out


def test_tracks_come_back_as_they_were_written(square: Path, tmp_path: Path) -> None:
    samples = datasets.load_frames("custom", square, "gallery")
    sequences = number_frames(samples, by_file_name=False)
    write_truth(tmp_path, samples)
    found, tracks, left_out = read_tracks(tmp_path, sequences)
    assert left_out == 0
    for sample in samples:
        assert np.allclose(found[sample.name].boxes.numpy(), sample.boxes, atol=2e-3)
        known = sample.person_ids >= 0
        assert (tracks[sample.name][known] == sample.person_ids[known] + 1).all()
    (tmp_path / "3.txt").unlink()
    with pytest.raises(FileNotFoundError, match=r"3\.txt is not there"):
        read_tracks(tmp_path, sequences)
    odd = [
        FrameSample(f"{number}.jpg", Path(f"{number}.jpg"), [], [], camera=camera)
        for number, camera in enumerate(["a/b", None])
    ]
    assert list(number_frames(odd, by_file_name=True)) == ["a%2Fb", "frames"]
    twice = [FrameSample("0.jpg", Path("0.jpg"), [], [], camera=camera) for camera in (1, "1")]
    assert list(number_frames(twice, by_file_name=False)) == ["1"]  # one camera, however it is written


@pytest.mark.parametrize(
    ("names", "numbers"),
    [
        (["000000", "000001", "000002"], [1, 2, 3]),
        (["frame_7", "frame_8", "frame_10"], [7, 8, 10]),
        (["north", "south"], [1, 2]),
    ],
)
def test_frames_of_motchallenge_are_numbered_as_its_rows_know_them(names: list[str], numbers: list[int]) -> None:
    frames = [FrameSample(name, Path(f"{name}.jpg"), [], [], camera="gate") for name in names]
    (sequence,) = number_frames(frames, by_file_name=True).values()
    assert [(number, frame.name) for number, frame in sequence.items()] == list(zip(numbers, names, strict=True))


def test_rows_counted_from_1_meet_pictures_that_count_from_100(tmp_path: Path) -> None:
    frames = [FrameSample(f"{n:06}", tmp_path / "img1" / f"{n:06}.jpg", [], [], camera="gate") for n in (100, 101, 102)]
    sequences = number_frames(frames, by_file_name=True)
    (tmp_path / "gate.txt").write_text("\ufeff1,7,1,1,10,20,1\n3,7,5,1,10,20,1\n", encoding="utf-8")
    _, tracks, left_out = read_tracks(tmp_path, sequences)
    assert {name: ids.tolist() for name, ids in tracks.items()} == {"000100": [7], "000101": [], "000102": [7]}
    assert left_out == 0
    (tmp_path / "gate.txt").write_text("101,7,1,1,10,20,1\n103,7,5,1,10,20,1\n", encoding="utf-8")
    _, tracks, left_out = read_tracks(tmp_path, sequences)
    assert tracks["000101"].tolist() == [7]
    assert left_out == 1


def test_real_public_detections_have_their_pixels(shared: Path) -> None:
    samples = datasets.load_frames("mot", shared / "data" / "MOT17-mini", "train")
    found = read_public_detections(number_frames(samples, by_file_name=True))
    assert set(found) == {sample.name for sample in samples}
    assert sum(map(len, found.values())) == 51 + 26 + 83
    rows = read_rows(shared / "data" / "MOT17-mini" / "train" / "MOT17-05-FRCNN" / "det" / "det.txt")
    assert len(rows) == 3848
    assert set(rows.track.tolist()) == {-1}
    assert rows.boxes[0].tolist() == pytest.approx([312.8, 0.2, 312.8 + 278.4, 480.0], abs=1e-3)
