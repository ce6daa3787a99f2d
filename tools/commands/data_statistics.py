"""personsearch data statistics: what a data set of full frames holds, as tables, figures and a page."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

import datasets
from datasets import DatasetNotFoundError
from datasets.building.build import SPLIT
from datasets.building.extraction import STATE
from datasets.catalog.statistics import FrameStatistics, height_histogram, measure_frames
from datasets.catalog.table import FRAME_SPLITS, FrameFormat
from datasets.layouts.custom_records import read_split
from datasets.samples import FrameSample, Query
from tools.outcome import Outcome, table

PERCENTILES = (5, 25, 50, 75, 95)
Splits = dict[str, Sequence[FrameSample]]


def statistics(
    root: Path,
    *,
    format: FrameFormat = "custom",  # noqa: A002 - the option is called --format
    report: Path | None = None,
) -> Outcome:
    """Count what full frames hold: boxes per camera and period, heights, who is seen by how many cameras.

    Periods are UESTC-PR's by the names of frames, elsewhere what a pause of ten minutes of all cameras divides. Of
    UESTC-PR the paper's figures stand beside.

    Args:
        root: the data set's folder.
        format: its layout.
        report: also write this HTML page, with charts, a frame of each camera, and one person as every camera sees it.
    """
    splits, queries, left_out = _read(root, format)
    whole = _whole(root, format)
    found = measure_frames(splits, queries, whole)
    boxes, heights = camera_tables(found)
    titles = ("", "boxes by camera and period", "heights in pixels: so many per cent of the boxes are lower", "")
    contents = (summary_rows(found, format), boxes, heights, seen_rows(found))
    text = "\n\n".join(
        "\n".join([*([title] if title else []), table(header, rows)])
        for title, (header, rows) in zip(titles, contents, strict=True)
    )
    if report is not None:
        from tools.commands.data_statistics_page import write_statistics_page

        write_statistics_page(report, root, format, found, whole or [one for part in splits.values() for one in part])
        text += f"\n\npage: {report}"
    return Outcome(text, _figures(root, format, found), left_out)


def _read(root: Path, layout: FrameFormat) -> tuple[Splits, list[Query], list[str]]:
    """The splits that are there, each frame's once, and the queries where the layout has any."""
    splits: Splits = {}
    left_out: list[str] = []
    absent: list[DatasetNotFoundError] = []
    for split in ("gallery",) if root.is_file() else FRAME_SPLITS:
        try:
            splits[split], lines = datasets.read_frames(layout, root, split)
        except DatasetNotFoundError as error:
            absent.append(error)
        else:
            left_out += lines
    if not splits:
        raise absent[0]
    if (
        layout == "mot"
        and len(splits) == 2
        and [s.path for s in splits["train"]] == [s.path for s in splits["gallery"]]
    ):
        del splits["train"]  # sequences of MOTChallenge serve as both
    if layout == "mot" or "gallery" not in splits:
        return splits, [], left_out
    options = {"same_camera": True} if layout in ("custom", "uestc-pr") else {}
    try:
        return splits, datasets.load_queries(layout, root, **options), left_out
    except DatasetNotFoundError:
        return splits, [], left_out


def _whole(root: Path, layout: FrameFormat) -> list[FrameSample]:
    """The frames of all recordings with all identities, of which `data build` wrote files; none elsewhere."""
    split = root / SPLIT
    if layout not in ("custom", "uestc-pr") or not split.is_file():
        return []
    files = [root / STATE / f"{name}.json" for name in json.loads(split.read_text(encoding="utf-8"))["recordings"]]
    return [sample for file in files if file.is_file() for sample in read_split(file).samples]


def summary_rows(found: FrameStatistics, layout: str) -> tuple[list[str], list[list[object]]]:
    """The whole in figures; a column of the paper's where the layout is UESTC-PR's."""
    from datasets.layouts.uestc_pr import BOXES, CAMERAS, IDENTITIES, MINUTES, PERIOD_STARTS

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


def camera_tables(found: FrameStatistics) -> list[tuple[list[str], list[list[object]]]]:
    """Boxes by camera and period, and heights by camera."""
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


def seen_rows(found: FrameStatistics) -> tuple[list[str], list[list[object]]]:
    """How many people so many cameras and so many periods see."""
    most = max(len(found.by_cameras), len(found.by_periods))
    rows: list[list[object]] = []
    for count in range(1, most):
        people = [int(one[count]) if count < len(one) else None for one in (found.by_cameras, found.by_periods)]
        rows.append([count, *people])
    return ["seen by or in so many", "people, cameras", "people, periods"], rows


def _percentiles(heights: Any) -> list[str]:
    if not len(heights):
        return ["-"] * (len(PERCENTILES) + 1)
    return [f"{value:.0f}" for value in (*np.percentile(heights, PERCENTILES), heights.max())]


def _text(value: object) -> str:
    return "-" if value is None else f"{value:,}" if isinstance(value, int) else str(value)


def _figures(root: Path, layout: str, found: FrameStatistics) -> dict[str, Any]:
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
