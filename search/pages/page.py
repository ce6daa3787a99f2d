"""Pages for a person to read: the answer of a search, and the report of a demo or an evaluation.

Each page is one self-contained HTML file: styles, drawings and pictures inside, no script, nothing loaded from
anywhere (a content security policy in the page forbids it), every name escaped.
"""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal

import jinja2
import numpy as np
from numpy.typing import NDArray

from datasets.boxes import FloatBoxes
from datasets.images import encode_jpeg
from search.pages import drawing

Image = NDArray[np.uint8]
Status = Literal["right", "wrong", "plain"]

CONTEXT_SIDE = 960
CONTEXT_QUALITY = 72


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
    """One crop of a ranked row: a picture or JPEG bytes, whether it shows the person, and the address of its frame."""

    image: Image | bytes | None
    caption: str = ""
    status: Status = "plain"
    link: str = ""


@dataclass(frozen=True)
class RankedRow:
    """A probe and its first answers, best first, and the address of the frame that the probe is from."""

    title: str
    probe: Image | bytes
    answers: Sequence[Answer]
    note: str = ""
    link: str = ""


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


def report_page(
    *, title: str, introduction: str, headlines: Sequence[Headline] = (), sections: Sequence[Section] = ()
) -> str:
    """The report of a demo or an evaluation, as HTML.

    Args:
        title: It is shown on top and in the browser's tab.
        introduction: One paragraph of plain text.
        headlines: The figures that matter most; up to four look well.
        sections: The parts of the page, in order.
    """
    return rendered("demo.html.j2", title=title, introduction=introduction, headlines=headlines, sections=sections)


def mark(marked: MarkedBox, image_width: int) -> dict[str, object]:
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
        "uri": image_uri(picture.image, CONTEXT_SIDE, CONTEXT_QUALITY),
        "width": width,
        "height": height,
        "marks": [mark(marked, width) for marked in picture.boxes],
    }


def image_uri(image: Image | bytes | None, longest_side: int = 256, quality: int = 85) -> str | None:
    """A picture as a data URI; JPEG bytes are taken as they are."""
    if image is None or isinstance(image, bytes):
        return data_uri(image)
    return data_uri(encode_jpeg(image, longest_side=longest_side, quality=quality))


def data_uri(jpeg: bytes | None) -> str | None:
    """JPEG bytes as an address that holds them; None where there are none."""
    return f"data:image/jpeg;base64,{base64.b64encode(jpeg).decode()}" if jpeg else None


def rendered(template: str, **values: object) -> str:
    """A template of this room filled in: one self-contained HTML text."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("search.pages", "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals |= {"plot": drawing.plot, "picture": _picture, "image_uri": image_uri}
    made = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    return environment.get_template(template).render({"made": made, **values})
