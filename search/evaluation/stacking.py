"""Detections and query galleries as flat arrays, so that a protocol over a whole data set needs no loop over rows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from datasets.boxes import FloatBoxes, as_boxes, box_overlap
from datasets.samples import GalleryEntry, Query, QueryGallery
from detection.detections import Detections

AnyBoxes = NDArray[np.float32] | Tensor


@dataclass(frozen=True)
class StackedDetections:
    """The kept detections of all frames, one below the other.

    Attributes:
        rows: frame name -> row of `offsets`.
        offsets: (F + 1,) first detection of each frame.
        frame_of: (N,) frame of each detection.
        boxes: (N, 4) float32 xyxy.
        scores: (N,) float32 confidence.
        embeddings: (N, D) float32, None where the caller wants none.
        ignored: (N,) best overlap with an ignore box that the detection counts as lying on, 0 for none.
    """

    rows: Mapping[str, int]
    offsets: NDArray[np.int64]
    frame_of: NDArray[np.int64]
    boxes: FloatBoxes
    scores: NDArray[np.float32]
    embeddings: NDArray[np.float32] | None
    ignored: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.frame_of)


@dataclass(frozen=True)
class StackedQueries:
    """The galleries of some queries.

    Attributes:
        stack: The detections.
        members: (Q, F) whether a frame is in a query's gallery.
        truth_count: (Q,) true boxes in each gallery, found or not.
        pair_query, pair_truth, pair_row: (M,) each detection that may be the person: its query, its true box
            (numbered over all queries, ascending) and its row.
    """

    stack: StackedDetections
    members: NDArray[np.bool_]
    truth_count: NDArray[np.int64]
    pair_query: NDArray[np.int64]
    pair_truth: NDArray[np.int64]
    pair_row: NDArray[np.int64]

    @cached_property
    def allowed(self) -> NDArray[np.bool_]:
        """(Q, N) whether a detection takes part in a query's ranking."""
        allowed = self.members[:, self.stack.frame_of]
        allowed &= self.stack.ignored == 0
        allowed[self.pair_query, self.pair_row] = True
        return allowed

    def narrowed(self) -> tuple[NDArray[np.int64], "StackedQueries"]:
        """The detections that take part, side by side, for galleries that are a small part of all frames.

        Returns:
            (Q, W) rows, ascending, -1 behind them where a query has fewer; and the same queries whose `pair_row` is a
            column of these.
        """
        query, frame = np.nonzero(self.members)
        item, row = pairs_of_frames(frame, self.stack.offsets)
        place = query[item] * len(self.stack) + row  # ascending, as queries, frames and their rows are
        pairs = self.pair_query * len(self.stack) + self.pair_row
        kept = self.stack.ignored[row] == 0
        if not kept.all():
            kept |= np.isin(place, pairs)
            place, row = place[kept], row[kept]
        starts = np.searchsorted(place, np.arange(len(self.members) + 1) * len(self.stack))
        counts = np.diff(starts)
        rows = np.full((len(counts), max(1, int(counts.max(initial=0)))), -1, dtype=np.int64)
        rows[np.arange(rows.shape[1]) < counts[:, None]] = row
        return rows, replace(self, pair_row=np.searchsorted(place, pairs) - starts[self.pair_query])


def overlap_threshold(boxes: NDArray[np.floating]) -> NDArray[np.float64]:
    """The overlap from which a detection counts as the person: less than 0.5 for small boxes.

    min(0.5, wh / ((w + 10)(h + 10))), so that some pixels of error do not lose a small person.

    Args:
        boxes: (..., 4) xyxy pixels.

    Returns:
        (...) thresholds in (0, 0.5].
    """
    size = np.asarray(boxes, dtype=np.float64)
    size = size[..., 2:] - size[..., :2]
    return np.minimum(0.5, size.prod(axis=-1) / (size + 10).prod(axis=-1))


