"""The figures of a data set of full frames as rows of tables, and as plain values for programs."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from datasets.catalog.statistics import FrameStatistics, height_histogram
from datasets.layouts.uestc_pr import BOXES, CAMERAS, IDENTITIES, MINUTES, PERIOD_STARTS

PERCENTILES = (5, 25, 50, 75, 95)

Content = tuple[list[str], list[list[object]]]
"""The header and the rows of a table."""


def summary_rows(found: FrameStatistics, layout: str) -> Content:
    """The data set as a whole: a name and a figure a row, beside it the paper's figure where the layout is UESTC-PR's.

    Args:
        found: The figures of the data set.
        layout: The name of its layout.
    """
    train, gallery = (next((one for one in found.splits if one.name == name), None) for name in ("train", "gallery"))
    rows: list[tuple[str, object, object]] = [
        ("cameras", len(found.cameras), len(CAMERAS)),
        ("periods", len(found.periods), len(PERIOD_STARTS)),
        ("longest recording, minutes", None if found.minutes is None else f"{found.minutes:.1f}", MINUTES),
        ("frames", found.frames, None),
        ("frames without people", int(found.people_per_frame[0]), None),
        ("boxes", found.boxes, None),
        ("boxes with an identity", found.labelled, BOXES),
        ("of these in train and gallery", sum(one.labelled for one in found.splits), None),
        ("identities", found.identities, IDENTITIES["all"]),
        ("identities to train on", train.identities if train else None, IDENTITIES["train"]),
        ("identities in the gallery", gallery.identities if gallery else None, IDENTITIES["gallery"]),
        ("identities looked for", found.query_identities, IDENTITIES["query"]),
        ("queries", found.queries, None),
        ("median height, pixels", f"{np.median(found.all_heights):.0f}" if found.boxes else None, None),
    ]
    if layout == "uestc-pr":
        return ["", "here", "paper"], [[name, _text(here), _text(paper)] for name, here, paper in rows]
    return ["", "here"], [[name, _text(here)] for name, here, _ in rows]


def camera_tables(found: FrameStatistics) -> list[Content]:
    """Two tables: how many boxes each camera has in each period, and how tall the boxes of each camera are.

    Args:
        found: The figures of the data set.
    """
    by_period: list[list[object]] = []
    heights: list[list[object]] = []
    for row, camera in enumerate(found.cameras):
        boxes, frames = found.boxes_of[row], int(found.frames_of[row].sum())
        by_period.append([camera, *boxes.tolist(), int(boxes.sum()), frames, f"{boxes.sum() / max(frames, 1):.1f}"])
        heights.append([camera, *_percentiles(found.heights[camera])])
    totals = found.boxes_of.sum(axis=0)
    each = f"{found.boxes / max(found.frames, 1):.1f}"
    by_period.append(["together", *totals.tolist(), found.boxes, found.frames, each])
    heights.append(["together", *_percentiles(found.all_heights)])
    return [
        (["camera", *found.periods, "together", "frames", "a frame"], by_period),
        (["camera", *(f"{share} %" for share in PERCENTILES), "tallest"], heights),
    ]


def seen_rows(found: FrameStatistics) -> Content:
    """How many people are seen by one camera, by two, and so on, and in how many periods.

    Args:
        found: The figures of the data set.
    """
    most = max(len(found.by_cameras), len(found.by_periods))
    rows: list[list[object]] = []
    for count in range(1, most):
        people = [int(one[count]) if count < len(one) else None for one in (found.by_cameras, found.by_periods)]
        rows.append([count, *people])
    return ["seen by or in so many", "people, cameras", "people, periods"], rows


def _percentiles(heights: NDArray[np.float32]) -> list[str]:
    if not len(heights):
        return ["-"] * (len(PERCENTILES) + 1)
    return [f"{value:.0f}" for value in (*np.percentile(heights, PERCENTILES), heights.max())]


def _text(value: object) -> str:
    return "-" if value is None else f"{value:,}" if isinstance(value, int) else str(value)


def statistics_figures(root: Path, layout: str, found: FrameStatistics) -> dict[str, Any]:
    """All figures under the names that programs find them by.

    Args:
        root: The data set's folder.
        layout: The name of its layout.
        found: The figures of the data set.
    """
    edges, counts = height_histogram(found.all_heights)
    heights = {
        camera: {
            "percentiles": dict(zip(PERCENTILES, np.percentile(values, PERCENTILES).tolist())),
            "boxes": len(values),
        }
        for camera, values in found.heights.items()
        if len(values)
    }
    views = found.boxes_of_person
    return {
        "root": root, "format": layout, "splits": found.splits, "frames": found.frames, "boxes": found.boxes,
        "labelled": found.labelled, "identities": found.identities, "queries": found.queries,
        "query_identities": found.query_identities, "cameras": found.cameras, "periods": found.periods,
        "minutes": found.minutes, "frames_of_camera_and_period": found.frames_of,
        "boxes_of_camera_and_period": found.boxes_of, "height_histogram": {"edges": edges, "counts": counts},
        "heights": heights, "identities_by_cameras": found.by_cameras, "identities_by_periods": found.by_periods,
        "boxes_of_identity": views, "frames_by_people": found.people_per_frame,
    }  # fmt: skip
