"""match, possible, not present: what a calibrated similarity says about a probe and about each sighting."""

import math
from dataclasses import dataclass
from typing import Literal

from reid.ranking.open_set import LevelThresholds, VerdictThresholds
from search.models.embedded_by import EmbeddedBy
from search.query.ranking import Ranking
from search.query.rates import RATES_OF, RateOf

Level = Literal["match", "possible", "not present"]


@dataclass(frozen=True)
class LabelledData:
    """What a calibration was made of.

    Args:
        name: The name of the data set.
        probes: searches for a labelled person.
        people: persons among them.
        sightings: people found in the frames, who were compared with each.
        probe_kind: "box" in a frame or "crop".
        same_camera: whether a person's sightings by the probe's own camera counted.
        unlabelled: whether sightings of unknown people were left out ("ignore") or are others ("negative").
    """

    name: str
    probes: int = 0
    people: int = 0
    sightings: int = 0
    probe_kind: str = "box"
    same_camera: bool = False
    unlabelled: str = "ignore"


@dataclass(frozen=True)
class LevelRates:
    """How often a level is reached in a gallery of one size.

    Args:
        false_positive: share of absent probes; the false positive identification rate.
        found: share of present probes whose person's best sighting reaches it.
        found_first: The share of present probes whose person's best sighting reaches it and is the most similar of all.
        false_match: share of pairs of a probe and one sighting of somebody else; None where nobody counted.
    """

    false_positive: float
    found: float
    found_first: float
    false_match: float | None = None


@dataclass(frozen=True)
class MeasuredSize:
    """Rates of both levels in a gallery of `size` sightings; "possible" counts matches too."""

    size: int
    match: LevelRates
    possible: LevelRates


@dataclass(frozen=True)
class Calibration:
    """Thresholds of one similarity with what they were made of and what they do.

    Raises:
        ValueError: the rates are of neither probes nor pairs.

    Args:
        embedded_by: What made the vectors that are compared, without a second stage where it takes no part.
        ranking: How the similarity is made, see `Ranking.for_similarity`.
        thresholds: for galleries of any size.
        match_rate: share of absent probes, or of pairs of two persons, that may be called a match.
        possible_rate: share of them that may be called a match or possible.
        data: what it was made of.
        rates: on the same data, for the sizes of the thresholds.
        held_out: on people who took no part in choosing the thresholds; empty where there were too few.
        rate_of: whether both rates are shares of "probes" or of "pairs", see `search.query.rates.VerdictRates`.
    """

    embedded_by: EmbeddedBy
    ranking: Ranking
    thresholds: VerdictThresholds
    match_rate: float
    possible_rate: float
    data: LabelledData
    rates: tuple[MeasuredSize, ...] = ()
    held_out: tuple[MeasuredSize, ...] = ()
    rate_of: RateOf = "probes"

    def __post_init__(self) -> None:
        if self.rate_of not in RATES_OF:
            raise ValueError(f"rates of {self.rate_of!r}, expected one of {', '.join(RATES_OF)}")

    def judge(self, similarity: float, size: int, *, probe_kind: str | None = None, pictures: int = 1) -> "Verdict":
        """The verdict of a search.

        Args:
            similarity: The similarity of the most similar sighting.
            size: how many sightings were compared; with several probes of which the best counts, times their number.
            probe_kind: "box" or "crop", None where nobody knows.
            pictures: how many pictures of the person made the probe.
        """
        return Verdict(similarity, size, self.thresholds.at(size), self, probe_kind, pictures)

    def rates_near(self, size: int) -> MeasuredSize | None:
        """The known rates of the largest size that is not larger; of the smallest where all are."""
        below = [one for one in self.rates if one.size <= size]
        return below[-1] if below else next(iter(self.rates), None)


