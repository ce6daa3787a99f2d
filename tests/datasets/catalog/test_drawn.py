"""A part of a training split."""

from pathlib import Path

import numpy as np
import pytest

from datasets.catalog.drawn import draw_frames
from datasets.samples import UNLABELLED, FrameSample


def split(count: int = 40) -> list[FrameSample]:
    """Frames with a person of their own, one that every third shares, and one whom nobody knows."""
    frames = []
    for row in range(count):
        people = np.array([row + 1, UNLABELLED, *([0] if row % 3 == 0 else [])])
        boxes = np.tile(np.array([[1.0, 1.0, 5.0, 9.0]], dtype=np.float32), (len(people), 1))
        frames.append(FrameSample(f"{row:03d}.jpg", Path(f"{row}"), boxes, people, camera=1, original_ids=people + 100))
    return frames


def test_a_draw_is_a_part_in_the_order_of_the_split_and_the_seed_decides_it() -> None:
    names = [[one.name for one in draw_frames(split(), 10, seed=seed)] for seed in (3, 3, 4)]
    assert names[0] == names[1] != names[2]
    assert names[0] == sorted(set(names[0]))
    assert len(names[0]) == 10
    assert names[0] != [one.name for one in split()[:10]], "by chance, not the first ones"


def test_fewer_frames_are_a_part_of_more() -> None:
    few, many = ({one.name for one in draw_frames(split(), count, seed=0)} for count in (5, 20))
    assert few < many
    every = draw_frames(split(), 40, seed=0)
    assert [one.name for one in every] == [one.name for one in split()]
    assert [one.person_ids.tolist() for one in every] == [one.person_ids.tolist() for one in split()]


def test_identities_have_no_gaps_and_are_still_the_same_people() -> None:
    drawn = draw_frames(split(), 12, seed=1)
    pairs = {(int(new), int(old)) for one in drawn for new, old in zip(one.person_ids, one.original_ids) if new >= 0}
    assert sorted(new for new, _ in pairs) == list(range(len(pairs))), "one number for each person"
    assert len({old for _, old in pairs}) == len(pairs)
    assert all(int(one.person_ids[1]) == UNLABELLED for one in drawn)
    assert all(one.person_ids.dtype == np.int64 for one in drawn)


def test_frames_without_anybody_can_be_drawn() -> None:
    empty = [FrameSample(f"{row}", Path("a"), np.zeros((0, 4), np.float32), np.zeros(0, np.int64)) for row in range(3)]
    assert len(draw_frames(empty, 2, seed=0)) == 2


@pytest.mark.parametrize("count", [0, -1, 41])
def test_a_number_of_frames_that_there_is_not_is_refused(count: int) -> None:
    with pytest.raises(ValueError, match=f"{count} frames are asked for, expected 1 to 40"):
        draw_frames(split(), count, seed=0)