def stack_detections(
    detections: Mapping[str, Detections],
    score_threshold: float,
    ignore: Mapping[str, AnyBoxes] | None,
    embedding_dim: int | None,
) -> StackedDetections:
    """Drop low scores, put all frames into flat arrays and find the detections on ignore boxes.

    Args:
        detections: frame name -> Detections.
        score_threshold: least score that is kept.
        ignore: frame name -> (M, 4) xyxy boxes.
        embedding_dim: D of the queries; None leaves the embeddings out.

    Raises:
        ValueError: embeddings are missing, not of D dimensions or not finite.
    """
    frames = list(detections.values())
    scores = _joined([found.scores for found in frames], np.zeros(0, dtype=np.float32))
    kept = scores >= score_threshold
    counts = [found.scores.shape[0] for found in frames]
    frame_of = np.repeat(np.arange(len(frames)), counts)[kept]
    offsets = np.concatenate([[0], np.cumsum(np.bincount(frame_of, minlength=len(frames)))])
    boxes = _joined([found.boxes for found in frames], np.zeros((0, 4), dtype=np.float32))[kept]
    rows = {name: row for row, name in enumerate(detections)}
    features = None if embedding_dim is None else _features(detections, kept, counts, embedding_dim)
    ignored = _best_ignored_overlap(rows, offsets, boxes, ignore or {})
    return StackedDetections(rows, offsets, frame_of, boxes, scores[kept], features, ignored)


def _joined(parts: Sequence[Tensor], nothing: NDArray[np.float32]) -> NDArray[np.float32]:
    """All parts one below the other, on the processor; `nothing` where there is no part."""
    joined: NDArray[np.float32] = torch.cat(list(parts)).detach().cpu().numpy() if parts else nothing
    return joined


def _features(
    detections: Mapping[str, Detections], kept: NDArray[np.bool_], counts: Sequence[int], embedding_dim: int
) -> NDArray[np.float32]:
    """(N, D) embeddings of the kept detections; those of frames without any are not looked at.

    Args:
        detections: frame name -> Detections.
        kept: Whether a detection is kept, of all frames one below the other.
        counts: How many detections each frame has.
        embedding_dim: D.
    """
    frame_of = np.repeat(np.arange(len(counts)), counts)
    has_any = np.bincount(frame_of[kept], minlength=len(counts)) > 0
    asked = [pair for pair, any_kept in zip(detections.items(), has_any, strict=True) if any_kept]
    embeddings = [found.embeddings for _, found in asked if found.embeddings is not None]
    nothing = np.zeros((0, embedding_dim), dtype=np.float32)
    right = len(embeddings) == len(asked) and all(one.shape[1] == embedding_dim for one in embeddings)
    rows = _joined(embeddings, nothing) if right else nothing
    if not right or not np.isfinite(rows).all():
        for name, found in asked:
            embeddings_of(f"frame {name}", found, embedding_dim)  # says which frame it is
    return rows[kept[has_any[frame_of]]]


def stack_queries(queries: Sequence[Query], stack: StackedDetections, frames: "FrameLookup") -> StackedQueries:
    """Which detections take part in each query's ranking, and which of them may be the person.

    A frame that a gallery lists twice takes part once, with the true box of its first entry; the true boxes of
    all entries count. A detection on an ignore box leaves the ranking unless it fits the true box at least as well.
    """
    galleries = [as_query_gallery(query.gallery) for query in queries]
    sizes = np.array([len(gallery) for gallery in galleries])
    member_query = np.repeat(np.arange(len(galleries)), sizes)
    member_row = np.concatenate([frames.rows(gallery.frames)[gallery.members] for gallery in galleries])
    starts = np.cumsum(sizes) - sizes

    # The first position of each frame in each gallery; the last column collects frames without detections.
    columns = len(stack.rows) + 1
    never = len(member_row)
    first_flat = np.full(len(galleries) * columns, never, dtype=np.int64)
    np.minimum.at(first_flat, member_query * columns + member_row, np.arange(never))
    first = first_flat.reshape(len(galleries), columns)
    members = first[:, :-1] < never

    truth_count = np.array([len(gallery.true_boxes) for gallery in galleries])
    position = np.concatenate(
        [np.fromiter(gallery.true_boxes, dtype=np.int64, count=len(gallery.true_boxes)) for gallery in galleries]
    ) + np.repeat(starts, truth_count)
    truths = as_boxes([box for gallery in galleries for box in gallery.true_boxes.values()])
    query = np.repeat(np.arange(len(galleries)), truth_count)
    row = member_row[position]
    usable = (row < len(stack.rows)) & (first[query, row] == position)
    query, row, truths = query[usable], row[usable], truths[usable]

    pair_truth, pair_row = pairs_of_frames(row, stack.offsets)
    overlap = box_overlap(truths[pair_truth], stack.boxes[pair_row])
    # An empty true box has the threshold 0, which would make everybody in the frame the person.
    match = (overlap > 0) & (overlap >= overlap_threshold(truths)[pair_truth]) & (overlap >= stack.ignored[pair_row])
    pair_truth, pair_row = pair_truth[match], pair_row[match]
    pair_query = query[pair_truth]
    return StackedQueries(stack, members, truth_count, pair_query, pair_truth, pair_row)


