"""The synthetic world on disk: exact truth, and the same bytes for the same seed."""

import hashlib
import itertools
import json
from datetime import UTC, datetime
from pathlib import Path

import cv2
import numpy as np
import pytest

from datasets.plaza import PlazaSummary, write_plaza
from datasets.plaza.truth import FrameRecord, Sighting, random_mean_ap

SMALL = {"persons": 12, "minutes": 0.1, "frame_width": 160}
FRAMES = 6
"""Of each camera in each period: one a second."""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, PlazaSummary]:
    root = tmp_path_factory.mktemp("worlds") / "plaza"
    return root, write_plaza(root, seed=4, **SMALL)


def read(root: Path, name: str):
    return json.loads((root / name).read_text())


def fingerprint(root: Path) -> dict[str, str]:
    files = sorted(path for path in root.rglob("*") if path.is_file())
    return {str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_same_seed_same_bytes_whatever_the_workers_and_threads(world, tmp_path):
    root, summary = world
    threads = cv2.getNumThreads()
    cv2.setNumThreads(3)
    try:
        again = write_plaza(tmp_path / "again", seed=4, workers=2, **SMALL)
    finally:
        cv2.setNumThreads(threads)
    assert fingerprint(tmp_path / "again") == fingerprint(root)
    assert (again.frames, again.boxes, again.queries) == (summary.frames, summary.boxes, summary.queries)


def test_another_seed_is_another_world(tmp_path):
    write_plaza(tmp_path / "other", seed=5, persons=4, minutes=0.04, frame_width=160)
    write_plaza(tmp_path / "same", seed=4, persons=4, minutes=0.04, frame_width=160)
    one, two = fingerprint(tmp_path / "other"), fingerprint(tmp_path / "same")
    assert one.keys() == two.keys()
    assert all(one[name] != two[name] for name in one if name.endswith(".jpg"))


def test_summary_counts_what_is_on_disk(world):
    root, summary = world
    train, test, queries = (read(root, f"{name}.json") for name in ("train", "test", "queries"))
    assert summary.frames == 5 * 3 * FRAMES == len(list((root / "frames").glob("*.jpg")))
    assert summary.train_frames == len(train["images"])
    assert summary.test_frames == len(test["images"])
    assert summary.boxes == len(train["annotations"]) + len(test["annotations"]) > 100
    assert summary.queries == len(queries) > 0
    assert summary.cameras == len({image["camera_id"] for image in train["images"]}) == 5
    identities = {a["person_id"] for split in (train, test) for a in split["annotations"]} - {-1}
    assert summary.persons == len(identities) <= 12


def test_pictures_have_the_size_and_place_the_file_says(world):
    root, _ = world
    for split in ("train", "test"):
        for image in read(root, f"{split}.json")["images"]:
            picture = cv2.imread(str(root / image["file_name"]))
            assert picture.shape[:2] == (image["height"], image["width"])
            expected = (80, 40) if image["camera_id"] == 5 else (160, 90)
            assert (image["width"], image["height"]) == expected
            assert image["file_name"].startswith(f"frames/c{image['camera_id']}_")


def test_ids_are_unique_and_identities_once_a_frame(world):
    root, _ = world
    for split in ("train", "test"):
        content = read(root, f"{split}.json")
        for part in ("images", "annotations"):
            ids = [row["id"] for row in content[part]]
            assert len(set(ids)) == len(ids)
        named = [(a["image_id"], a["person_id"]) for a in content["annotations"] if a["person_id"] != -1]
        assert len(set(named)) == len(named)
        assert {a["image_id"] for a in content["annotations"]} <= {i["id"] for i in content["images"]}


def test_train_and_test_share_neither_people_nor_pictures(world):
    root, _ = world
    train, test = read(root, "train.json"), read(root, "test.json")
    people = [{a["person_id"] for a in split["annotations"]} - {-1} for split in (train, test)]
    pictures = [{image["file_name"] for image in split["images"]} for split in (train, test)]
    assert people[0]
    assert people[1]
    assert not people[0] & people[1]
    assert pictures[0]
    assert pictures[1]
    assert not pictures[0] & pictures[1]


def test_boxes_lie_inside_their_frames_and_are_not_tiny(world):
    root, _ = world
    for split in ("train", "test"):
        content = read(root, f"{split}.json")
        images = {image["id"]: image for image in content["images"]}
        for annotation in content["annotations"]:
            x, y, w, h = annotation["bbox"]
            image = images[annotation["image_id"]]
            assert x >= 0
            assert y >= 0
            assert x + w <= image["width"] + 1e-6
            assert y + h <= image["height"] + 1e-6
            assert w > 0
            assert h >= 22 * image["width"] / 640 - 0.02
            assert annotation["area"] == pytest.approx(w * h, abs=0.01)


def test_clocks_of_all_cameras_agree_and_tell_the_three_periods(world):
    root, _ = world
    images = read(root, "train.json")["images"] + read(root, "test.json")["images"]
    by_index: dict[int, set[float]] = {}
    for image in images:
        by_index.setdefault(image["frame_index"], set()).add(image["timestamp"])
    assert all(len(times) == 1 for times in by_index.values())
    assert len({(i["camera_id"], i["frame_index"]) for i in images}) == len(images)
    ordered = [min(by_index[index]) for index in sorted(by_index)]
    assert all(later > earlier for earlier, later in itertools.pairwise(ordered))
    starts = [datetime.fromtimestamp(ordered[k * FRAMES], UTC) for k in range(3)]
    assert [(s.hour, s.minute, s.second) for s in starts] == [(8, 30, 0), (11, 0, 0), (17, 0, 0)]
    assert len({s.date() for s in starts}) == 1
    steps = np.diff(ordered[: FRAMES // 2])  # the first stretch, which is for training; that for the test is later
    assert np.all(steps == 1.0)


def test_every_query_is_a_true_box_and_is_seen_by_another_camera(world):
    root, _ = world
    test = read(root, "test.json")
    images = {image["id"]: image for image in test["images"]}
    boxes = {
        (images[a["image_id"]]["file_name"], a["person_id"]): (a["bbox"], images[a["image_id"]]["camera_id"])
        for a in test["annotations"]
        if a["person_id"] != -1
    }
    times = {image["file_name"]: image["timestamp"] for image in test["images"]}
    used = set()
    for query in read(root, "queries.json"):
        bbox, camera = boxes[query["file_name"], query["person_id"]]
        assert query["bbox"] == bbox
        assert query["camera_id"] == camera
        others = [c for (_, person), (_, c) in boxes.items() if person == query["person_id"] and c != camera]
        assert others
        hour = datetime.fromtimestamp(times[query["file_name"]], UTC).hour
        key = (query["person_id"], camera, hour)
        assert key not in used
        used.add(key)


def test_some_people_stay_unknown(world, tmp_path):
    root, _ = world
    ids = [a["person_id"] for split in ("train", "test") for a in read(root, f"{split}.json")["annotations"]]
    assert min(ids) == -1
    write_plaza(tmp_path / "known", seed=4, persons=6, minutes=0.1, frame_width=160, unlabelled_fraction=0.0)
    known = [a["person_id"] for s in ("train", "test") for a in read(tmp_path / "known", f"{s}.json")["annotations"]]
    assert known
    assert min(known) >= 0


def test_progress_counts_to_the_end(tmp_path):
    seen = []
    summary = write_plaza(
        tmp_path / "p", seed=4, persons=2, minutes=0.02, frame_width=160, on_progress=lambda *pair: seen.append(pair)
    )
    assert seen[-1] == (summary.frames, summary.frames)
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)


@pytest.mark.parametrize(
    ("wrong", "name"),
    [
        ({"persons": 0}, "persons is 0"),
        ({"persons": 1}, "persons is 1"),
        ({"minutes": 0.0}, "minutes is 0.0"),
        ({"minutes": float("nan")}, "minutes is nan"),
        ({"frame_width": 100}, "frame_width is 100"),
        ({"test_fraction": 1.0}, "test_fraction is 1.0"),
        ({"unlabelled_fraction": -0.1}, "unlabelled_fraction is -0.1"),
        ({"workers": 0}, "workers is 0"),
        ({"seed": -1}, "seed is -1"),
    ],
)
def test_bad_arguments_are_named_in_one_line_and_nothing_is_written(tmp_path, wrong, name):
    with pytest.raises(ValueError, match=name) as caught:
        write_plaza(tmp_path / "w", **{"seed": 0, **wrong})
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "w").exists()


def test_nothing_is_overwritten(world, tmp_path):
    root, _ = world
    before = fingerprint(root)
    with pytest.raises(FileExistsError, match="choose another folder"):
        write_plaza(root, seed=9, **SMALL)
    assert fingerprint(root) == before
    (tmp_path / "file").write_text("mine")
    with pytest.raises(FileExistsError):
        write_plaza(tmp_path / "file", seed=9, **SMALL)
    assert (tmp_path / "file").read_text() == "mine"


def test_random_mean_ap_matches_shuffling():
    rng = np.random.default_rng(0)
    people = rng.integers(0, 6, 60)
    records = [
        FrameRecord("a", int(1 + k % 3), 0, 10, 10, k, 0.0, True, (Sighting(int(person), (0, 0, 1, 1), 1.0, 1.0),))
        for k, person in enumerate(people)
    ]
    queries = [(records[k], records[k].sightings[0]) for k in range(3)]
    shuffled = []
    for record, sighting in queries:
        right = np.array([r.sightings[0].person_id == sighting.person_id for r in records if r.camera != record.camera])
        for _ in range(3000):
            hits = np.flatnonzero(rng.permutation(right)) + 1
            shuffled.append(float(np.mean(np.arange(1, len(hits) + 1) / hits)))
    assert random_mean_ap(records, queries) == pytest.approx(np.mean(shuffled), abs=0.005)
