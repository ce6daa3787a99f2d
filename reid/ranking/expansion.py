"""Better queries: several photos of a person pooled into one, and queries blended with what they find."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray

from datasets.samples import Camera
from reid.ranking.distances import Embeddings, embedding_pair, embedding_rows, row_spans


@dataclass(frozen=True, eq=False)
class PooledQueries:
    """One query per person and camera, in the order in which these first appear.

    Attributes:
        embeddings: (Q, D) float32 unit rows.
        person_ids: (Q,) int64.
        cameras: one per query, None where the images have none.
    """

    embeddings: NDArray[np.float32]
    person_ids: NDArray[np.int64]
    cameras: list[Camera | None]


def pool_queries(
    embeddings: Embeddings,
    person_ids: NDArray[np.integer] | list[int],
    cameras: NDArray[np.generic] | list[Camera | None] | None = None,
    *,
    pooling: Literal["mean", "max"] = "mean",
) -> PooledQueries:
    """Multi-query: all images of a person from one camera become a single query.

    Source: Zheng et al., Scalable Person Re-identification, ICCV 2015; Market-1501 has the images in gt_bbox.

    Args:
        embeddings: (N, D), unit rows for the published meaning.
        person_ids: (N,).
        cameras: (N,) numbers or names; None pools all images of a person.
        pooling: the mean of the embeddings, or the largest value of each dimension.

    Returns:
        The queries, to be given to rank_embeddings.

    Raises:
        ValueError: there is no image, lengths differ, embeddings are not finite, or pooling is unknown.
    """
    if pooling not in ("mean", "max"):
        raise ValueError(f"pooling is {pooling!r}, expected mean or max")
    rows = embedding_rows(embeddings, "query")
    people = np.asarray(person_ids, dtype=np.int64)
    seen = [None] * len(rows) if cameras is None else list(np.asarray(cameras, dtype=object))
    if people.shape != (len(rows),) or len(seen) != len(rows):
        raise ValueError(f"{len(rows)} embeddings, {people.shape} person ids and {len(seen)} cameras, expected as many")
    if not len(rows):
        raise ValueError("there are no query images to pool, expected at least one")
    numbers: dict[tuple[int, Camera | None], int] = {}
    group = np.array([numbers.setdefault(key, len(numbers)) for key in zip(people.tolist(), seen)], dtype=np.int64)
    combine = np.add if pooling == "mean" else np.maximum  # the mean's divisor would vanish in the unit length
    starts = np.searchsorted(np.sort(group), np.arange(len(numbers)))
    pooled = combine.reduceat(rows[np.argsort(group, kind="stable")], starts, axis=0)
    return PooledQueries(
        _unit(pooled), np.array([person for person, _ in numbers], dtype=np.int64), [camera for _, camera in numbers]
    )


def expand_queries(
    query: Embeddings, gallery: Embeddings, *, neighbors: int = 10, alpha: float = 3.0, rounds: int = 1
) -> NDArray[np.float32]:
    """Replace each query by a blend of itself and its nearest gallery images.

    q' = q + sum over the `neighbors` most similar gallery images g of max(q . g, 0) ** alpha * g, brought to unit
    length. With alpha 0 every neighbor weighs as much as the query: average query expansion (Chum et al., Total Recall,
    ICCV 2007); with alpha 3 similar ones weigh more (Radenovic, Tolias, Chum: Fine-tuning CNN Image Retrieval with No
    Human Annotation, TPAMI 2018). No query sees another one. Deviation: a negative similarity weighs nothing for
    alpha > 0, where the power of a negative number would be complex or negative.

    Args:
        query: (Q, D), brought to unit length.
        gallery: (G, D), brought to unit length.
        neighbors: how many gallery images are blended in, at most all; more helps where a person has many images
            there, and draws in strangers where it has not.
        alpha: at least 0; raising it trusts distant neighbors less.
        rounds: how often the expanded queries are expanded again.

    Returns:
        (Q, D) float32 unit rows.

    Raises:
        ValueError: embeddings are not finite or differ in width, or a parameter is out of range.
    """
    _check(neighbors, alpha, rounds)
    queries, items = (_unit(rows) for rows in embedding_pair(query, gallery))
    for _ in range(rounds):
        queries = _blend(queries, items, neighbors, alpha)
    return queries


def expand_both(
    query: Embeddings, gallery: Embeddings, *, neighbors: int = 10, alpha: float = 3.0, rounds: int = 1
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Blend the images of both sides with their nearest images on either side, themselves left out.

    The same formula as expand_queries, over query and gallery together, as fast-reid does (whose k counts the image
    itself: its 10 is 9 neighbors here). Queries help each other: the figures are not those of a query searched alone.

    Args:
        query: (Q, D), brought to unit length.
        gallery: (G, D), brought to unit length.
        neighbors: as in expand_queries, at most all other images.
        alpha: as in expand_queries.
        rounds: how often both sides are expanded again.

    Returns:
        (Q, D) and (G, D) float32 unit rows.

    Raises:
        ValueError: as expand_queries.
    """
    _check(neighbors, alpha, rounds)
    queries, items = embedding_pair(query, gallery)
    rows = _unit(np.concatenate([queries, items]))
    for _ in range(rounds):
        rows = _blend(rows, rows, neighbors, alpha, itself=False)
    return rows[: len(queries)], rows[len(queries) :]


def _blend(
    rows: NDArray[np.float32], items: NDArray[np.float32], neighbors: int, alpha: float, *, itself: bool = True
) -> NDArray[np.float32]:
    """Rows blended with their nearest items; with `itself` false, item i is not a neighbor of row i."""
    count = min(neighbors, len(items) - (not itself))
    blended = rows.copy()
    for start, stop in row_spans(np.full(len(rows), len(items) + count * rows.shape[1])):
        similarity = rows[start:stop] @ items.T
        if not itself:
            similarity[np.arange(stop - start), np.arange(start, stop)] = -np.inf
        values, nearest = (part.numpy() for part in torch.topk(torch.from_numpy(similarity), count, dim=1))
        weights = np.ones_like(values) if alpha == 0 else np.maximum(values, 0) ** np.float32(alpha)
        blended[start:stop] += np.einsum("qk,qkd->qd", weights, items[nearest])
    return _unit(blended)


def _check(neighbors: int, alpha: float, rounds: int) -> None:
    if neighbors < 1 or alpha < 0 or rounds < 1:
        raise ValueError(
            f"neighbors is {neighbors}, alpha {alpha}, rounds {rounds}, expected neighbors and rounds of at least 1 "
            "and alpha of at least 0"
        )


def _unit(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """Rows brought to unit length; a row of zeros stays."""
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    return rows / np.maximum(length, np.finfo(np.float32).tiny)
