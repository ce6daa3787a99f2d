"""Linking detections into tracks, tracks into people, and averaging: hand-made ways, naive loops, bad input."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch

from datasets.samples import Query
from detection.detections import Detections
from search.evaluation.protocols import evaluate_search
from search.tracks.linking import link_tracklets, renumbered
from search.tracks.settings import TrackerSettings
from search.tracks.tracker import UNTRACKED, Tracker
from search.tracks.tracklets import Tracklet, averaged, by_camera, track_frames, tracklets, without_short


@dataclass(frozen=True)
class Shot:
    """All that linking needs of a frame."""

    name: str
    camera: int | str | None = None
    timestamp: float | None = None


def people(*places: float, looks: np.ndarray | None = None, scores: list[float] | None = None) -> Detections:
    """People of 40 x 100 pixels with their left sides at the places."""
    left = np.array(places, dtype=np.float32)
    boxes = np.stack([left, np.full_like(left, 20), left + 40, np.full_like(left, 120)], axis=1)
    return Detections(boxes, np.ones(len(places)) if scores is None else scores, looks)


def walk(frames: int, seed: int = 0, persons: int = 5, noise: float = 0.1) -> tuple[list[Detections], list[np.ndarray]]:
    """Persons who walk through one another, some unseen now and then, in another order in every frame."""
    random = np.random.default_rng(seed)
    start, speed = random.uniform(0, 600, persons), random.uniform(-15, 15, persons)
    looks = np.eye(persons, 8)
    found, truth = [], []
    for frame in range(frames):
        seen = random.permutation(persons)[: persons - (frame % 3 == 1)]
        rows = looks[seen] + random.normal(0, noise, (len(seen), 8))
        found.append(people(*(start + speed * frame)[seen], looks=rows.astype(np.float32)))
        truth.append(seen)
    return found, truth


def one_to_one(truth: list[np.ndarray], ids: list[np.ndarray]) -> bool:
    pairs = {(int(person), int(track)) for frame in zip(truth, ids, strict=True) for person, track in zip(*frame)}
    return len(pairs) == len({person for person, _ in pairs}) == len({track for _, track in pairs})


def test_people_who_cross_keep_their_numbers_by_their_looks() -> None:
    found, truth = walk(40)
    tracker = Tracker()
    ids = [tracker.update(second, one) for second, one in enumerate(found)]
    assert one_to_one(truth, ids)
    assert tracker.count == 5


def test_without_embeddings_overlap_alone_links_and_the_way_goes_on_as_it_went() -> None:
    tracker = Tracker(TrackerSettings(maximum_gap=3))
    ways = [(0.0, 300.0), (10.0, 290.0), (20.0, 280.0), (60.0, 240.0)]  # unseen for three frames
    times = [0, 1, 2, 6 - 0.5]
    ids = [tracker.update(time, people(*places)).tolist() for time, places in zip(times, ways, strict=True)]
    assert ids == [[0, 1]] * 3 + [[2, 3]]  # the gap of 3.5 is too long
    tracker = Tracker(TrackerSettings(maximum_gap=4))
    ids = [tracker.update(time, people(*places)).tolist() for time, places in zip((0, 1, 2, 6), ways, strict=True)]
    assert ids == [[0, 1]] * 4  # 40 pixels away from where they were seen, but just where their way led
    assert tracker.update(7, people(500.0)).tolist() == [2]


def test_looks_and_reach_gate_what_overlap_does_not() -> None:
    red, blue = np.eye(2, dtype=np.float32)[:1], np.eye(2, dtype=np.float32)[1:]
    settings = TrackerSettings(maximum_speed=1.0)

    def second(place: float, look: np.ndarray, **changes: float) -> int:
        tracker = Tracker(replace(settings, **changes))
        assert tracker.update(0, people(0.0, looks=red)).tolist() == [0]
        return int(tracker.update(1, people(place, looks=look))[0])

    assert second(99, red) == 0  # one height in one second
    assert second(101, red) == 1
    assert second(101, red, maximum_speed=1.1) == 0
    assert second(2, blue) == 1  # somebody else stands there now
    assert second(2, blue, minimum_similarity=-1.0) == 0
    assert second(99, red, maximum_speed=0.0) == 1


@pytest.mark.parametrize(
    ("momentum", "angle", "same"),
    [(0.0, 80, True), (0.5, 80, False), (0.5, 60, True), (0.9, 60, False), (1.0, 60, False)],
)
def test_a_track_remembers_its_looks_by_its_momentum(momentum: float, angle: float, same: bool) -> None:
    """Looks turn by 40 degrees, then to `angle`; up to 50 from what the track remembers of the first two are one."""
    tracker = Tracker(TrackerSettings(momentum=momentum, minimum_similarity=float(np.cos(np.radians(50)))))
    ids = []
    for second, degrees in enumerate((0, 40, angle)):
        looks = np.array([[np.cos(np.radians(degrees)), np.sin(np.radians(degrees))]], dtype=np.float32)
        ids.append(int(tracker.update(second, people(100, looks=looks))[0]))
    assert ids[:2] == [0, 0]
    assert (ids[2] == 0) is same


def test_the_order_of_detections_does_not_matter() -> None:
    found, _ = walk(12, seed=3)
    random = np.random.default_rng(0)
    plain, mixed = Tracker(), Tracker()
    same: dict[int, int] = {}
    for second, one in enumerate(found):
        order = random.permutation(len(one))
        first, other = plain.update(second, one), mixed.update(second, one[order])
        for track, again in zip(first[order].tolist(), other.tolist(), strict=True):
            assert same.setdefault(track, again) == again


def test_the_unsure_go_on_but_do_not_begin() -> None:
    tracker = Tracker(TrackerSettings(minimum_score=0.6))
    assert tracker.update(0, people(0, 200, scores=[0.9, 0.5])).tolist() == [0, UNTRACKED]
    assert tracker.update(1, people(0, 200, scores=[0.5, 0.6])).tolist() == [0, 1]
    assert Tracker().update(0, people(0, 200, scores=[-0.3, 2.5])).tolist() == [0, 1]  # DPM's confidences


def test_empty_frames_are_frames() -> None:
    tracker = Tracker(TrackerSettings(maximum_gap=1))
    looks = np.eye(3, dtype=np.float32)[:1]
    assert tracker.update(0, people()).tolist() == []
    assert tracker.update(1, people(0.0, looks=looks)).tolist() == [0]
    assert tracker.update(2, people()).tolist() == []
    assert tracker.update(3, people(0.0, looks=looks)).tolist() == [1]
    assert tracker.update(3, people(0.0, looks=looks)).tolist() == [1]  # two frames of one second


def test_what_a_tracker_refuses() -> None:
    looks = np.eye(3, dtype=np.float32)[:1]
    tracker = Tracker()
    tracker.update(5, people(0.0, looks=looks))
    with pytest.raises(ValueError, match=r"frame at 4 after one at 5, expected time order"):
        tracker.update(4, people(0.0, looks=looks))
    with pytest.raises(ValueError, match="have no embeddings"):
        tracker.update(6, people(0.0))
    with pytest.raises(ValueError, match="width 2 after those of width 3"):
        tracker.update(6, people(0.0, looks=looks[:, :2]))
    plain = Tracker()
    plain.update(0, people(0.0))
    with pytest.raises(ValueError, match="those of earlier frames had none"):
        plain.update(1, people(0.0, looks=looks))
    for name, value in (
        ("momentum", 1.5),
        ("minimum_similarity", 2.0),
        ("maximum_gap", -1.0),
        ("maximum_speed", np.nan),
    ):
        with pytest.raises(ValueError, match=f"{name} of the tracker is"):
            TrackerSettings(**{name: value})


def two_cameras() -> tuple[list[Shot], dict[str, Detections], dict[str, np.ndarray]]:
    frames, detections, truth = [], {}, {}
    for camera in ("b", "a"):
        found, who = walk(10, seed=ord(camera))
        for second in range(10):
            frames.append(Shot(f"{camera}{second}", camera, 100.0 + second))
            detections[frames[-1].name], truth[frames[-1].name] = found[second], who[second]
    return frames, detections, truth


def test_each_camera_is_tracked_alone_and_in_time_order() -> None:
    frames, detections, truth = two_cameras()
    done: list[tuple[int, int]] = []
    tracks = track_frames(frames, detections, on_progress=lambda *counts: done.append(counts))
    assert done == [(number, 20) for number in range(1, 21)]
    assert np.unique(np.concatenate(list(tracks.values()))).tolist() == list(range(10))
    for camera in "ab":
        names = [frame.name for frame in frames if frame.camera == camera]
        assert one_to_one([truth[name] for name in names], [tracks[name] for name in names])
    # Cameras keep the order in which they first come; their frames are sorted.
    shuffled = [*frames[9::-1], *frames[:9:-1]]
    again = track_frames(shuffled, detections)
    assert all((again[name] == ids).all() for name, ids in tracks.items())
    del detections["a3"]  # could not be read
    assert set(track_frames(frames, detections)) == set(detections)


def test_frames_without_times_count_in_their_order() -> None:
    frames = [Shot("x"), Shot("y"), Shot("z", camera=1)]
    assert by_camera(frames) == {None: [(0.0, frames[0]), (1.0, frames[1])], 1: [(0.0, frames[2])]}
    with pytest.raises(ValueError, match="camera 1: 1 of 2 frames have no timestamp"):
        by_camera([frames[2], Shot("t", 1, 5.0)])


def test_tracklets_and_means_are_those_of_a_loop() -> None:
    frames, detections, _ = two_cameras()
    tracks = track_frames(frames, detections)
    tracks["b4"][1] = UNTRACKED
    expected: dict[int, list[tuple[str, int]]] = {}
    for frame in frames:
        for row, track in enumerate(tracks[frame.name].tolist()):
            expected.setdefault(track, []).append((frame.name, row))
    del expected[UNTRACKED]
    found = tracklets(frames, detections, tracks)
    assert [one.track_id for one in found] == sorted(expected)
    steadier = averaged(detections, tracks, blend=0.25)
    for one in found:
        assert list(zip(one.frames, one.rows.tolist(), strict=True)) == expected[one.track_id]
        assert {name[0] for name in one.frames} == {one.camera}
        assert one.times.tolist() == [100.0 + int(name[1:]) for name in one.frames]
        assert len(one) == len(one.boxes)
        looks = torch.stack([detections[name].embeddings[row] for name, row in expected[one.track_id]])
        looks = torch.nn.functional.normalize(looks, dim=1)
        mean = torch.nn.functional.normalize(looks.mean(dim=0), dim=0)
        assert torch.allclose(one.embedding, mean, atol=1e-6)
        for (name, row), own, box in zip(expected[one.track_id], looks, one.boxes, strict=True):
            mixed = torch.nn.functional.normalize(0.75 * own + 0.25 * mean, dim=0)
            assert torch.allclose(steadier[name].embeddings[row], mixed, atol=1e-6)
            assert detections[name].boxes[row].tolist() == box.tolist()
    assert torch.equal(steadier["b4"].embeddings[1], detections["b4"].embeddings[1])


def test_averaging_at_its_limits() -> None:
    looks = np.array([[1, 0], [-1, 0], [0, 2]], dtype=np.float32)
    found = {"a": people(0, 1, looks=looks[:2]), "b": people(0.0, looks=looks[2:]), "c": people(), "d": people(0.0)}
    tracks = {"a": np.array([4, 4]), "b": np.array([7]), "c": np.zeros(0, dtype=np.int64)}
    steadier = averaged(found, tracks, blend=1)
    assert steadier["a"].embeddings.tolist() == [[1, 0], [-1, 0]]  # their mean has no direction
    assert steadier["b"].embeddings.tolist() == [[0, 1]]
    assert steadier["d"] is found["d"]
    assert list(steadier) == list(found)
    assert averaged({}, {}) == {}
    with pytest.raises(ValueError, match=r"blend 1.5, expected a share"):
        averaged(found, tracks, blend=1.5)
    with pytest.raises(ValueError, match="no embeddings to average"):
        averaged(found, tracks | {"d": np.array([0])})
    with pytest.raises(ValueError, match="frame a: 1 track numbers for 2 detections"):
        averaged(found, {"a": np.array([4])})


def test_averaged_sightings_are_found_better() -> None:
    frames = 12
    found, truth = walk(frames, seed=1, persons=8, noise=0.45)
    names = [f"{second}" for second in range(frames)]
    detections = dict(zip(names, found, strict=True))
    shots = [Shot(name, timestamp=float(name)) for name in names]
    tracks = track_frames(shots, detections, TrackerSettings(minimum_similarity=-1, embedding_weight=0.1))
    queries, probes = [], []
    for person in range(8):
        boxes = [
            one.boxes[list(who).index(person)].numpy() if person in who else None for one, who in zip(found, truth)
        ]
        queries.append(Query(person, list(zip(names, boxes, strict=True)), frame="0", box=found[0].boxes[0].numpy()))
        probes.append(np.eye(8)[person])
    plain, steadier = (
        evaluate_search(one, queries, np.array(probes)) for one in (detections, averaged(detections, tracks, blend=1))
    )
    assert steadier.mean_ap > plain.mean_ap + 0.1


def test_short_tracks_leave() -> None:
    tracks = {"a": np.array([0, 1, UNTRACKED]), "b": np.array([2, 0]), "c": np.zeros(0, dtype=np.int64)}
    kept = {name: ids.tolist() for name, ids in without_short(tracks, 2).items()}
    assert kept == {"a": [0, UNTRACKED, UNTRACKED], "b": [UNTRACKED, 0], "c": []}
    assert without_short({}, 3) == {}


def way(camera: str, first: float, last: float, look: np.ndarray, number: int) -> Tracklet:
    times = np.array([first, last])
    embedding = torch.nn.functional.normalize(torch.from_numpy(look).float(), dim=0)
    return Tracklet(
        camera, number, ("x", "y"), np.zeros(2, dtype=np.int64), np.zeros((2, 4), np.float32), times, embedding
    )


def linked_by_loop(ways: list[Tracklet], minimum: float) -> list[set[int]]:
    """Join the two groups of largest mean cosine until no two may join."""
    groups = [{number} for number in range(len(ways))]

    def may(first: set[int], second: set[int]) -> bool:
        pairs = [(ways[a], ways[b]) for a in first for b in second]
        return not any(a.camera == b.camera and a.times[0] <= b.times[1] and b.times[0] <= a.times[1] for a, b in pairs)

    def likeness(first: set[int], second: set[int]) -> float:
        return float(np.mean([float(ways[a].embedding @ ways[b].embedding) for a in first for b in second]))

    while True:
        pairs = [(likeness(a, b), a, b) for a in groups for b in groups if a is not b and may(a, b)]
        best = max(pairs, key=lambda pair: pair[0], default=None)
        if best is None or best[0] < minimum:
            return groups
        groups = [group for group in groups if group is not best[1] and group is not best[2]] + [best[1] | best[2]]


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("minimum", [0.2, 0.6])
def test_people_are_those_of_an_agglomerative_loop(seed: int, minimum: float) -> None:
    random = np.random.default_rng(seed)
    ways = []
    for number in range(24):
        first = random.uniform(0, 50)
        look = np.eye(6)[number % 6] + random.normal(0, 0.35, 6)
        ways.append(way(str(random.integers(3)), first, first + random.uniform(0, 20), look, number))
    people_of = link_tracklets(ways, minimum_similarity=minimum)
    groups = {frozenset(np.flatnonzero(people_of == person).tolist()) for person in range(people_of.max() + 1)}
    assert groups == {frozenset(group) for group in linked_by_loop(ways, minimum)}
    assert np.array_equal(
        np.unique(people_of, return_index=True)[1], np.sort(np.unique(people_of, return_index=True)[1])
    )


def test_nobody_is_twice_in_one_camera_at_once() -> None:
    look = np.ones(4)
    ways = [way("a", 0, 9, look, 3), way("a", 5, 20, look, 5), way("b", 0, 30, look, 6), way("a", 30, 40, look, 8)]
    numbers = link_tracklets(ways, minimum_similarity=0.9)
    assert numbers[0] != numbers[1]
    assert len(set(numbers.tolist())) == 2
    tracks = {"f": np.array([3, UNTRACKED, 5]), "g": np.array([6]), "h": np.array([8])}
    joined = renumbered(tracks, ways, numbers)
    assert joined["f"].tolist() == [numbers[0], UNTRACKED, numbers[1]]
    assert joined["h"].tolist() == [numbers[3]]
    assert renumbered({"f": np.array([UNTRACKED])}, [], numbers[:0])["f"].tolist() == [UNTRACKED]
    assert link_tracklets([]).tolist() == []
    assert link_tracklets(ways[:1]).tolist() == [0]
    with pytest.raises(ValueError, match="have no embeddings to link them by"):
        link_tracklets([replace(one, embedding=None) for one in ways])
    with pytest.raises(ValueError, match="minimum similarity 2"):
        link_tracklets(ways, minimum_similarity=2)
