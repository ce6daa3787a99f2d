"""A calibration from a gallery's own sightings, without labels: two people side by side in one frame are strangers."""

import dataclasses
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from numpy.typing import NDArray
from torch import Tensor

from detection.detections import Detections
from reid.ranking.strangers import (
    LEAST_PAIRS,
    LearnedThresholds,
    Strangers,
    learn_strangers,
    learned_thresholds,
    pairs_of_strangers,
)
from search.gallery.gallery import Gallery
from search.gallery.originals import split_location
from search.gallery.tables import EMBEDDING, SECOND_EMBEDDING, as_matrix, readable
from search.models.embedded_by import EmbeddedBy
from search.query.calibration_files import gallery_calibrations, store_gallery_calibrations
from search.query.fusion import fused
from search.query.ranking import Ranking
from search.query.rates import VerdictRates
from search.query.verdict import Calibration, LabelledData
from search.tracks.settings import TrackerSettings
from search.tracks.tracker import UNTRACKED
from search.tracks.tracklets import track_frames

MOST_SIGHTINGS = 200_000
"""With more sightings, stretches of frames are drawn at random from the gallery."""

STRETCH = 100
"""So many frames in a row stay together when some are drawn, so that walks stay whole."""

SURE = 0.75
"""Whom the detector finds with at least this confidence is looked for; what it is less sure of may be no person, and
stands only among those that are compared."""

GROWN = 1.1
"""A gallery is learned from anew where it has grown by this factor since."""

_COLUMNS = ["source", "frame", "index", "camera", "timestamp", "box", "detection_score", "location"]


@dataclass(frozen=True, eq=False)
class LearnedCalibration:
    """A calibration that was learned without labels, and what it was learned from.

    Args:
        label: What the similarity is, for people.
        calibration: The calibration.
        strangers: The pairs of strangers behind it.
    """

    label: str
    calibration: Calibration
    strangers: Strangers


@dataclass(frozen=True)
class _Frame:
    """A frame as the tracker takes it."""

    name: str
    camera: str
    timestamp: float | None


def calibrate_gallery(
    gallery: Gallery,
    rates: VerdictRates | None = None,
    ranking: Ranking | None = None,
    tracker: TrackerSettings | None = None,
    *,
    seed: int = 0,
) -> list[LearnedCalibration]:
    """Learns from a gallery's own frames how similar strangers get, and with that the limits of the verdicts.

    Two people who are seen side by side in one frame must be two different people, so nobody has to label anything.

    Args:
        gallery: The gallery; several people must be seen at a time in many of its frames.
        rates: How often a search for somebody who is not there may reach each verdict; None takes `VerdictRates()`.
        ranking: Its `second_weight` says how much the second stage counts; None takes `Ranking()`.
        tracker: How sightings are linked into walks; None takes `TrackerSettings()`.
        seed: The seed of every random choice, 0 or more.

    Returns:
        A calibration for the first stage. If the gallery has a second stage, a calibration for both together follows.

    Raises:
        ValueError: Too few people are seen at a time, similarities are class-weighted, or the gallery's sightings are
            averaged over tracklets, so that the similarities of single pictures are lost.
    """
    rates = rates or VerdictRates()
    ranking = (ranking or Ranking()).with_share(gallery.description.second_weight)
    _require_plain(gallery, ranking)
    rows = _rows(gallery, seed)
    frames = np.unique(_frame_names(rows), return_inverse=True)[1].reshape(-1).astype(np.int64)
    boxes, sure = as_matrix(rows["box"]), rows["detection_score"].to_numpy() >= SURE
    if (pairs := int(sure[pairs_of_strangers(frames, boxes)[:, 0]].sum())) < LEAST_PAIRS:
        raise ValueError(
            f"gallery {gallery.path} shows {pairs:,} {'pair' if pairs == 1 else 'pairs'} of people side by side in one "
            f"frame, of whom the detector is sure, expected {LEAST_PAIRS:,} or more; index more footage that shows "
            "several people at a time, or calibrate on labeled data"
        )
    first = torch.from_numpy(as_matrix(rows[EMBEDDING]))
    looks = [("one stage", gallery.embedded_by.first_stage, first)]
    if SECOND_EMBEDDING in rows.column_names:
        both = fused(first, torch.from_numpy(as_matrix(rows[SECOND_EMBEDDING])), ranking.share)
        looks = [("joint model alone", looks[0][1], first), ("both stages", gallery.embedded_by, both)]
    walks = _walks(rows, boxes, looks[-1][2], tracker)
    footage = gallery.footage()
    made = []
    for label, by, embeddings in looks:
        strangers = learn_strangers(embeddings.numpy(), frames, boxes, walks, sought=sure, seed=seed)
        data = LabelledData("this gallery", sightings=len(gallery), footage=footage, pairs=len(strangers.z))
        made.append(LearnedCalibration(label, _calibration(strangers, by, ranking, rates, data, seed), strangers))
    return made