@dataclass(frozen=True)
class Verdict:
    """What a calibration says about one search.

    Args:
        similarity: The similarity of the most similar sighting.
        size: sightings that the probe was compared with.
        thresholds: for a gallery of that size.
        calibration: where they come from.
        probe_kind: "box" or "crop", None where nobody knows.
        pictures: how many pictures of the person made the probe.
    """

    similarity: float
    size: int
    thresholds: LevelThresholds
    calibration: Calibration
    probe_kind: str | None = None
    pictures: int = 1

    @property
    def level(self) -> Level:
        """Of the probe: that of its most similar sighting."""
        return self.level_of(self.similarity)

    def level_of(self, similarity: float) -> Level:
        """Of one sighting, by its calibrated similarity."""
        if similarity >= self.thresholds.match:
            return "match"
        return "possible" if similarity >= self.thresholds.possible else "not present"

    def headline(self) -> str:
        """One line: the level, the similarity, and from where on the levels begin."""
        return (
            f"{self.level}: the most similar sighting has a similarity of {self.similarity:.3f}; from "
            f"{self.thresholds.match:.3f} on a sighting is called a match, from {self.thresholds.possible:.3f} on "
            f"possible ({self.size:,} sightings were compared)"
        )

    def meaning(self) -> str:
        """One line, for a reader who knows nothing of statistics: how often such an answer is wrong.

        The rates of people who are not there are those that the thresholds were set for, and beside them those that
        were measured on people who took no part in choosing the thresholds.
        """
        calibration, by_pairs = self.calibration, self.calibration.rate_of == "pairs"
        match, possible = percent(calibration.match_rate), percent(calibration.possible_rate)
        if by_pairs:
            text = f"Of two sightings of two different people, {match} are called a match, {possible} at least possible"
        else:
            text = (
                f"When a person is not in the footage, {match} of searches say match and {possible} at least possible"
            )
        if calibration.held_out:
            whole = calibration.held_out[-1]
            seen = f"{percent(whole.match.false_positive)} and {percent(whole.possible.false_positive)}"
            searches = " of searches for people who were not there" if by_pairs else ""
            text += f" (in a test with other people: {seen}{searches}, among {whole.size:,} sightings)"
        known = calibration.rates_near(self.size)
        if known is not None:
            # Thresholds by probes go on rising beyond the known sizes, those by pairs are the same everywhere.
            fewer = "fewer than " if self.thresholds.extrapolated and not by_pairs else ""
            found = f"{percent(known.match.found)} of searches say match and {fewer}{percent(known.possible.found)}"
            text += f". When the person is in the footage, {fewer}{found} at least possible"
        return f"{text}. Measured on {self.data_text()}."

    def data_text(self) -> str:
        """What the thresholds were made of."""
        data = self.calibration.data
        return f"{data.name}: {data.probes:,} searches for {data.people:,} people among {data.sightings:,} sightings"

    def doubts(self) -> list[str]:
        """A line for each way in which this search differs from those that were calibrated."""
        data, largest = self.calibration.data, self.calibration.thresholds.sizes[-1]
        doubts = []
        if self.thresholds.extrapolated:
            by_pairs = self.calibration.rate_of == "pairs"
            what = "wrong answers become more frequent" if by_pairs else "the thresholds are only estimated"
            doubts.append(f"{what} in a gallery as large as this: at most {largest:,} sightings were measured")
        if self.probe_kind is not None and self.probe_kind != data.probe_kind:
            theirs = "boxes in whole frames" if data.probe_kind == "box" else "pictures of one person alone"
            this = "a box in a whole frame" if self.probe_kind == "box" else "a picture of the person alone"
            doubts.append(f"you search by {this}, the verdict was measured with {theirs}")
        if self.pictures > 1:
            doubts.append(f"you search by {self.pictures} pictures, the verdict was measured with single ones")
        return doubts

    def to_dict(self) -> dict[str, object]:
        """JSON-able, keys stable."""
        return {
            "level": self.level,
            "similarity": self.similarity,
            "gallery_size": self.size,
            "match_from": self.thresholds.match,
            "possible_from": self.thresholds.possible,
            "extrapolated": self.thresholds.extrapolated,
            "match_rate": self.calibration.match_rate,
            "possible_rate": self.calibration.possible_rate,
            "rate_of": self.calibration.rate_of,
            "calibrated_on": self.calibration.data.name,
            "doubts": self.doubts(),
        }


def percent(share: float | None) -> str:
    """A share for people: "12.3 %", "0.0041 %", or "-" where nobody could count."""
    if share is None or not math.isfinite(share):
        return "-"
    value = 100 * share
    return f"{value:.2g} %" if 0 < value < 0.1 else f"{value:.1f} %".replace(".0 %", " %")
