"""How well crops of a person are found among crops: mAP, mINP and CMC of the published protocols."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from reid.ranking.distances import Embeddings, SquaredDistances, embedding_pair, row_spans
from reid.ranking.ranks import ranks_in_rows, up_to_farthest_match
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


def _measure(blocks: _Blocks, sides: RankingSides, rules: _Rules) -> RankMetrics:
    query_of, ranks = [], []
    cmc = np.zeros(rules.max_rank)  # the sum over queries of single shots
    single = rules.protocol == "cuhk03"
    people, identity_of = np.unique(sides.gallery_ids, return_inverse=True)
    for queries, columns in sides.groups(rules.protocol):
        matches, skipped = sides.pairs(queries, columns)
        if not len(matches):
            continue
        block_of, identities = blocks(columns), identity_of[columns]
        width = len(columns)
        cost = np.full(len(queries), width)
        if single:
            cost += np.bincount(matches // width, minlength=len(queries)) * len(people)
        for start, stop in row_spans(cost):
            block = block_of(queries[start:stop])  # [rows of the span, width]
            away = pairs_between(skipped, start, stop, width)
            # What is skipped goes behind everything else, where it disturbs no rank.
            block[away] = np.inf
            images = np.zeros((0, 0), dtype=np.int64)
            if single:  # how many images of each person a query's gallery has
                images = np.tile(np.bincount(identities, minlength=len(people)), (len(block), 1))
                np.subtract.at(images, (away[0], identities[away[1]]), 1)
            for stretch in up_to_farthest_match(block, pairs_between(matches, start, stop, width)):
                if single:
                    shot = single_shot(stretch, images[stretch.rows], identities, rules.max_rank)
                    cmc += shot.cmc.sum(axis=0)
                    rows = shot.rows
                    ranks.append(shot.ranks)
                else:
                    rows, places = stretch.matches.nonzero()
                    ranks.append(ranks_in_rows(stretch.distances, rows, places))
                query_of.append(queries[start + stretch.rows[rows]])
    if not query_of:
        raise ValueError(
            f"none of {len(sides.query_ids)} queries has a match in the gallery under {rules.protocol}; compare the "
            "identities, and give None as cameras where the data has no real ones"
        )
    found = _summary(np.concatenate(query_of), np.concatenate(ranks), len(sides.query_ids), rules)
    if not single:
        return found
    valid = len(sides.query_ids) - (found.invalid_queries if rules.mean_over == "valid" else 0)
    return replace(found, cmc=cmc / valid)


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
