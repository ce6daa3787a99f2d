from collections import Counter

import numpy as np
import pytest

from datasets.samplers import balanced_batches, frame_batches, shuffled_batches

IDS = np.repeat(np.arange(10), [1, 2, 3, 4, 5, 6, 7, 8, 9, 10])


def test_every_person_is_drawn_once_an_epoch_with_the_same_number_of_pictures() -> None:
    batches = balanced_batches(IDS, persons=5, images=4, seed=0, epoch=0)
    assert [len(batch) for batch in batches] == [20, 20]
    drawn = [IDS[batch].reshape(5, 4) for batch in batches]
    assert all((block == block[:, :1]).all() for block in drawn), "the pictures of a person stand side by side"
    assert sorted(np.concatenate([block[:, 0] for block in drawn])) == list(range(10))


def test_pictures_repeat_only_where_a_person_has_too_few() -> None:
    for epoch in range(20):
        for rows in np.concatenate(balanced_batches(IDS, persons=5, images=4, seed=1, epoch=epoch)).reshape(-1, 4):
            person = IDS[rows[0]]
            assert len(set(rows)) == min(4, person + 1)


def test_all_pictures_come_up_evenly() -> None:
    ids = np.repeat(np.arange(4), 8)
    counts = Counter(
        int(row)
        for epoch in range(500)
        for batch in balanced_batches(ids, persons=2, images=4, seed=2, epoch=epoch)
        for row in batch
    )
    assert len(counts) == 32
    assert min(counts.values()) > 190, "250 expected"
    assert max(counts.values()) < 310, "250 expected"


def test_a_last_batch_is_filled_and_a_small_set_makes_one_batch() -> None:
    batches = balanced_batches(IDS, persons=4, images=2, seed=0, epoch=3)
    assert [len(batch) for batch in batches] == [8, 8, 8]
    assert set(IDS[np.concatenate(batches)]) == set(range(10))
    assert [len(batch) for batch in balanced_batches([0, 0, 1], persons=16, images=4, seed=0, epoch=0)] == [8]


def test_seed_and_epoch_decide() -> None:
    def order(seed: int, epoch: int) -> list[int]:
        return np.concatenate(balanced_batches(IDS, seed=seed, epoch=epoch)).tolist()

    assert order(0, 0) == order(0, 0)
    assert order(0, 0) != order(0, 1)
    assert order(0, 0) != order(1, 0)


def test_one_crop_is_a_batch() -> None:
    assert [batch.tolist() for batch in shuffled_batches(1, 2, seed=0, epoch=0)] == [[0, 0]]


def test_shuffling_shows_every_crop_once() -> None:
    batches = shuffled_batches(10, 4, seed=0, epoch=0)
    assert [len(batch) for batch in batches] == [4, 4, 4]
    assert sorted(np.concatenate(batches)[:10]) == list(range(10))
    assert [list(batch) for batch in batches] != [list(batch) for batch in shuffled_batches(10, 4, seed=0, epoch=1)]


@pytest.mark.parametrize("call", [
    lambda: balanced_batches([], seed=0, epoch=0),
    lambda: balanced_batches([0, -1], seed=0, epoch=0),
    lambda: balanced_batches([0, 1], persons=0, seed=0, epoch=0),
    lambda: shuffled_batches(0, 4, seed=0, epoch=0),
    lambda: shuffled_batches(4, 0, seed=0, epoch=0),
])  # fmt: skip
def test_wrong_input_is_named(call) -> None:
    with pytest.raises(ValueError, match="expected"):
        call()


@pytest.mark.parametrize(("frames", "batch"), [(9, 3), (10, 4), (3, 8)])
def test_an_epoch_sees_every_frame_and_only_full_batches(frames: int, batch: int) -> None:
    for aspects in (np.ones(frames), np.where(np.arange(frames) % 3, 16 / 9, 5 / 4)):
        batches = frame_batches(aspects, batch, seed=5, epoch=2)
        assert len(batches) == -(-frames // batch)
        assert all(len(rows) == batch for rows in batches)
        assert {row for rows in batches for _, row in rows} == set(range(frames))
        assert {epoch for rows in batches for epoch, _ in rows} == {2}
        assert batches == frame_batches(aspects, batch, seed=5, epoch=2)
        assert batches != frame_batches(aspects, batch, seed=6, epoch=2) or frames < batch


def test_batches_hold_frames_of_one_shape_but_for_what_is_left() -> None:
    """A batch is mixed only where the frames of a shape do not come out even; sizes that differ by a pixel are one."""
    aspects = np.array([1920 / 1080] * 30 + [1919 / 1080] * 11 + [720 / 576] * 22 + [1080 / 1920] * 3)
    shape = np.repeat([0, 0, 1, 2], [30, 11, 22, 3])
    batches = [[row for _, row in rows] for rows in frame_batches(aspects, 4, seed=0, epoch=0)]
    mixed = [rows for rows in batches if len(set(shape[rows])) > 1]
    assert len(mixed) <= 2
    assert len(batches) == 17
    kinds = [shape[rows[0]] for rows in batches if rows not in mixed]
    assert kinds != sorted(kinds), "shapes take turns"


def test_frames_or_batches_of_nothing_are_named() -> None:
    with pytest.raises(ValueError, match="0 frames in batches of 4"):
        frame_batches([], 4, seed=0, epoch=0)
    with pytest.raises(ValueError, match="2 frames in batches of 0"):
        frame_batches([1.0, 1.0], 0, seed=0, epoch=0)


SAMPLERS = {
    "balanced": lambda seed, epoch: np.concatenate(balanced_batches(IDS, persons=5, images=4, seed=seed, epoch=epoch)),
    "shuffled": lambda seed, epoch: np.concatenate(shuffled_batches(55, 5, seed=seed, epoch=epoch)),
    "frames": lambda seed, epoch: np.array(
        [row for rows in frame_batches([1.0, 2.0] * 28, 4, seed=seed, epoch=epoch) for _, row in rows]
    ),
}


@pytest.mark.parametrize("name", SAMPLERS)
def test_every_seed_and_every_epoch_draws_an_order_of_its_own(name: str) -> None:
    """Seed 1 in epoch 0 is not seed 0 in epoch 1: adding them up would make trainings of two seeds alike."""
    orders = {(seed, epoch): tuple(SAMPLERS[name](seed, epoch).tolist()) for seed in range(4) for epoch in range(4)}
    assert len(set(orders.values())) == len(orders)
    assert orders[2, 3] == tuple(SAMPLERS[name](2, 3).tolist())


def test_pictures_of_two_people_are_drawn_independently() -> None:
    """Were one permutation used for everybody, the third picture of one would always come with the third of another."""
    ids = np.repeat([0, 1], 6)
    together = Counter()
    for epoch in range(200):
        (rows,) = balanced_batches(ids, persons=2, images=1, seed=0, epoch=epoch)
        together[tuple(sorted(int(row) % 6 for row in rows))] += 1
    assert len(together) == 21, "all pairs of places come up"


def test_people_who_are_drawn_again_and_repeated_pictures_are_left_to_chance() -> None:
    ids = np.repeat(np.arange(3), [1, 2, 8])
    repeated = Counter()
    for epoch in range(100):
        for batch in balanced_batches(ids, persons=2, images=4, seed=0, epoch=epoch):
            rows = batch.reshape(2, 4)
            repeated.update(tuple(sorted(row)) for row in rows.tolist() if ids[row[0]] == 1)
    assert set(repeated) == {(1, 1, 1, 2), (1, 1, 2, 2), (1, 2, 2, 2)}
