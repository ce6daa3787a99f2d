"""What the server says, as JSON: cameras, frames, sightings, people in a picture, and the answer of a search."""

from collections.abc import Mapping, Sequence
from typing import Any

from search.desk.catalog import CameraFrames, CatalogFrame
from search.desk.hints import Hint, hints_of_person
from search.desk.probes import StoredProbe
from search.desk.searches import Answer
from search.gallery.description import GalleryDescription
from search.gallery.sightings import NO_CAMERA, Sighting
from search.query.asked_times import AskedTimes
from search.query.results import RankedSightings
from search.query.verdict import UNDECIDED, Coded

Shown = dict[str, Any]


def camera_id(camera: str | None) -> str:
    """The name of a camera in addresses and filters; frames of unknown camera have the name "unknown"."""
    return NO_CAMERA if camera is None else camera


def shown_camera(camera: CameraFrames, described: GalleryDescription) -> Shown:
    """One camera of the gallery, with what is known of it."""
    name = camera_id(camera.camera)
    known = described.camera(name)
    return {
        "id": name,
        **known.to_dict(),
        "frames": camera.end - camera.start,
        "sightings": camera.sightings,
        "first": camera.first,
        "last": camera.last,
    }


def shown_zone(times: AskedTimes) -> Shown:
    """The zone of the cameras that are asked for, and how times without a zone were read; null where none was asked."""
    return {"time_zone": times.zone_name, "times_read": times.said or None}


def shown_frame(frame: CatalogFrame) -> Shown:
    """One frame of the gallery."""
    return {
        "frame": frame.key,
        "camera": camera_id(frame.camera),
        "time": frame.time,
        "people": frame.people,
        "width": frame.width,
        "height": frame.height,
    }


def shown_sighting(sighting: Sighting) -> Shown:
    """One sighting, without anything that a search says of it."""
    key = sighting.key
    return {
        "sighting": key,
        "frame": key.rpartition(".")[0],
        "camera": camera_id(sighting.camera),
        "time": sighting.timestamp,
        "box": _rounded(sighting.box),
        "confidence": round(sighting.detection_score, 4),
        "frame_width": sighting.frame_width,
        "frame_height": sighting.frame_height,
    }


def shown_hints(hints: Sequence[Hint]) -> Shown:
    """Sentences, and beside them the same as codes, which a page may say in another language."""
    return {"hints": [hint.text for hint in hints], "hint_codes": [hint.code for hint in hints]}


def shown_probe(probe: StoredProbe) -> Shown:
    """An uploaded picture and the people in it."""
    height, width = probe.image.shape[:2]
    boxes, scores = probe.found.boxes.tolist(), probe.found.scores.tolist()
    people = [
        {
            "person": number,
            "box": _rounded(box),
            "confidence": round(score, 4),
            **shown_hints(hints_of_person(probe.image, box)),
        }
        for number, (box, score) in enumerate(zip(boxes, scores, strict=True))
    ]
    return {"probe": probe.probe, "width": width, "height": height, "people": people, **shown_hints(probe.hints)}


def shown_answer(answer: Answer, marks: Mapping[str, str]) -> Shown:
    """The answer of a search.

    Args:
        answer: What was found.
        marks: What somebody said of sightings in the search's case, by their keys.
    """
    ranked = answer.ranked
    sightings = []
    for rank, one in enumerate(ranked, start=1):
        level, shown = ranked.level_of(one), shown_sighting(one)
        sightings.append(
            shown
            | {
                "rank": rank,
                "similarity": one.similarity,
                "score": one.score,
                "level": None if level == UNDECIDED else level,
                "mark": marks.get(shown["sighting"]),
            }
        )
    return {
        "seconds": round(answer.seconds, 3),
        "sightings": sightings,
        "verdict": shown_verdict(ranked),
        "searched": {"sightings": ranked.searched, "cameras": list(answer.cameras)},
        **shown_hints(answer.hints),
    }


def shown_verdict(ranked: RankedSightings) -> Shown:
    """How far the best sighting is to be trusted, in words and in figures; where nobody can say, why."""
    verdict = ranked.verdict
    if verdict is None:
        why = ranked.no_verdict or ranked.contents or "nothing was compared"
        text = "No verdict: the similarity only puts the sightings in order."
        coded = _coded(why if ranked.no_verdict else Coded(why, code="why_nothing_compared"))
        told: Shown = {"level": None, "text": text, "rates": "", "doubts": [], "doubt_codes": [], "figures": None}
        return told | {"why": why, "why_code": coded["code"], "why_values": coded["values"]}
    return {
        "level": verdict.level,
        "text": verdict.headline(),
        "rates": verdict.meaning(),
        "doubts": verdict.doubts(),
        "doubt_codes": [_coded(one) for one in verdict.doubts()],
        "figures": verdict.to_dict(),
        "why": "",
        "why_code": None,
        "why_values": {},
    }


def _coded(words: str) -> Shown:
    """The code of some words and its values; words that have none are shown as they are."""
    return {"code": words.code, "values": words.values} if isinstance(words, Coded) else {"code": None, "values": {}}


def _rounded(box: Sequence[float]) -> list[float]:
    return [round(float(value), 2) for value in box]
