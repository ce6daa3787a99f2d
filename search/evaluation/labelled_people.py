"""Who is who among the people that a model found in labelled frames, and the probes that look for them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from datasets.boxes import FloatBoxes, as_boxes, box_overlap
from datasets.samples import BACKGROUND, UNLABELLED, Camera, FrameSample, Query
from detection.detections import Detections
from reid.ranking.sides import same_identity
from search.evaluation.stacking import overlap_threshold, pairs_of_frames

Unlabelled = Literal["ignore", "negative"]


@dataclass(frozen=True, eq=False)
class People:
    """Persons, cameras and frames of N sightings, or of N probes.

    Args:
        person_ids: (N,) int64 identity, UNLABELLED for people of unknown identity, BACKGROUND for nobody.
        cameras: N of them, None where unknown.
        frames: N frame names, None for a probe that is a crop.
        beside: (M, 2) int64 pairs (row, identity): a detection of nobody that touches the box of this person. It may
            be a bad box of the person, so that it is neither the person nor somebody else.
    """

    person_ids: NDArray[np.int64]
    cameras: tuple[Camera | None, ...]
    frames: tuple[str | None, ...]
    beside: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.person_ids)

    def take(self, rows: NDArray[np.int64]) -> "People":
        """The people of some rows, which must rise."""
        place = np.full(len(self), -1)
        place[rows] = np.arange(len(rows))
        beside = np.stack([place[self.beside[:, 0]], self.beside[:, 1]], axis=1)
        return People(
            self.person_ids[rows],
            tuple(self.cameras[row] for row in rows),
            tuple(self.frames[row] for row in rows),
            beside[beside[:, 0] >= 0],
        )


def unlabelled_boxes(samples: Sequence[FrameSample]) -> dict[str, FloatBoxes]:
    """The boxes of people without an identity, frame by frame: `evaluate_search` ignores who is found there.

    Args:
        samples: The frames.

    Returns:
        The name of each frame -> (M, 4) xyxy pixels.
    """
    return {sample.name: sample.boxes[sample.person_ids < 0] for sample in samples}


def label_detections(
    samples: Sequence[FrameSample], found: Mapping[str, Detections], *, unlabelled: Unlabelled = "ignore"
) -> People:
    """Give every detection the identity of the labelled box that it overlaps most, if enough (`overlap_threshold`).

    Args:
        samples: frames with their boxes; those that are not among the detections are passed over.
        found: frame name -> Detections.
        unlabelled: "ignore" takes detections of people without an identity for UNLABELLED, as they may be anybody;
            "negative" for BACKGROUND, where the data set says that they are somebody else.

    Returns:
        A row for each detection, frame by frame in the order of the samples (`stacked_embeddings` has the same).
    """
    frames = [sample for sample in samples if sample.name in found]
    counts = [len(found[sample.name]) for sample in frames]
    offsets = np.cumsum([0, *counts])
    owner = np.repeat(np.arange(len(frames)), counts)
    boxes = np.concatenate([as_boxes([]), *(found[sample.name].boxes.cpu().numpy() for sample in frames)])
    truths = [np.concatenate([sample.boxes, sample.ignore]) for sample in frames]
    truth_ids = np.concatenate(
        [np.zeros(0, np.int64), *(np.append(one.person_ids, np.full(len(one.ignore), UNLABELLED)) for one in frames)]
    )
    truth_boxes = np.concatenate([as_boxes([]), *truths])
    truth_frame = np.repeat(np.arange(len(frames)), [len(one) for one in truths])

    truth, row = pairs_of_frames(truth_frame, offsets)
    overlap = box_overlap(truth_boxes[truth], boxes[row])
    fits = (overlap > 0) & (overlap >= overlap_threshold(truth_boxes)[truth])
    ids = np.full(len(owner), BACKGROUND, dtype=np.int64)
    order = np.argsort(overlap[fits], kind="stable")  # the best is written last
    ids[row[fits][order]] = truth_ids[truth[fits][order]]

    beside = (overlap > 0) & (ids[row] == BACKGROUND) & (truth_ids[truth] >= 0)
    pairs = np.unique(np.stack([row[beside], truth_ids[truth[beside]]], axis=1), axis=0)
    if unlabelled == "negative":
        ids[ids == UNLABELLED] = BACKGROUND
    cameras = tuple(frames[number].camera for number in owner)
    return People(ids, cameras, tuple(frames[number].name for number in owner), pairs)


def stacked_embeddings(samples: Sequence[FrameSample], found: Mapping[str, Detections]) -> Tensor:
    """(N, D) embeddings of all detections in the order of `label_detections`.

    Raises:
        ValueError: there is no frame, or detections have no embeddings.
    """
    rows = [found[sample.name].embeddings for sample in samples if sample.name in found]
    known = [one for one in rows if one is not None]
    if not known or len(known) < len(rows):
        raise ValueError(f"{len(rows) - len(known)} of {len(rows)} frames have no embeddings; run the model on them")
    return torch.cat(known)


def stacked_scores(samples: Sequence[FrameSample], found: Mapping[str, Detections]) -> Tensor:
    """(N,) confidence of all detections in the order of `label_detections`."""
    return torch.cat([torch.zeros(0), *(found[sample.name].scores for sample in samples if sample.name in found)])


def people_of_queries(queries: Sequence[Query]) -> People:
    """Whom a data set's queries look for."""
    ids = np.array([query.person_id for query in queries], dtype=np.int64)
    cameras, frames = tuple(query.camera for query in queries), tuple(query.frame for query in queries)
    return People(ids, cameras, frames, np.zeros((0, 2), dtype=np.int64))


def representatives(people: People) -> NDArray[np.int64]:
    """Rows of one sighting of each labelled person in each camera, the middle one: probes where there are no queries.

    Returns:
        (K,) rising.
    """
    groups: dict[tuple[int, Camera | None], list[int]] = {}
    for row in np.flatnonzero(people.person_ids >= 0).tolist():
        groups.setdefault((int(people.person_ids[row]), people.cameras[row]), []).append(row)
    return np.array(sorted(rows[len(rows) // 2] for rows in groups.values()), dtype=np.int64)


def not_compared(probes: People, sightings: People) -> NDArray[np.int64]:
    """(M, 2) pairs (probe, sighting) of one frame, which a search leaves out, and of a person and a bad box of it."""
    names = {name: number for number, name in enumerate(dict.fromkeys(sightings.frames))}
    own = np.array([-1 if name is None else names.get(name, -1) for name in probes.frames], dtype=np.int64)
    frame_of = np.array([names[name] for name in sightings.frames], dtype=np.int64)
    same_frame = np.stack(np.divmod(same_identity(own, frame_of), max(len(sightings), 1)), axis=1)
    rows, persons = sightings.beside.T
    probe, pair = np.divmod(same_identity(probes.person_ids, persons), max(len(persons), 1))
    return np.concatenate([same_frame, np.stack([probe, rows[pair]], axis=1)])


def halves(people: People, seed: int) -> NDArray[np.bool_]:
    """(N,) whether a sighting is of the one half of the people; sightings of nobody are drawn one by one.

    Args:
        people: Who the sightings are.
        seed: The seed of the drawing, 0 or more.
    """
    generator = np.random.default_rng(seed)
    known = np.unique(people.person_ids[people.person_ids >= 0])
    first = generator.permutation(known)[: len(known) // 2]
    return np.where(people.person_ids >= 0, np.isin(people.person_ids, first), generator.random(len(people)) < 0.5)
