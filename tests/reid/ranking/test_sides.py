"""Both sides of a ranking: who is a match, who is skipped, and what cannot be."""

from typing import Any

import numpy as np
import pytest
import torch

from reid.ranking.sides import RankingSides, pairs_between, same_identity

QUERY, GALLERY = [1, 2, 1, 9], [2, 1, 1, -1, 3, 2]
WHERE = ["door", "yard", None, "door"], ["yard", "door", None, "door", "yard", "door"]


def pairs_by_loop(protocol: str, excluded: set[tuple[int, int]]) -> tuple[set[tuple[int, int]], set[tuple[int, int]]]:
    """Matches, and pairs that a query may rank at all."""
    matches, ranked = set(), set()
    for query, person in enumerate(QUERY):
        for column, other in enumerate(GALLERY):
            known = WHERE[0][query] is not None and WHERE[0][query] == WHERE[1][column]
            skipped = known and (protocol == "cuhk03" or person == other)
            if other != -1 and not skipped and (query, column) not in excluded:
                ranked.add((query, column))
                matches |= {(query, column)} if person == other else set()
    return matches, ranked


@pytest.mark.parametrize("protocol", ["market1501", "allshots", "cuhk03"])
@pytest.mark.parametrize("excluded", [[], [(0, 1), (3, 4), (1, 3), (2, 2)]])
def test_groups_and_pairs_are_those_of_a_loop(protocol: Any, excluded: list[tuple[int, int]]) -> None:
    sides = RankingSides.of(QUERY, GALLERY, *WHERE, excluded=excluded)
    matches: set[tuple[int, int]] = set()
    ranked: set[tuple[int, int]] = set()
    seen = []
    for queries, columns in sides.groups(protocol):
        seen += queries.tolist()
        found, skipped = sides.pairs(queries, columns)
        assert (np.diff(found) > 0).all()
        assert (np.diff(skipped) > 0).all()
        named = [
            {(int(queries[number // len(columns)]), int(columns[number % len(columns)])) for number in numbers}
            for numbers in (found, skipped)
        ]
        matches |= named[0]
        ranked |= {(int(query), int(column)) for query in queries for column in columns} - named[1]
    assert sorted(seen) == list(range(len(QUERY)))
    assert (matches, ranked) == pairs_by_loop(protocol, set(excluded))


def test_identities_and_cameras_may_be_tensors() -> None:
    lists = RankingSides.of([1, 2], [2, 1], [0, 1], [1, 5])
    tensors = RankingSides.of(*(torch.tensor(values) for values in ([1, 2], [2, 1], [0, 1], [1, 5])))
    assert lists.cameras is not None
    assert tensors.cameras is not None
    for one, other in zip((lists.query_ids, *lists.cameras), (tensors.query_ids, *tensors.cameras), strict=True):
        np.testing.assert_array_equal(one, other)


def test_an_unknown_camera_equals_no_other_and_cameras_of_one_side_alone_are_none() -> None:
    sides = RankingSides.of([1], [1, 1], [None], [None, 0])
    assert sides.cameras is not None
    assert not set(sides.cameras[0]) & set(sides.cameras[1])
    assert RankingSides.of([1], [1], [0], None).cameras is None
    assert RankingSides.of([1], [1], None, [0]).cameras is None


def test_pairs_of_one_identity_are_all_of_them_in_order() -> None:
    random = np.random.default_rng(0)
    query, gallery = random.integers(-1, 4, 20), random.integers(-1, 4, 30)
    expected = np.flatnonzero(query[:, None] == gallery)
    np.testing.assert_array_equal(same_identity(query, gallery), expected)
    rows, columns = pairs_between(expected, 5, 9, 30)
    inside = (expected >= 5 * 30) & (expected < 9 * 30)
    np.testing.assert_array_equal((rows + 5) * 30 + columns, expected[inside])
    assert len(same_identity(query, gallery[:0])) == 0


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"query_ids": []}, "the query is empty"),
        ({"gallery_ids": []}, "the gallery is empty"),
        ({"query_ids": [1.0, 2.0]}, r"query_ids are float64 of shape \(2,\), expected a row of integers"),
        ({"gallery_ids": [[1], [2]]}, r"gallery_ids are int64 of shape \(2, 1\)"),
        ({"query_cameras": [0]}, "1 query cameras for 2 images"),
        ({"gallery_cameras": [0]}, "1 gallery cameras for 2 images"),
        ({"excluded": [(0, 2)]}, "outside of 2 queries and 2 gallery images"),
        ({"excluded": [(-1, 0)]}, "outside of 2 queries"),
        ({"excluded": [(2, 0)]}, "outside of 2 queries"),
        ({"excluded": [(0, 1, 2)]}, r"excluded is int64 \(1, 3\)"),
        ({"excluded": [(0.0, 1.0)]}, "excluded is float64"),
    ],
)
def test_sides_that_cannot_be_are_named(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        RankingSides.of(**{"query_ids": [1, 2], "gallery_ids": [1, 2], **changes})


def test_another_number_of_images_is_named() -> None:
    sides = RankingSides.of([1, 2], [1, 2, 3])
    sides.require_counts(2, 3)
    for counts, message in {
        (0, 3): "the query is empty",
        (3, 3): "query_ids name 2 images, expected 3",
        (2, 0): "the gallery is empty",
        (2, 2): "gallery_ids name 3 images, expected 2",
    }.items():
        with pytest.raises(ValueError, match=message):
            sides.require_counts(*counts)
