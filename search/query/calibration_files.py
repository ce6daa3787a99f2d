"""Calibrations beside the model they belong to: `model.calibration.json` next to `model.safetensors`.

Those of a model that comes with a package are written into the user's folder, and count before the package's own.
The model's file is never touched. Each calibration names the models that it was made with (by fingerprints of their
weights) and the way of searching. A search uses only a calibration that was made with the same models in the same way.
"""

import dataclasses
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from datasets.files import write_whole
from reid.ranking.open_set import VerdictThresholds
from reid.runs.weight_files import model_file
from search.gallery.footage import Footage
from search.models.embedded_by import EmbeddedBy
from search.models.noted_paths import written_copy
from search.query.ranking import Ranking
from search.query.results import RankedSightings
from search.query.verdict import Calibration, Coded, LabelledData, LevelRates, MeasuredSize

FORMAT = "personsearch-calibration-3"
OLD_FORMATS = ("personsearch-calibration-1", "personsearch-calibration-2")
"""The formats that earlier versions wrote; such files can still be read."""

GALLERY_FILE = "calibration.json"
"""What was learned from a gallery without labels lies in its folder under this name."""

_COUNTED = ("false_positive", "found", "found_first")


@dataclass(frozen=True)
class StoredCalibrations:
    """What stands beside a model.

    Args:
        file: The file beside the model.
        calibrations: What the file holds; some may be those of another model that lay there before.
        damage: Why the file could not be read; empty where it could be, or is not there.
        asked_for: Whether the user named the file. It then judges footage of other cameras too, and says so.
        own: Whether the file lies in the gallery that is judged, and was learned from it.
    """

    file: Path
    calibrations: tuple[Calibration, ...] = ()
    damage: str = ""
    asked_for: bool = False
    own: bool = False

    def of(self, embedded_by: EmbeddedBy, ranking: Ranking) -> Calibration | None:
        """The calibration of exactly this similarity, None where there is none."""
        asked = (embedded_by, ranking.for_similarity(second_stage=embedded_by.second_stage is not None))
        return next((one for one in self.calibrations if (one.embedded_by, one.ranking) == asked), None)

    def missing(self, embedded_by: EmbeddedBy, ranking: Ranking) -> str:
        """One line: why there is no calibration of this similarity."""
        if self.damage:
            return Coded(self.damage, code="why_damaged", file=self.file.name)
        if not self.calibrations and self.own:
            return Coded(
                f"nothing was learned from this gallery ({self.file.name} is not there)", code="why_not_learned"
            )
        if not self.calibrations:
            words = f"this model has not been calibrated ({self.file.name} is not there)"
            return Coded(words, code="why_not_calibrated")
        asked = ranking.for_similarity(second_stage=embedded_by.second_stage is not None)
        others = [_differences(one, embedded_by, asked) for one in self.calibrations]
        nearest = min(others, key=len)
        words = f"{self.file.name} was made for other searches than this one: {', '.join(nearest)}"
        return Coded(words, code="why_other_searches", file=self.file.name)

    def refusal(self, calibration: Calibration, footage: Footage) -> str:
        """One line: why a calibration gives no verdict about some footage; empty where it gives one."""
        known = calibration.data.footage
        if self.own:
            covered = known is not None and known.covers(footage)
            words = f"{self.file.name} was learned before some of this gallery's cameras were indexed"
            return "" if covered else Coded(words, code="why_newer_cameras", file=self.file.name)
        difference = calibration.difference(footage)
        if not difference or (self.asked_for and (known is None or known.same_kind(footage))):
            return ""
        return Coded(f"{self.file.name} was made {difference}", code="why_other_footage", file=self.file.name)

    def judged(
        self,
        answer: RankedSightings,
        embedded_by: EmbeddedBy,
        ranking: Ranking,
        footage: Footage,
        *,
        probe_kind: str | None = None,
        pictures: int = 1,
        combine: str = "mean",
    ) -> RankedSightings:
        """Give an answer its verdict, or the reason why there is none. An answer that compared nobody stays as it is.

        Args:
            answer: The answer of a search.
            embedded_by: What made the vectors that were compared, without a second stage where it took no part.
            ranking: How their similarities were made.
            footage: The footage of the sightings that were compared.
            probe_kind: "box" for a box in a whole frame, "crop" for a picture of the person alone, None where it makes
                no difference.
            pictures: How many pictures of the person made the probe.
            combine: "mean" or "max", see `search.query.rank.EmbeddedProbe`.
        """
        if answer.best_similarity is None:
            return answer
        calibration = self.of(embedded_by, ranking)
        if calibration is None:
            return dataclasses.replace(answer, no_verdict=self.missing(embedded_by, ranking))
        if refusal := self.refusal(calibration, footage):
            return dataclasses.replace(answer, no_verdict=refusal)
        # Where the best of several pictures counts, each of them is compared with everybody.
        size = answer.searched * (pictures if combine == "max" else 1)
        elsewhere = "" if self.own else calibration.difference(footage)
        verdict = calibration.judge(
            answer.best_similarity, size, probe_kind=probe_kind, pictures=pictures, elsewhere=elsewhere
        )
        return dataclasses.replace(answer, verdict=verdict)


