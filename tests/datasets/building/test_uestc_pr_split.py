"""UESTC-PR's division of people, frames and queries."""

from pathlib import Path

import numpy as np
import pytest

from datasets.building.splitting import choose_queries, keep_together, split_frames
from datasets.layouts.uestc_pr import split_identities
from datasets.samples import UNLABELLED, FrameSample


def frame(name: str, people: list[int], camera: int = 1) -> FrameSample:
    boxes = [[10 * row, 0, 10 * row + 8, 20 + row] for row in range(len(people))]
    return FrameSample(name, Path(name), boxes, people, camera)


def test_499_people_are_divided_as_the_paper_prints() -> None:
    split = split_identities(range(1000, 1499), seed=3)
    assert (len(split.train), len(split.query), len(split.gallery)) == (251, 247, 248)
    assert not set(split.train) & set(split.gallery)
    assert set(split.query) < set(split.gallery)
    assert sorted(split.train + split.gallery) == list(range(1000, 1499))


def test_only_the_seed_decides() -> None:
    people = list(range(60))
    first = split_identities(people, seed=1)
    assert split_identities([*people[::-1], 3, 3], seed=1) == first
    assert split_identities(people, seed=2) != first
    trained = [set(split_identities(people, seed=seed).train) for seed in range(200)]
    shares = np.mean([[person in chosen for person in people] for chosen in trained], axis=0)
    assert abs(shares - 30 / 60).max() < 0.15


def test_who_cannot_be_asked_for_is_the_first_without_a_query() -> None:
    whole = split_identities(range(499), seed=0)
    shy = whole.query[17]
    split = split_identities(range(499), seed=0, askable=set(range(499)) - {shy})
    assert (split.train, split.gallery) == (whole.train, whole.gallery)
    assert shy not in split.query
    assert len(split.query) == 247
    assert split_identities(range(499), seed=0, askable=[]).query == ()


@pytest.mark.parametrize(("people", "sizes"), [(2, (1, 1, 1)), (3, (2, 1, 1)), (10, (5, 5, 5)), (250, (126, 124, 124))])
def test_other_numbers_keep_the_proportion(people: int, sizes: tuple[int, int, int]) -> None:
    split = split_identities(range(people), seed=0)
    assert (len(split.train), len(split.query), len(split.gallery)) == sizes


@pytest.mark.parametrize("people", [[], [5], [-1, 3, 4]])
def test_too_few_people(people: list[int]) -> None:
    with pytest.raises(ValueError, match="expected at least two"):
        split_identities(people, seed=0)


def test_a_frame_goes_to_the_half_with_more_people_and_hides_the_others() -> None:
    frames = [frame("a", [1, 2, 9]), frame("b", [1, 8, 9, -1])]
    halves = split_frames([frames], [1, 2], [8, 9])
    assert [one.name for one in halves.train] == ["a"]
    assert [one.name for one in halves.gallery] == ["b"]
    assert halves.train[0].person_ids.tolist() == [1, 2, UNLABELLED]
    assert halves.gallery[0].person_ids.tolist() == [UNLABELLED, 8, 9, -1]
    assert halves.train[0].original_ids.tolist() == [1, 2, 9]
    assert halves.hidden == 2
    np.testing.assert_array_equal(halves.train[0].boxes, frames[0].boxes)


def test_shared_frames_lose_no_label() -> None:
    frames = [frame("a", [1, 2, 9]), frame("b", [1, 8, 9]), frame("c", [8]), frame("d", [])]
    halves = split_frames([frames], [1, 2], [8, 9], sharing="shared")
    assert [one.name for one in halves.train] == ["a", "b"]
    assert [one.name for one in halves.gallery] == ["a", "b", "c", "d"]
    assert halves.hidden == 0
    for half, people in ((halves.train, {1, 2}), (halves.gallery, {8, 9})):
        assert {person for one in half for person in one.person_ids.tolist()} - {UNLABELLED} == people


