"""Which queries of a data set its protocols ask, by the name of its layout."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor

from datasets import DatasetNotFoundError, load_queries
from datasets.layouts.custom import split_file
from datasets.layouts.custom_records import is_rendered
from datasets.samples import FrameSample, Query
from detection.model import PersonModel
from search.evaluation.splits import OnProgress, embed_by_stages
from search.gallery.footage import Footage
from search.query.context import PRW_CONTEXT, ContextSize

GALLERY_SIZES = (50, 100, 500, 1000, 2000, 4000)
"""The sizes of CUHK-SYSU's protocol, in frames."""

ProbesFrom = Literal["auto", "queries", "sightings", "all"]


def search_protocols(
    layout: str, root: Path, *, gallery_sizes: Sequence[int] | None = None, same_camera: bool | None = None
) -> list[tuple[str, list[Query]]]:
    """The protocols of a data set of full frames: a label and the queries of each.

    CUHK-SYSU has one for each gallery size, PRW one with sightings by the query's own camera (the published figure) and
    one without, the others one across cameras.

    Args:
        layout: The name of the data set's layout, "cuhk-sysu", "prw", "uestc-pr" or "custom".
        root: The data set's folder.
        gallery_sizes: Sizes of CUHK-SYSU's protocol; None takes all six, as far as their files are there.
        same_camera: True or false gives one protocol with or without the query's own camera; None the usual ones.

    Raises:
        ValueError: An option has no meaning for the layout, or a protocol has no query.
        FileNotFoundError: The data set's files are missing.
    """
    if layout == "cuhk-sysu":
        if same_camera is not None:
            raise ValueError("--same-camera is given, but the frames of cuhk-sysu have no cameras; leave it out")
        found = _gallery_sizes(root, gallery_sizes)
    else:
        if gallery_sizes is not None:
            raise ValueError(f"--gallery-size is CUHK-SYSU's, --format is {layout}; leave it out")
        kinds = [same_camera] if same_camera is not None else [True, False] if layout == "prw" else [False]
        label = {True: "all cameras", False: "other cameras"}
        found = [(label[kind], load_queries(layout, root, same_camera=kind)) for kind in kinds]
    empty = [label for label, asked in found if not asked]
    if empty:
        raise ValueError(
            f"{root} has no query with somebody to find ({', '.join(empty)}); check its identities and cameras, or "
            "count sightings by the query's own camera: --same-camera true"
        )
    return found


def context_size(layout: str) -> ContextSize:
    """How far context matching looks, as published for a data set."""
    return PRW_CONTEXT if layout == "prw" else ContextSize()


def calibration_queries(layout: str, root: Path, probes: ProbesFrom) -> list[Query]:
    """The queries that a calibration looks for; none where sightings are the probes.

    Args:
        layout: The name of the data set's layout.
        root: The data set's folder.
        probes: "queries" takes the data set's, "sightings" and "all" none, "auto" the queries where it
            has any.

    Raises:
        FileNotFoundError: Queries are asked for, and the data set has none.
    """
    if probes in ("sightings", "all"):
        return []
    # Also who was seen by one camera only is somebody to be mistaken.
    options = {} if layout == "cuhk-sysu" else {"same_camera": True}
    try:
        return list(load_queries(layout, root, **options))
    except DatasetNotFoundError:
        if probes == "queries":
            raise
        return []


def footage_of(layout: str, root: Path, samples: Sequence[FrameSample]) -> Footage:
    """Which cameras filmed the split "gallery" of a data set, and whether a program rendered it.

    Args:
        layout: The name of the data set's layout.
        root: The data set's folder.
        samples: The frames of the split.

    Returns:
        What a calibration on these frames knows of them.
    """
    rendered = layout == "custom" and is_rendered(split_file(root, "gallery"))
    return Footage.of_samples(samples, rendered=rendered)


class KnownProbes:
    """Embeddings of queries by every stage; protocols of one data set ask for the same people, so each is kept.

    Args:
        stages: The models, in evaluation mode.
        samples: The split "gallery".
        batch_size: The number of images of a forward pass.
    """

    def __init__(self, stages: Sequence[PersonModel], samples: Sequence[FrameSample], batch_size: int) -> None:
        self.failures: list[tuple[str, str]] = []
        self._stages = stages
        self._samples = samples
        self._batch_size = batch_size
        self._known: dict[object, tuple[Tensor, ...] | None] = {}

    def embed(
        self, queries: Sequence[Query], on_progress: OnProgress | None = None
    ) -> tuple[list[Query], list[Tensor]]:
        """The queries that could be seen, and for each stage their embeddings (Q, D).

        Args:
            queries: The queries of one protocol.
            on_progress: It is called with (embeddings done, embeddings in all).

        Raises:
            ValueError: None of the queries can be seen, or a query's frame is not in the split.
        """
        new = {_key(query): query for query in queries if _key(query) not in self._known}
        seen = embed_by_stages(
            self._stages, list(new.values()), self._samples, batch_size=self._batch_size, on_progress=on_progress
        )
        self.failures += seen.failures
        self._known |= dict.fromkeys(new)
        self._known |= dict(zip(map(_key, seen.queries), zip(*seen.embeddings, strict=True), strict=True))
        kept = [(query, row) for query in queries if (row := self._known[_key(query)]) is not None]
        if not kept:
            raise ValueError(f"no query can be embedded, the first: {': '.join(self.failures[-1])}")
        rows = [row for _, row in kept]
        return [query for query, _ in kept], [torch.stack(stage) for stage in zip(*rows, strict=True)]


def _gallery_sizes(root: Path, sizes: Sequence[int] | None) -> list[tuple[str, list[Query]]]:
    found: list[tuple[str, list[Query]]] = []
    for size in sizes or GALLERY_SIZES:
        try:
            found.append((f"gallery {size}", list(load_queries("cuhk-sysu", root, gallery_size=size))))
        except DatasetNotFoundError:
            if sizes or (size == GALLERY_SIZES[-1] and not found):
                raise
    return found


def _key(query: Query) -> object:
    """What a query's embedding depends on."""
    return query.frame, str(query.crop), None if query.box is None else query.box.tobytes()
