"""Better queries: several photos of a person combined into one, and queries blended with what they find."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray

from datasets.samples import Camera
from reid.ranking.distances import Embeddings, embedding_pair, embedding_rows, row_spans


@dataclass(frozen=True, eq=False)
class CombinedQueries:
    """One query for each person and camera, in the order in which these first appear.

    Attributes:
        embeddings: (Q, D) float32 rows of unit length.
        person_ids: (Q,) int64.
        cameras: One camera for each query, None where the images have none.
    """

    embeddings: NDArray[np.float32]
    person_ids: NDArray[np.int64]
    cameras: list[Camera | None]


def combine_queries(
    embeddings: Embeddings,
    person_ids: NDArray[np.integer] | list[int],
    cameras: NDArray[np.generic] | list[Camera | None] | None = None,
    *,
    combine: Literal["mean", "max"] = "mean",
) -> CombinedQueries:
    """Makes one query of all images of a person from one camera ("multi-query").

    Source: Zheng et al., Scalable Person Re-identification, ICCV 2015. Market-1501 has the images in gt_bbox.

    Args:
        embeddings: (N, D), rows of unit length for the published meaning.
        person_ids: (N,) integers.
        cameras: (N,) numbers or names; None combines all images of a person.
        combine: "mean" averages the embeddings; "max" takes the largest value of each dimension.

    Returns:
        The queries, to be given to `rank_embeddings`.

    Raises:
        ValueError: There is no image, lengths differ, embeddings are not finite, or `combine` is unknown.

    Example:
        >>> queries = combine_queries(np.eye(3), [7, 7, 8], ["door", "door", "yard"])
        >>> queries.person_ids, queries.cameras
        (array([7, 8]), ['door', 'yard'])
        >>> queries.embeddings.round(2)
        array([[0.71, 0.71, 0.  ],
               [0.  , 0.  , 1.  ]], dtype=float32)
    """
    if combine not in ("mean", "max"):
        raise ValueError(f"combine is {combine!r}, expected mean or max")
    rows = embedding_rows(embeddings, "query")
    people = np.asarray(person_ids, dtype=np.int64)
    seen = [None] * len(rows) if cameras is None else list(np.asarray(cameras, dtype=object))
    if people.shape != (len(rows),) or len(seen) != len(rows):
        raise ValueError(f"{len(rows)} embeddings, {people.shape} person ids and {len(seen)} cameras, expected as many")
    if not len(rows):
        raise ValueError("there are no query images to combine, expected at least one")
    numbers: dict[tuple[int, Camera | None], int] = {}
    group = np.array([numbers.setdefault(key, len(numbers)) for key in zip(people.tolist(), seen)], dtype=np.int64)
    operation = np.add if combine == "mean" else np.maximum  # the mean's divisor would vanish in the unit length
    starts = np.searchsorted(np.sort(group), np.arange(len(numbers)))
    together = operation.reduceat(rows[np.argsort(group, kind="stable")], starts, axis=0)
    return CombinedQueries(
        _unit(together), np.array([person for person, _ in numbers], dtype=np.int64), [camera for _, camera in numbers]
    )


def expand_queries(
    query: Embeddings, gallery: Embeddings, *, neighbors: int = 10, alpha: float = 3.0, rounds: int = 1
) -> NDArray[np.float32]:
    """Replaces each query by a blend of itself and its nearest gallery images.

    q' = q + sum over the `neighbors` most similar gallery images g of max(q . g, 0) ** alpha * g, brought to unit
    length. With alpha 0 every neighbor weighs as much as the query: average query expansion (Chum et al., Total Recall,
    ICCV 2007). With alpha 3 similar ones weigh more (Radenovic, Tolias, Chum: Fine-tuning CNN Image Retrieval with No
    Human Annotation, TPAMI 2018). No query sees another one. Deviation: a negative similarity weighs nothing for
    alpha > 0, where the power of a negative number would be complex or negative.

    Args:
        query: (Q, D) embeddings of any length; they are brought to unit length.
        gallery: (G, D) embeddings of any length; they are brought to unit length.
        neighbors: How many gallery images are blended in, at most all. More helps where a person has many images
            there, and draws in strangers where it has not.
        alpha: The power of a neighbor's weight, at least 0. Raising it trusts distant neighbors less.
        rounds: How often the expanded queries are expanded again.

    Returns:
        (Q, D) float32 rows of unit length.

    Raises:
        ValueError: Embeddings are not finite or differ in width, or a parameter is out of range.

    Example:
        >>> expand_queries(np.array([[1.0, 0]]), np.array([[0.6, 0.8], [-1, 0]]), neighbors=1, alpha=0).round(2)
        array([[0.89, 0.45]], dtype=float32)
    """
    _check(neighbors, alpha, rounds)
    queries, items = (_unit(rows) for rows in embedding_pair(query, gallery))
    for _ in range(rounds):
        queries = _blend(queries, items, neighbors, alpha)
    return queries


def expand_both(
    query: Embeddings, gallery: Embeddings, *, neighbors: int = 10, alpha: float = 3.0, rounds: int = 1
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Blends the images of both sides with their nearest images on either side, themselves left out.

    The formula is that of `expand_queries`, over query and gallery together, as fast-reid does (whose k counts the
    image itself: its 10 is 9 neighbors here). Queries help each other, so the figures are not those of a query that is
    searched alone.

    Args:
        query: (Q, D) embeddings of any length; they are brought to unit length.
        gallery: (G, D) embeddings of any length; they are brought to unit length.
        neighbors: How many other images are blended into each, at most all of them.
        alpha: The power of a neighbor's weight, at least 0. Raising it trusts distant neighbors less.
        rounds: How often both sides are expanded again.

    Returns:
        (Q, D) and (G, D) float32 rows of unit length.

    Raises:
        ValueError: Embeddings are not finite or differ in width, or a parameter is out of range.
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
        similarity = rows[start:stop] @ items.T  # [rows of the span, G]
        if not itself:
            similarity[np.arange(stop - start), np.arange(start, stop)] = -np.inf
        values, nearest = (part.numpy() for part in torch.topk(torch.from_numpy(similarity), count, dim=1))
        # values and nearest: [rows of the span, count]
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