def _differences(calibration: Calibration, embedded_by: EmbeddedBy, ranking: Ranking) -> list[str]:
    """What was different when a calibration was made from how a search is made now, in words."""
    found = calibration.embedded_by.differences(embedded_by)
    if calibration.ranking.share != ranking.share and calibration.embedded_by.second_stage is not None:
        found.append(f"with --second-weight {calibration.ranking.share:g} instead of {ranking.share:g}")
    if calibration.ranking.class_weighted != ranking.class_weighted:
        found.append(f"{'with' if calibration.ranking.class_weighted else 'without'} --class-weighted")
    return found


def calibration_file(model: Path | str) -> Path:
    """Where the calibrations of a model file or run directory are."""
    return model_file(model).with_suffix(".calibration.json")


def stored_calibrations(model: Path | str) -> StoredCalibrations:
    """The calibrations beside a model; a file that cannot be read is no reason not to search, but is told."""
    beside = calibration_file(model)
    stored, written = _stored(beside, own=False), written_copy(beside)
    if written == beside or not written.exists():
        return stored
    own = _stored(written, own=False)
    # The package's own would take the place of a damaged file without a word.
    return own if own.damage else dataclasses.replace(own, calibrations=(*own.calibrations, *stored.calibrations))


def gallery_calibrations(gallery: Path) -> StoredCalibrations:
    """The calibrations that a gallery was made to learn from its own footage; a damaged file is told.

    Args:
        gallery: The gallery's folder.
    """
    return _stored(gallery / GALLERY_FILE, own=True)


def _stored(file: Path, *, own: bool) -> StoredCalibrations:
    try:
        return StoredCalibrations(file, read_calibrations(file), own=own)
    except FileNotFoundError:
        return StoredCalibrations(file, own=own)
    except (OSError, ValueError) as error:
        return StoredCalibrations(file, damage=str(error), own=own)


def named_calibrations(file: Path) -> StoredCalibrations:
    """The calibrations of a file that the user named.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The file is damaged or has another format.
    """
    try:
        return StoredCalibrations(file, read_calibrations(file), asked_for=True)
    except FileNotFoundError:
        raise FileNotFoundError(
            f"there is no calibration {file}; name a file that `personsearch calibrate` wrote"
        ) from None


def read_calibrations(file: Path) -> tuple[Calibration, ...]:
    """All calibrations of a file, checked.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The file is damaged or has another format.
    """
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        if content["format"] not in (FORMAT, *OLD_FORMATS):
            raise ValueError(f"format {content['format']!r}, expected {FORMAT!r}")
        return tuple(_calibration(one) for one in content["calibrations"])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        reason = f"lacks {error}" if isinstance(error, KeyError) else str(error).splitlines()[0]
        raise ValueError(f"{file} is damaged ({reason}); remove it and run `personsearch calibrate` again") from None


