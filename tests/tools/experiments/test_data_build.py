"""personsearch data build and data statistics: what they print, write and return."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from datasets import load_frames
from tools.main import main

SECONDS = 8


@pytest.fixture
def footage(tmp_path: Path) -> Path:
    """Folders of pictures of two cameras; person 10 + k is seen by both in second k and the one after it."""
    return recorded(tmp_path / "footage", SECONDS, "{:06d}.jpg")


def recorded(root: Path, seconds: int, names: str) -> Path:
    """Footage whose pictures have names made of their numbers."""
    random = np.random.default_rng(0)
    identities = ["recording,track,person_id"]
    for camera in (1, 2):
        folder = root / f"c{camera}p1"
        folder.mkdir(parents=True)
        rows = []
        for frame in range(1, seconds + 1):
            image = random.integers(0, 256, (60, 80, 3), dtype=np.uint8)
            cv2.imwrite(str(folder / names.format(frame)), image)
            rows += [f"{frame},{track},{5 * track},{3 + camera},10,{30 + camera},1,1,1" for track in (frame - 1, frame)]
        (root / f"c{camera}p1.txt").write_text("\n".join(rows) + "\n")
        identities += [f"c{camera}p1,{track},{10 + track}" for track in range(seconds + 1)]
    (root / "identities.csv").write_text("\n".join(identities) + "\n")
    return root


def build(root: Path, out: Path, *options: str) -> int:
    return main(["data", "build", str(root), str(out), *options])


def test_build_says_what_it_wrote(footage: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out, file = tmp_path / "set", tmp_path / "figures.json"
    assert build(footage, out, "--format", "uestc-pr", "--json", str(file)) == 0
    text = capsys.readouterr().out
    assert "together" in text
    assert f"personsearch data check {out} --format uestc-pr" in text
    figures = json.loads(file.read_text())
    assert figures["divided"] == {"train": 5, "query": 4, "gallery": 4}
    boxes = sum(one["labelled"] for one in figures["recordings"])
    assert boxes == 4 * SECONDS == figures["train"]["labelled"] + figures["test"]["labelled"] + figures["hidden"]
    assert figures["train"]["frames"] + figures["test"]["frames"] == 2 * SECONDS
    assert main(["data", "check", str(out), "--format", "uestc-pr"]) == 0
    assert build(footage, out, "--format", "uestc-pr") == 2
    assert "exists, expected a folder without it" in capsys.readouterr().err


def test_pictures_keep_their_own_boxes_when_their_numbers_have_no_zeros_in_front(tmp_path: Path) -> None:
    """frame_2.jpg comes before frame_10.jpg, whatever the alphabet says."""
    boxes: dict[str, dict[bytes, set[tuple[float, ...]]]] = {}
    for style, names in (("padded", "{:06d}.jpg"), ("unpadded", "frame_{}.jpg")):
        footage = recorded(tmp_path / style, 12, names)
        assert build(footage, tmp_path / f"{style}_set", "--format", "uestc-pr") == 0
        boxes[style] = {
            frame.path.read_bytes(): {tuple(box) for box in frame.boxes.tolist()}
            for split in ("train", "gallery")
            for frame in load_frames("uestc-pr", tmp_path / f"{style}_set", split)
        }
    assert len(boxes["padded"]) == 24
    assert boxes["padded"] == boxes["unpadded"]


def test_build_hides_less_where_people_stay_together(footage: Path, tmp_path: Path) -> None:
    hidden = {}
    for people in ("chance", "together"):
        file = tmp_path / f"{people}.json"
        assert build(footage, tmp_path / people, "--people", people, "--json", str(file)) == 0
        hidden[people] = json.loads(file.read_text())["hidden"]
    assert hidden["together"] < hidden["chance"]
    assert build(footage, tmp_path / "shared", "--frames", "shared", "--json", str(tmp_path / "s.json")) == 0
    assert json.loads((tmp_path / "s.json").read_text())["hidden"] == 0


def test_build_names_bad_recordings_and_does_the_rest(
    footage: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (footage / "c3p1.mp4").write_bytes(b"no video at all")
    (footage / "c3p1.txt").write_text("1,1,1,1,5,5,1,1,1\n")
    (footage / "c4p1").mkdir()
    with (footage / "identities.csv").open("a") as file:
        file.write("camera 1,1,3\nc4p1,1,3\n")
    assert build(footage, tmp_path / "set") == 1
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 3
    assert any("c3p1" in line and "no readable video" in line for line in lines)
    assert any("c4p1: its boxes are nothing" in line for line in lines)
    assert any("names recordings that are not there (camera 1)" in line for line in lines)
    assert len(load_frames("custom", tmp_path / "set", "gallery")) > 0


def test_build_asks_who_the_tracks_are(footage: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (footage / "identities.csv").rename(tmp_path / "names.csv")
    assert build(footage, tmp_path / "set") == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "--same-numbers" in line
    assert not (tmp_path / "set").exists()
    assert build(footage, tmp_path / "set", "--identities", str(tmp_path / "names.csv")) == 0
    assert build(footage, tmp_path / "same", "--same-numbers") == 0
    assert build(footage, tmp_path / "x", "--same-numbers", "--identities", str(tmp_path / "names.csv")) == 2


def test_build_of_nothing_but_bad_recordings(footage: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for camera in (1, 2):
        (footage / f"c{camera}p1.txt").write_text("900,1,1,1,5,5,1,1,1\n")
    assert build(footage, tmp_path / "set") == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "none of 2 recordings" in line
    for camera in (1, 2):
        (footage / f"c{camera}p1.txt").unlink()
    assert build(footage, tmp_path / "set") == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "its boxes are nothing" in line


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--rate", "0"), "rate is 0"),
        (("--quality", "0"), "quality is 0"),
        (("--frames", "all"), "--frames is all"),
    ],
)
def test_build_refuses_what_makes_no_set(
    footage: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], options: tuple[str, str], words: str
) -> None:
    assert build(footage, tmp_path / "set", *options) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert words in line


def test_statistics_of_a_built_set(footage: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out, page, file = tmp_path / "set", tmp_path / "page.html", tmp_path / "figures.json"
    assert build(footage, out, "--format", "uestc-pr") == 0
    capsys.readouterr()
    options = ["--format", "uestc-pr", "--report", str(page), "--json", str(file)]
    assert main(["data", "statistics", str(out), *options]) == 0
    text = capsys.readouterr().out
    assert "60,437" in text
    figures = json.loads(file.read_text())
    assert (figures["frames"], figures["boxes"], figures["labelled"], figures["identities"]) == (16, 32, 32, 9)
    assert figures["boxes_of_camera_and_period"] == [[16], [16]]
    assert figures["identities_by_cameras"] == [0, 0, 9]
    assert figures["heights"]["2"]["percentiles"]["50"] == 32
    assert sum(figures["height_histogram"]["counts"]) == 32
    html = page.read_text()
    assert "c1p1_0000" in html
    assert "person 11" in html
    assert "arXiv 2002.10560" in html
    assert "<script" not in html


@pytest.mark.parametrize("kind", ["prw", "cuhk-sysu"])
def test_statistics_of_the_field_s_data_sets(
    kind: str, shared: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root, file = shared / "oracles" / "mini_a" / kind, tmp_path / "figures.json"
    page = tmp_path / "page.html"
    assert main(["data", "statistics", str(root), "--format", kind, "--json", str(file), "--report", str(page)]) == 0
    assert "paper" not in capsys.readouterr().out
    figures = json.loads(file.read_text())
    splits = {one["name"]: one for one in figures["splits"]}
    for split in ("train", "gallery"):
        frames = load_frames(kind, root, split)
        assert splits[split]["frames"] == len(frames)
        assert splits[split]["boxes"] == sum(len(frame.boxes) for frame in frames)
    assert figures["frames"] == sum(one["frames"] for one in splits.values())
    assert "arXiv" not in page.read_text()


def test_statistics_of_a_root_that_is_no_data_set(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", "statistics", str(tmp_path)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert str(tmp_path) in line


def test_plaza_s_recordings_become_a_set(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--persons", "4", "--minutes", "0.03", "--frame-width", "160", "--workers", "1"]
    assert main(["data", "plaza", str(tmp_path / "raw"), "--make", "pictures", *options]) == 0
    assert "personsearch data build" in capsys.readouterr().out
    assert build(tmp_path / "raw", tmp_path / "set", "--format", "uestc-pr") == 0
    assert main(["data", "check", str(tmp_path / "set"), "--format", "uestc-pr"]) == 0
