"""Learning on labeled frames how much the second stage should count beside the joint model."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from reid.ranking.metrics import rank_embeddings
from reid.ranking.sides import RankingSides
from search.evaluation.calibration_searches import LabelledSplit
from search.evaluation.labelled_people import not_compared, stacked_embeddings
from search.models.embedded_by import EmbeddedBy
from search.models.learned_share import LearnedShare
from search.query.fusion import fused
from search.query.ranking import USUAL_SECOND_WEIGHT

SHARES = tuple(step / 20 for step in range(21))
"""The shares that are tried."""

DRAWINGS = 1000
"""How often the people are drawn anew."""


@dataclass(frozen=True)
class ShareChoice:
    """A share, and what it is worth on people who took no part in choosing it. All mAPs are from 0 to 1.

    Args:
        share: The share with the curve that it follows from.
        left_out: The mAP at the best share of the other people, on people who were left out of choosing it.
        left_out_usual: The mAP of the same people at the share that counts where none was learned.
        left_out_first: The mAP of the same people by the joint model alone.
        left_out_second: The mAP of the same people by the crop model alone.
    """

    share: LearnedShare
    left_out: float
    left_out_usual: float
    left_out_first: float
    left_out_second: float


def choose_share(
    split: LabelledSplit, embedded_by: EmbeddedBy, data: str, *, same_camera: bool = False, seed: int = 0
) -> ShareChoice:
    """Try shares of the second stage from 0 to 1, and take the one that finds people best.

    The people are drawn anew many times, as many as there are, some of them twice and some of them not at all. Each
    drawing has its best share, and the middle one of all these is taken. Where many shares are about equally good, that
    is the middle of the flat part. Those who were not drawn tell what the best share of the others is worth for people
    who took no part.

    Args:
        split: Labeled frames as both models see them, and whom to look for.
        embedded_by: What made the vectors.
        data: The name of the labeled data.
        same_camera: Whether a person's sightings by the probe's own camera count.
        seed: The seed of the drawings, 0 or more.

    Raises:
        ValueError: There is no second stage, nobody to look for, nobody was found, or fewer than two people can be
            found.
    """
    if embedded_by.second_stage is None or len(split.found.looks) != 2:
        raise ValueError("there is one model only, expected a joint model and a crop model whose share is learned")
    if not len(split.probes) or not len(split.people):
        raise ValueError(f"{data} has no labeled person that was found; check its identities, or train longer")
    sides = _sides(split, same_camera)
    if (people := _can_be_found(sides)) < 2:
        raise ValueError(
            f"{people} of the people of {data} can be found by another sighting, expected two or more; label more "
            "frames, or count sightings by the probe's own camera: --same-camera"
        )
    precisions, persons = _precisions(split, sides)
    counts, sums = _by_person(precisions, persons)
    best, left_out = _drawn(counts, sums, seed)
    low, middle, high = np.quantile(best, (0.05, 0.5, 0.95)).tolist()
    share = LearnedShare(
        embedded_by.model,
        embedded_by.second_stage,
        round(middle, 3),
        data,
        probes=len(persons),
        people=len(counts),
        sightings=len(split.people),
        spread=(round(low, 3), round(high, 3)),
        shares=SHARES,
        mean_aps=tuple(round(value, 5) for value in precisions.mean(axis=0).tolist()),
    )
    return ShareChoice(share, *left_out)


def _sides(split: LabelledSplit, same_camera: bool) -> RankingSides:
    """Who is looked for among whom, without the probes' own frames."""
    return RankingSides.of(
        split.probes.person_ids,
        split.people.person_ids,
        None if same_camera else split.probes.cameras,
        None if same_camera else split.people.cameras,
        not_compared(split.probes, split.people),
    )


def _can_be_found(sides: RankingSides) -> int:
    """How many people have a probe and another sighting."""
    width = len(sides.gallery_ids)
    matches, _ = sides.pairs(np.arange(len(sides.query_ids)), np.arange(width))
    return len(np.unique(sides.query_ids[matches // width]))


def _precisions(split: LabelledSplit, sides: RankingSides) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """(Q, K) average precision of each probe at each share, and (Q,) whom it looks for, where there is somebody."""
    first, second = (stacked_embeddings(split.samples, look) for look in split.found.looks)
    rows = []
    for share in SHARES:
        probes = fused(split.probe_embeddings[0], split.probe_embeddings[1], share)  # (Q, D + E)
        sightings = fused(first, second, share)  # (N, D + E)
        rows.append(rank_embeddings(probes.numpy(), sightings.numpy(), sides).average_precisions)
    precisions = np.stack(rows, axis=1)
    known = np.isfinite(precisions).all(axis=1)
    return precisions[known], split.probes.person_ids[known]


def _by_person(
    precisions: NDArray[np.float64], persons: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(P,) the number of each person's probes, and (P, K) the sums of their average precisions."""
    row = np.unique(persons, return_inverse=True)[1].reshape(-1)
    counts = np.bincount(row).astype(np.float64)
    sums = np.zeros((len(counts), precisions.shape[1]))
    np.add.at(sums, row, precisions)
    return counts, sums


def _drawn(
    counts: NDArray[np.float64], sums: NDArray[np.float64], seed: int
) -> tuple[NDArray[np.float64], tuple[float, float, float, float]]:
    """The best share of each drawing, and the mean mAPs of those who were not drawn (see ShareChoice)."""
    generator = np.random.default_rng(seed)
    people = len(counts)
    times = generator.multinomial(people, np.full(people, 1 / people), size=DRAWINGS).astype(np.float64)
    values = (times @ sums) / (times @ counts)[:, None]  # (DRAWINGS, K)
    equal = values >= values.max(axis=1, keepdims=True) - 1e-9
    shares = np.array(SHARES)
    # Of shares that are equally good the middle one, else an easy data set would choose 0.
    best = (equal * shares).sum(axis=1) / equal.sum(axis=1)
    away = (times == 0).astype(np.float64)
    away, nearest = away[away.any(axis=1)], np.abs(best[:, None] - shares).argmin(axis=1)[away.any(axis=1)]
    means = (away @ sums) / (away @ counts)[:, None]
    usual = int(np.abs(shares - USUAL_SECOND_WEIGHT).argmin())
    chosen = float(means[np.arange(len(means)), nearest].mean())
    return best, (chosen, float(means[:, usual].mean()), float(means[:, 0].mean()), float(means[:, -1].mean()))
