"""CVAT's XML of pictures and of videos: who people are, key frames, and all that is counted, named or refused."""

from pathlib import Path

import cv2
import numpy as np
import pytest

import datasets
from datasets.labeling import cvat
from datasets.labeling.identities import Identities, Key
from datasets.layouts.scan import BrokenFileError, DatasetNotFoundError

META = """<version>1.1</version><meta><task><name>gate</name><size>{size}</size><mode>interpolation</mode>
<original_size><width>200</width><height>100</height></original_size></task><source>gate.mp4</source></meta>"""


def pictures(folder: Path, names: list[str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        cv2.imwrite(str(folder / name), np.full((100, 200, 3), 90, dtype=np.uint8))


def box(left: float, *inner: str, **attributes: object) -> str:
    said = {"xtl": left, "ytl": 10, "xbr": left + 20, "ybr": 60, "occluded": 0} | attributes
    written = " ".join(f'{name}="{value}"' for name, value in said.items())
    return f"<box {written}>{''.join(inner)}</box>"


def who(value: str, name: str = "person_id") -> str:
    return f'<attribute name="{name}">{value}</attribute>'


def written(folder: Path, body: str, size: int = 5) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "annotations.xml").write_text(f"<annotations>{META.format(size=size)}{body}</annotations>")
    return folder


def video(folder: Path, body: str, frames: int = 5, first: int = 0) -> Path:
    pictures(folder / "images", [f"frame_{number:06d}.jpg" for number in range(first, first + frames)])
    return written(folder, body, frames)


def lefts(root: Path) -> list[list[float]]:
    return [frame.boxes[:, 0].tolist() for frame in datasets.load_frames("cvat", root, "gallery")]


def test_pictures_with_people_and_much_else(tmp_path: Path) -> None:
    pictures(tmp_path / "images", ["a.jpg", "b.jpg", "c.jpg"])
    shapes = [
        box(10, who("7"), label="person", occluded=1),
        box(40, who("Anna"), label="Person"),
        box(70, who("unknown"), label="person"),
        box(100, label="car"),
        box(100, label="person", rotation=90),
        '<polygon label="person" points="1,1;2,2;3,1"/><polyline label="lane" points="1,1;2,2"/><tag label="rain"/>',
    ]
    body = f'<image id="0" name="a.jpg" width="200" height="100">{"".join(shapes)}</image>'
    body += '<image id="1" name="b.jpg" width="200" height="100"/>'
    body += f'<image id="2" name="c.jpg" width="200" height="100">{box(190, who("Anna"), label="person")}</image>'
    scan = cvat.scan_frames(written(tmp_path, body), "train")
    first, empty, last = scan.samples
    assert first.person_ids.tolist() == [7, 8, -1, -1]
    # The turned box of 20 x 50 around (110, 35) lies on its side.
    np.testing.assert_allclose(first.boxes[:, 0], [10, 40, 70, 85])
    np.testing.assert_allclose(first.boxes[3], [85, 25, 135, 45])
    assert (first.name, first.camera, first.size) == ("images/a.jpg", None, (200, 100))
    assert len(empty.boxes) == 0
    assert last.person_ids.tolist() == [8]
    assert last.boxes.tolist() == [[190, 10, 200, 60]]
    (problem,) = scan.problems
    assert "1 shapes polygon of 'person' are left out" in problem.what
    told = "\n".join(scan.notes)
    for text in (
        "1 boxes of 'car'",
        "1 shapes polyline of 'lane'",
        "1 boxes of people whom something hides",
        "1 turned",
        "Anna is 8",
    ):
        assert text in told, text


def test_a_track_is_a_person_who_comes_and_goes(tmp_path: Path) -> None:
    every = [box(number, frame=number, outside=0, keyframe=int(number == 0)) for number in range(3)]
    body = f'<track id="4" label="person">{"".join(every)}{box(3, frame=3, outside=1, keyframe=1)}</track>'
    body += f'<track id="9" label="person">{box(80, frame=4, outside=0)}</track>'
    body += f'<track id="2" label="car">{box(1, frame=0)}</track>'
    video(tmp_path, body)
    frames = datasets.load_frames("cvat", tmp_path, "gallery")
    assert [frame.person_ids.tolist() for frame in frames] == [[0], [0], [0], [], [1]]
    assert [frame.boxes[:, 0].tolist() for frame in frames] == [[0], [1], [2], [], [80]]
    assert {frame.camera for frame in frames} == {"gate"}
    notes = "\n".join(cvat.scan_frames(tmp_path, "gallery").notes)
    assert "1 boxes are marked outside" in notes
    assert "1 boxes of 'car'" in notes
    assert "interpolated" not in notes


def test_between_key_frames_boxes_move_evenly_but_not_where_the_person_is_outside(tmp_path: Path) -> None:
    keys = [
        box(0, frame=0, outside=0),
        box(40, frame=4, outside=0),
        box(50, frame=5, outside=1),
        box(90, frame=8, outside=0),
    ]
    video(tmp_path, f'<track id="0" label="person">{"".join(keys)}</track>', 10)
    assert lefts(tmp_path) == [[0], [10], [20], [30], [40], [], [], [], [90], []]
    assert any("3 boxes between key frames" in note for note in cvat.scan_frames(tmp_path, "gallery").notes)
    # Of every second frame there is a picture: nothing lies between.
    for number in range(1, 10, 2):
        (tmp_path / "images" / f"frame_{number:06d}.jpg").unlink()
    assert lefts(tmp_path) == [[0], [20], [40], [], [90]]


def test_attributes_say_who_it_is_in_whatever_track(tmp_path: Path) -> None:
    first = box(0, who("12"), frame=0) + box(0, who(""), frame=1)
    body = f'<track id="0" label="person">{first}</track>'
    body += f'<track id="1" label="person">{who("12")}{box(50, frame=2)}</track>'
    body += f'<track id="2" label="person">{box(50, frame=3)}</track>'
    video(tmp_path, body, 4)
    assert [one.person_ids.tolist() for one in datasets.load_frames("cvat", tmp_path, "gallery")] == [
        [12],
        [-1],
        [12],
        [-1],
    ]


def test_tracks_of_two_videos_are_two_people(tmp_path: Path) -> None:
    for name in ("hall", "yard"):
        video(tmp_path / name, f'<track id="0" label="person">{box(0, frame=0)}</track>', 1)
    frames = datasets.load_frames("cvat", tmp_path, "train")
    assert [frame.person_ids.tolist() for frame in frames] == [[0], [1]]
    assert [frame.name for frame in frames] == ["hall/images/frame_000000.jpg", "yard/images/frame_000000.jpg"]


def test_pictures_counted_from_1_are_the_frames_from_0(tmp_path: Path) -> None:
    body = f'<track id="0" label="person">{box(0, frame=0)}{box(9, frame=1)}{box(18, frame=2, outside=1)}</track>'
    video(tmp_path, body, 3, first=1)
    assert lefts(tmp_path) == [[0], [9], []]
    scan = cvat.scan_frames(tmp_path, "train")
    assert any("numbered from 1: picture 1 is frame 0" in note for note in scan.notes)


def test_frames_without_pictures_are_named(tmp_path: Path) -> None:
    body = f'<track id="0" label="person">{box(0, frame=0)}{box(9, frame=7)}</track>'
    written(tmp_path, body)
    with pytest.raises(ValueError, match="has no picture of the video's frames"):
        datasets.load_frames("cvat", tmp_path, "train")
    pictures(tmp_path, ["0.jpg", "1.jpg"])
    scan = cvat.scan_frames(tmp_path, "train")
    assert [one.what for one in scan.problems] == ["1 frames have boxes and no picture, the first is frame 7"]
    assert len(scan.samples) == 2
    (tmp_path / "00.jpg").write_bytes(b"")
    assert "both frame 0" in cvat.scan_frames(tmp_path, "train").problems[0].what


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        (box(0, frame="x"), "frame or outside"),
        (box(0, frame=0, outside="maybe"), "frame or outside"),
        (box(0, frame=0, xbr="wide"), "xbr is 'wide', expected a number"),
        (box(0, frame=0, xbr="inf"), "is not finite"),
        (box(0, frame=0, xbr=0), "has no area"),
        (box(300, frame=0), "lies outside the frame of (200, 100)"),
        (box(0, frame=0) + box(5, frame=0), "two boxes in one frame"),
    ],
)
def test_a_broken_box_is_named_and_left_out(shape: str, expected: str, tmp_path: Path) -> None:
    track = '<track id="{}" label="person">{}</track>'
    video(tmp_path, track.format(3, shape) + track.format(4, box(60, frame=4)))
    scan = cvat.scan_frames(tmp_path, "train")
    (problem,) = scan.problems
    assert expected in problem.what
    assert not problem.fatal
    assert scan.samples[4].boxes[:, 0].tolist() == [60]


