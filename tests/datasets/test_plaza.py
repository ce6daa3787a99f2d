"""The synthetic world: exact geometry, exact truth, and the same bytes for the same seed."""

import hashlib
import itertools
import json
from datetime import UTC, datetime
from pathlib import Path

import cv2
import numpy as np
import pytest

from datasets.plaza import PlazaSummary, draw_looks, plaza_cameras, write_plaza
from datasets.plaza.light import PERIODS
from datasets.plaza.render import FrameRenderer, figure_in_world
from datasets.plaza.skeleton import BONES, walking_pose
from datasets.plaza.truth import FrameRecord, Sighting, random_mean_ap
from datasets.plaza.walks import OBSTACLES, Placement, Timetable, draw_path

SMALL = {"persons": 12, "minutes": 0.2, "frame_width": 224}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, PlazaSummary]:
    root = tmp_path_factory.mktemp("worlds") / "plaza"
    return root, write_plaza(root, seed=4, **SMALL)


def read(root: Path, name: str):
    return json.loads((root / name).read_text())


def fingerprint(root: Path) -> dict[str, str]:
    files = sorted(path for path in root.rglob("*") if path.is_file())
    return {str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


# ---------------------------------------------------------------- the files


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
    assert summary.frames == 5 * 3 * 12 == len(list((root / "frames").glob("*.jpg")))
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
            expected = (112, 56) if image["camera_id"] == 5 else (224, 126)
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
    starts = [datetime.fromtimestamp(ordered[k * 12], UTC) for k in range(3)]
    assert [(s.hour, s.minute, s.second) for s in starts] == [(8, 30, 0), (11, 0, 0), (17, 0, 0)]
    assert len({s.date() for s in starts}) == 1
    steps = np.diff(ordered[:6])
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


# ---------------------------------------------------------------- geometry


@pytest.mark.parametrize("index", range(5))
def test_projection_homography_and_back_agree(index):
    camera = plaza_cameras(640)[index]
    rng = np.random.default_rng(index)
    forward = camera.rotation[2, :2] / np.linalg.norm(camera.rotation[2, :2])
    ground = camera.position[:2] + forward * rng.uniform(7, 25, (40, 1)) + rng.uniform(-2, 2, (40, 2))
    pixels, depth = camera.project(np.column_stack([ground, np.zeros(40)]))
    homogeneous = np.column_stack([ground, np.ones(40)]) @ camera.ground_homography().T
    np.testing.assert_allclose(homogeneous[:, :2] / homogeneous[:, 2:], pixels, atol=1e-8)
    np.testing.assert_allclose(homogeneous[:, 2], depth, atol=1e-9)
    back, meets = camera.to_ground(pixels)
    assert meets.all()
    np.testing.assert_allclose(back, ground, atol=1e-8)
    np.testing.assert_allclose(camera.rotation @ camera.rotation.T, np.eye(3), atol=1e-12)
    assert np.linalg.det(camera.rotation) == pytest.approx(1.0)
    assert 4.5 <= camera.position[2] <= 7.0


def test_the_sky_is_not_on_the_ground():
    camera = plaza_cameras(640)[0]
    _, meets = camera.to_ground(np.array([[320.0, -4000.0], [320.0, 300.0]]))
    assert meets.tolist() == [False, True]


def test_a_person_is_as_high_as_a_pin_hole_says():
    camera = plaza_cameras(1280)[1]
    ahead = camera.rotation[2, :2] / np.linalg.norm(camera.rotation[2, :2])
    look = draw_looks(np.random.default_rng(0), 1)[0]
    object.__setattr__(look, "height", 1.75)
    object.__setattr__(look, "bicycle", False)
    for distance in (9.0, 14.0, 21.0):
        spot = camera.position[:2] + ahead * distance
        placement = Placement(0, float(spot[0]), float(spot[1]), 0.0, 0.0, 0.0)
        _, vertices = figure_in_world(look, placement)
        assert vertices[:, 2].min() == pytest.approx(0.0, abs=0.02)
        assert vertices[:, 2].max() == pytest.approx(1.75, abs=0.04)
        ends, _ = camera.project(np.array([[*spot, 1.75], [*spot, 0.0]]))
        # By hand: angles below the optical axis of foot and head.
        pitch = np.arcsin(-camera.rotation[2, 2])
        below = [np.arctan2(camera.position[2] - z, distance) - pitch for z in (1.75, 0.0)]
        by_hand = camera.focal * (np.tan(below[1]) - np.tan(below[0]))
        assert ends[1, 1] - ends[0, 1] == pytest.approx(by_hand, rel=1e-9)
        pixels, _ = camera.project(vertices)
        assert np.ptp(pixels[:, 1]) == pytest.approx(by_hand, rel=0.10)


def test_small_camera_is_half_as_wide_and_two_to_one():
    cameras = plaza_cameras(640)
    assert [(c.width, c.height) for c in cameras] == [(640, 360)] * 4 + [(320, 160)]
    blue = cameras[4].sensor.develop(np.full((1, 3), 0.5))[0]
    assert blue[2] > blue[1] > blue[0]


# ---------------------------------------------------------------- pictures and boxes


@pytest.fixture(scope="module")
def renderer() -> FrameRenderer:
    return FrameRenderer(plaza_cameras(640)[2], PERIODS[1], draw_looks(np.random.default_rng(2), 6), seed=4)


def alone(renderer: FrameRenderer, placement: Placement):
    """What a person changes in the picture, without shadow and noise, and the silhouette's record."""
    image = renderer.background.image.copy()
    _, found = renderer.render([placement], np.random.default_rng(0))
    sprite = renderer._draw(placement, *figure_in_world(renderer.looks[placement.person], placement))
    renderer._composite(image, sprite)
    return np.any(image != renderer.background.image, axis=-1), found[0]


@pytest.mark.parametrize("person", range(6))
@pytest.mark.parametrize(("x", "y"), [(8.0, 6.0), (6.5, 7.0), (3.0, -4.5)])
def test_boxes_are_tight_around_the_drawn_pixels(renderer, person, x, y):
    if renderer.looks[person].bicycle:
        pytest.fail("the fixture's seed was chosen for people on foot")
    changed, silhouette = alone(renderer, Placement(person, x, y, person * 1.1, person * 0.3, 1.0))
    assert silhouette.visible > 0.95
    assert silhouette.inside == pytest.approx(1.0)
    rows, columns = np.flatnonzero(changed.any(axis=1)), np.flatnonzero(changed.any(axis=0))
    drawn = [columns[0], rows[0], columns[-1] + 1, rows[-1] + 1]
    np.testing.assert_allclose(silhouette.box, drawn, atol=1.3)


def test_who_stands_behind_is_seen_less(renderer):
    front, back = Placement(0, 8.0, 6.5, 0.0, 0.0, 0.0), Placement(1, 7.6, 6.1, 0.0, 0.0, 0.0)
    _, found = renderer.render([front, back], np.random.default_rng(0))
    by_person = {silhouette.person: silhouette for silhouette in found}
    assert by_person[0].visible == pytest.approx(1.0, abs=0.01)
    assert by_person[1].visible < 0.75
    _, reversed_order = renderer.render([back, front], np.random.default_rng(0))
    assert {s.person: s.visible for s in reversed_order} == {s.person: s.visible for s in found}


def test_furniture_hides_people_behind_it_but_not_before_it():
    camera = plaza_cameras(640)[2]
    renderer = FrameRenderer(camera, PERIODS[1], draw_looks(np.random.default_rng(2), 1), seed=4)
    towards = np.array([0.5, 0.5]) - camera.position[:2]
    towards /= np.linalg.norm(towards)
    for distance, hidden in ((3.2, True), (-3.2, False)):
        spot = np.array([0.5, 0.5]) + towards * distance
        _, found = renderer.render([Placement(0, *map(float, spot), 0.0, 0.0, 0.0)], np.random.default_rng(0))
        assert (found[0].visible < 0.9) == hidden


def test_nobody_is_drawn_behind_the_camera(renderer):
    spot = renderer.camera.position[:2] - renderer.camera.rotation[2, :2] * 5
    image, found = renderer.render([Placement(0, *map(float, spot), 0.0, 0.0, 0.0)], np.random.default_rng(0))
    assert found == []
    assert image.shape == (360, 640, 3)
    assert image.dtype == np.uint8


def test_periods_differ_in_light():
    camera, looks = plaza_cameras(160)[0], draw_looks(np.random.default_rng(0), 1)
    means = [FrameRenderer(camera, period, looks, seed=4).background.image.mean(axis=(0, 1)) for period in PERIODS]
    assert means[2].sum() < means[0].sum() < means[1].sum()
    warmth = [mean[0] / mean[2] for mean in means]
    assert warmth[1] < warmth[0]
    assert warmth[1] < warmth[2]


# ---------------------------------------------------------------- people


def test_looks_are_all_different_and_some_differ_little():
    looks = draw_looks(np.random.default_rng(7), 60)
    counts = [len(a.differences(b)) for i, a in enumerate(looks) for b in looks[:i]]
    assert min(counts) >= 1
    assert sum(count <= 2 for count in counts) >= 5
    assert np.median(counts) > 6


def test_feet_stand_on_the_ground_in_every_phase():
    look = draw_looks(np.random.default_rng(0), 1)[0]
    object.__setattr__(look, "bicycle", False)
    for way in np.linspace(0, 1.5, 13):
        _, vertices = figure_in_world(look, Placement(0, 0.0, 0.0, 0.0, float(way), 1.0))
        assert -0.03 < vertices[:, 2].min() < 0.03
        assert vertices[:, 2].max() == pytest.approx(look.height, rel=0.06)


def test_bones_stay_rigid_and_the_gait_repeats():
    first, second = walking_pose(1.8, 1.0, 0.3), walking_pose(1.8, 1.0, 0.3 + 0.82 * 1.8)
    np.testing.assert_allclose(first.positions, second.positions, atol=1e-9)
    eye = np.broadcast_to(np.eye(3), (BONES, 3, 3))
    np.testing.assert_allclose(first.rotations @ first.rotations.transpose(0, 2, 1), eye, atol=1e-12)


def test_paths_go_around_what_stands_there():
    rng = np.random.default_rng(3)
    for _ in range(20):
        path = draw_path(rng)
        distance = np.linalg.norm(path[:, None] - OBSTACLES[None, :, :2], axis=-1)
        assert np.all(distance > OBSTACLES[:, 2] - 0.3)
        assert np.all(np.linalg.norm(np.diff(path, axis=0), axis=1) < 0.26)


def test_timetable_never_shows_anybody_twice_and_everybody_in_the_end():
    looks = draw_looks(np.random.default_rng(1), 14)
    seconds = Timetable(np.random.default_rng(1), looks, range(14)).run(120)
    assert len(seconds) == 120
    for placements in seconds:
        people = [placement.person for placement in placements]
        assert len(set(people)) == len(people)
    assert {p.person for placements in seconds for p in placements} == set(range(14))
    pace = [
        np.hypot(a.x - b.x, a.y - b.y)
        for earlier, later in itertools.pairwise(seconds)
        for a in earlier
        for b in later
        if a.person == b.person and a.vigour and b.vigour and not looks[a.person].bicycle
    ]
    assert 0.8 < np.median(pace) < 1.7
    assert max(pace) < 3.0


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