def learn_after_indexing(gallery: Gallery) -> str:
    """Learn a gallery's own calibration where it has none of its present size, and where it shows enough people.

    Args:
        gallery: The gallery, to which sightings have just been added.

    Returns:
        One line that says what was learned, or why nothing could be; empty where the known calibration still holds.

    Raises:
        OSError: The calibration cannot be written.
    """
    known = gallery_calibrations(gallery.path)
    before = max((one.data.sightings for one in known.calibrations), default=0)
    held = bool(before) and all(not known.refusal(one, gallery.footage()) for one in known.calibrations)
    if held and len(gallery) < GROWN * before:
        return ""
    try:
        made = calibrate_gallery(gallery)
        file = store_gallery_calibrations(gallery.path, [one.calibration for one in made])
    except ValueError as error:
        return f"no verdicts learned from this footage: {error}"
    pairs = made[-1].calibration.data.pairs
    return f"verdicts learned from {pairs:,} pairs of people side by side in one frame, without labels: {file}"


def _require_plain(gallery: Gallery, ranking: Ranking) -> None:
    if gallery.embedded_by.tracklet_blend is not None:
        raise ValueError(
            f"gallery {gallery.path} holds averages of tracklets, expected single sightings; calibrate on labeled data"
        )
    if ranking.class_weighted:
        raise ValueError("class-weighted similarities are learned from labeled data only; leave --class-weighted out")


def _calibration(
    strangers: Strangers, by: EmbeddedBy, ranking: Ranking, rates: VerdictRates, data: LabelledData, seed: int
) -> Calibration:
    learned = learned_thresholds(strangers, match_rate=rates.match_rate, possible_rate=rates.possible_rate, seed=seed)
    if rates.rate_of == "pairs":
        learned = _of_pairs(learned)
    asked = ranking.for_similarity(second_stage=by.second_stage is not None)
    return Calibration(
        by,
        asked,
        learned.thresholds,
        rates.match_rate,
        rates.possible_rate,
        data,
        rate_of=rates.rate_of,
        interval=(learned.low, learned.high),
    )


def _of_pairs(learned: LearnedThresholds) -> LearnedThresholds:
    """The thresholds of single pairs, which are those of a gallery of one sighting, for galleries of all sizes."""
    kept = {}
    for field in dataclasses.fields(learned):
        values = getattr(learned, field.name)
        count = len(values.sizes)
        kept[field.name] = dataclasses.replace(
            values, match=(values.match[0],) * count, possible=(values.possible[0],) * count
        )
    return LearnedThresholds(**kept)


def _rows(gallery: Gallery, seed: int) -> pa.Table:
    """The sightings that are learned from, in the order of source, frame and index."""
    second = [] if gallery.description.second_dim is None else [SECOND_EMBEDDING]
    gallery.flush()
    with readable(gallery.path):
        rows = gallery.table.search().select([*_COLUMNS, EMBEDDING, *second]).to_arrow()
    rows = rows.sort_by([("source", "ascending"), ("frame", "ascending"), ("index", "ascending")])
    if len(rows) <= MOST_SIGHTINGS:
        return rows
    stretches = np.unique(_frame_names(rows), return_inverse=True)[1].reshape(-1) // STRETCH
    drawn = np.random.default_rng(seed).random(int(stretches.max()) + 1) < MOST_SIGHTINGS / len(rows)
    return rows.filter(pa.array(drawn[stretches]))


def _frame_names(rows: pa.Table) -> NDArray[Any]:
    """(N,) the source and name of each sighting's frame, as one text."""
    pairs = zip(rows["source"].to_pylist(), rows["frame"].to_pylist(), strict=True)
    return np.array([f"{source}\n{frame}" for source, frame in pairs], dtype=object)


def _walks(
    rows: pa.Table, boxes: NDArray[np.float32], embeddings: Tensor, tracker: TrackerSettings | None
) -> NDArray[np.int64]:
    """(N,) which walk of one person past one camera each sighting is of; who belongs to no walk has one alone."""
    names = _frame_names(rows)
    cameras = [_camera(*one) for one in zip(*(rows[name].to_pylist() for name in ("camera", "frame")), strict=True)]
    times = rows["timestamp"].to_pylist()
    untimed = {camera for camera, time in zip(cameras, times, strict=True) if time is None}
    scores = torch.from_numpy(rows["detection_score"].to_numpy().copy())
    starts = np.flatnonzero(np.append(True, names[1:] != names[:-1])) if len(names) else np.zeros(0, np.int64)
    frames, found, spans = [], {}, []
    for begin, end in zip(starts.tolist(), [*starts[1:].tolist(), len(names)], strict=True):
        part = slice(begin, end)
        time = None if cameras[begin] in untimed else times[begin]
        frames.append(_Frame(names[begin], cameras[begin], time))
        found[names[begin]] = Detections(torch.from_numpy(boxes[part]), scores[part], embeddings[part])
        spans.append((names[begin], part))
    tracks = track_frames(frames, found, tracker)
    walks = np.full(len(names), UNTRACKED, dtype=np.int64)
    for name, part in spans:
        walks[part] = tracks[name]
    alone = walks == UNTRACKED
    walks[alone] = walks.max(initial=-1) + 1 + np.arange(int(alone.sum()))
    return walks


def _camera(camera: str | None, frame: str) -> str:
    """The camera, or what stands for it where nobody knows it: the video that the frame is from."""
    return camera if camera is not None else f"\n{split_location(frame)[0] if '#t=' in frame else ''}"
