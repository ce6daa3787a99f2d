"""How well crops of a person are found among crops: mAP, mINP and CMC of the published protocols."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from reid.ranking.distances import Embeddings, SquaredDistances, embedding_pair, row_spans, worker_threads
from reid.ranking.ranks import Stretch, ranks_in_rows, up_to_farthest_match
from reid.ranking.sides import Cameras, Protocol, RankingSides, pairs_between
from reid.ranking.single_shot import single_shot

AveragePrecision = Literal["step", "trapezoid"]

# From gallery columns to a function from query rows to their fresh (rows, columns) block of distances.
_Blocks = Callable[[NDArray[np.int64]], Callable[[NDArray[np.int64]], NDArray[np.floating]]]


@dataclass(frozen=True, eq=False)
class RankMetrics:
    """The figures of crop re-identification, in [0, 1].

    Attributes:
        mean_ap: The mean average precision.
        mean_inp: The mean inverse negative penalty: a query's matches divided by the rank of the last one.
        cmc: (max_rank,) float64, never falling: `cmc[k - 1]` is the share of queries with a match at rank k or better.
        average_precisions: (Q,) float64 for each query, NaN where the query has no match.
        inverse_negative_penalties: (Q,) float64 for each query, NaN where the query has no match.
        first_ranks: (Q,) int64, the rank of the best match from 1, 0 where the query has none.
        invalid_queries: How many queries have no match.
    """

    mean_ap: float
    mean_inp: float
    cmc: NDArray[np.float64] = field(repr=False)
    average_precisions: NDArray[np.float64] = field(repr=False)
    inverse_negative_penalties: NDArray[np.float64] = field(repr=False)
    first_ranks: NDArray[np.int64] = field(repr=False)
    invalid_queries: int = 0


def rank_metrics(
    distance: Tensor | ArrayLike,
    query_ids: Tensor | ArrayLike,
    gallery_ids: Tensor | ArrayLike,
    query_cameras: Cameras = None,
    gallery_cameras: Cameras = None,
    *,
    protocol: Protocol = "market1501",
    ap: AveragePrecision = "step",
    excluded: ArrayLike | None = None,
    mean_over: Literal["valid", "all"] = "valid",
    max_rank: int = 50,
) -> RankMetrics:
    """Ranks the gallery for every query by distance, and says how well the person was found.

    Every protocol leaves out gallery images of identity -1 (junk) and counts those of other people as wrong:

    - "market1501": images of the query's person from the query's camera are skipped; CMC asks for the first match.
      Source: Zheng et al., Scalable Person Re-identification, ICCV 2015, and the authors' evaluation code.
    - "allshots": the same images, but each of a query's n matches counts 1/n in the CMC, at its rank among the images
      that are no match. Source: open-reid.
    - "cuhk03": every image from the query's camera is skipped, and one image of each gallery identity is drawn for the
      CMC (single gallery shot). Here it is the exact expectation over all draws (reid/ranking/single_shot.py), where
      public evaluators average 10 to 100 random draws. mAP and mINP are those of the full ranking. Source: Li et al.,
      DeepReID, CVPR 2014, and open-reid.

    Ties: images of equal distance keep the gallery's order, as after a stable sort.

    Args:
        distance: (Q, G) finite numbers; smaller is more similar.
        query_ids: (Q,) integers.
        gallery_ids: (G,) integers; -1 leaves the gallery, 0 is an identity as any other (Market-1501's distractors).
        query_cameras: (Q,) numbers or names, with None for an unknown camera, which equals no other. None in place of
            all says that the data has no cameras: then no image is skipped for its camera.
        gallery_cameras: (G,) numbers or names, with None for an unknown camera; None for data without cameras.
        protocol: Which images a query skips and what its CMC counts: "market1501", "allshots" or "cuhk03".
        ap: "step" is the mean precision at the matches (torchreid, fast-reid, scikit-learn). "trapezoid" is the area
            under the precision-recall curve of Market-1501's own code, never larger.
        excluded: (M, 2) integers, pairs (query, gallery) that are skipped: the query's own crop, say.
        mean_over: "valid" averages over the queries with at least one match, as most public code. "all" counts the
            others as zero, as Market-1501's own code.
        max_rank: The length of the CMC, also for a smaller gallery, where its last value is repeated.

    Returns:
        The figures. Queries without a match are counted in `invalid_queries`.

    Raises:
        ValueError: Shapes disagree, distances are not finite, an option is unknown, or no query has a match.

    Example:
        >>> metrics = rank_metrics([[0.1, 0.2, 0.9]], query_ids=[7], gallery_ids=[3, 7, 7])
        >>> round(metrics.mean_ap, 4), metrics.cmc[:3].tolist()  # precision 1/2 and 2/3 at the two matches
        (0.5833, [0.0, 1.0, 1.0])
    """
    values = _matrix(distance)
    sides = RankingSides.of(query_ids, gallery_ids, query_cameras, gallery_cameras, excluded)
    sides.require_counts(*values.shape)
    return _measure(_blocks_of(values), sides, _Rules(protocol, ap, mean_over, max_rank))


def rank_embeddings(
    query: Embeddings,
    gallery: Embeddings,
    sides: RankingSides,
    *,
    protocol: Protocol = "market1501",
    ap: AveragePrecision = "step",
    mean_over: Literal["valid", "all"] = "valid",
    max_rank: int = 50,
) -> RankMetrics:
    """Ranks embeddings by Euclidean distance as `rank_metrics` does, without ever holding the (Q, G) matrix.

    Args:
        query: (Q, D); for rows of unit length the order is that of the cosine.
        gallery: (G, D).
        sides: Whom the rows show, through which cameras, and which pairs are skipped.
        protocol: Which images a query skips and what its CMC counts; `rank_metrics` explains each.
        ap: The convention of the average precision, "step" or "trapezoid".
        mean_over: Whether queries without a match are left out ("valid") or count as zero ("all").
        max_rank: The length of the CMC.

    Returns:
        The figures.

    Raises:
        ValueError: Embeddings are not finite, differ in width or are not as many as the sides say, an option is
            unknown, or no query has a match.

    Example:
        >>> sides = RankingSides.of([1], [2, 1])
        >>> rank_embeddings(np.array([[1.0, 0]]), np.array([[0, 1], [0.9, 0.1]]), sides).mean_ap
        1.0
    """
    queries, items = embedding_pair(query, gallery)
    sides.require_counts(len(queries), len(items))

    def blocks(columns: NDArray[np.int64]) -> Callable[[NDArray[np.int64]], NDArray[np.floating]]:
        distances = SquaredDistances(items if len(columns) == len(items) else items[columns])
        return lambda rows: distances(queries[rows])

    return _measure(blocks, sides, _Rules(protocol, ap, mean_over, max_rank))


@dataclass(frozen=True)
class _Rules:
    """The options of an evaluation, checked."""

    protocol: Protocol
    ap: AveragePrecision
    mean_over: Literal["valid", "all"]
    max_rank: int

    def __post_init__(self) -> None:
        choices = {
            "protocol": ("market1501", "cuhk03", "allshots"), "ap": ("step", "trapezoid"), "mean_over": ("valid", "all")
        }  # fmt: skip
        for name, allowed in choices.items():
            if getattr(self, name) not in allowed:
                raise ValueError(f"{name} is {getattr(self, name)!r}, expected one of {', '.join(allowed)}")
        if self.max_rank < 1:
            raise ValueError(f"max_rank is {self.max_rank}, expected at least 1")


def _matrix(distance: Tensor | ArrayLike) -> NDArray[np.floating]:
    values = distance.detach().cpu().numpy() if isinstance(distance, Tensor) else np.asarray(distance)
    if values.ndim != 2:
        raise ValueError(f"distance has shape {values.shape}, expected (queries, gallery)")
    if values.dtype not in (np.float32, np.float64):
        values = values.astype(np.float32 if values.dtype == np.float16 else np.float64)
    return values


def _blocks_of(distance: NDArray[np.floating]) -> _Blocks:
    """Blocks copied from a whole matrix."""

    def blocks(columns: NDArray[np.int64]) -> Callable[[NDArray[np.int64]], NDArray[np.floating]]:
        def block(rows: NDArray[np.int64]) -> NDArray[np.floating]:
            chosen = distance[rows] if len(columns) == distance.shape[1] else distance[np.ix_(rows, columns)]
            if not np.isfinite(chosen).all():
                raise ValueError("distance holds NaN or infinity, expected finite numbers; leave those images out")
            return chosen

        return block

    return blocks


@dataclass(frozen=True, eq=False)
class _Ranked:
    """Where the matches of some queries stand.

    Attributes:
        rows: (M,) the row of each match's query.
        ranks: (M,) the match's rank from 0.
        curve_rows: (R,) the rows that have a single-shot curve.
        curves: (R, K) these curves.
    """

    rows: NDArray[np.int64]
    ranks: NDArray[np.int64]
    curve_rows: NDArray[np.int64]
    curves: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class _Group:
    """Queries that rank the same gallery images.

    Attributes:
        matches: (M,) the pairs of one person, as ascending numbers row * C + column.
        skipped: (S,) the pairs that are left out, alike.
        identities: (C,) the gallery's identities as 0 .. U - 1.
        people: U.
        curve_length: How many ranks the expected single-shot curve has; None where none is asked for.
    """

    matches: NDArray[np.int64]
    skipped: NDArray[np.int64]
    identities: NDArray[np.int64]
    people: int
    curve_length: int | None

    def ranked(self, block: NDArray[np.floating], start: int) -> list[_Ranked]:
        """Ranks the rows from `start` on by their (R, C) distances, which are changed."""
        width, stop = block.shape[1], start + len(block)
        away = pairs_between(self.skipped, start, stop, width)
        # What is skipped goes behind everything else, where it disturbs no rank.
        block[away] = np.inf
        stretches = up_to_farthest_match(block, pairs_between(self.matches, start, stop, width))
        if self.curve_length is None:
            return [_all_shots(stretch, start) for stretch in stretches]
        images = np.tile(np.bincount(self.identities, minlength=self.people), (len(block), 1))  # of a query's gallery
        np.subtract.at(images, (away[0], self.identities[away[1]]), 1)
        found = []
        for stretch in stretches:
            shot = single_shot(stretch, images[stretch.rows], self.identities, self.curve_length)
            rows = start + stretch.rows
            found.append(_Ranked(rows[shot.rows], shot.ranks, rows, shot.cmc))
        return found


def _all_shots(stretch: Stretch, start: int) -> _Ranked:
    rows, places = np.divmod(np.flatnonzero(stretch.matches), stretch.matches.shape[1])
    ranks = ranks_in_rows(stretch.distances, rows, places)
    return _Ranked(start + stretch.rows[rows], ranks, stretch.rows[:0], np.zeros((0, 1)))


def _measure(blocks: _Blocks, sides: RankingSides, rules: _Rules) -> RankMetrics:
    query_of, ranks = [], []
    single = rules.protocol == "cuhk03"
    curves = np.zeros((len(sides.query_ids), rules.max_rank))
    people, identity_of = np.unique(sides.gallery_ids, return_inverse=True)
    threads = worker_threads()
    with ThreadPoolExecutor(threads) as pool:
        for queries, columns in sides.groups(rules.protocol):
            matches, skipped = sides.pairs(queries, columns)
            if not len(matches):
                continue
            block_of, length = blocks(columns), rules.max_rank if single else None
            group = _Group(matches, skipped, identity_of[columns], len(people), length)
            cost = np.full(len(queries), len(columns))
            if single:
                cost += np.bincount(matches // len(columns), minlength=len(queries)) * len(people)
            for start, stop in row_spans(cost):
                # NumPy lets other threads run while it computes, so each thread ranks a part of the rows.
                parts = np.array_split(block_of(queries[start:stop]), min(threads, stop - start))
                starts = start + np.cumsum([0, *map(len, parts[:-1])])
                for found in chain.from_iterable(pool.map(group.ranked, parts, starts)):
                    query_of.append(queries[found.rows])
                    ranks.append(found.ranks)
                    curves[queries[found.curve_rows]] = found.curves
    if not query_of:
        raise ValueError(
            f"none of {len(sides.query_ids)} queries has a match in the gallery under {rules.protocol}; compare the "
            "identities, and give None as cameras where the data has no real ones"
        )
    summary = _summary(np.concatenate(query_of), np.concatenate(ranks), len(sides.query_ids), rules)
    if not single:
        return summary
    valid = len(sides.query_ids) - (summary.invalid_queries if rules.mean_over == "valid" else 0)
    return replace(summary, cmc=curves.sum(axis=0) / valid)


def _summary(query_of: NDArray[np.int64], ranks: NDArray[np.int64], queries: int, rules: _Rules) -> RankMetrics:
    """The figures from the 0-based ranks of all matches, given with their queries in any order."""
    order = np.lexsort((ranks, query_of))
    query_of, ranks = query_of[order], ranks[order]
    hits = np.bincount(query_of, minlength=queries)
    valid = hits > 0
    first = np.cumsum(hits) - hits
    nth = np.arange(len(ranks)) - first[query_of]
    precision = (nth + 1) / (ranks + 1)
    if rules.ap == "trapezoid":
        before = np.where(ranks > 0, nth / np.maximum(ranks, 1), 1.0)
        precision = (precision + before) / 2
    average_precisions, penalties = np.full(queries, np.nan), np.full(queries, np.nan)
    average_precisions[valid] = (np.bincount(query_of, precision, queries) / np.maximum(hits, 1))[valid]
    last = ranks[(first + hits - 1)[valid]]
    penalties[valid] = hits[valid] / (last + 1)
    first_ranks = np.zeros(queries, dtype=np.int64)
    first_ranks[valid] = ranks[first[valid]] + 1
    denominator = int(valid.sum()) if rules.mean_over == "valid" else queries
    if rules.protocol == "allshots":
        counted = np.bincount(ranks - nth, 1 / hits[query_of], rules.max_rank)
    else:
        counted = np.bincount(first_ranks[valid] - 1, minlength=rules.max_rank)
    return RankMetrics(
        mean_ap=float(np.nansum(average_precisions) / denominator),
        mean_inp=float(np.nansum(penalties) / denominator),
        cmc=counted[: rules.max_rank].cumsum() / denominator,
        average_precisions=average_precisions,
        inverse_negative_penalties=penalties,
        first_ranks=first_ranks,
        invalid_queries=queries - int(valid.sum()),
    )
