"""personsearch calibrate: from which similarity on a person is there, stored beside the model for `find`."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from search.models.opening import load_search_models
from search.tracks.settings import TrackerSettings
from tools.commands.evaluate import SearchFormat
from tools.outcome import Outcome, table
from tools.progress import Progress

if TYPE_CHECKING:
    from torch import Tensor

    from datasets.samples import FrameSample
    from search.evaluation.calibrate import FittedCalibration, Searches
    from search.evaluation.labelled_people import People
    from search.query.verdict import Calibration

Probes = Literal["auto", "queries", "sightings"]


def calibrate(
    root: Path,
    *,
    model: Path | None = None,
    second_stage: Path | None = None,
    detector: str | None = None,
    format: SearchFormat = "custom",  # noqa: A002 - the option is called --format
    match_rate: float = 0.01,
    possible_rate: float = 0.1,
    rate_of: Literal["probes", "pairs"] = "probes",
    second_weight: float = 0.8,
    class_weighted: bool = False,
    mirrored: bool = False,
    tracklets: bool = False,
    tracklet_blend: float = 0.5,
    tracker: TrackerSettings = TrackerSettings(),  # noqa: B008 - frozen
    probes: Probes = "auto",
    same_camera: bool = False,
    unlabelled: Literal["ignore", "negative"] = "ignore",
    detection_threshold: float = 0.5,
    batch_size: int = 4,
    seed: int = 0,
    report: Path | None = None,
) -> Outcome:
    """Find out from which similarity on a person is really there, on labelled frames; `find` then gives verdicts.

    Every probe is searched twice: without the sightings of its person, as somebody who is absent, and with them. A
    threshold is the lowest one at which no more than the wanted share of absent probes has any sighting above it (false
    positive identification rate). That grows with the gallery, so thresholds are kept for galleries of 1, 2, 5, 10 ...
    sightings; `find` takes those of its size. Beside it stands the share of single pairs (false match rate), nearly the
    same for a gallery of 1; with --rate-of pairs that is the one chosen, and the threshold is one for all galleries.

    The thresholds are stored in a JSON beside the model (model.calibration.json), which itself is not touched; they
    belong to these weights and, with --second-stage, to this crop model and its share. With both stages the joint model
    alone is calibrated too. Galleries with and without --tracklets want a calibration each, and so do searches with and
    without --class-weighted.
    Use people and footage like those that will be searched, and none that trained the model.

    Args:
        root: the data set's folder; its split "gallery" is used.
        model: model.safetensors of a run of `train joint`, or its folder.
        second_stage: model.safetensors of a run of `train crop`, or its folder.
        detector: finds people in place of a joint model, as for `index`; the calibration then lies beside the second
            stage.
        format: the data set's layout.
        match_rate: share of people who are not there that may be called a match.
        possible_rate: share of them that may be called possible or a match.
        rate_of: whether both are shares of probes, who are not there, or of pairs of two people.
        second_weight: share of the second stage, as it will be given to `find`.
        class_weighted: for `find --class-weighted`.
        mirrored: for galleries indexed with --mirrored.
        tracklets: for galleries indexed with --tracklets; the whole of each tracklet is averaged. With --same-camera a
            probe that is a sighting has a share in the means it is compared with, which flatters the shares found.
        tracklet_blend: as for `index`; so is `tracker`.
        tracker: how sightings are linked.
        probes: whom to look for: the data set's queries, or one sighting of each person in each camera; by default the
            queries where it has any.
        same_camera: a person's sightings by the probe's own camera count as found too.
        unlabelled: leave sightings of people without an identity out, or take them for others.
        detection_threshold: as for `index`.
        batch_size: frames a forward pass.
        seed: of halving the people for the measurement on those left out.
        report: also write report.html with curves and tables into this folder.
    """
    from datasets import read_frames
    from search.evaluation.calibrate import calibrate as fit
    from search.evaluation.labelled_people import label_detections, stacked_embeddings, stacked_scores
    from search.evaluation.splits import detect_split
    from search.pipeline import PersonSearch
    from search.query.calibration_files import calibration_file, read_calibrations, store_calibrations
    from search.query.verdict import LabelledData

    if tracklets and format == "cuhk-sysu":
        raise ValueError("--tracklets is given, but cuhk-sysu's frames are single pictures of no camera; leave it out")
    owner = model or second_stage
    if owner is not None and calibration_file(owner).exists():
        read_calibrations(calibration_file(owner))  # damaged ones are refused before the work
    if not 0 < match_rate <= possible_rate < 1:
        raise ValueError(
            f"rates {match_rate:g} and {possible_rate:g}, expected 0 < --match-rate <= --possible-rate < 1"
        )
    if report is not None:
        report.mkdir(parents=True, exist_ok=True)
    samples, left_out = read_frames(format, root, "gallery")
    queries = _queries(format, root, probes)
    network, crops = load_search_models(model, detector, second_stage, score_threshold=detection_threshold)
    search = PersonSearch(network, second_stage=crops, batch_size=batch_size, mirrored=mirrored)
    assert owner is not None  # one of the two is, or loading would have failed
    with Progress("Detecting") as progress:
        found = detect_split(
            search.seen_by,
            samples,
            second_stage=crops,
            score_threshold=detection_threshold,
            batch_size=batch_size,
            on_progress=progress,
        )
    people = label_detections(samples, found.by_frame, unlabelled=unlabelled)
    looks = [found.by_frame] if crops is None else [found.by_frame, found.second]
    stacked = [stacked_embeddings(samples, look) for look in looks]
    asked, probe_rows, failures = _probes(search, queries, samples, people, stacked)
    blend = tracklet_blend if tracklets else None
    if tracklets:
        stacked = _averaged(samples, looks, tracker, tracklet_blend, second_weight)
    kind = "crop" if queries and queries[0].crop is not None else "box"
    data = LabelledData(root.resolve().name, probe_kind=kind, unlabelled=unlabelled)
    fitted = []
    seen = (people, stacked)
    confidence = stacked_scores(samples, found.by_frame) if class_weighted else None
    rates: dict[str, Any] = {"match_rate": match_rate, "possible_rate": possible_rate, "rate_of": rate_of}
    all_searches = _searches(
        search,
        (asked, probe_rows),
        seen,
        second_weight=second_weight,
        same_camera=same_camera,
        blend=blend,
        confidence=confidence,
    )
    for label, by, searches in all_searches:
        with Progress(f"Calibrating {label}", unit="similarity"):
            fitted.append((label, fit(searches, by, data, seed=seed, **rates)))
    file = store_calibrations(owner, [one.calibration for _, one in fitted])
    text = "\n\n".join(_text(label, one.calibration) for label, one in fitted) + f"\n\nstored: {file}"
    if report is not None:
        text += f"\nreport: {_write_report(report, root, owner, fitted)}"
    figures = {"file": file, "calibrations": [{"label": label, **vars(one.calibration)} for label, one in fitted]}
    return Outcome(text, figures, [*left_out, *(": ".join(one) for one in [*found.failures, *failures])])


def _queries(name: str, root: Path, probes: Probes) -> list[Any]:
    """The data set's queries; none where sightings are the probes."""
    from datasets import DatasetNotFoundError, load_queries

    if probes == "sightings":
        return []
    # Also who was seen by one camera only is somebody to be mistaken.
    options = {} if name == "cuhk-sysu" else {"same_camera": True}
    try:
        return load_queries(name, root, **options)
    except DatasetNotFoundError:
        if probes == "queries":
            raise
        return []


