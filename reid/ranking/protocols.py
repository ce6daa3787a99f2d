"""Every published protocol of crop re-identification over one set of embeddings, as pure functions."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from datasets.samples import UNLABELLED, Camera, CropSample
from reid.ranking.distances import Embeddings, embedding_pair
from reid.ranking.metrics import AveragePrecision, RankMetrics, rank_embeddings, rank_metrics
from reid.ranking.pair_counts import PairCounts, count_pairs
from reid.ranking.sides import Protocol, RankingSides

STRANGER = UNLABELLED - 1
"""The identity of all gallery crops of people without one: nobody's answer, but they stay in the ranking."""

CHANCE_DIMENSION = 8


@dataclass(frozen=True)
class CropProtocol:
    """One way to turn a ranking into figures; `reid.ranking.metrics.rank_metrics` explains each.

    Args:
        name: What tables call it.
        rule: Which gallery crops a query skips, and what its CMC counts.
        ap: The convention of the average precision.
        mean_over: Whether queries without an answer count as zero ("all") or are left out ("valid").
    """

    name: str
    rule: Protocol
    ap: AveragePrecision = "step"
    mean_over: Literal["valid", "all"] = "valid"


MARKET = CropProtocol("market1501", "market1501")
CUHK03 = CropProtocol("cuhk03, single gallery shot", "cuhk03")
PROTOCOLS = (
    MARKET,
    CropProtocol("market1501, official AP", "market1501", "trapezoid", "all"),
    CropProtocol("allshots", "allshots"),
    CUHK03,
)
"""What `evaluate_crops` computes: the step AP of most public code and the data set's own trapezoid with its mean over
all queries (the CMC is the same); every right view counted; and one gallery view a person, the exact expectation."""


@dataclass(frozen=True, eq=False)
class ProtocolResult:
    """The figures of one row of a table.

    Args:
        name: What was done, as tables say it.
        metrics: The figures.
        queries: How many queries the means are over.
    """

    name: str
    metrics: RankMetrics
    queries: int


