"""The page of `data statistics`: charts and pictures beside the tables."""

import shlex
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from datasets.boxes import cut
from datasets.building.splitting import sightings
from datasets.catalog.statistics import FrameStatistics, height_histogram
from datasets.catalog.statistics_rows import camera_tables, seen_rows, summary_rows
from datasets.images import ImageError, read_image
from datasets.samples import FrameSample
from search.pages.page import Curve, Headline, Image, MarkedBox, Picture, Section, Table, report_page

PEOPLE = 4
VIEW_HEIGHT, VIEW_WIDTH, GAP = 240, 120, 36
MOST_CAMERAS = 6
"""So many cameras have a line of their own and a picture; a page of hundreds would tell nothing."""


def statistics_page(path: Path, root: Path, layout: str, found: FrameStatistics, frames: Sequence[FrameSample]) -> str:
    """The page of a data set of full frames, as HTML.

    Args:
        path: The HTML file that the page will be, for the command that it shows.
        root: The data set's folder.
        layout: The name of its layout.
        found: The figures of the data set.
        frames: The frames whose pictures are shown.
    """
    boxes_table, heights_table = camera_tables(found)
    return report_page(
        title=f"What {root.resolve().name} holds",
        introduction=_introduction(root, layout, found),
        headlines=_headlines(found, layout),
        sections=[
            Section(
                "In figures",
                tables=[_table("The whole", summary_rows(found, layout), _paper_note(layout)), _splits(found)],
            ),
            Section(
                "Camera by camera",
                tables=[
                    _table("Boxes by camera and period", boxes_table),
                    _table("Height in pixels: so many per cent of the boxes are lower", heights_table),
                ],
            ),
            Section(
                "How tall people are",
                "The paper shows the heights of its crops as Fig. 5." if layout == "uestc-pr" else "",
                curves=_height_curves(found),
            ),
            Section(
                "Who is seen how often",
                "Only somebody whom two cameras see can be searched for across cameras.",
                tables=[_table("People with an identity", seen_rows(found))],
                curves=[_cameras_of_people(found), _views(found), _people_per_frame(found)],
            ),
            Section("The same people under every camera", pictures=_people(frames)),
            Section(
                "The busiest frame of each camera",
                "Green: somebody with an identity, and its number. Yellow: somebody unknown.",
                pictures=_busiest(frames),
            ),
            Section("The same by hand", commands=[shlex.join(_command(root, layout, path))]),
        ],
    )


def _introduction(root: Path, layout: str, found: FrameStatistics) -> str:
    named = [one for one in found.cameras if one != "no camera"]
    where = f"{len(named)} cameras" if named else "cameras that are not named"
    return (
        f"{found.frames:,} full frames of {where}, read in the layout {layout}: {found.boxes:,} boxes of people, "
        f"{found.labelled:,} of them with one of {found.identities:,} identities."
    )


def _headlines(found: FrameStatistics, layout: str) -> list[Headline]:
    paper = layout == "uestc-pr"
    headlines = [
        Headline(f"{found.identities:,}", "identities", "paper 499" if paper else ""),
        Headline(f"{found.labelled:,}", "boxes with an identity", "paper 60,437" if paper else f"of {found.boxes:,}"),
    ]
    if found.identities:
        several = int(found.by_cameras[2:].sum())
        share = f"{several / found.identities:.0%} of all people"
        headlines.append(Headline(f"{several:,}", "people seen by several cameras", share))
    if found.boxes:
        low, middle, high = np.percentile(found.all_heights, (5, 50, 95))
        headlines.append(Headline(f"{middle:.0f} px", "median height", f"nine in ten from {low:.0f} to {high:.0f}"))
    return headlines


def _paper_note(layout: str) -> str:
    return "Paper: Li et al., arXiv 2002.10560, section IV and Table 2." if layout == "uestc-pr" else ""


def _table(title: str, content: tuple[list[str], list[list[object]]], note: str = "") -> Table:
    header, rows = content
    texts = [[_cell(value) for value in row] for row in rows]
    last = len(rows) - 1 if rows and rows[-1][0] == "together" else None
    return Table(title, header, texts, note, highlight=last)


def _cell(value: object) -> str:
    return "-" if value is None else f"{value:,}" if isinstance(value, int) else str(value)


def _splits(found: FrameStatistics) -> Table:
    header = ["split", "frames", "without people", "boxes", "with identity", "identities"]
    rows: list[list[object]] = [
        [one.name, one.frames, one.empty, one.boxes, one.labelled, one.identities] for one in found.splits
    ]
    hidden = found.labelled - sum(one.labelled for one in found.splits)
    note = (
        f"{hidden:,} boxes have an identity that neither split tells: their frame is the other's." if hidden > 0 else ""
    )
    return _table("Train and gallery", (header, rows), note)


def _steps(edges: Sequence[float], counts: Sequence[float]) -> list[tuple[float, float]]:
    """The outline of a histogram."""
    points = [(edges[0], 0.0)]
    for left, right, count in zip(edges[:-1], edges[1:], counts, strict=True):
        points += [(left, float(count)), (right, float(count))]
    return [*points, (edges[-1], 0.0)]


