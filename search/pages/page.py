"""Pages for a person to read: the answer of a search, and the report of a demo or an evaluation.

Each page is one self-contained HTML file: styles, drawings and pictures inside, no script, nothing loaded from
anywhere (a content security policy in the page forbids it), every name escaped.
"""

import base64
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import jinja2
import numpy as np
from numpy.typing import NDArray

from datasets.boxes import FloatBoxes
from datasets.files import write_whole
from datasets.images import encode_jpeg
from search.gallery.gallery import Gallery
from search.gallery.originals import read_original
from search.gallery.sightings import NO_CAMERA, Sighting, display_time
from search.pages import drawing
from search.query.results import RankedSightings

Image = NDArray[np.uint8]
Status = Literal["right", "wrong", "plain"]

CONTEXT_SIDE = 960
CONTEXT_QUALITY = 72
FRAMES_IN_CONTEXT = 24
MOST_EMPTY_LANES = 12


@dataclass(frozen=True)
class Table:
    """Figures in rows; the first column is left-aligned, a bold row is named in `highlight`."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    note: str = ""
    highlight: int | None = None


@dataclass(frozen=True)
class Curve:
    """Lines over a common axis: name -> (x, y) pairs."""

    title: str
    series: Mapping[str, Sequence[tuple[float, float]]]
    x_label: str = ""
    note: str = ""


@dataclass(frozen=True)
class MarkedBox:
    """A box drawn on a picture: xyxy pixels, a short label, and whether it is right or wrong (or neither)."""

    box: Sequence[float] | FloatBoxes
    label: str = ""
    status: Status = "plain"


@dataclass(frozen=True)
class Picture:
    """A picture (H, W, 3) uint8 RGB of any size with boxes on it."""

    image: Image
    caption: str = ""
    boxes: Sequence[MarkedBox] = ()


@dataclass(frozen=True)
class Answer:
    """One crop of a ranked row: a picture or JPEG bytes, and whether it shows the person looked for."""

    image: Image | bytes | None
    caption: str = ""
    status: Status = "plain"


@dataclass(frozen=True)
class RankedRow:
    """A probe and its first answers, best first."""

    title: str
    probe: Image | bytes
    answers: Sequence[Answer]
    note: str = ""


@dataclass(frozen=True)
class Headline:
    """A figure in large type: value, what it is, and what to compare it with."""

    value: str
    label: str
    note: str = ""


@dataclass(frozen=True)
class Section:
    """A titled part of a report; the blocks appear kind by kind, in this order."""

    title: str
    text: str = ""
    tables: Sequence[Table] = field(default_factory=tuple)
    curves: Sequence[Curve] = field(default_factory=tuple)
    pictures: Sequence[Picture] = field(default_factory=tuple)
    rankings: Sequence[RankedRow] = field(default_factory=tuple)
    commands: Sequence[str] = field(default_factory=tuple)


def best_median_worst(values: Sequence[float] | NDArray[np.floating]) -> tuple[int, ...]:
    """The positions of the largest, the middle and the smallest value, each once; ties by position.

    Args:
        values: one for each query, average precision for example; not finite ones are left out.

    Returns:
        Three positions, fewer where there are fewer values.
    """
    array = np.asarray(values, dtype=np.float64)
    finite = np.flatnonzero(np.isfinite(array))
    order = finite[np.argsort(-array[finite], kind="stable")]
    return tuple(dict.fromkeys(int(order[place]) for place in (0, len(order) // 2, -1))) if len(order) else ()


def write_demo_page(
    path: str | Path,
    *,
    title: str,
    introduction: str,
    headlines: Sequence[Headline] = (),
    sections: Sequence[Section] = (),
) -> None:
    """Write the report of a demo or an evaluation.

    Args:
        path: the HTML file; its folder is made.
        title: shown on top and in the browser's tab.
        introduction: one paragraph, plain text.
        headlines: the figures that matter most, at most four look well.
        sections: in order.

    Raises:
        OSError: the file cannot be written.
    """
    _write(path, "demo.html.j2", title=title, introduction=introduction, headlines=headlines, sections=sections)


def write_find_page(
    path: str | Path,
    results: RankedSightings,
    gallery: Gallery,
    probe_image: Image | Sequence[Image],
    *,
    title: str = "Person search",
    note: str = "",
    probe_frame: Picture | None = None,
    frames_in_context: int = FRAMES_IN_CONTEXT,
    read_frame: Callable[[Sighting], Image | None] | None = None,
) -> None:
    """Write the answer of a search as a page: the verdict, the probe, a timeline, and the sightings as cards.

    Args:
        path: the HTML file; its folder is made.
        results: what `Gallery.search` or `PersonSearch.find` answered.
        gallery: where the cut-outs lie.
        probe_image: the person looked for, one picture or several, (H, W, 3) uint8 RGB.
        title: shown on top.
        note: a line below the title, the filters for example.
        probe_frame: the frame the probe was taken from, with its box.
        frames_in_context: the best so many sightings show their whole frame when opened; each adds about 100 KB.
        read_frame: Gives the frame of a sighting, or None where there is none any more. The default reads the footage
            again, and shows a frame only where the sighting's box still has the pixels of its stored cut-out.

    Raises:
        OSError: the file cannot be written.
    """
    probes = [probe_image] if isinstance(probe_image, np.ndarray) else list(probe_image)
    frames = _FramePictures(read_frame or (lambda one: read_original(one, gallery.cutout(one.cutout))))
    cards = [
        {
            "rank": rank,
            "sighting": sighting,
            "level": results.level_of(sighting),
            "camera": NO_CAMERA if sighting.camera is None else sighting.camera,
            "time": display_time(sighting.timestamp),
            "box": ", ".join(f"{value:.0f}" for value in sighting.box),
            "cutout": _data_uri(gallery.cutout(sighting.cutout)),
            "context": frames.picture(sighting) if rank <= frames_in_context else None,
        }
        for rank, sighting in enumerate(results, start=1)
    ]
    cameras = gallery.cameras()
    _write(
        path,
        "find.html.j2",
        title=title,
        note=note,
        probes=[_image_uri(probe, 420) for probe in probes],
        probe_frame=probe_frame,
        results=results,
        cards=cards,
        timeline=drawing.timeline(results, cameras if len(cameras) <= MOST_EMPTY_LANES else ()),
        facts=_facts(results),
    )


class _FramePictures:
    """Frames as pictures with one box; a frame that several sightings share is read and encoded once."""

    def __init__(self, read_frame: Callable[[Sighting], Image | None]) -> None:
        self._read = read_frame
        self._encoded: dict[tuple[str, str], str | None] = {}

    def picture(self, sighting: Sighting) -> dict[str, object] | None:
        """What the page needs of a sighting's frame, None where it cannot be read any more."""
        key = (sighting.source, sighting.frame)
        if key not in self._encoded:
            image = self._read(sighting)
            self._encoded[key] = None if image is None else _image_uri(image, CONTEXT_SIDE, CONTEXT_QUALITY)
        uri = self._encoded[key]
        if uri is None:
            return None
        mark = _mark(MarkedBox(sighting.box), sighting.frame_width)
        return {"uri": uri, "width": sighting.frame_width, "height": sighting.frame_height, "marks": [mark]}