def _probes(
    search: Any, queries: list[Any], samples: "Sequence[FrameSample]", people: "People", stacked: "list[Tensor]"
) -> "tuple[People, list[Tensor], list[tuple[str, str]]]":
    """Whom to look for, their embeddings by each stage, and what could not be seen."""
    from search.evaluation.labelled_people import people_of_queries, representatives
    from search.evaluation.splits import embed_queries
    from search.models.detector_and_crops import CropPersonSearch

    if not queries:
        rows = representatives(people)
        return people.take(rows), [look[rows] for look in stacked], []
    models = [search.seen_by]
    if search.second_stage is not None:
        models.append(CropPersonSearch(None, search.second_stage))
    embeddings: list[Tensor] = []
    failures: list[tuple[str, str]] = []
    for network in models:
        with Progress("Embedding probes", unit="probe") as progress:
            seen = embed_queries(network, queries, samples, batch_size=search.batch_size, on_progress=progress)
        # What one stage cannot see, no other can: the picture is broken, or the box lies outside it.
        queries = seen.queries
        failures += seen.failures
        embeddings.append(seen.embeddings)
    return people_of_queries(queries), embeddings, failures


def _searches(
    search: Any,
    probes: "tuple[People, list[Tensor]]",
    sightings: "tuple[People, list[Tensor]]",
    *,
    second_weight: float,
    same_camera: bool,
    blend: float | None,
    confidence: "Tensor | None",
) -> "list[tuple[str, Any, Searches]]":
    """(name, whose similarity, searches) of the first stage, and of both together."""
    from search.evaluation.calibrate import Searches
    from search.query.fusion import class_weighted_probes, class_weighted_rows, fused
    from search.query.verdict import RankedBy

    (asked, rows), (people, stacked) = probes, sightings
    how: dict[str, Any] = {"tracklet_blend": blend, "class_weighted": confidence is not None}
    ending = "" if confidence is None else ", class-weighted"

    def compared(of_probes: "Tensor", of_sightings: "Tensor") -> Searches:
        if confidence is not None:
            of_probes = class_weighted_probes(of_probes)
            of_sightings = class_weighted_rows(of_sightings, confidence)
        return Searches(asked, of_probes, people, of_sightings, same_camera)

    first = compared(rows[0], stacked[0])
    if len(stacked) == 1:
        return [(f"one stage{ending}", search.ranked_by(**how), first)]
    both = compared(*(fused(first_look, second_look, second_weight) for first_look, second_look in (rows, stacked)))
    return [
        (f"joint model alone{ending}", RankedBy(search.model_fingerprint, **how), first),
        (f"both stages{ending}", search.ranked_by(second_weight, **how), both),
    ]


def _averaged(
    samples: "Sequence[FrameSample]", looks: list[Any], tracker: TrackerSettings, blend: float, second_weight: float
) -> "list[Tensor]":
    """What each stage saw, with a share of the tracklets' means."""
    from search.evaluation.labelled_people import stacked_embeddings
    from search.evaluation.stages import link_sightings
    from search.tracks.tracklets import averaged

    with Progress("Linking") as progress:
        linked = link_sightings(samples, looks, tracker, blend=blend, second_weight=second_weight, on_progress=progress)
    return [stacked_embeddings(samples, averaged(look, linked.tracks, blend=linked.blend)) for look in looks]


def _text(label: str, calibration: "Calibration") -> str:
    """Thresholds by gallery size, and what they do to people left out."""
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
    return f"{text}\n\nmeasured on people left out, thresholds from the others\n{table(header, rows)}"


def _kinds(kind: str) -> str:
    return "boxes in frames" if kind == "box" else "crops"


def _write_report(folder: Path, root: Path, owner: Path, fitted: "list[tuple[str, FittedCalibration]]") -> Path:
    from search.pages.calibration_page import write_calibration_page

    file = folder / "report.html"
    write_calibration_page(file, fitted, title=f"Verdicts of {owner.name} on {root.resolve().name}")
    return file