def test_one_person_twice_in_a_frame_and_one_picture_twice(tmp_path: Path) -> None:
    pictures(tmp_path, ["a.jpg"])
    twice = "".join(box(left, who("3"), label="person") for left in (0, 50))
    scan = cvat.scan_frames(written(tmp_path, f'<image name="a.jpg">{twice}</image>'), "train")
    assert [one.what.split(";")[0] for one in scan.problems] == ["person 3 occurs twice in the frame"]
    assert len(scan.samples[0].boxes) == 2
    written(tmp_path, '<image name="a.jpg"/><image name="a.jpg"/>')
    with pytest.raises(ValueError, match="labeled twice"):
        datasets.load_frames("cvat", tmp_path, "train")


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("<annotations>", "is no readable XML"),
        ("<annotation><object/></annotation>", "begins with <annotation>, expected <annotations>"),
        ('<!DOCTYPE a [<!ENTITY b "bbbb">]><annotations>&b;</annotations>', "is no readable XML"),
        ("", "is no readable XML"),
    ],
)
def test_what_is_not_cvats_is_refused(content: str, expected: str, tmp_path: Path) -> None:
    (tmp_path / "x.xml").write_text(content)
    with pytest.raises(BrokenFileError, match=expected):
        datasets.load_frames("cvat", tmp_path, "train")