def _facts(results: RankedSightings) -> list[tuple[str, str]]:
    """What stands beside the probe: (label, value)."""
    facts = [("sightings shown", f"{len(results):,} of {results.searched:,} compared")]
    if not results:
        return facts
    facts.append(("best score", f"{results[0].score:.3f}"))
    cameras = sorted({NO_CAMERA if one.camera is None else one.camera for one in results})
    facts.append(("cameras", ", ".join(cameras[:8]) + (f" and {len(cameras) - 8} more" if len(cameras) > 8 else "")))
    times = [one.timestamp for one in results if one.timestamp is not None]
    if times:
        facts += [("first seen", display_time(min(times))), ("last seen", display_time(max(times)))]
    return facts


def _mark(marked: MarkedBox, image_width: int) -> dict[str, object]:
    """A box in the picture's own pixels, with line and type sizes that look alike on any picture size."""
    x1, y1, x2, y2 = (float(value) for value in marked.box)
    unit = image_width / 100
    return {
        "x": x1,
        "y": y1,
        "width": max(0.0, x2 - x1),
        "height": max(0.0, y2 - y1),
        "line": 0.35 * unit,
        "type": 2.1 * unit,
        "label": marked.label,
        "status": marked.status,
    }


def _picture(picture: Picture) -> dict[str, object]:
    height, width = picture.image.shape[:2]
    return {
        "uri": _image_uri(picture.image, CONTEXT_SIDE, CONTEXT_QUALITY),
        "width": width,
        "height": height,
        "marks": [_mark(marked, width) for marked in picture.boxes],
    }


def _image_uri(image: Image | bytes | None, longest_side: int = 256, quality: int = 85) -> str | None:
    """A picture as a data URI; JPEG bytes are taken as they are."""
    if image is None or isinstance(image, bytes):
        return _data_uri(image)
    return _data_uri(encode_jpeg(image, longest_side=longest_side, quality=quality))


def _data_uri(jpeg: bytes | None) -> str | None:
    return f"data:image/jpeg;base64,{base64.b64encode(jpeg).decode()}" if jpeg else None


def _write(path: str | Path, template: str, **values: object) -> None:
    """Render a template into a file, whole or not at all."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("search.pages", "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals |= {"plot": drawing.plot, "picture": _picture, "image_uri": _image_uri}
    made = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    text = environment.get_template(template).render(made=made, **values)
    write_whole(Path(path), text)