class FrameLookup:
    """Rows of frame names in stacked detections; queries that share a tuple of names share the work."""

    def __init__(self, stack: StackedDetections) -> None:
        self._stack = stack
        self._known: dict[int, tuple[tuple[str, ...], NDArray[np.int64]]] = {}
        self._any_known = False
        self._example = ""

    def rows(self, names: tuple[str, ...]) -> NDArray[np.int64]:
        """(len(names),) rows; the number of frames for a name without detections."""
        known = self._known.get(id(names))
        if known is None:
            missing = len(self._stack.rows)
            found = np.array([self._stack.rows.get(name, missing) for name in names], dtype=np.int64)
            # The tuple is kept with its rows, because a freed tuple's id may come back for another one.
            known = self._known[id(names)] = (names, found)
            self._any_known |= bool((found < missing).any())
            self._example = self._example or next(iter(names), "")
        return known[1]

    def require_known(self) -> None:
        """Refuse detections that no gallery asks for: names that never meet are a mistake, not a bad model.

        Raises:
            ValueError: there are detections, but no frame asked for so far is among them.
        """
        if self._stack.rows and not self._any_known:
            raise ValueError(
                f"no frame of the galleries, {self._example!r} for one, is among the detections, which have "
                f"{next(iter(self._stack.rows))!r}; key the detections by the frame names of the data set"
            )


def as_query_gallery(pairs: Sequence[GalleryEntry]) -> QueryGallery:
    """Any sequence of pairs (frame name, true box | None) as a QueryGallery."""
    if isinstance(pairs, QueryGallery):
        return pairs
    names: dict[str, int] = {}
    members = np.array([names.setdefault(name, len(names)) for name, _ in pairs], dtype=np.int64)
    boxes = {position: as_boxes([box])[0] for position, (_, box) in enumerate(pairs) if box is not None}
    return QueryGallery(tuple(names), members, boxes)


def pairs_of_frames(
    frames: NDArray[np.int64], offsets: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """All pairs of an item and a detection in the item's frame.

    Args:
        frames: (P,) frame of each item.
        offsets: (F + 1,) first detection of each frame.

    Returns:
        (M,) items, ascending, and (M,) rows of detections.
    """
    counts = offsets[frames + 1] - offsets[frames]
    items = np.repeat(np.arange(len(frames)), counts)
    within = np.arange(len(items)) - np.repeat(np.cumsum(counts) - counts, counts)
    return items, offsets[frames][items] + within


def _best_ignored_overlap(
    rows: Mapping[str, int], offsets: NDArray[np.int64], boxes: FloatBoxes, ignore: Mapping[str, AnyBoxes]
) -> NDArray[np.float64]:
    best = np.zeros(len(boxes))
    regions = {
        name: as_boxes(given.detach().cpu().numpy() if isinstance(given, Tensor) else given)
        for name, given in ignore.items()
        if name in rows
    }
    frames = np.repeat([rows[name] for name in regions], [len(given) for given in regions.values()]).astype(np.int64)
    if not len(frames):
        return best
    flat = np.concatenate(list(regions.values()))
    item, row = pairs_of_frames(frames, offsets)
    overlap = box_overlap(flat[item], boxes[row])
    lies_on = overlap >= overlap_threshold(flat)[item]
    np.maximum.at(best, row[lies_on], overlap[lies_on])
    return best


def embeddings_of(whose: str, found: Detections, embedding_dim: int) -> NDArray[np.float32]:
    """The embeddings (N, D) of detections, or a clear refusal.

    Args:
        whose: what the detections are of, for the error.
        found: the detections.
        embedding_dim: D.

    Raises:
        ValueError: embeddings are missing, not of D dimensions or not finite.
    """
    if found.embeddings is None:
        raise ValueError(f"{whose}: detections have no embeddings; run the model's embedding head on them first")
    width = found.embeddings.shape[1]
    if width != embedding_dim:
        raise ValueError(
            f"{whose}: embeddings have {width} dimensions but the queries' {embedding_dim}; embed both with one model"
        )
    values: NDArray[np.float32] = found.embeddings.detach().cpu().numpy()
    if not np.isfinite(values).all():
        raise ValueError(f"{whose}: embeddings are not finite; the model has diverged, use an earlier checkpoint")
    return values
