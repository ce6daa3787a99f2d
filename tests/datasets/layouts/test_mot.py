"""MOTChallenge: real sequences, and the rules of gt.txt on hand-made ones."""

from pathlib import Path

import numpy as np
import pytest

import datasets
from datasets.layouts import mot


def write_sequence(folder: Path, frames: int, truth: str | None, info: str | None = None) -> Path:
    (folder / "img1").mkdir(parents=True)
    for number in range(1, frames + 1):
        (folder / "img1" / f"{number:06d}.jpg").write_bytes(b"")
    if truth is not None:
        (folder / "gt").mkdir()
        (folder / "gt" / "gt.txt").write_text(truth)
    if info is not None:
        (folder / "seqinfo.ini").write_text(info)
    return folder


def test_the_real_sequences(shared: Path) -> None:
    samples = datasets.load_frames("mot", shared / "data" / "MOT17-mini", "train")
    assert len(samples) == 4 + 6 + 5
    assert sum(len(sample.boxes) for sample in samples) == 4 * 22 + (6 + 6 + 7 + 8 + 9 + 9) + 5 * 19
    assert len(samples[0].ignore) == 3 + 7 + 2  # classes 2, 7 and 8
    assert all(sample.path.is_file() for sample in samples)
    assert {sample.camera for sample in samples} == {"MOT17-02-FRCNN", "MOT17-05-FRCNN", "MOT17-10-FRCNN"}
    tracks: dict[int, set[object]] = {}
    for sample in samples:
        for person in sample.person_ids.tolist():
            tracks.setdefault(person, set()).add(sample.camera)
    assert sorted(tracks) == list(range(len(tracks)))
    assert all(len(cameras) == 1 for cameras in tracks.values())
    one = datasets.load_frames("mot", shared / "data" / "MOT17-mini" / "train" / "MOT17-05-FRCNN", "gallery")
    assert one[0].boxes[0].tolist() == [16, 149, 93, 340]  # "1,1,17,150,77,191": 1-based pixels
    assert one[3].timestamp == pytest.approx(3 / 14)


def test_who_counts_who_is_ignored_and_who_is_neither(tmp_path: Path) -> None:
    rows = ["1,5,11,21,10,20,1,1,1.0", "1,6,1,1,2,2,0,1,1.0", "1,9,31,1,4,4,1,3,1"]
    rows += [f"1,{20 + kind},{kind},1,5,5,0,{kind},1" for kind in (2, 7, 8, 12, 4, 9, 10, 11)]
    rows += ["3,5,1,1,2,2,1,1,0.2", "3,2,4,4,2,2,1,1,0.2"]
    write_sequence(tmp_path / "S1", 3, "\n".join(rows) + "\n\n")
    first, second, third = datasets.load_frames("mot", tmp_path, "train")
    assert first.boxes.tolist() == [[10, 20, 20, 40]]
    assert first.ignore[:, 0].tolist() == [0, 1, 6, 7, 11]
    assert first.original_ids is not None
    assert (first.original_ids.tolist(), first.person_ids.tolist()) == ([5], [1])
    assert len(second.boxes) == 0
    assert third.person_ids.tolist() == [1, 0]
    assert (first.name, first.camera, first.timestamp) == ("S1/000001.jpg", "S1", None)


def test_track_numbers_of_two_sequences_are_two_persons(tmp_path: Path) -> None:
    for name in ("A", "B"):
        write_sequence(tmp_path / name, 1, "1,1,1,1,5,5,1,1,1\n")
    ids = [sample.person_ids.tolist() for sample in datasets.load_frames("mot", tmp_path, "train")]
    assert ids == [[0], [1]]


def test_mot15_has_no_classes_and_detections_only_have_no_truth(tmp_path: Path) -> None:
    write_sequence(tmp_path / "old", 1, "1,1,11,11,5,5,1,-1,-1,-1\n1,2,1,1,5,5,0,-1,-1,-1\n")
    (sample,) = datasets.load_frames("mot", tmp_path / "old", "train")
    assert (sample.boxes.tolist(), sample.ignore.tolist()) == ([[10, 10, 15, 15]], [[0, 0, 5, 5]])
    write_sequence(tmp_path / "new", 2, None, "[Sequence]\nname=Square\nimDir=img1\nframeRate=2\n")
    samples = datasets.load_frames("mot", tmp_path / "new", "train")
    assert [(s.name, len(s.boxes), s.timestamp) for s in samples] == [
        ("Square/000001.jpg", 0, 0.0), ("Square/000002.jpg", 0, 0.5),
    ]  # fmt: skip


