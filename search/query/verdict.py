"""match, possible, no confident match: what a calibrated similarity says about a probe and about each sighting."""

import dataclasses
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from search.gallery.footage import Footage
from search.models.embedded_by import EmbeddedBy
from search.query.ranking import Ranking
from search.query.rates import RATES_OF, RateOf

if TYPE_CHECKING:  # who only searches needs no torch
    from reid.ranking.open_set import LevelThresholds, VerdictThresholds


class Coded(str):
    """Words for a reader, with a code by which a page says the same in another language.

    >>> Coded("you search by 3 pictures", code="several_pictures", pictures=3).code
    'several_pictures'

    Args:
        words: The words.
        code: One word for programs.
        **values: What a sentence in another language needs of them.
    """

    code: str
    values: dict[str, str | int]

    def __new__(cls, words: str, *, code: str, **values: str | int) -> "Coded":
        """The words, with the code beside them."""
        self = super().__new__(cls, words)
        self.code, self.values = code, values
        return self

    def __getnewargs_ex__(self) -> tuple[tuple[str], dict[str, str | int]]:
        return (str(self),), {"code": self.code, **self.values}


Level = Literal["match", "possible", "no confident match"]
UNDECIDED: Level = "no confident match"
"""The level below both limits. It claims nothing: many people who are there look different enough to end here."""


@dataclass(frozen=True)
class LabelledData:
    """What a calibration was made of.

    Args:
        name: The name of the data set.
        probes: How many searches for a labeled person were made.
        people: How many different people were searched for.
        sightings: How many sightings each of these searches was compared with.
        probe_kind: How the searches showed their person: "box" is a box in a whole frame, "crop" a picture of the
            person alone.
        same_camera: Whether a person's sightings by the probe's own camera counted.
        unlabelled: What became of sightings without an identity: "ignore" left them out, "negative" took them for
            strangers.
        footage: Which cameras filmed the data, and whether it was rendered; None in files of earlier versions, which do
            not say it.
        pairs: How many pairs of people side by side in one frame the thresholds were learned from, where nobody labeled
            anything; 0 for labeled data.
    """

    name: str
    probes: int = 0
    people: int = 0
    sightings: int = 0
    probe_kind: str = "box"
    same_camera: bool = False
    unlabelled: str = "ignore"
    footage: Footage | None = None
    pairs: int = 0


@dataclass(frozen=True)
class LevelRates:
    """How often searches reach one level, in a gallery of one size. All four are shares from 0 to 1.

    Args:
        false_positive: The share of the searches for a person who is not there that reach the level all the same. It
            is called the false positive identification rate.
        found: The share of the searches for a person who is there in which that person's own best sighting reaches the
            level. Sightings of other people do not count.
        found_first: The share of the searches for a person who is there in which that person's own best sighting
            reaches the level and is the most similar of all.
        false_match: The share of the pairs of a probe and one sighting of somebody else that reach the level; None
            where nobody counted them.
    """

    false_positive: float
    found: float
    found_first: float
    false_match: float | None = None


@dataclass(frozen=True)
class MeasuredSize:
    """How often both levels are reached in a gallery of `size` sightings; `possible` counts matches too."""

    size: int
    match: LevelRates
    possible: LevelRates


