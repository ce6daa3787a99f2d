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
from search.query.verdict import Calibration, LabelledData, LevelRates, MeasuredSize, RankedBy, RateOf

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


def calibrate(
    searches: Searches,
    ranked_by: RankedBy,
    data: LabelledData,
    *,
    match_rate: float = 0.01,
    possible_rate: float = 0.1,
    rate_of: RateOf = "probes",
    seed: int = 0,
) -> FittedCalibration:
    """Thresholds from all searches, and their rates on people left out.

    For the latter the people are halved: thresholds of each half judge the probes of the other in its sightings; the
    results of both halves and of several halvings are averaged. The thresholds handed back are those of all people.

    Args:
        searches: in the embeddings of `ranked_by`.
        ranked_by: which similarity it is.
        data: what the searches were made of; its counts are taken from the searches.
        match_rate: share of absent probes that may be called a match, in (0, 1).
        possible_rate: share that may be called a match or possible, at least `match_rate`, below 1.
        rate_of: what these are shares of, absent probes or pairs of a probe and a sighting of somebody else: the false
            positive identification rate, whose thresholds rise with the gallery, or the false match rate of one
            comparison, whose thresholds do not, so that mistakes grow with it.
        seed: of the halvings.

    Raises:
        ValueError: there is no probe, no sighting or nobody to be mistaken for, or a rate is out of its range.
    """
    if not len(searches.probes):
        raise ValueError(f"{data.name} has no labelled person to look for, expected some; check its identities")
    if not len(searches.sightings):
        raise ValueError(f"nobody was found in the frames of {data.name}; lower --detection-threshold or train longer")
    found = searches.identify()
    pairs = searches.count_pairs()
    thresholds = _thresholds(found, pairs, match_rate, possible_rate, rate_of)
    counted = dataclasses.replace(
        data,
        probes=len(searches.probes),
        people=len(np.unique(searches.probes.person_ids)),
        sightings=int((searches.sightings.person_ids != UNLABELLED).sum()),
        same_camera=searches.same_camera,
    )
    rates = _measured(found, thresholds, range(len(found.sizes)), pairs.false_match_rates())
    left_out = held_out_rates(searches, match_rate=match_rate, possible_rate=possible_rate, rate_of=rate_of, seed=seed)
    calibration = Calibration(ranked_by, thresholds, match_rate, possible_rate, counted, rates, left_out, rate_of)
    return FittedCalibration(calibration, found, pairs)


def held_out_rates(
    searches: Searches, *, match_rate: float, possible_rate: float, rate_of: RateOf = "probes", seed: int = 0
) -> tuple[MeasuredSize, ...]:
    """Rates of thresholds on people who took no part in choosing them, see `calibrate`; empty where that is impossible.

    Args:
        searches: of all people.
        match_rate: as in `calibrate`.
        possible_rate: as in `calibrate`.
        rate_of: as in `calibrate`.
        seed: of the halvings.
    """
    folds: list[tuple[Identifications, VerdictThresholds]] = []
    for halving in range(HALVINGS):
        first = halves(searches.sightings, seed + halving)
        people = np.unique(searches.sightings.person_ids[first & (searches.sightings.person_ids >= 0)])
        asked = np.isin(searches.probes.person_ids, people)
        try:
            parts = [searches.part(chosen, among) for chosen, among in ((asked, first), (~asked, ~first))]
            seen = [(part.identify(), part.count_pairs()) for part in parts]
        except ValueError:  # a half without probes, or without two people; that the rest is right, `calibrate` knows
            return ()
        for (half, _), (fitted, pairs) in (seen, seen[::-1]):
            folds.append((half, _thresholds(fitted, pairs, match_rate, possible_rate, rate_of)))
    known = set.intersection(*(set(half.sizes[:-1].tolist()) for half, _ in folds))
    rows = [_averaged(folds, size) for size in SIZES_SHOWN if size in known]
    return (*rows, _averaged(folds, None))


def _thresholds(
    found: Identifications, pairs: PairCounts, match_rate: float, possible_rate: float, rate_of: RateOf
) -> VerdictThresholds:
    """Those at which no larger share of absent probes, or of pairs of two persons, reaches a level."""
    by_probes = verdict_thresholds(found, match_rate=match_rate, possible_rate=possible_rate)
    if rate_of == "probes":
        return by_probes
    sizes, rates = by_probes.sizes, pairs.false_match_rates()
    match, possible = (float(THRESHOLDS[np.argmax(rates <= rate)]) for rate in (match_rate, possible_rate))
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