def _whole(counts: Sequence[float]) -> list[tuple[float, float]]:
    """The outline of a histogram of whole numbers from 0."""
    return _steps([count - 0.5 for count in range(len(counts) + 1)], counts)


def _people_per_frame(found: FrameStatistics) -> Curve:
    counts = found.people_per_frame.tolist()
    return Curve("Frames by the number of people in them", {"frames": _whole(counts)}, x_label="people")


def _height_curves(found: FrameStatistics) -> list[Curve]:
    if not found.boxes:
        return []
    edges, counts = height_histogram(found.all_heights)
    width = int(edges[1] - edges[0])
    label = f"height in pixels, bins of {width}"
    curves = [Curve("Boxes by height", {"all cameras": _steps(edges.tolist(), counts.tolist())}, x_label=label)]
    if 1 < len(found.cameras) <= MOST_CAMERAS:
        series = {}
        for camera in found.cameras:
            own, numbers = height_histogram(found.heights[camera], width=width)
            if len(numbers):
                series[f"camera {camera}"] = _steps(own.tolist(), (100 * numbers / numbers.sum()).tolist())
        curves.append(Curve("Per cent of a camera's boxes by height", series, x_label=label))
    return curves


def _cameras_of_people(found: FrameStatistics) -> Curve:
    counts = found.by_cameras.tolist()
    return Curve("People by the number of cameras that see them", {"people": _whole(counts)}, x_label="cameras")


def _views(found: FrameStatistics) -> Curve:
    """People from the most to the least often seen."""
    views = found.boxes_of_person[::-1].tolist()
    points = [(float(place), float(count)) for place, count in enumerate(views, start=1)]
    return Curve("Boxes of each person, most often seen first", {"boxes": points}, x_label="person")


def _people(frames: Sequence[FrameSample]) -> list[Picture]:
    """People whom the most cameras see, each by the tallest box of every camera."""
    seen = sightings(frames)
    most = sorted(seen, key=lambda person: (-len(seen[person]), -sum(map(len, seen[person].values())), person))
    pictures = []
    slots = max((min(len(seen[person]), MOST_CAMERAS) for person in most[:PEOPLE]), default=0)
    for person in most[:PEOPLE]:
        views: list[tuple[str, Image]] = []
        for camera, boxes in sorted(seen[person].items(), key=lambda item: str(item[0]))[:MOST_CAMERAS]:
            frame, box = max(boxes, key=lambda pair: float(pair[1][3] - pair[1][1]))
            try:
                picture = cut(read_image(frame.path), box)
            except ImageError:
                continue
            views.append((f"{'' if camera is None else f'{camera}: '}{box[3] - box[1]:.0f} px", picture))
        if views:
            count = sum(map(len, seen[person].values()))
            caption = f"person {person}: {count} boxes by {len(seen[person])} cameras; of each the tallest"
            pictures.append(_beside_each_other(views, slots, caption))
    return pictures


def _beside_each_other(views: Sequence[tuple[str, Image]], slots: int, caption: str) -> Picture:
    """One picture of several, each marked with its label, with room for `slots`."""
    width = GAP + slots * (VIEW_WIDTH + GAP)
    board = np.full((VIEW_HEIGHT + 2 * GAP, width, 3), 236, dtype=np.uint8)
    marks = []
    for place, (label, view) in enumerate(views):
        scale = min(VIEW_HEIGHT / view.shape[0], VIEW_WIDTH / view.shape[1])
        size = (max(1, round(view.shape[1] * scale)), max(1, round(view.shape[0] * scale)))
        shown = cv2.resize(view, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
        left = GAP + place * (VIEW_WIDTH + GAP) + (VIEW_WIDTH - size[0]) // 2
        top = GAP + (VIEW_HEIGHT - size[1]) // 2
        board[top : top + size[1], left : left + size[0]] = shown
        marks.append(MarkedBox((left, top, left + size[0], top + size[1]), label, "right"))
    return Picture(board, caption, marks)


def _busiest(frames: Sequence[FrameSample]) -> list[Picture]:
    """The frame with the most people of each camera, with its boxes."""
    best: dict[object, FrameSample] = {}
    for frame in frames:
        if frame.camera not in best or len(frame.boxes) > len(best[frame.camera].boxes):
            best[frame.camera] = frame
    pictures = []
    for camera, frame in sorted(best.items(), key=lambda item: str(item[0]))[:MOST_CAMERAS]:
        try:
            image = read_image(frame.path)
        except ImageError:
            continue
        ids = frame.person_ids.tolist()
        boxes = [
            MarkedBox(box, str(person) if person >= 0 else "", "right" if person >= 0 else "plain")
            for box, person in zip(frame.boxes.tolist(), ids, strict=True)
        ]
        where = frame.path.name if camera is None else f"camera {camera}: {frame.path.name}"
        pictures.append(Picture(image, f"{where}, {len(boxes)} people", boxes))
    return pictures


def _command(root: Path, layout: str, path: Path) -> list[str]:
    return ["personsearch", "data", "statistics", str(root), "--format", layout, "--report", str(path)]
