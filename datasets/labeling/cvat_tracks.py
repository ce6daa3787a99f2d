"""CVAT's XML for videos: tracks with a box in each frame, or in key frames between which boxes move evenly."""

from collections.abc import Collection, Mapping
from itertools import pairwise
from xml.etree.ElementTree import Element

from datasets.label_values import whole_number, yes_or_no
from datasets.labeling.cvat_boxes import Person, Reading, read_person
from datasets.layouts.scan import Problem


def people_of_tracks(tracks: list[Element], frames: Collection[int], reading: Reading) -> dict[int, list[Person]]:
    """Frame -> its people.

    A box that is marked "outside" says that the person is away from there on. Where a track jumps over frames without
    such a mark, its boxes are key frames, and those between them are made by moving evenly, as CVAT does.

    Args:
        tracks: The <track> elements of a file.
        frames: The numbers of the frames that have a picture; only there boxes are made.
        reading: What is counted.
    """
    found: dict[int, list[Person]] = {}
    ordered = sorted(frames)
    for track in tracks:
        shapes = _shapes(track, reading)
        for number, person in shapes.items():
            if person is not None:
                found.setdefault(number, []).append(person)
        for (start, before), (end, after) in pairwise(shapes.items()):
            if before is None or after is None:
                continue
            for number in (number for number in ordered if start < number < end):
                reading.counts["boxes between key frames are made by moving evenly (interpolated)"] += 1
                found.setdefault(number, []).append(_between(before, after, (number - start) / (end - start)))
    return found


def _shapes(track: Element, reading: Reading) -> Mapping[int, Person | None]:
    """Frame -> the person, or None where the track says that nobody is there or that it cannot be read."""
    label = track.get("label", "")
    shapes: dict[int, Person | None] = {}
    for element in track:
        if element.tag == "attribute":
            continue
        where = f"{reading.file} track {track.get('id', '')} frame {element.get('frame', '')}"
        try:
            number = whole_number(element.get("frame"))
            outside = yes_or_no(element.get("outside"))
        except ValueError as error:
            reading.problems.append(Problem(where, f"frame or outside {error}", "correct it in the XML", fatal=False))
            continue
        if outside:
            reading.counts["boxes are marked outside: nobody is there"] += 1
            shapes[number] = None
            continue
        if number in shapes:
            what = "has two boxes in one frame, of which the last counts"
            reading.problems.append(Problem(where, what, "remove one", fatal=False, kept=True))
        shapes[number] = read_person(element, label, where, reading, track)
    return dict(sorted(shapes.items()))


def _between(before: Person, after: Person, share: float) -> Person:
    """The person on the way from one box to the other."""
    x1, y1, x2, y2 = (start + (end - start) * share for start, end in zip(before.box, after.box, strict=True))
    return Person((x1, y1, x2, y2), before.key)