@dataclass(frozen=True, eq=False)
class CropTask:
    """Who is looked for among whom.

    A query never ranks its own person's crops of its own camera, nor itself. Where the camera is unknown, it leaves out
    only itself.

    Args:
        query_ids: (Q,) integers.
        gallery_ids: (G,) integers; people without identity are STRANGER.
        query_cameras: The camera of each of the Q queries, None where it is unknown.
        gallery_cameras: The camera of each of the G gallery crops, None where it is unknown.
        identical: (M, 2) pairs of query and gallery rows that are one crop.
    """

    query_ids: NDArray[np.int64]
    gallery_ids: NDArray[np.int64]
    query_cameras: tuple[Camera | None, ...]
    gallery_cameras: tuple[Camera | None, ...]
    identical: NDArray[np.int64]

    @classmethod
    def of(cls, query: Sequence[CropSample], gallery: Sequence[CropSample]) -> "CropTask":
        """Makes the task of two splits of `datasets.load_crops`.

        Args:
            query: The crops that are looked for.
            gallery: The crops that are ranked.

        Raises:
            ValueError: A split is empty, or no query has another view of its person in the gallery.
        """
        if not query or not gallery:
            raise ValueError(f"{len(query)} query and {len(gallery)} gallery crops, expected at least one of each")
        gallery_ids = np.array([sample.person_id for sample in gallery])
        task = cls(
            query_ids=np.array([sample.person_id for sample in query]),
            gallery_ids=np.where(gallery_ids == UNLABELLED, STRANGER, gallery_ids),
            query_cameras=tuple(sample.camera for sample in query),
            gallery_cameras=tuple(sample.camera for sample in gallery),
            identical=identical_crops(query, gallery),
        )
        if not task.answers().any():
            raise ValueError(
                f"none of {len(query)} queries has another view of its person among {len(gallery)} gallery crops; "
                "compare the identities of both splits, and leave cameras out where the data has no real ones"
            )
        return task

    def answers(self) -> NDArray[np.int64]:
        """Counts the gallery crops that are right answers to each query, (Q,)."""
        matches, _ = self._sides.pairs(np.arange(len(self.query_ids)), np.arange(len(self.gallery_ids)))
        return np.bincount(matches // len(self.gallery_ids), minlength=len(self.query_ids))

    def rank(self, query: Embeddings, gallery: Embeddings, protocol: CropProtocol = MARKET) -> ProtocolResult:
        """Measures a ranking by Euclidean distance.

        Args:
            query: (Q, D) embeddings.
            gallery: (G, D) embeddings.
            protocol: How the ranking is turned into figures.
        """
        metrics = rank_embeddings(
            query, gallery, self._sides, protocol=protocol.rule, ap=protocol.ap, mean_over=protocol.mean_over
        )
        return self._result(protocol, metrics)

    def rank_distances(self, distance: NDArray[np.floating], protocol: CropProtocol = MARKET) -> ProtocolResult:
        """Measures a ranking by given distances.

        Args:
            distance: (Q, G) finite numbers; smaller is more similar.
            protocol: How the ranking is turned into figures.
        """
        metrics = rank_metrics(
            distance, self.query_ids, self.gallery_ids, self.query_cameras, self.gallery_cameras,
            protocol=protocol.rule, ap=protocol.ap, mean_over=protocol.mean_over, excluded=self.identical,
        )  # fmt: skip
        return self._result(protocol, metrics)

    def nearest(
        self, row: int, query: Embeddings, gallery: Embeddings, count: int = 10
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Finds the gallery rows that one query ranks first.

        Args:
            row: Which of the queries.
            query: (Q, D) of unit length.
            gallery: (G, D) of unit length.
            count: How many rows are wanted at most.

        Returns:
            The gallery rows, best first, and their cosine similarities.
        """
        queries, items = embedding_pair(query, gallery)
        similarities = items @ queries[row]
        _, skipped = self._sides.pairs(np.array([row]), np.arange(len(self.gallery_ids)))
        similarities[skipped] = -np.inf
        order = np.argsort(-similarities, kind="stable")[:count]
        order = order[np.isfinite(similarities[order])]
        return order, similarities[order]

    @property
    def _sides(self) -> RankingSides:
        return RankingSides.of(
            self.query_ids, self.gallery_ids, self.query_cameras, self.gallery_cameras, self.identical
        )

    def _result(self, protocol: CropProtocol, metrics: RankMetrics) -> ProtocolResult:
        without = metrics.invalid_queries if protocol.mean_over == "valid" else 0
        return ProtocolResult(protocol.name, metrics, len(self.query_ids) - without)


@dataclass(frozen=True, eq=False)
class CropEvaluation:
    """What a model is worth on one data set.

    Args:
        task: Who was looked for among whom.
        results: The model's figures, one for each of PROTOCOLS.
        chance: The figures of a random ranking, one for each of PROTOCOLS.
        pairs: All pairs by similarity, for thresholds.
    """

    task: CropTask
    results: tuple[ProtocolResult, ...]
    chance: tuple[ProtocolResult, ...]
    pairs: PairCounts = field(repr=False)


def evaluate_crops(task: CropTask, query: Embeddings, gallery: Embeddings, *, seed: int = 0) -> CropEvaluation:
    """Measures embeddings under every protocol, with chance beside it, and counts all pairs by similarity.

    Args:
        task: Who is looked for among whom.
        query: (Q, D) of unit length.
        gallery: (G, D) of unit length.
        seed: The seed of the random ranking, 0 or more.

    Returns:
        The figures of the model and of chance, and the pairs.

    Raises:
        ValueError: The embeddings are not finite, not of unit length, or do not fit the task.
    """
    results = tuple(task.rank(query, gallery, protocol) for protocol in PROTOCOLS)
    pairs = count_pairs(
        query, gallery, task.query_ids, task.gallery_ids, task.query_cameras, task.gallery_cameras,
        excluded=task.identical,
    )  # fmt: skip
    return CropEvaluation(task, results, chance_results(task, seed=seed), pairs)


def chance_results(task: CropTask, *, seed: int = 0) -> tuple[ProtocolResult, ...]:
    """Measures what chance gets: every query ranks the gallery in an order drawn evenly from all.

    The order is that of distances to independent random gallery points, so that no (Q, G) matrix is held.

    Args:
        task: Who is looked for among whom.
        seed: The seed of the draw, 0 or more.

    Returns:
        The figures, one for each of PROTOCOLS.
    """
    generator = np.random.default_rng(seed)
    query, gallery = (
        generator.standard_normal((len(ids), CHANCE_DIMENSION), dtype=np.float32)
        for ids in (task.query_ids, task.gallery_ids)
    )
    return tuple(task.rank(query, gallery, protocol) for protocol in PROTOCOLS)


def identical_crops(query: Sequence[CropSample], gallery: Sequence[CropSample]) -> NDArray[np.int64]:
    """Finds crops that stand on both sides: they are no answer of any protocol.

    Args:
        query: The crops that are looked for.
        gallery: The crops that are ranked.

    Returns:
        (M, 2) pairs (query row, gallery row) of one name.
    """
    rows: dict[str, list[int]] = {}
    for row, sample in enumerate(gallery):
        rows.setdefault(sample.name, []).append(row)
    pairs = [(number, row) for number, sample in enumerate(query) for row in rows.get(sample.name, ())]
    return np.array(pairs, dtype=np.int64).reshape(-1, 2)