def test_without_any_label_of_people_nothing_is_read(tmp_path: Path) -> None:
    pictures(tmp_path, ["a.jpg"])
    written(tmp_path, f'<image name="a.jpg">{box(0, label="walker")}</image>')
    with pytest.raises(ValueError, match="no label is called person: it has walker"):
        datasets.load_frames("cvat", tmp_path, "train")


def test_parts_and_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(DatasetNotFoundError, match="no XML file"):
        datasets.load_frames("cvat", tmp_path, "train")
    for part in ("train", "val"):
        pictures(tmp_path / part / "images", [f"{part}.jpg"])
        written(tmp_path / part, f'<image name="{part}.jpg" subset="{part}"/>')
    assert [frame.name for frame in datasets.load_frames("cvat", tmp_path, "gallery")] == ["val/images/val.jpg"]
    with pytest.raises(DatasetNotFoundError, match="does not exist"):
        datasets.load_frames("cvat", tmp_path / "away", "train")
    (tmp_path / "val" / "annotations.xml").unlink()
    with pytest.raises(DatasetNotFoundError, match="has train, expected test or val"):
        datasets.load_frames("cvat", tmp_path, "gallery")


def test_numbers_stay_names_are_sorted_and_tracks_come_last() -> None:
    people = Identities()
    keys: list[Key] = [("b.xml", "0"), "Zoe", 4, None, "Ada", ("a.xml", "0"), 0]
    for key in keys:
        people.add(key)
    numbers = people.numbers()
    assert [numbers[key] for key in keys] == [7, 6, 4, -1, 5, 8, 0]
    assert people.notes() == ["2 people are known by a name and get a number: Ada is 5, Zoe is 6"]
    assert Identities().numbers() == {None: -1}
    alone = Identities()
    alone.add("Ada")
    assert alone.notes() == ["1 person is known by a name and gets a number: Ada is 0"]
