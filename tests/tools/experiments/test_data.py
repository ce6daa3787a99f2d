"""personsearch data: what check, convert and plaza print, write and return."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from datasets import load_frames, load_queries
from tools.main import main

FRAMES = 4


@pytest.fixture
def street(tmp_path: Path) -> Path:
    """A MOTChallenge root with two sequences in train/ and one in test/; tracks 3 and 7 in each."""
    random = np.random.default_rng(0)
    for name in ("train/A", "train/B", "test/C"):
        folder = tmp_path / "street" / name
        (folder / "img1").mkdir(parents=True)
        (folder / "gt").mkdir()
        (folder / "seqinfo.ini").write_text(
            f"[Sequence]\nname={folder.name}\nimDir=img1\nframeRate=2\nseqLength={FRAMES}\nimWidth=64\nimHeight=48\n"
            "imExt=.jpg\n"
        )
        rows = []
        for frame in range(1, FRAMES + 1):
            image = random.integers(0, 256, (48, 64, 3), dtype=np.uint8)
            cv2.imwrite(str(folder / "img1" / f"{frame:06d}.jpg"), image)
            rows += [f"{frame},{track},{1 + frame + track},5,10,20,1,1,1" for track in (3, 7)]
        (folder / "gt" / "gt.txt").write_text("\n".join(rows) + "\n")
    return tmp_path / "street"


def convert(root: Path, out: Path, kind: str, *options: str) -> int:
    return main(["data", "convert", str(root), str(out), "--format", kind, *options])


def test_convert_keeps_every_box_camera_and_time(street: Path, tmp_path: Path) -> None:
    out, file = tmp_path / "out", tmp_path / "figures.json"
    assert convert(street, out, "mot", "--json", str(file)) == 0
    for split in ("train", "gallery"):
        before, after = load_frames("mot", street, split), load_frames("custom", out, split)
        assert len(before) == len(after) > 0
        for old, new in zip(before, after, strict=True):
            assert old.path.resolve() == new.path.resolve()
            np.testing.assert_array_equal(old.boxes, new.boxes)
            np.testing.assert_array_equal(old.person_ids, new.person_ids)
            assert (old.camera, old.timestamp) == (new.camera, new.timestamp)
    figures = json.loads(file.read_text())
    assert figures["train"] == {"frames": 8, "boxes": 16, "identities": 4, "cameras": 2}
    assert figures["test"] == {"frames": 4, "boxes": 8, "identities": 2, "cameras": 1}


def test_convert_writes_over_nothing(street: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    assert convert(street, out, "mot", "--split", "gallery") == 0
    assert [entry.name for entry in out.iterdir()] == ["test.json"]
    before = (out / "test.json").read_bytes()
    capsys.readouterr()
    assert convert(street, out, "mot") == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert f"{out / 'test.json'} exists" in line
    assert (out / "test.json").read_bytes() == before
    assert not (out / "train.json").exists()


def test_convert_leaves_out_and_names_what_cannot_be_read(
    street: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    images = sorted((street / "train" / "A" / "img1").iterdir())
    images[0].write_bytes(images[0].read_bytes()[:200])
    images[1].write_text("no picture")
    images[2].write_bytes(b"")
    assert convert(street, tmp_path / "out", "mot") == 1
    errors = capsys.readouterr().err.splitlines()
    assert len(errors) == 3
    assert all(str(image) in line for image, line in zip(images[:3], errors, strict=True))
    assert len(load_frames("custom", tmp_path / "out", "train")) == 2 * FRAMES - 3


def test_convert_asks_where_both_splits_are_the_same(
    street: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert convert(street / "train" / "A", tmp_path / "out", "mot") == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "--split train or --split gallery" in line
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("kind", ["prw", "cuhk-sysu"])
def test_convert_keeps_identities_and_queries_of_the_field_s_data_sets(
    kind: str, shared: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = shared / "oracles" / "mini_a" / kind
    assert convert(root, tmp_path, kind) == 0
    assert "queries" in capsys.readouterr().out
    trained = load_frames("custom", tmp_path, "train")
    for old, new in zip(load_frames(kind, root, "train"), trained, strict=True):
        assert old.original_ids is not None
        assert new.original_ids is not None
        labelled = old.person_ids >= 0
        np.testing.assert_array_equal(old.boxes, new.boxes)
        np.testing.assert_array_equal(old.person_ids, new.person_ids)
        np.testing.assert_array_equal(old.original_ids[labelled], new.original_ids[labelled])
    before, after = load_queries(kind, root), load_queries("custom", tmp_path, same_camera=True)
    assert {query.person_id for query in after} <= {query.person_id for query in before}
    assert after


def test_check_lists_each_broken_record_in_one_line(
    street: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, file = tmp_path / "out", tmp_path / "figures.json"
    assert convert(street, out, "mot") == 0
    assert main(["data", "check", str(out / "train.json")]) == 0
    capsys.readouterr()
    content = json.loads((out / "train.json").read_text())
    content["annotations"][0]["bbox"][2] = 0
    content["annotations"][5]["image_id"] = 999
    (out / "train.json").write_text(json.dumps(content))
    image = street / "train" / "B" / "img1" / "000002.jpg"
    image.unlink()
    assert main(["data", "check", str(out / "train.json"), "--json", str(file)]) == 1
    captured = capsys.readouterr()
    assert captured.err == ""
    *lines, summary = captured.out.splitlines()
    assert len(lines) == 3
    assert summary.endswith("3 broken records")
    assert any("999" in line for line in lines)
    assert any("000002.jpg" in line for line in lines)
    figures = json.loads(file.read_text())
    assert figures["broken_records"] == len(figures["problems"]) == 3
    assert all(problem["where"] and problem["what"] and problem["remedy"] for problem in figures["problems"])


@pytest.mark.parametrize("kind", ["custom", "cuhk-sysu", "prw", "uestc-pr", "mot", "yolo", "cvat"])
def test_a_root_that_is_no_data_set_is_one_line_with_a_remedy(
    kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["data", "check", str(tmp_path), "--format", kind]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert str(tmp_path) in line
    assert "expected" in line


def test_plaza_writes_a_world_that_check_finds_whole(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    world, file = tmp_path / "world", tmp_path / "figures.json"
    options = ["--seed", "5", "--persons", "8", "--minutes", "0.05", "--frame-width", "160"]
    assert main(["data", "plaza", str(world), *options, "--json", str(file)]) == 0
    assert "train.json" in capsys.readouterr().out
    figures = json.loads(file.read_text())
    assert figures["train"]["cameras"] == figures["test"]["cameras"] == 5
    assert main(["data", "check", str(world)]) == 0
    assert "no broken records" in capsys.readouterr().out
    assert main(["data", "plaza", str(world), *options]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert str(world) in line


def test_labels_of_cvat_and_yolo_become_the_custom_layout(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The identities of the file stay, and what was not read is told and is in the figures."""
    for name in ("cvat/images/a.jpg", "yolo/images/train/a.jpg", "yolo/images/val/b.jpg"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(tmp_path / name), np.full((100, 200, 3), 90, dtype=np.uint8))
    box = '<box label="{}" xtl="10" ytl="10" xbr="30" ybr="60"><attribute name="person_id">{}</attribute></box>'
    body = f'<image name="a.jpg" width="200" height="100">{box.format("person", 41)}{box.format("dog", 1)}</image>'
    (tmp_path / "cvat" / "annotations.xml").write_text(f"<annotations>{body}</annotations>")
    assert convert(tmp_path / "cvat", tmp_path / "one", "cvat") == 2  # one picture for training and test
    assert "the same frames in both splits" in capsys.readouterr().err
    figures = tmp_path / "figures.json"
    assert convert(tmp_path / "cvat", tmp_path / "one", "cvat", "--split", "train", "--json", str(figures)) == 0
    (frame,) = load_frames("custom", tmp_path / "one" / "train.json", "gallery")
    assert (frame.person_ids.tolist(), frame.boxes.tolist()) == ([41], [[10, 10, 30, 60]])
    assert "1 boxes of 'dog' are no people" in capsys.readouterr().out
    assert json.loads(figures.read_text())["notes"] == [
        "annotations.xml: 1 boxes of 'dog' are no people and are not read"
    ]

    (tmp_path / "yolo" / "data.yaml").write_text("train: images/train\nval: images/val\nnames: [person]\n")
    for name in ("train/a", "val/b"):
        label = tmp_path / "yolo" / "labels" / f"{name}.txt"
        label.parent.mkdir(parents=True)
        label.write_text("0 0.5 0.5 0.2 0.4\n")
    assert convert(tmp_path / "yolo", tmp_path / "two", "yolo") == 0
    for split in ("train", "gallery"):
        (frame,) = load_frames("custom", tmp_path / "two", split)
        np.testing.assert_allclose(frame.boxes, [[80, 30, 120, 70]], atol=1e-4)
        assert frame.person_ids.tolist() == [-1]
    assert main(["data", "check", str(tmp_path / "two")]) == 0


def test_people_of_two_videos_of_cvat_become_queries(tmp_path: Path) -> None:
    """Person 8 is in both videos; person 9 is in one, and nobody could be found."""
    box = '<box frame="0" xtl="{0}" ytl="10" xbr="{1}" ybr="60"><attribute name="person_id">{2}</attribute></box>'
    for camera, people in (("hall", (8, 9)), ("yard", (8,))):
        folder = tmp_path / "labels" / camera
        (folder / "images").mkdir(parents=True)
        cv2.imwrite(str(folder / "images" / "frame_000000.jpg"), np.full((100, 200, 3), 90, dtype=np.uint8))
        tracks = [
            f'<track label="person">{box.format(50 * row, 50 * row + 20, one)}</track>'
            for row, one in enumerate(people)
        ]
        (folder / "annotations.xml").write_text(f"<annotations>{''.join(tracks)}</annotations>")
    assert convert(tmp_path / "labels", tmp_path / "out", "cvat", "--split", "gallery") == 0
    queries = load_queries("custom", tmp_path / "out")
    assert [(one.person_id, one.camera, len(one.gallery)) for one in queries] == [(8, "hall", 1), (8, "yard", 1)]
