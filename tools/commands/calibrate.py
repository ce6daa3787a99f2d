"""personsearch calibrate: from which similarity on a person is there, stored beside the model for `find`."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from datasets.catalog.table import SearchFormat
from detection.settings import LEAST_CONFIDENCE
from search.models.model_files import ModelFiles
from search.query.ranking import USUAL_SECOND_WEIGHT
from search.query.rates import VerdictRates
from search.tracks.settings import TrackerSettings
from tools.commands.calibrate_gallery import calibrate_from_gallery
from tools.installation import loading
from tools.outcome import Outcome, table
from tools.progress import Progress, say
from tools.search_options import Similarity, Tracklets

if TYPE_CHECKING:
    from datasets.samples import FrameSample, Query
    from search.evaluation.calibration import FittedCalibration
    from search.evaluation.calibration_searches import LabelledSplit, NamedSearches
    from search.pipeline import PersonSearch
    from search.query.verdict import Calibration


@dataclass(frozen=True)
class Whom:
    """Whom to look for, and who counts as found.

    Args:
        format: The data set's layout.
        probes: Whom to look for: the data set's queries, one sighting of each person in each camera, or all labeled
            sightings; auto takes the queries where the data set has any, and else one of each.
        same_camera: A person's sightings by the camera of the picture that is searched by count as found too.
        unlabelled: Leave sightings of people without an identity out (ignore), or take them for others (negative).
        from_gallery: ROOT is a gallery: learn from its own frames, without labels. Two people side by side in one frame
            are certainly different. The result is stored in the gallery and judges only it.
    """

    format: SearchFormat = "custom"
    probes: Literal["auto", "queries", "sightings", "all"] = "auto"
    same_camera: bool = False
    unlabelled: Literal["ignore", "negative"] = "ignore"
    from_gallery: bool = False


@dataclass(frozen=True)
class Work:
    """How the work is done, and what is written.

    Args:
        mirrored: Calibrate for galleries that were indexed with --mirrored.
        minimum_confidence: People found with less confidence are left out, as `index` does, from 0 to 1.
        batch_size: The number of frames of a forward pass, 1 or more.
        seed: The seed of halving the people for the measurement on those left out, or of drawing them for
            --learn-second-weight, 0 or more.
        learn_second_weight: Calibrate no verdicts, but learn how much the second stage should count beside the joint
            model (--second-weight), and store it beside the joint model. Nothing then has to be given to `index`,
            `find`, `evaluate search` and `calibrate`.
        measure: Store nothing, but measure how often the verdicts of these calibration files are wrong on the data set.
        report: Also write report.html with curves and tables into this folder.
    """

    mirrored: bool = False
    minimum_confidence: float = LEAST_CONFIDENCE
    batch_size: int = 4
    seed: int = 0
    learn_second_weight: bool = False
    measure: list[Path] | None = None
    report: Path | None = None


def calibrate(
    root: Path,
    *,
    models: ModelFiles = ModelFiles(),  # noqa: B008 - frozen
    whom: Whom = Whom(),
    rates: VerdictRates = VerdictRates(),  # noqa: B008 - frozen
    similarity: Similarity = Similarity(),  # noqa: B008 - frozen
    averaging: Tracklets = Tracklets(),  # noqa: B008 - frozen
    tracker: TrackerSettings = TrackerSettings(),  # noqa: B008 - frozen
    work: Work = Work(),
) -> Outcome:
    """Learn on labeled frames how similar strangers get, so that `find` gives verdicts: match, possible or neither.

    Without labels `personsearch calibrate --from-gallery people` learns it from the gallery "people" itself.
    With --learn-second-weight it is learned instead how much the second stage should count beside the joint model.

    Each person is searched for twice: without their own sightings, as somebody who is absent, and with them. A limit is
    the lowest similarity that no more than the wanted share of the searches without them reaches. It rises with the
    gallery, so limits are kept for galleries of 1, 2, 5, 10 ... sightings, and `find` takes those of its size. With
    --rate-of pairs the shares are those of single pairs of two people, and one limit holds for all galleries.

    The limits are stored in a JSON beside the model (model.calibration.json), which itself is not touched; those of a
    model that comes with personsearch are stored in a folder of yours, which the output names. They belong to these
    weights and, with --second-stage, to this crop model and its share. With both stages the joint model alone
    is calibrated too. Galleries with and without --tracklets want a calibration each, and so do searches with and
    without --class-weighted. Use people and footage like those that will be searched, and none that trained the model.

    Args:
        root: The data set's folder, whose split "gallery" is used, or for the custom layout also one of its JSON files;
            with --from-gallery a gallery's folder.
        models: The models whose similarities are calibrated; by default those that come with personsearch.
        whom: Whom to look for.
        rates: How often people who are not there may reach each verdict.
        similarity: How similarities are made; give what you will give to `find`.
        averaging: How one person's sightings by one camera are combined; give what you gave to `index`. The whole of
            each tracklet is averaged. With --same-camera a probe that is a sighting has a share in the means it is
            compared with, which flatters the shares found.
        tracker: How sightings are linked into tracklets.
        work: How the work is done, and what is written.
    """
    with loading():
        from datasets import read_frames
        from search.evaluation.calibration import fit_calibration
        from search.evaluation.query_sets import calibration_queries, footage_of
        from search.models.noted_paths import written_copy
        from search.models.shipped import said_of, with_shipped
    from search.pipeline import PersonSearch
    from search.query.calibration_files import calibration_file, read_calibrations, store_calibrations
    from search.query.verdict import LabelledData

    if whom.from_gallery:
        _require_no_labels(models, whom, averaging, work)
        return calibrate_from_gallery(root, rates, similarity, tracker, seed=work.seed)
    averaging.require_cameras(whom.format)
    if work.learn_second_weight:
        _require_pair(models, similarity, averaging, work)
    chosen = with_shipped(models)
    chosen.require_usable()
    owner = chosen.owner
    assert owner is not None  # the line before saw to it
    if (known := written_copy(calibration_file(owner))).exists():
        read_calibrations(known)  # damaged ones are refused before the work
    if work.report is not None:
        work.report.mkdir(parents=True, exist_ok=True)
    samples, left_out = read_frames(whom.format, root, "gallery")
    queries = calibration_queries(whom.format, root, whom.probes)
    search = PersonSearch.from_files(
        chosen,
        score_threshold=work.minimum_confidence,
        batch_size=work.batch_size,
        mirrored=work.mirrored,
        tracklets=averaging.averaging(tracker),
    )
    if chosen != models:
        say(f"models: {said_of(chosen)}")
    kind = "crop" if queries and queries[0].crop is not None else "box"
    data = LabelledData(
        root.resolve().name, probe_kind=kind, unlabelled=whom.unlabelled, footage=footage_of(whom.format, root, samples)
    )
    split, failures = _seen(search, samples, queries, whom, work.minimum_confidence)
    if work.learn_second_weight:
        return _learned_share(search, split, data.name, whom, work, [*left_out, *failures])
    searches = _searches(search, split, whom, similarity)
    if work.measure is not None:
        return _measured(work.measure, searches, [*left_out, *failures])
    fitted = []
    for one in searches:
        with Progress(f"Calibrating {one.label}", unit="similarity"):
            made = fit_calibration(one.searches, one.embedded_by, one.ranking, data, rates, seed=work.seed)
            fitted.append((one.label, made))
    file = store_calibrations(owner, [made.calibration for _, made in fitted])
    text = "\n\n".join(_text(label, made.calibration) for label, made in fitted) + f"\n\nstored: {file}"
    if search.share is not None and similarity.second_weight is None:
        text += f"\n{search.share.words}"
    if work.report is not None:
        text += f"\nreport: {_write_report(work.report, root, owner, fitted)}"
    figures = {"file": file, "calibrations": [{"label": label, **vars(made.calibration)} for label, made in fitted]}
    return Outcome(text, figures, [*left_out, *failures])


def _measured(files: list[Path], searches: "list[NamedSearches]", failures: list[str]) -> Outcome:
    """How often the verdicts of some calibration files are wrong, beside how often they may be."""
    from search.evaluation.calibration import measured_rates
    from search.query.calibration_files import named_calibrations
    from search.query.verdict import percent

    texts, figures = [], []
    for stored, one in itertools.product(map(named_calibrations, files), searches):
        calibration, label = stored.of(one.embedded_by, one.ranking), f"{stored.file}, {one.label}"
        if calibration is None:
            texts.append(f"{label}: {stored.missing(one.embedded_by, one.ranking)}")
            continue
        asked = {"match": calibration.match_rate, "possible": calibration.possible_rate}
        sizes = measured_rates(one.searches, calibration)
        rows: list[list[object]] = [
            [size.size, level, percent(rate), percent(getattr(size, level).false_positive), getattr(size, level).found]
            for size in sizes
            for level, rate in asked.items()
        ]
        header = ["sightings", "verdict at least", "asked for", "absent people", "present people"]
        texts.append(f"{label}: {len(one.searches.probes):,} probes\n{table(header, rows)}")
        figures.append({"file": stored.file, "label": one.label, "asked": asked, "measured": sizes})
    return Outcome("\n\n".join(texts), {"searches": figures}, failures)


def _require_pair(models: ModelFiles, similarity: Similarity, averaging: Tracklets, work: Work) -> None:
    """Refuse with --learn-second-weight what leaves no share to learn, and what would be left unused without a word."""
    if models.model is None or models.second_stage is None:
        raise ValueError("--learn-second-weight is about two models; give --model JOINT and --second-stage CROP_MODEL")
    given = {
        "--second-weight": similarity.second_weight is not None, "--class-weighted": similarity.class_weighted,
        "--tracklets": averaging.tracklets, "--report": work.report is not None, "--measure": work.measure is not None,
    }  # fmt: skip
    for option, there in given.items():
        if there:
            raise ValueError(f"{option} does not go with --learn-second-weight; leave one of the two out")


def _learned_share(
    search: "PersonSearch", split: "LabelledSplit", data: str, whom: Whom, work: Work, failures: list[str]
) -> Outcome:
    """Learn the share of the second stage, store it, and tell what it is worth."""
    from search.evaluation.share_choice import choose_share
    from search.models.learned_share import store_share

    assert search.files.model is not None  # _require_pair saw to it
    with Progress("Trying shares", unit="similarity"):
        choice = choose_share(split, search.embedded_by, data, same_camera=whom.same_camera, seed=work.seed)
    share = choice.share
    file = store_share(search.files.model, share)
    rows: list[list[object]] = [[f"{one:.2f}", value] for one, value in zip(share.shares, share.mean_aps, strict=True)]
    low, high = share.spread
    text = (
        f"{share.probes:,} searches for {share.people:,} people of {data} among {share.sightings:,} sightings\n"
        f"{table(['share of the second stage', 'mAP'], rows)}\n"
        f"learned share: {share.second_weight:g}. Where the people are drawn anew, the best share lies from {low:g} to "
        f"{high:g} nine times in ten.\n"
        f"mAP on people left out: {choice.left_out:.3f} with the best share of the others, {choice.left_out_usual:.3f} "
        f"with the usual {USUAL_SECOND_WEIGHT:g}, {choice.left_out_first:.3f} by the joint model alone, "
        f"{choice.left_out_second:.3f} by the crop model alone\n"
        f"stored: {file}. Galleries that are made from now on use it; for an earlier one give `find` --second-weight "
        f"{share.second_weight:g}"
    )
    return Outcome(text, {"file": file, "choice": choice}, failures)


def _require_no_labels(models: ModelFiles, whom: Whom, averaging: Tracklets, work: Work) -> None:
    """Refuse with --from-gallery what belongs to labeled frames: it would be left unused without a word."""
    if work.report is not None:
        raise ValueError("--report draws what labels measured, and --from-gallery has none; leave one of the two out")
    if work.measure is not None:
        raise ValueError(
            "--measure compares verdicts with labels, and --from-gallery has none; leave one of the two out"
        )
    plain = (ModelFiles(), Whom(from_gallery=True), Tracklets(), Work(seed=work.seed))
    for given, usual in zip((models, whom, averaging, work), plain, strict=True):
        for name, value in vars(given).items():
            if value != getattr(usual, name):
                raise ValueError(
                    f"--{name.replace('_', '-')} is {value}, but --from-gallery takes the sightings as the gallery "
                    "holds them; leave it out"
                )


def _seen(
    search: "PersonSearch",
    samples: "Sequence[FrameSample]",
    queries: "list[Query]",
    whom: Whom,
    minimum_confidence: float,
) -> "tuple[LabelledSplit, list[str]]":
    """The labeled frames as the models see them, and a line for each frame and query that could not be seen."""
    from search.evaluation.calibration_searches import label_split
    from search.evaluation.splits import detect_split

    models = search.models
    with Progress("Detecting") as progress:
        found = detect_split(
            models.first,
            samples,
            second_stage=models.second,
            score_threshold=minimum_confidence,
            batch_size=search.batch_size,
            on_progress=progress,
        )
    with Progress("Embedding probes", unit="probe") as progress:
        split = label_split(
            models,
            samples,
            found,
            queries,
            unlabelled=whom.unlabelled,
            every=whom.probes == "all",
            batch_size=search.batch_size,
            on_progress=progress,
        )
    return split, [": ".join(one) for one in [*found.failures, *split.failures]]


def _searches(
    search: "PersonSearch", split: "LabelledSplit", whom: Whom, similarity: Similarity
) -> "list[NamedSearches]":
    """The searches to calibrate, by the first stage and by both."""
    from search.evaluation.calibration_searches import searches_to_calibrate
    from search.evaluation.stages import link_sightings

    ranking = similarity.ranking().with_share(search.models.second_weight)
    linked = None
    if search.tracklets is not None:
        with Progress("Linking") as progress:
            looks = split.found.looks
            linked = link_sightings(split.samples, looks, search.tracklets, ranking, on_progress=progress)
    return searches_to_calibrate(split, search.embedded_by, ranking, tracklets=linked, same_camera=whom.same_camera)


def _text(label: str, calibration: "Calibration") -> str:
    """The limits by gallery size, and what they do to people left out."""
    from search.query.verdict import percent

    data, by_pairs = calibration.data, calibration.rate_of == "pairs"
    whom = "pairs of two people" if by_pairs else "absent people"
    rows: list[list[object]] = []
    for one in calibration.rates:
        at = calibration.thresholds.at(one.size)
        rows.append([one.size, at.match, one.match.false_match, one.match.found, at.possible, one.possible.found])
    header = ["sightings", "match from", "pairs above it", "found", "possible from", "found"]
    text = (
        f"{label}: {data.probes:,} probes ({_kinds(data.probe_kind)}) of {data.people:,} people, {data.sightings:,} "
        f"sightings; {percent(calibration.match_rate)} of {whom} are called a match, "
        f"{percent(calibration.possible_rate)} possible or more\n{table(header, rows)}"
    )
    if not by_pairs and data.probes * calibration.match_rate < 3:
        text += f"\nwith {data.probes:,} probes {percent(calibration.match_rate)} is a rough figure; label more people"
    if not calibration.held_out:
        return text + "\ntoo few people to measure the verdict on some who are left out"
    rows = []
    for one in calibration.held_out:
        for level, rates in (("match", one.match), ("possible", one.possible)):
            rows.append([one.size, level, rates.false_positive, rates.found, rates.found_first])
    header = ["sightings", "verdict at least", "absent people", "present people", "and ranked first"]
    return f"{text}\n\nmeasured on people left out, with the limits of the others\n{table(header, rows)}"


def _kinds(kind: str) -> str:
    return "boxes in frames" if kind == "box" else "crops"


def _write_report(folder: Path, root: Path, owner: Path, fitted: "list[tuple[str, FittedCalibration]]") -> Path:
    from datasets.files import write_whole
    from search.pages.calibration_page import calibration_page

    file = folder / "report.html"
    write_whole(file, calibration_page(fitted, title=f"Verdicts of {owner.name} on {root.resolve().name}"))
    return file