def store_calibrations(model: Path | str, calibrations: list[Calibration]) -> Path:
    """Put calibrations beside a model. Those of the same models and way of searching are replaced, others stay.

    The file is written whole or not at all. For a model that comes with a package it lies in the user's folder.

    Returns:
        The file that was written.

    Raises:
        ValueError: The file is there already, and it is damaged.
        OSError: The file cannot be written.
    """
    file = written_copy(calibration_file(model))
    file.parent.mkdir(parents=True, exist_ok=True)
    return _store(file, calibrations)


def store_gallery_calibrations(gallery: Path, calibrations: list[Calibration]) -> Path:
    """Put what was learned from a gallery into it, as `store_calibrations` puts calibrations beside a model.

    Args:
        gallery: The gallery's folder.
        calibrations: The calibrations that were learned from its own footage.

    Returns:
        The file that was written.

    Raises:
        ValueError: The file is there already, and it is damaged.
        OSError: The file cannot be written.
    """
    return _store(gallery / GALLERY_FILE, calibrations)


def _store(file: Path, calibrations: list[Calibration]) -> Path:
    kept: tuple[Calibration, ...] = read_calibrations(file) if file.exists() else ()
    new = {(one.embedded_by, one.ranking) for one in calibrations}
    others = [one for one in kept if (one.embedded_by, one.ranking) not in new]
    content = {
        "format": FORMAT,
        "written": datetime.now(UTC).isoformat(timespec="seconds"),
        "calibrations": [_plain(one) for one in [*others, *calibrations]],
    }
    write_whole(file, json.dumps(content, indent=1, allow_nan=False) + "\n")
    return file


def _plain(calibration: Calibration) -> dict[str, Any]:
    """A calibration as JSON knows it; rates that nobody could count are null."""
    plain: dict[str, Any] = _without_nan(dataclasses.asdict(calibration))
    return plain


def _without_nan(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nan(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(item) for item in value]
    return None if isinstance(value, float) and value != value else value


def _calibration(content: dict[str, Any]) -> Calibration:
    ends = content.get("interval")
    rates = float(content["match_rate"]), float(content["possible_rate"])
    if not 0 < rates[0] <= rates[1] < 1:
        raise ValueError(f"rates {rates[0]} and {rates[1]}, expected 0 < match <= possible < 1")
    known, held_out = (tuple(_measured(one) for one in content[name]) for name in ("rates", "held_out"))
    data = content["data"] | {name: int(content["data"][name]) for name in ("probes", "people", "sightings")}
    if data.get("footage") is not None:
        data["footage"] = Footage.from_dict(data["footage"])
    return Calibration(
        *(_converted(content["ranked_by"]) if "ranked_by" in content else _similarity(content)),
        _thresholds(content["thresholds"]),
        *rates,
        LabelledData(**data),
        known,
        held_out,
        content.get("rate_of", "probes"),  # files of before do not say it
        None if ends is None else (_thresholds(ends[0]), _thresholds(ends[1])),
    )


def _thresholds(content: dict[str, Any]) -> VerdictThresholds:
    return VerdictThresholds(**{name: tuple(values) for name, values in content.items()})


def _similarity(content: dict[str, Any]) -> tuple[EmbeddedBy, Ranking]:
    return EmbeddedBy.from_dict(content["embedded_by"]), Ranking.from_dict(content["ranking"])


def _converted(content: dict[str, Any]) -> tuple[EmbeddedBy, Ranking]:
    """What earlier versions called `ranked_by`: fingerprints with a mark, and the share only with a second stage."""
    embedded_by = EmbeddedBy.from_marked(content["model"], content.get("second_stage"), content.get("tracklet_blend"))
    share = content.get("second_weight")
    made = Ranking(None if share is None else float(share)).with_share(None)
    # Files of before class weighting do not say it.
    return embedded_by, dataclasses.replace(made, class_weighted=bool(content.get("class_weighted", False)))


def _measured(content: dict[str, Any]) -> MeasuredSize:
    return MeasuredSize(int(content["size"]), _rates(content["match"]), _rates(content["possible"]))


def _rates(content: dict[str, Any]) -> LevelRates:
    absent, found, first = (float("nan" if content[name] is None else content[name]) for name in _COUNTED)
    pairs = content["false_match"]
    return LevelRates(absent, found, first, None if pairs is None else float(pairs))
