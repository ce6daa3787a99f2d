"""How similar strangers get, learned without labels: the rates that follow, and each step against a slow one."""

import numpy as np
import pytest
from numpy.typing import NDArray

from reid.ranking.strangers import (
    LINE_QUANTILES,
    SHAPE,
    Strangers,
    Tail,
    learn_strangers,
    learned_thresholds,
    pairs_of_strangers,
)

GROUP, STEPS, DIMENSION = 5, 6, 16


def unit(rows: NDArray[np.float64]) -> NDArray[np.float32]:
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def crowd(groups: int, seed: int) -> dict[str, NDArray[np.generic]]:
    """Groups of people who walk through a few frames together, in a light that they share."""
    random = np.random.default_rng(seed)
    people = random.standard_normal((groups * GROUP, 1, DIMENSION))
    light = 0.5 * np.repeat(random.standard_normal((groups, 1, DIMENSION)), GROUP, axis=0)
    views = people + light + 0.3 * random.standard_normal((groups * GROUP, STEPS, DIMENSION))
    walk, step = np.divmod(np.arange(groups * GROUP * STEPS), STEPS)
    left = 20.0 * (walk % GROUP)
    boxes = np.stack([left, 0 * left, left + 15, 0 * left + 40], axis=1).astype(np.float32)
    return {
        "embeddings": unit(views.reshape(-1, DIMENSION)),
        "frames": walk // GROUP * STEPS + step,
        "boxes": boxes,
        "walks": walk,
    }


@pytest.fixture(scope="module")
def learned() -> Strangers:
    return learn_strangers(**crowd(60, seed=1))  # type: ignore[arg-type]