def test_splits_are_folders_where_there_are_any(tmp_path: Path) -> None:
    write_sequence(tmp_path / "train" / "A", 1, None)
    write_sequence(tmp_path / "test" / "B", 2, None)
    assert [s.camera for s in datasets.load_frames("mot", tmp_path, "gallery")] == ["B", "B"]
    assert [s.camera for s in datasets.load_frames("mot", tmp_path, "train")] == ["A"]


def test_broken_rows_are_named_with_their_line(tmp_path: Path) -> None:
    rows = ["1,1,1,1,5,5,1,1,1", "nonsense", "1,2,nan,1,5,5,1,1", "1,3,1,1,0,5,1,1,1", "1,1,2,2,5,5,1,1,1"]
    rows += ["7,1,1,1,5,5,1,1,1", "1,2,3"]
    write_sequence(tmp_path / "A", 1, "\n".join(rows))
    scan = mot.scan_frames(tmp_path, "train")
    found = [(problem.where.rsplit(" ", 1)[-1], problem.fatal) for problem in scan.problems]
    assert found == [("2", True), ("3", True), ("4", False), ("5", False), ("7", True), ("7", False)]
    with pytest.raises(ValueError, match=r"3 broken records.*line 2: is 'nonsense'.*--format mot"):
        datasets.load_frames("mot", tmp_path, "train")


def test_broken_files_and_roots_are_refused(tmp_path: Path) -> None:
    with pytest.raises(datasets.DatasetNotFoundError, match="no sequence below"):
        datasets.load_frames("mot", tmp_path, "train")
    with pytest.raises(datasets.DatasetNotFoundError, match="does not exist"):
        datasets.load_frames("mot", tmp_path / "none", "train")
    folder = write_sequence(tmp_path / "A", 1, None, "no section")
    assert any("cannot be read" in problem.what for problem in mot.scan_frames(tmp_path, "train").problems)
    (folder / "gt").mkdir()
    (folder / "gt" / "gt.txt").write_bytes(b"\xff\x00" * 50)
    with pytest.raises(ValueError, match="is not plain text"):
        datasets.load_frames("mot", tmp_path, "train")
    (folder / "gt" / "gt.txt").unlink()
    (folder / "img1" / "000001.jpg").unlink()
    with pytest.raises(ValueError, match=r"holds no image like 000001\.jpg"):
        datasets.load_frames("mot", tmp_path, "train")


def test_boxes_are_float32_even_when_there_are_none(tmp_path: Path) -> None:
    write_sequence(tmp_path / "A", 1, None)
    (sample,) = datasets.load_frames("mot", tmp_path, "train")
    assert (sample.boxes.shape, sample.boxes.dtype, sample.ignore.shape) == ((0, 4), np.float32, (0, 4))


def test_labels_beside_the_rows_name_the_classes(tmp_path: Path) -> None:
    rows = "1,1,11,11,5,5,1,2,1\n1,500,5,5,60,30,1,1,1\n2,1,11,11,5,5,1,2,1\n1,7,1,1,5,5,1,3,1\n"
    folder = write_sequence(tmp_path / "A", 2, rows)
    (folder / "gt" / "labels.txt").write_bytes(b"\xef\xbb\xbfcar\r\nPerson\r\nstatic_person\r\n")
    scan = mot.scan_frames(tmp_path, "train")
    assert [sample.original_ids.tolist() for sample in scan.samples if sample.original_ids is not None] == [[1], [1]]
    assert [len(sample.ignore) for sample in scan.samples] == [1, 0]
    assert scan.problems == []
    assert len(scan.notes) == 1
    assert scan.notes[0].endswith("gt.txt: 1 rows of class 1 (car) are no people and are not read")
    (folder / "gt" / "labels.txt").write_text("car\nbus\n")
    with pytest.raises(ValueError, match=r"labels\.txt: names no class person: it has car, bus"):
        datasets.load_frames("mot", tmp_path, "train")
    (folder / "gt" / "labels.txt").write_text("person\n")
    with pytest.raises(ValueError, match="class is 2, expected one of 1 to 1"):
        datasets.load_frames("mot", tmp_path, "train")


def test_rows_of_other_classes_are_counted(tmp_path: Path) -> None:
    write_sequence(tmp_path / "A", 1, "1,1,1,1,5,5,1,1,1\n1,2,1,1,5,5,1,3,1\n1,3,1,1,5,5,1,3,1\n1,4,1,1,5,5,1,9,1\n")
    (note,) = mot.scan_frames(tmp_path, "train").notes
    assert "2 rows of class 3 (car), 1 rows of class 9 (occluder) are no people" in note


