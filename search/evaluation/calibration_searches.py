"""The searches that a calibration is made of: probes and sightings of a labelled split, by one stage and by both."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from datasets.samples import FrameSample, Query
from search.evaluation.calibration import Searches
from search.evaluation.labelled_people import (
    People,
    Unlabelled,
    label_detections,
    people_of_queries,
    representatives,
    stacked_embeddings,
    stacked_scores,
)
from search.evaluation.splits import OnProgress, SplitDetections, embed_by_stages
from search.evaluation.stages import TrackletMeans
from search.models.embedded_by import EmbeddedBy
from search.models.opening import SearchModels
from search.query.fusion import class_weighted_probes, class_weighted_rows, fused
from search.query.ranking import Ranking
from search.tracks.tracklets import averaged


@dataclass(frozen=True, eq=False)
class NamedSearches:
    """Searches by one similarity.

    Args:
        label: What the similarity is, for people.
        embedded_by: What made the vectors.
        ranking: How the similarity is made.
        searches: The probes and sightings.
    """

    label: str
    embedded_by: EmbeddedBy
    ranking: Ranking
    searches: Searches


@dataclass(frozen=True, eq=False)
class LabelledSplit:
    """A labelled split as a model sees it, and whom to look for in it.

    Args:
        samples: The frames.
        found: What the model found in them.
        people: Who the N sightings are.
        probes: Who the Q probes are.
        probe_embeddings: For each stage (Q, D) of unit length.
        failures: (query, reason) of queries that could not be seen.
    """

    samples: Sequence[FrameSample]
    found: SplitDetections
    people: People
    probes: People
    probe_embeddings: list[Tensor]
    failures: Sequence[tuple[str, str]] = ()


def label_split(
    models: SearchModels,
    samples: Sequence[FrameSample],
    found: SplitDetections,
    queries: Sequence[Query],
    *,
    unlabelled: Unlabelled = "ignore",
    every: bool = False,
    batch_size: int = 4,
    on_progress: OnProgress | None = None,
) -> LabelledSplit:
    """Tell who is who among the people that were found, and embed the probes.

    Args:
        models: The models that found the people.
        samples: The frames with their labelled boxes.
        found: What was found in them.
        queries: Whom to look for; without any, one sighting of each person in each camera.
        unlabelled: Whether people without an identity are left out ("ignore") or are others ("negative").
        every: Without queries, look for every labeled sighting instead of one of each person in each camera.
        batch_size: The number of images of a forward pass.
        on_progress: It is called with (embeddings done, embeddings in all).
    """
    people = label_detections(samples, found.by_frame, unlabelled=unlabelled)
    if queries:
        seen = embed_by_stages(models.stages, queries, samples, batch_size=batch_size, on_progress=on_progress)
        return LabelledSplit(
            samples, found, people, people_of_queries(seen.queries), seen.embeddings, tuple(seen.failures)
        )
    rows = np.flatnonzero(people.person_ids >= 0) if every else representatives(people)
    probes = [stacked_embeddings(samples, look)[rows] for look in found.looks]
    return LabelledSplit(samples, found, people, people.take(rows), probes)


def searches_to_calibrate(
    split: LabelledSplit,
    embedded_by: EmbeddedBy,
    ranking: Ranking,
    *,
    tracklets: TrackletMeans | None = None,
    same_camera: bool = False,
) -> list[NamedSearches]:
    """The searches by the first stage, and by both where there are two; the one that decides is the last.

    Args:
        split: The labelled split.
        embedded_by: What made its vectors.
        ranking: How similarities are made: the share of the second stage, and whether they are class-weighted.
        tracklets: The sightings share the means of these tracklets; None leaves each its own embedding.
        same_camera: Whether a person's sightings by the probe's own camera count.
    """
    looks = split.found.looks
    if tracklets is not None:
        looks = [averaged(look, tracklets.tracks, blend=tracklets.blend) for look in looks]
    stacked = [stacked_embeddings(split.samples, look) for look in looks]
    confidence = stacked_scores(split.samples, split.found.by_frame) if ranking.class_weighted else None
    ending = "" if confidence is None else ", class-weighted"

    def named(label: str, by: EmbeddedBy, probes: Tensor, sightings: Tensor) -> NamedSearches:
        if confidence is not None:
            probes, sightings = class_weighted_probes(probes), class_weighted_rows(sightings, confidence)
        searches = Searches(split.probes, probes, split.people, sightings, same_camera)
        return NamedSearches(f"{label}{ending}", by, ranking, searches)

    if len(stacked) == 1:
        return [named("one stage", embedded_by, split.probe_embeddings[0], stacked[0])]
    first, second = split.probe_embeddings
    return [
        named("joint model alone", embedded_by.first_stage, first, stacked[0]),
        named(
            "both stages",
            embedded_by,
            fused(first, second, ranking.share),
            fused(stacked[0], stacked[1], ranking.share),
        ),
    ]
