"""Many worlds on disk: exact truth, identities that do not repeat, the same bytes whatever the workers."""

import hashlib
import json
import signal
from pathlib import Path

import cv2
import numpy as np
import pytest

import datasets
from datasets.rendering.view import Picture
from datasets.worlds import WorldsSummary, world, write_worlds
from datasets.worlds.crowds import Placed
from datasets.worlds.shooting import sightings_of
from tools.errors import one_line
from tools.main import main

SMALL = {"worlds": 2, "seed": 6, "place_persons": 5, "place_cameras": 2, "moments": 2, "test_fraction": 0.5}


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, WorldsSummary]:
    root = tmp_path_factory.mktemp("many") / "worlds"
    return root, write_worlds(root, **SMALL)


def fingerprint(root: Path) -> dict[str, str]:
    files = sorted(path for path in root.rglob("*") if path.is_file())
    return {str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_the_same_seed_gives_the_same_bytes_whatever_the_workers(written, tmp_path):
    root, summary = written
    again = write_worlds(tmp_path / "again", workers=2, **SMALL)
    assert fingerprint(tmp_path / "again") == fingerprint(root)
    assert (again.frames, again.boxes, again.queries) == (summary.frames, summary.boxes, summary.queries)


def test_the_files_say_what_is_there(written):
    root, summary = written
    train, test = (json.loads((root / f"{name}.json").read_text()) for name in ("train", "test"))
    assert summary.frames == 8 == len(train["images"]) + len(test["images"]) == len(list((root / "frames").iterdir()))
    cameras = [{image["camera_id"] for image in split["images"]} for split in (train, test)]
    assert cameras == [{1, 2}, {3, 4}]
    people = [{a["person_id"] for a in split["annotations"]} - {-1} for split in (train, test)]
    assert people[0] <= set(range(5))
    assert people[1] <= set(range(5, 10))
    assert summary.persons == len(people[0]) + len(people[1])
    assert summary.boxes == sum(not a["iscrowd"] for split in (train, test) for a in split["annotations"]) > 8
    for image in train["images"] + test["images"]:
        picture = cv2.imread(str(root / image["file_name"]))
        assert picture.shape[:2] == (image["height"], image["width"])
        assert picture.std() > 5


def test_the_boxes_lie_in_their_frames_and_load(written):
    root, _ = written
    samples = datasets.load_frames("custom", root, "train")
    assert sum(len(sample.boxes) for sample in samples) > 4
    for sample in samples:
        assert sample.size is not None
        for box in [*sample.boxes, *sample.ignore]:
            assert 0 <= box[0] < box[2] <= sample.size[0]
            assert 0 <= box[1] < box[3] <= sample.size[1]


def _held(boxes: list[list[float]]) -> np.ndarray:
    held = np.array(boxes, dtype=np.float32)
    held[:, 0::2], held[:, 1::2] = held[:, 0::2].clip(0, 200), held[:, 1::2].clip(0, 100)
    return held


def _picture(boxes: list[list[float]], visible: list[float]) -> Picture:
    empty = np.zeros((100, 200), dtype=np.float32)
    return Picture(
        np.zeros((100, 200, 3), dtype=np.float32), np.full((100, 200), -1, dtype=np.int16), empty,
        np.array(boxes, dtype=np.float32), _held(boxes), np.array(visible, dtype=np.float32),
    )  # fmt: skip


def test_who_is_hidden_small_or_cut_off_is_told_apart():
    boxes = [[10, 20, 30, 80], [40, 20, 60, 80], [70, 20, 90, 80], [100, 20, 104, 31], [150, 50, 190, 150]]
    picture = _picture([*boxes, [-50, 20, -10, 80], [np.nan] * 4], [0.9, 0.1, 0.2, 1.0, 0.5, 0.0, 0.0])
    placed = [Placed(person, 0, 0, 0, 0, None) for person in range(7)]  # type: ignore[arg-type]
    found = sightings_of(picture, placed, 70)
    by_left = {sighting.box_xywh[0]: sighting for sighting in found}
    assert set(by_left) == {10, 40, 70, 100, 150}
    assert by_left[10].person_id == 70  # well seen
    assert by_left[40].ignored  # a tenth is seen
    assert (by_left[70].person_id, by_left[70].ignored) == (-1, False)  # somebody, but nobody could tell who
    assert by_left[100].ignored  # too small
    assert by_left[150].person_id == 74  # cut off by the frame, and seen wholly within it
    assert by_left[150].box_xywh == (150, 50, 40, 50)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"worlds": 1}, "worlds is 1"),
        ({"worlds": 10**9}, "worlds is 1000000000, expected 2 to 100000"),
        ({"moments": 0}, "moments is 0"),
        ({"moments": 1001}, "moments is 1001"),
        ({"place_persons": 10**8}, "place_persons is 100000000, expected 2 to 1000"),
        ({"place_cameras": 1001}, "place_cameras is 1001"),
        ({"workers": 0}, "workers is 0"),
        ({"test_fraction": 1.0}, "test_fraction is 1.0"),
    ],
)
def test_bad_numbers_are_refused(tmp_path, change, text):
    with pytest.raises(ValueError, match=text):
        write_worlds(tmp_path / "none", **(SMALL | change))
    assert not (tmp_path / "none").exists()


def test_a_folder_with_files_is_refused(tmp_path):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(FileExistsError, match="not an empty folder"):
        write_worlds(tmp_path, **SMALL)


def test_a_worker_that_is_ended_from_outside_is_one_line(monkeypatch):
    monkeypatch.setattr(world, "shoot_world", signal.raise_signal)
    with pytest.raises(ChildProcessError, match="one of 2 workers was ended from outside") as ended:
        list(world._run([signal.SIGKILL.value, signal.SIGKILL.value], 2))
    assert one_line(ended.value) == str(ended.value)


def test_the_command_writes_worlds_and_refuses_options_of_the_square(tmp_path, capsys):
    words = ["data", "plaza", str(tmp_path / "out"), "--worlds", "2", "--place-persons", "3", "--place-cameras", "2"]
    assert main([*words, "--persons", "9"]) == 2
    assert "--worlds takes --seed" in capsys.readouterr().err
    assert main(["data", "plaza", str(tmp_path / "out"), "--moments", "2"]) == 2
    assert "belong to --worlds" in capsys.readouterr().err
    assert main([*words, "--moments", "1", "--workers", "1", "--seed", "3"]) == 0
    assert "is written" in capsys.readouterr().out
    assert len(list((tmp_path / "out" / "frames").iterdir())) == 4