@dataclass(frozen=True)
class Calibration:
    """The similarities from which on a sighting is a match or possible, and how they were found.

    Raises:
        ValueError: `rate_of` is neither "probes" nor "pairs".

    Args:
        embedded_by: What made the vectors that are compared, without a second stage where it takes no part.
        ranking: How the similarity is made, see `Ranking.for_similarity`.
        thresholds: The similarities at which the levels begin, for a gallery of any size.
        match_rate: The share of mistakes that may be called a match, between 0 and 1; `rate_of` says what is counted.
        possible_rate: The share of mistakes that may be called a match or possible, at least `match_rate`.
        data: The labeled data that the thresholds were chosen on.
        rates: How often the levels are reached on that same data, for each size that the thresholds know.
        held_out: The same, measured on people who took no part in choosing the thresholds; empty where there were too
            few people.
        rate_of: What both rates count: "probes" counts the searches for people who are not there, "pairs" the pairs of
            a probe and a sighting of somebody else. See `search.query.rates.VerdictRates`.
        interval: The lower and the upper ends between which the thresholds lie nine times in ten, where they were
            learned without labels; None where they were measured.
    """

    embedded_by: EmbeddedBy
    ranking: Ranking
    thresholds: "VerdictThresholds"
    match_rate: float
    possible_rate: float
    data: LabelledData
    rates: tuple[MeasuredSize, ...] = ()
    held_out: tuple[MeasuredSize, ...] = ()
    rate_of: RateOf = "probes"
    interval: "tuple[VerdictThresholds, VerdictThresholds] | None" = None

    def __post_init__(self) -> None:
        if self.rate_of not in RATES_OF:
            raise ValueError(f"rates of {self.rate_of!r}, expected one of {', '.join(RATES_OF)}")

    def difference(self, footage: Footage) -> str:
        """Why this calibration says nothing about some footage, as words after "was made"; empty where it does.

        Args:
            footage: The footage of the sightings that are judged.
        """
        known = self.data.footage
        return (
            "by an earlier version, which did not say on which footage" if known is None else known.difference(footage)
        )

    def judge(
        self, similarity: float, size: int, *, probe_kind: str | None = None, pictures: int = 1, elsewhere: str = ""
    ) -> "Verdict":
        """The verdict of a search.

        Args:
            similarity: The similarity of the most similar sighting.
            size: How many comparisons were made: the number of sightings, or that number times the number of pictures
                where each picture was compared by itself.
            probe_kind: "box" or "crop", None where nobody knows.
            pictures: How many pictures of the person made the probe.
            elsewhere: In which way the calibration's footage differs from this one, see `difference`.
        """
        return Verdict(similarity, size, self.thresholds.at(size), self, probe_kind, pictures, elsewhere)

    def rates_near(self, size: int) -> MeasuredSize | None:
        """The rates of the largest measured gallery that is no larger than `size`.

        Where every measured gallery is larger, the rates are those of the smallest one; None where none was measured.
        """
        below = [one for one in self.rates if one.size <= size]
        return below[-1] if below else next(iter(self.rates), None)