@pytest.mark.parametrize("mark", [b"\xef\xbb\xbf", b""])
def test_a_byte_order_mark_before_the_rows_is_no_part_of_them(tmp_path: Path, mark: bytes) -> None:
    folder = write_sequence(tmp_path / "A", 1, "")
    (folder / "gt" / "gt.txt").write_bytes(mark + b"1,1,1,1,5,5,1,1,1\r\n")
    assert len(datasets.load_frames("mot", tmp_path, "train")[0].boxes) == 1


@pytest.mark.parametrize("row", ["1.5,1,1,1,5,5,1,1,1", "1,1.5,1,1,5,5,1,1,1", "1,1,1,1,5,5,1,1.5", "-1,1,1,1,5,5,1,1"])
def test_numbers_of_a_row_are_not_rounded(tmp_path: Path, row: str) -> None:
    write_sequence(tmp_path / "A", 1, row)
    with pytest.raises(ValueError, match=r"line 1: (frame|track|class) is"):
        datasets.load_frames("mot", tmp_path, "train")


def test_the_place_in_the_world_that_mot15_writes_is_no_class(tmp_path: Path) -> None:
    write_sequence(tmp_path / "A", 1, "1,1,11,11,5,5,1,-10.6,4.25,0\n")
    assert datasets.load_frames("mot", tmp_path, "train")[0].person_ids.tolist() == [0]


def test_a_track_below_0_is_nobody_in_particular(tmp_path: Path) -> None:
    write_sequence(tmp_path / "A", 2, "1,-1,1,1,5,5,1,1,1\n1,-1,9,9,5,5,1,1,1\n2,4,1,1,5,5,1,1,1\n")
    scan = mot.scan_frames(tmp_path, "train")
    assert [sample.person_ids.tolist() for sample in scan.samples] == [[-1, -1], [0]]
    assert scan.problems == []


def renumber(folder: Path, pattern: str) -> None:
    for picture in sorted((folder / "img1").iterdir(), reverse=True):
        picture.rename(picture.with_name(pattern.format(int(picture.stem))))


@pytest.mark.parametrize("pattern", ["{}.jpg", "frame_{}.jpg", "frame_{:06d}.PNG", "{:06d}.tiff"])
def test_rows_keep_their_pictures_in_any_spelling_of_the_names(tmp_path: Path, pattern: str) -> None:
    rows = "".join(f"{number},{number},1,1,5,5,1,1,1\n" for number in range(1, 13))
    folder = write_sequence(tmp_path / "A", 12, rows)
    renumber(folder, pattern)
    samples = datasets.load_frames("mot", tmp_path, "train")
    assert [(sample.path.name, sample.person_ids.tolist()) for sample in samples] == [
        (pattern.format(number), [number - 1]) for number in range(1, 13)
    ]


def test_pictures_from_0_are_matched_by_their_place_or_refused(tmp_path: Path) -> None:
    folder = write_sequence(tmp_path / "A", 10, "1,7,1,1,5,5,1,1,1\n10,8,1,1,5,5,1,1,1\n")
    for number in range(1, 11):
        (folder / "img1" / f"{number:06d}.jpg").rename(folder / "img1" / f"{number - 1:06d}.jpg")
    samples = datasets.load_frames("mot", tmp_path, "train")
    assert [len(sample.boxes) for sample in samples] == [1, *[0] * 8, 1]
    (folder / "gt" / "gt.txt").write_text("1,7,1,1,5,5,1,1,1\n9,8,1,1,5,5,1,1,1\n")
    with pytest.raises(ValueError, match="nobody can say which row belongs to which picture"):
        datasets.load_frames("mot", tmp_path, "train")
    (folder / "gt" / "gt.txt").write_text("0,7,1,1,5,5,1,1,1\n9,8,1,1,5,5,1,1,1\n")
    assert [len(sample.boxes) for sample in datasets.load_frames("mot", tmp_path, "train")] == [1, *[0] * 8, 1]


def test_two_sequences_of_one_name_are_refused(tmp_path: Path) -> None:
    for name in ("A", "B"):
        write_sequence(tmp_path / name, 1, None, "[Sequence]\nname=Square\nimDir=img1\nframeRate=2\n")
    with pytest.raises(ValueError, match="two sequences have the name Square"):
        datasets.load_frames("mot", tmp_path, "train")
