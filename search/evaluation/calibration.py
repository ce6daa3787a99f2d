"""Calibrating a verdict on labelled frames: thresholds from all people, and what such do to people left out."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from datasets.samples import UNLABELLED
from reid.ranking.open_set import Identifications, VerdictThresholds, identify, verdict_thresholds
from reid.ranking.pair_counts import THRESHOLDS, PairCounts, count_pairs
from search.evaluation.labelled_people import People, halves, not_compared
from search.models.embedded_by import EmbeddedBy
from search.query.ranking import Ranking
from search.query.rates import VerdictRates
from search.query.verdict import Calibration, LabelledData, LevelRates, MeasuredSize

SIZES_SHOWN = (1, 10, 100, 1000, 10_000, 100_000)
"""Gallery sizes of the measurement on people left out, beside the whole half."""

HALVINGS = 5
"""How often the people are halved for that measurement."""


@dataclass(frozen=True, eq=False)
class Searches:
    """Probes and the sightings that they are compared with, in one kind of embeddings.

    Args:
        probes: Q of them.
        probe_embeddings: (Q, D) of unit length.
        sightings: N of them.
        embeddings: (N, D) of unit length.
        same_camera: whether a person's sightings by the probe's own camera count.
    """

    probes: People
    probe_embeddings: Tensor
    sightings: People
    embeddings: Tensor
    same_camera: bool = False

    def part(self, probes: NDArray[np.bool_], sightings: NDArray[np.bool_]) -> "Searches":
        """Those of the masked probes (Q,) among the masked sightings (N,)."""
        asked, among = np.flatnonzero(probes), np.flatnonzero(sightings)
        return Searches(
            self.probes.take(asked),
            self.probe_embeddings[asked],
            self.sightings.take(among),
            self.embeddings[among],
            self.same_camera,
        )

    def identify(self) -> Identifications:
        """See `reid.ranking.open_set.identify`; raises ValueError as it does."""
        sides = self._sides()
        return identify(self.probe_embeddings, self.embeddings, *sides, excluded=self._excluded())

    def count_pairs(self) -> PairCounts:
        """See `reid.ranking.pair_counts.count_pairs`: the same pairs, each by itself."""
        sides = self._sides()
        return count_pairs(self.probe_embeddings, self.embeddings, *sides, excluded=self._excluded())

    def _sides(self) -> tuple[NDArray[np.int64], NDArray[np.int64], Sequence[object] | None, Sequence[object] | None]:
        ids = self.probes.person_ids, self.sightings.person_ids
        return (*ids, None, None) if self.same_camera else (*ids, self.probes.cameras, self.sightings.cameras)

    def _excluded(self) -> NDArray[np.int64]:
        return not_compared(self.probes, self.sightings)


@dataclass(frozen=True, eq=False)
class FittedCalibration:
    """A calibration with the distributions that it follows from, for who draws them."""

    calibration: Calibration
    found: Identifications
    pairs: PairCounts


def fit_calibration(
    searches: Searches,
    embedded_by: EmbeddedBy,
    ranking: Ranking,
    data: LabelledData,
    rates: VerdictRates | None = None,
    *,
    seed: int = 0,
) -> FittedCalibration:
    """Thresholds from all searches, and their rates on people left out.

    For the latter the people are halved: thresholds of each half judge the probes of the other in its sightings; the
    results of both halves and of several halvings are averaged. The thresholds handed back are those of all people.

    Args:
        searches: Probes and sightings in the embeddings that `embedded_by` and `ranking` describe.
        embedded_by: What made those embeddings.
        ranking: How their similarities are made.
        data: What the searches were made of; its counts are taken from the searches.
        rates: How often people who are not there may reach each level; None is `VerdictRates()`.
        seed: The seed of the halvings, 0 or more.

    Raises:
        ValueError: there is no probe, no sighting or nobody to be mistaken for, or a rate is out of its range.
    """
    if not len(searches.probes):
        raise ValueError(f"{data.name} has no labeled person to look for, expected some; check its identities")
    if not len(searches.sightings):
        raise ValueError(f"nobody was found in the frames of {data.name}; lower the least confidence, or train longer")
    rates = rates or VerdictRates()
    found = searches.identify()
    pairs = searches.count_pairs()
    thresholds = _thresholds(found, pairs, rates)
    counted = dataclasses.replace(
        data,
        probes=len(searches.probes),
        people=len(np.unique(searches.probes.person_ids)),
        sightings=int((searches.sightings.person_ids != UNLABELLED).sum()),
        same_camera=searches.same_camera,
    )
    known = _measured(found, thresholds, range(len(found.sizes)), pairs.false_match_rates())
    left_out = held_out_rates(searches, rates, seed=seed)
    asked = ranking.for_similarity(second_stage=embedded_by.second_stage is not None)
    calibration = Calibration(
        embedded_by, asked, thresholds, rates.match_rate, rates.possible_rate, counted, known, left_out, rates.rate_of
    )
    return FittedCalibration(calibration, found, pairs)


def measured_rates(searches: Searches, calibration: Calibration) -> tuple[MeasuredSize, ...]:
    """How often the verdicts of a calibration that was made elsewhere are wrong on labeled searches.

    Args:
        searches: The searches, in the embeddings that the calibration is of.
        calibration: The calibration.

    Returns:
        The rates in galleries of 1, 2, 5, 10 ... sightings, drawn at random, and of all of them.

    Raises:
        ValueError: As `Searches.identify`.
    """
    found = searches.identify()
    return _measured(found, calibration.thresholds, range(len(found.sizes)))


def held_out_rates(searches: Searches, rates: VerdictRates, *, seed: int = 0) -> tuple[MeasuredSize, ...]:
    """Rates of thresholds on people who took no part in choosing them; empty where that is impossible.

    Args:
        searches: The searches for all people.
        rates: How often people who are not there may reach each level.
        seed: The seed of the halvings, 0 or more.
    """
    folds: list[tuple[Identifications, VerdictThresholds]] = []
    for halving in range(HALVINGS):
        first = halves(searches.sightings, seed + halving)
        people = np.unique(searches.sightings.person_ids[first & (searches.sightings.person_ids >= 0)])
        asked = np.isin(searches.probes.person_ids, people)
        try:
            parts = [searches.part(chosen, among) for chosen, among in ((asked, first), (~asked, ~first))]
            seen = [(part.identify(), part.count_pairs()) for part in parts]
        except ValueError:  # a half without probes or two people; the rest is checked before
            return ()
        for (half, _), (fitted, pairs) in (seen, seen[::-1]):
            folds.append((half, _thresholds(fitted, pairs, rates)))
    known = set.intersection(*(set(half.sizes[:-1].tolist()) for half, _ in folds))
    rows = [_averaged(folds, size) for size in SIZES_SHOWN if size in known]
    return (*rows, _averaged(folds, None))


def _thresholds(found: Identifications, pairs: PairCounts, asked: VerdictRates) -> VerdictThresholds:
    """Those at which no larger share of absent probes, or of pairs of two persons, reaches a level."""
    by_probes = verdict_thresholds(found, match_rate=asked.match_rate, possible_rate=asked.possible_rate)
    if asked.rate_of == "probes":
        return by_probes
    sizes, rates = by_probes.sizes, pairs.false_match_rates()
    match, possible = (float(THRESHOLDS[np.argmax(rates <= rate)]) for rate in (asked.match_rate, asked.possible_rate))
    return VerdictThresholds(sizes, (match,) * len(sizes), (possible,) * len(sizes))


def _averaged(folds: Sequence[tuple[Identifications, VerdictThresholds]], size: int | None) -> MeasuredSize:
    """The mean rates of all halves in galleries of a size they have in common, or of each whole half (None)."""
    places = [len(half.sizes) - 1 if size is None else int(np.searchsorted(half.sizes, size)) for half, _ in folds]
    measured = [_measured(half, at, [place])[0] for (half, at), place in zip(folds, places, strict=True)]
    weights = {"absent": [half.probes for half, _ in folds], "present": [len(half.best) for half, _ in folds]}

    def mean(level: str, rate: str, kind: str) -> float:
        values = np.array([getattr(getattr(one, level), rate) for one in measured])
        counts = np.isfinite(values)
        return float(np.average(values[counts], weights=np.array(weights[kind])[counts])) if counts.any() else np.nan

    match, possible = (
        LevelRates(
            mean(level, "false_positive", "absent"),
            mean(level, "found", "present"),
            mean(level, "found_first", "present"),
        )
        for level in ("match", "possible")
    )
    return MeasuredSize(round(np.mean([one.size for one in measured])), match, possible)


def _measured(
    found: Identifications,
    thresholds: VerdictThresholds,
    rows: Sequence[int],
    pairs: NDArray[np.float64] | None = None,
) -> tuple[MeasuredSize, ...]:
    """What thresholds do in galleries of some of the sizes."""
    sizes = []
    for row in rows:
        size = int(found.sizes[row])
        at = thresholds.at(size)
        sizes.append(MeasuredSize(size, *(_rates(found, row, value, pairs) for value in (at.match, at.possible))))
    return tuple(sizes)


def _rates(found: Identifications, row: int, threshold: float, pairs: NDArray[np.float64] | None) -> LevelRates:
    return LevelRates(
        found.false_positive_rate(row, threshold),
        found.found_rate(threshold),
        found.found_first_rate(row, threshold),
        None if pairs is None else float(pairs[np.searchsorted(THRESHOLDS, threshold)]),
    )