@dataclass(frozen=True)
class Verdict:
    """What a calibration says about one search.

    Args:
        similarity: The similarity of the most similar sighting.
        size: How many comparisons were made, see `Calibration.judge`.
        thresholds: The similarities at which the levels begin, in a gallery of that size.
        calibration: The calibration that gave the thresholds.
        probe_kind: "box" or "crop", None where nobody knows.
        pictures: How many pictures of the person made the probe.
        elsewhere: In which way the calibration's footage differs from the gallery's, as words after "was made"; empty
            where it describes the gallery.
    """

    similarity: float
    size: int
    thresholds: "LevelThresholds"
    calibration: Calibration
    probe_kind: str | None = None
    pictures: int = 1
    elsewhere: str = ""

    @property
    def level(self) -> Level:
        """The level of the whole search, which is the level of its most similar sighting."""
        return self.level_of(self.similarity)

    def level_of(self, similarity: float) -> Level:
        """The level of one sighting, by its similarity."""
        if similarity >= self.thresholds.match:
            return "match"
        return "possible" if similarity >= self.thresholds.possible else UNDECIDED

    def headline(self) -> str:
        """One line: the level, the similarity, the lowest similarity of each level, and the number of comparisons."""
        made = "1 comparison was made" if self.size == 1 else f"{self.size:,} comparisons were made"
        return (
            f"{self.level}: the most similar sighting has a similarity of {self.similarity:.3f}; the limit is "
            f"{self.thresholds.match:.3f} for a match and {self.thresholds.possible:.3f} for possible ({made})"
        )

    def meaning(self) -> str:
        """One line, for a reader who knows nothing of statistics: how often such an answer is wrong.

        The rates of people who are not there are those that the thresholds were set for, and beside them those that
        were measured on people who took no part in choosing the thresholds.
        """
        begin = f"{self.also_here()}. " if self.level == UNDECIDED else ""
        calibration, by_pairs = self.calibration, self.calibration.rate_of == "pairs"
        match, possible = percent(calibration.match_rate), percent(calibration.possible_rate)
        if by_pairs:
            text = (
                f"Of all pairs of sightings that show two different people, {match} are called a match and {possible} "
                "at least possible"
            )
        else:
            text = (
                f"When a person is not in the footage, {match} of searches say match and {possible} at least possible"
            )
        if calibration.held_out:
            whole = calibration.held_out[-1]
            text += (
                f". In a test with other people who were not in the footage, {percent(whole.match.false_positive)} of "
                f"searches said match and {percent(whole.possible.false_positive)} at least possible, among "
                f"{whole.size:,} sightings"
            )
        known = calibration.rates_near(self.size)
        if known is not None:
            # Thresholds by probes go on rising beyond the known sizes, those by pairs are the same everywhere.
            fewer = "fewer than " if self.thresholds.extrapolated and not by_pairs else ""
            text += (
                ". When the person is in the footage, their own best sighting is a match in "
                f"{fewer}{percent(known.match.found)} of searches, and at least possible in "
                f"{fewer}{percent(known.possible.found)}"
            )
        if calibration.interval is not None:
            low, high = (ends.at(self.size) for ends in calibration.interval)
            text += (
                ". This was learned without labels: nine times in ten the right limits lie from "
                f"{low.match:.3f} to {high.match:.3f} for match and from {low.possible:.3f} to {high.possible:.3f} for "
                "possible"
            )
        return f"{begin}{text}. Measured on {self.data_text()}."

    def also_here(self) -> str:
        """One sentence without its full stop: how often the sightings of somebody who is there miss both limits."""
        share, claim = self.present_below, "This does not say that the person is absent"
        if share is None:
            return f"{claim}: nobody measured how often the sightings of people who are there miss both limits"
        more = "more than " if self.thresholds.extrapolated and self.calibration.rate_of == "probes" else ""
        return (
            f"{claim}: in {more}{100 * share:.0f} of 100 searches for people who are there, their own sightings miss "
            "both limits"
        )

    @property
    def present_below(self) -> float | None:
        """The share of searches for somebody who is there whose own sightings miss both limits; None without a measure.

        Such a search may say match or possible all the same, because of somebody else. The share is measured in
        galleries no larger than this one. In a larger gallery it is larger.
        """
        known = self.calibration.rates_near(self.size)
        return None if known is None or not math.isfinite(known.possible.found) else 1 - known.possible.found

    def data_text(self) -> str:
        """The data that the thresholds were chosen on, in words."""
        data = self.calibration.data
        if data.pairs:
            return f"{data.name}: {data.pairs:,} pairs of people side by side in one frame"
        return f"{data.name}: {data.probes:,} searches for {data.people:,} people among {data.sightings:,} sightings"

    def doubts(self) -> list[Coded]:
        """A line for each way in which this search differs from those that were calibrated."""
        data, largest = self.calibration.data, self.calibration.thresholds.sizes[-1]
        doubts = []
        if self.elsewhere:
            doubts.append(Coded(f"the calibration was made {self.elsewhere}", code="doubt_other_footage"))
        if self.thresholds.extrapolated:
            by_pairs = self.calibration.rate_of == "pairs"
            what = "wrong answers become more frequent" if by_pairs else "the limits are only estimated"
            words = f"{what} in a gallery as large as this: at most {largest:,} sightings were measured"
            doubts.append(Coded(words, code="doubt_larger_gallery", largest=int(largest)))
        if self.probe_kind is not None and self.probe_kind != data.probe_kind:
            theirs = "boxes in whole frames" if data.probe_kind == "box" else "pictures of one person alone"
            this = "a box in a whole frame" if self.probe_kind == "box" else "a picture of the person alone"
            words = f"you search by {this}, the verdict was measured with {theirs}"
            doubts.append(Coded(words, code="doubt_other_kind_of_picture"))
        if self.pictures > 1:
            words = f"you search by {self.pictures} pictures, the verdict was measured with single ones"
            doubts.append(Coded(words, code="doubt_several_pictures", pictures=self.pictures))
        return doubts

    def to_dict(self) -> dict[str, object]:
        """The verdict as JSON knows it. The names of the keys do not change from version to version."""
        footage = self.calibration.data.footage
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
            "interval": self._interval(),
            "present_below_possible": self.present_below,
            "calibrated_on": self.calibration.data.name,
            "calibrated_footage": None if footage is None else dataclasses.asdict(footage),
            "doubts": self.doubts(),
        }

    def _interval(self) -> dict[str, list[float]] | None:
        """The ends between which both thresholds lie, as JSON knows them; None where they were measured."""
        if self.calibration.interval is None:
            return None
        low, high = (ends.at(self.size) for ends in self.calibration.interval)
        return {"match_from": [low.match, high.match], "possible_from": [low.possible, high.possible]}


def percent(share: float | None) -> str:
    """A share for people: "12.3 %", "0.0041 %", or "-" where nobody could count."""
    if share is None or not math.isfinite(share):
        return "-"
    value = 100 * share
    return f"{value:.2g} %" if 0 < value < 0.1 else f"{value:.1f} %".replace(".0 %", " %")