def test_of_other_people_about_as_many_are_mistaken_as_was_asked(learned: Strangers) -> None:
    thresholds = learned_thresholds(learned, match_rate=0.01, possible_rate=0.1, repeats=1).thresholds
    gallery, probes = crowd(60, seed=2)["embeddings"], crowd(100, seed=3)["embeddings"][::STEPS]
    drawn = np.random.default_rng(4).permutation(len(gallery))
    for size in (1, 10, 100, len(gallery)):
        at, parts = thresholds.at(size), drawn[: len(drawn) // size * size].reshape(-1, size)
        best = np.stack([(probes @ gallery[part].T).max(axis=1) for part in parts])
        for threshold, rate in ((at.match, 0.01), (at.possible, 0.1)):
            share = (best >= threshold).mean()
            assert share <= 2 * rate
            assert share >= rate / 2 or size > 10  # far out in the tail the estimate is careful


def test_strangers_in_one_light_are_more_similar_than_elsewhere(learned: Strangers) -> None:
    together = np.quantile(learned.z, LINE_QUANTILES)
    assert (together > learned.everywhere + 0.05).all()
    np.testing.assert_allclose(np.quantile(learned.tail(1).z, LINE_QUANTILES), learned.everywhere, atol=0.03)


def test_only_those_who_are_sought_are_looked_for() -> None:
    data = crowd(60, seed=8)
    sought = data["walks"] % GROUP < 2
    half = learn_strangers(**data, sought=sought)  # type: ignore[arg-type]
    assert len(half.z) == 60 * STEPS * 2 * (GROUP - 1)
    with pytest.raises(ValueError, match="0 pairs of people"):
        learn_strangers(**data, sought=np.zeros(len(sought), dtype=bool))  # type: ignore[arg-type]


def test_the_interval_holds_the_threshold(learned: Strangers) -> None:
    made = learned_thresholds(learned, match_rate=0.01, possible_rate=0.1, repeats=8)
    for size in (1, 10, 1800, 10**6):
        low, middle, high = (one.at(size) for one in (made.low, made.thresholds, made.high))
        assert low.match < middle.match < high.match
        assert low.possible < middle.possible < high.possible
    assert made.thresholds.sizes[-3:] == (1800, 18_000, 180_000)
    assert learned_thresholds(learned, match_rate=0.01, possible_rate=0.1, repeats=8).low == made.low


def test_more_footage_says_it_more_surely(learned: Strangers) -> None:
    spreads = []
    for strangers in (learned, learn_strangers(**crowd(240, seed=1))):  # type: ignore[arg-type]
        random = np.random.default_rng(0)
        times = [strangers.drawn_anew(random) for _ in range(20)]
        spreads.append(np.std([strangers.tail(1, one).similarity_at(0.1) for one in times]))
    assert spreads[1] < 0.75 * spreads[0]


def test_the_order_of_the_sightings_does_not_matter() -> None:
    data = crowd(60, seed=5)
    order = np.random.default_rng(0).permutation(len(data["walks"]))
    one, other = (learn_strangers(**each) for each in (data, {key: value[order] for key, value in data.items()}))  # type: ignore[arg-type]
    np.testing.assert_allclose(one.z, other.z, atol=1e-5)
    assert one.pairs_of_walks == other.pairs_of_walks
    assert one.alike.sum() == other.alike.sum()


def test_pairs_and_their_look_alikes_as_a_slow_count_finds_them() -> None:
    data = crowd(60, seed=6)
    frames, boxes, walks = data["frames"][:60], data["boxes"][:60].copy(), data["walks"][:60]
    boxes[7, [0, 2]] = (0, 200)  # across everybody: makes no pair
    slow = [
        [i, j]
        for i in range(60)
        for j in range(60)
        if frames[i] == frames[j] and (boxes[i, 0] >= boxes[j, 2] or boxes[j, 0] >= boxes[i, 2])
    ]
    assert pairs_of_strangers(frames, boxes).tolist() == slow  # type: ignore[arg-type]
    strangers = learn_strangers(**data)  # type: ignore[arg-type]
    embeddings, walks = data["embeddings"], data["walks"]
    counts = [
        int((embeddings[walks == walks[j]] @ embeddings[i] >= embeddings[i] @ embeddings[j] - 1e-6).sum())
        for i, j in pairs_of_strangers(data["frames"], data["boxes"])  # type: ignore[arg-type]
    ]
    assert sorted(counts) == sorted(strangers.alike.tolist())


def test_look_alikes_of_one_walk_count_once() -> None:
    met = np.arange(200).reshape(100, 2)
    rest = np.arange(1000) % 100, met, np.linspace(0.2, 1.5, 30), 500
    twins = Strangers(np.linspace(0, 2, 1000), np.full(1000, 6), *rest)
    alone = Strangers(twins.z, np.ones(1000, np.int64), *rest)
    at = [one.tail(250).similarity_at(0.05) for one in (twins, alone)]
    assert at[0] < at[1]
    assert twins.tail(1).similarity_at(0.05) == pytest.approx(alone.tail(1).similarity_at(0.05), abs=0.01)


@pytest.mark.parametrize("shape", [-0.2, -0.1, 1e-9])
def test_the_tail_goes_on_as_the_distribution_that_it_was_drawn_from(shape: float) -> None:
    chances = (np.arange(20_000) + 0.5) / 20_000
    z = np.sort(0.2 / shape * (chances**-shape - 1))
    tail = Tail.fitted(z, np.ones(len(z)), len(z), 100 * len(z), SHAPE)  # so many that nothing was expected
    for chance in (0.5, 0.1, 1e-3, 1e-5):
        expected = np.tanh(0.2 / shape * (chance**-shape - 1))
        assert np.arctanh(tail.similarity_at(chance)) == pytest.approx(np.arctanh(expected), rel=0.07, abs=0.01)
    assert -1 < tail.similarity_at(1 - 1e-9) < tail.similarity_at(1e-300) < 1


def test_a_pair_of_walks_is_drawn_as_often_as_both_of_its_walks(learned: Strangers) -> None:
    random = np.random.default_rng(0)
    times = np.stack([learned.drawn_anew(random) for _ in range(50)])
    assert times.shape == (50, learned.pairs_of_walks)
    assert times.mean() == pytest.approx(1, abs=0.05)
    # A group of five walks meets in ten pairs: who is drawn twice is there twice in each of its four.
    group = times.reshape(50, 60, 10)
    assert (group == 0).all(axis=2).mean() > 0.001
    assert times.max() >= 4
    assert (times == np.round(times)).all()


def test_too_few_pairs_teach_nothing() -> None:
    data = crowd(60, seed=7)
    alone = {**data, "frames": np.arange(len(data["walks"]))}
    with pytest.raises(ValueError, match=r"0 pairs of people side by side in one frame, of 0 pairs of walks, expected"):
        learn_strangers(**alone)  # type: ignore[arg-type]
    same = {**data, "walks": data["walks"] % GROUP}
    with pytest.raises(ValueError, match=r"7,200 pairs .* of 10 pairs of walks, expected 1,000 and 100 or more"):
        learn_strangers(**same)  # type: ignore[arg-type]
    nobody = {key: value[:0] for key, value in data.items()}
    with pytest.raises(ValueError, match="0 pairs of people"):
        learn_strangers(**nobody)  # type: ignore[arg-type]