def test_undecided_frames_follow_the_frame_before_them() -> None:
    recording = [frame("0", []), frame("1", [1]), frame("2", []), frame("3", [1, 9]), frame("4", [9]), frame("5", [-1])]
    halves = split_frames([recording, [frame("x", [-1])]], [1], [9])
    assert [one.name for one in halves.train] == ["0", "1", "2", "3"]
    assert [one.name for one in halves.gallery] == ["4", "5", "x"]
    assert halves.hidden == 1


def test_disjoint_halves_hold_every_frame_once() -> None:
    random = np.random.default_rng(0)
    recordings = [
        [frame(f"{camera}_{k}", random.choice(20, random.integers(0, 5), replace=False).tolist()) for k in range(50)]
        for camera in range(4)
    ]
    halves = split_frames(recordings, range(10), range(10, 20))
    names = [one.name for half in (halves.train, halves.gallery) for one in half]
    assert sorted(names) == sorted(one.name for part in recordings for one in part)
    everything = sum(len(one.boxes) for part in recordings for one in part)
    assert (
        sum(int((one.person_ids >= 0).sum()) for one in [*halves.train, *halves.gallery]) == everything - halves.hidden
    )


def test_one_query_per_person_and_camera_of_who_is_seen_by_two() -> None:
    gallery = [frame(f"c{camera}_{k}", [8, 9], camera) for camera in (1, 2) for k in range(5)]
    gallery += [frame("c3", [7, 8], 3), frame("c3b", [7], 3)]
    queries = choose_queries(gallery, [7, 8, 9], seed=5)
    assert [(query.person_id, query.camera) for query in queries] == [(8, 1), (8, 2), (8, 3), (9, 1), (9, 2)]
    frames = {one.name: one for one in gallery}
    for query in queries:
        shown = frames[query.frame]
        row = shown.person_ids.tolist().index(query.person_id)
        np.testing.assert_array_equal(query.box, shown.boxes[row])
        assert shown.camera == query.camera
    again = choose_queries(gallery, [8], seed=5)
    assert [query.frame for query in again] == [query.frame for query in queries[:3]]
    chosen = {tuple(query.frame for query in choose_queries(gallery, [8, 9], seed=seed)) for seed in range(30)}
    assert len(chosen) > 5


def hidden(recordings: list[list[FrameSample]], train: tuple[int, ...], people: range) -> int:
    return split_frames(recordings, train, set(people) - set(train)).hidden


def test_keeping_together_exchanges_people_and_hides_fewer() -> None:
    random = np.random.default_rng(1)
    # Forty people cross one after the other, about six at a time.
    recordings = [
        [
            frame(f"{camera}_{k}", [p for p in range(40) if abs(p - k / 5) < 3 and random.random() < 0.7])
            for k in range(200)
        ]
        for camera in range(2)
    ]
    split = split_identities(range(40), seed=0)
    train = keep_together(recordings, split.train, split.gallery)
    assert len(train) == len(split.train)
    assert keep_together(recordings, split.train, split.gallery) == train
    assert hidden(recordings, train, range(40)) < 0.4 * hidden(recordings, split.train, range(40))
    fixed = split_identities(range(40), seed=0, train=train)
    assert fixed.train == train
    assert (len(fixed.query), len(fixed.gallery)) == (len(split.query), len(split.gallery))


def test_keeping_together_finds_groups_and_stops_at_no_gain() -> None:
    groups = [frame(f"{k}", [0, 1, 2] if k % 2 else [3, 4, 5]) for k in range(6)]
    assert keep_together([groups], [0, 3, 4], [1, 2, 5]) in ((0, 1, 2), (3, 4, 5))
    assert keep_together([groups], [0, 1, 2], [3, 4, 5]) == (0, 1, 2)
    assert keep_together([[]], [4, 2], [1]) == (2, 4)
