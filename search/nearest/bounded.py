"""The best rows by exact similarity, found with estimates whose errors are known."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from search.nearest.coded import CodedRows

FIRST_SPARE = 32
"""So many rows beyond those wanted are compared exactly at first."""
EXACT_AT_ONCE = 2048
GROUPS_FOR_EACH = 8
"""So many groups of rows are looked at for each row that is compared exactly at first."""

Rows = NDArray[np.int64]
Scores = NDArray[np.float64]
Exact = Callable[[Rows], NDArray[np.float32]]


def best_rows(
    codes: CodedRows,
    probes: NDArray[np.float32],
    most: int,
    chosen: Rows | None,
    weights: NDArray[np.float32] | None,
    exact: Exact,
) -> Rows:
    """The rows most similar to any of the probes, and all that tie with the last of them.

    At first the rows with the best estimates are compared exactly. The worst of the best `most` of them is a limit that
    every row of the answer reaches. A row whose estimate plus its bound stays below the limit is not in the answer; all
    others are compared exactly, those that can be best first, and the limit rises with them.

    Args:
        codes: All rows.
        probes: (P, D) of unit length.
        most: How many are wanted, 1 or more.
        chosen: The rows that may answer, in rising order; None is all.
        weights: (N,) what the similarity of each row is multiplied by, 0 or more; None is 1.
        exact: Gives the embeddings (M, D) of M rows as they are stored.

    Returns:
        The rows in no order.
    """
    middle, upper = _estimates(codes, probes, chosen, weights)
    top = _promising(middle, most + FIRST_SPARE)
    rows = top if chosen is None else chosen[top]
    scores = exact_scores(exact(rows), probes, weights, rows)
    limit = _worst_of_best(scores, most)
    possible = upper >= limit
    possible[top] = False
    places = np.flatnonzero(possible)
    rest = places if chosen is None else chosen[places]
    if len(rest):
        closer = _closer(codes, probes, rest, weights)
        order = np.argsort(-closer)
        rest, closer = rest[order], closer[order]
    for start in range(0, len(rest), EXACT_AT_ONCE):
        part = rest[start : start + EXACT_AT_ONCE]
        part = part[closer[start : start + EXACT_AT_ONCE] >= limit]
        if not len(part):
            break
        rows = np.concatenate([rows, part])
        scores = np.concatenate([scores, exact_scores(exact(part), probes, weights, part)])
        limit = _worst_of_best(scores, most)
        kept = scores >= limit
        rows, scores = rows[kept], scores[kept]
    kept = scores >= limit
    return rows[kept]


def exact_scores(
    embeddings: NDArray[np.float32], probes: NDArray[np.float32], weights: NDArray[np.float32] | None, rows: Rows
) -> Scores:
    """(N,) similarity of each embedding (N, D) with the probe (P, D) most like it, times the weight of its row."""
    own = embeddings.astype(np.float64)
    # Elementwise product and sum, not a matrix product, whose order of summation depends on a row's position.
    best = np.stack([(own * probe.astype(np.float64)).sum(axis=1) for probe in probes]).max(axis=0)
    scores = np.clip(best, -1.0, 1.0)
    return scores if weights is None else scores * weights[rows].astype(np.float64)


def _promising(middle: NDArray[np.float32], count: int) -> Rows:
    """At least `count` places of high estimates, or all places where there are fewer.

    The best of each of many groups is looked for first: as many places as there are groups reach the worst of these.
    """
    groups = GROUPS_FOR_EACH * count
    if len(middle) < 2 * groups:
        return np.argpartition(-middle, min(count, len(middle)) - 1)[:count]
    whole = len(middle) // groups * groups
    best = middle[:whole].reshape(groups, -1).max(axis=1)
    limit = np.partition(best, groups - count)[groups - count]
    places = np.flatnonzero(middle >= limit)
    return places[np.argpartition(-middle[places], count - 1)[:count]]


def _worst_of_best(scores: Scores, most: int) -> float:
    return -np.inf if len(scores) < most else float(np.partition(scores, len(scores) - most)[len(scores) - most])


def _estimates(
    codes: CodedRows, probes: NDArray[np.float32], chosen: Rows | None, weights: NDArray[np.float32] | None
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """(N,) estimated scores, and (N,) what the scores are at most."""
    middle = upper = np.zeros(0, np.float32)
    for number, probe in enumerate(probes):
        found = codes.estimates(probe, chosen)
        highest = np.add(found.middle, found.error, out=found.error)
        middle = found.middle if not number else np.maximum(middle, found.middle, out=middle)
        upper = highest if not number else np.maximum(upper, highest, out=upper)
    if weights is None:
        return middle, upper
    own = weights if chosen is None else weights[chosen]
    return middle * own, _raised(upper * own)


def _closer(
    codes: CodedRows, probes: NDArray[np.float32], rows: Rows, weights: NDArray[np.float32] | None
) -> NDArray[np.float32]:
    """(N,) what the scores of some rows are at most, by the better estimates."""
    found = [codes.closer_estimates(probe, rows) for probe in probes]
    upper = np.stack([one.middle + one.error for one in found]).max(axis=0)
    return upper if weights is None else _raised(upper * weights[rows])


def _raised(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """A little more, for the rounding of the product."""
    return values + np.float32(1e-6)
