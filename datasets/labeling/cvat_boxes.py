"""The boxes of a file of CVAT: which are people, who they are, and what else stands there and is not read."""

import math
from collections import Counter
from dataclasses import dataclass, field
from xml.etree.ElementTree import Element

from datasets.label_values import means_person, whole_number, yes_or_no
from datasets.labeling.identities import Key, says_who, value_key
from datasets.layouts.custom_records import clipped_box
from datasets.layouts.scan import Problem

_SHAPES = frozenset({"polygon", "polyline", "points", "cuboid", "ellipse", "mask", "skeleton"})
"""What CVAT draws beside boxes."""


@dataclass(frozen=True)
class Person:
    """One person in one frame.

    Args:
        box: xyxy pixels, not cut at the picture's edges.
        key: Who it is.
    """

    box: tuple[float, float, float, float]
    key: Key


@dataclass
class Reading:
    """What one file holds beside the people that are read.

    Args:
        file: The file's name, for messages.
        by_attribute: Whether an attribute says who people are. A track is then no identity by itself.
    """

    file: str
    by_attribute: bool = False
    problems: list[Problem] = field(default_factory=list)
    people: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    shapes: Counter[tuple[str, str]] = field(default_factory=Counter)
    others: Counter[str] = field(default_factory=Counter)

    def notes(self) -> list[str]:
        """A line for each kind of thing that is no fault but that a reader should know."""
        lines = [f"{count} boxes of {label!r} are no people and are not read" for label, count in self.others.items()]
        lines += [
            f"{count} shapes {shape} of {label!r} are no people and are not read"
            for (shape, label), count in self.shapes.items()
            if not means_person(label)
        ]
        return [
            f"{self.file}: {line}" for line in [*lines, *(f"{count} {what}" for what, count in self.counts.items())]
        ]

    def finished(self) -> list[Problem]:
        """The problems of the single boxes, and those of the file as a whole."""
        whole = []
        for (shape, label), count in self.shapes.items():
            if means_person(label):
                what = f"{count} shapes {shape} of {label!r} are left out: only boxes are read"
                whole.append(Problem(self.file, what, "draw boxes around these people", fatal=False))
        if not self.people and self.others and not any(means_person(label) for _, label in self.shapes):
            what = f"no label is called person: it has {', '.join(self.others)}"
            whole.append(Problem(self.file, what, 'name the label of people "person" (or pedestrian, people, human)'))
        return [*self.problems, *whole]


def says_identities(root: Element) -> bool:
    """Whether some person of a file has an attribute that says who it is.

    Args:
        root: The file's outermost element.
    """
    shapes = [(shape, shape.get("label", "")) for shape in root.iterfind("image/box")]
    for track in root.iterfind("track"):
        shapes += [(shape, track.get("label", "")) for shape in (track, *track.findall("box"))]
    people = (shape for shape, label in shapes if means_person(label))
    return any(says_who(attribute.get("name", "")) for shape in people for attribute in _attributes(shape))


def read_person(
    element: Element, label: str, where: str, reading: Reading, track: Element | None = None
) -> Person | None:
    """The person of an element; None where it is none, which is counted or named.

    Args:
        element: A <box>, or another shape, or what stands beside them.
        label: What it is of.
        where: The picture or frame, for messages.
        reading: What is counted.
        track: The <track> that it belongs to, where there is one.
    """
    if element.tag in _SHAPES:
        reading.shapes[element.tag, label] += 1
        return None
    if element.tag != "box":
        return None
    if not means_person(label):
        reading.others[label] += 1
        return None
    reading.people += 1
    try:
        box = _corners(element, reading)
        if yes_or_no(element.get("occluded")):
            reading.counts["boxes of people whom something hides (occluded) count like others"] += 1
    except ValueError as error:
        reading.problems.append(Problem(where, str(error), "correct the box in the XML or remove it", fatal=False))
        return None
    if clipped_box(list(box), None) is None:
        what = f"its box [{', '.join(f'{value:g}' for value in box)}] has no area and is left out"
        reading.problems.append(Problem(where, what, "correct the box or remove it", fatal=False))
        return None
    return Person(box, _key(element, reading, track))


def _attributes(element: Element) -> list[Element]:
    return element.findall("attribute")


def _key(element: Element, reading: Reading, track: Element | None) -> Key:
    parents = [element] if track is None else [element, track]
    said = [one.text or "" for parent in parents for one in _attributes(parent) if says_who(one.get("name", ""))]
    if said or reading.by_attribute:
        return value_key(said[0]) if said else None
    return None if track is None else (reading.file, track.get("id", ""))


def _corners(element: Element, reading: Reading) -> tuple[float, float, float, float]:
    """The corners of a <box>, of a turned one those around it; raises ValueError with what is wrong."""
    values = []
    for name in ("xtl", "ytl", "xbr", "ybr"):
        try:
            values.append(float(element.get(name, "")))
        except ValueError:
            raise ValueError(f"{name} is {element.get(name)!r}, expected a number of pixels") from None
    angle = float(element.get("rotation") or 0)
    if not all(map(math.isfinite, [*values, angle])):
        raise ValueError(f"its box {values} is not finite, expected numbers of pixels")
    left, top, right, bottom = values
    if angle % 360:
        reading.counts["turned boxes are read as the upright boxes around them"] += 1
        sine, cosine = abs(math.sin(math.radians(angle))), abs(math.cos(math.radians(angle)))
        width, height = right - left, bottom - top
        half = (width * cosine + height * sine) / 2, (width * sine + height * cosine) / 2
        middle = (left + right) / 2, (top + bottom) / 2
        left, top, right, bottom = middle[0] - half[0], middle[1] - half[1], middle[0] + half[0], middle[1] + half[1]
    return left, top, right, bottom


def stated_size(width: str | None, height: str | None) -> tuple[int, int] | None:
    """The width and height of a picture, None where the file does not say them.

    Args:
        width: What the file says.
        height: What the file says.
    """
    try:
        size = whole_number(width), whole_number(height)
    except ValueError:
        return None
    return size if min(size) > 0 else None
