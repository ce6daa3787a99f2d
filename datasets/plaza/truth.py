"""The truth of a world: boxes, queries, and their form in the custom layout."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from datasets.samples import UNLABELLED

QUERIES_PER_PERSON = 4


@dataclass(frozen=True)
class Sighting:
    """One box: identity (UNLABELLED included), clipped box as x, y, w, h, and how well the person is seen.

    An ignored one is written as a region to ignore (`iscrowd`): too little of a person to count.
    """

    person_id: int
    box_xywh: tuple[float, float, float, float]
    visible: float
    inside: float
    ignored: bool = False


@dataclass(frozen=True)
class FrameRecord:
    """One written picture."""

    file_name: str
    camera: int
    period: int
    width: int
    height: int
    frame_index: int
    timestamp: float
    test: bool
    sightings: tuple[Sighting, ...]


def choose_queries(test: Sequence[FrameRecord]) -> list[tuple[FrameRecord, Sighting]]:
    """The best view of every person per camera and period, up to QUERIES_PER_PERSON of different cameras first.

    A view serves when nearly all of the person is seen at a fair size, and another camera sees the person too.
    """
    best: dict[tuple[int, int, int], tuple[float, FrameRecord, Sighting]] = {}
    cameras: dict[int, set[int]] = {}
    for record in test:
        for sighting in record.sightings:
            if sighting.person_id == UNLABELLED:
                continue
            cameras.setdefault(sighting.person_id, set()).add(record.camera)
            share = sighting.box_xywh[3] / record.height
            if sighting.visible < 0.85 or sighting.inside < 0.98 or share < 0.12:
                continue
            key = (sighting.person_id, record.camera, record.period)
            score = sighting.visible * min(share, 0.3)
            if key not in best or score > best[key][0]:
                best[key] = (score, record, sighting)
    chosen = []
    for person in sorted(cameras):
        views = [(key, *best[key]) for key in sorted(best) if key[0] == person and len(cameras[person]) > 1]
        # Round by round one view of each camera, so that no camera has all the queries of a person.
        seen: dict[int, int] = {}
        rounds = []
        for key, score, record, sighting in sorted(views, key=lambda view: -view[1]):
            turn = seen.get(key[1], 0)
            seen[key[1]] = turn + 1
            rounds.append((turn, -score, key, record, sighting))
        rounds.sort(key=lambda row: row[:3])
        chosen += [(record, sighting) for *_, record, sighting in rounds[:QUERIES_PER_PERSON]]
    return chosen


def random_mean_ap(test: Sequence[FrameRecord], queries: Iterable[tuple[FrameRecord, Sighting]]) -> float:
    """Expected mean average precision of a random order of the true boxes of other cameras.

    With R right ones among N the expected precision at the rank of a right one averages to
    (R - 1) / (N - 1) + (1 - (R - 1) / (N - 1)) * H(N) / N, H the harmonic numbers.
    """
    rows = np.array(
        [(r.camera, s.person_id) for r in test for s in r.sightings if not s.ignored], dtype=np.int64
    ).reshape(-1, 2)
    values = []
    for record, sighting in queries:
        others = rows[rows[:, 0] != record.camera, 1]
        total, right = len(others), int((others == sighting.person_id).sum())
        density = (right - 1) / max(total - 1, 1)
        values.append(density + (1 - density) * float(np.sum(1.0 / np.arange(1, total + 1))) / total)
    return float(np.mean(values)) if values else 0.0


def split_json(records: Sequence[FrameRecord]) -> dict[str, object]:
    """The records of one split as COCO with identities, cameras and times; ids count from 1 in the given order."""
    images: list[dict[str, object]] = []
    annotations: list[dict[str, object]] = []
    for number, record in enumerate(records, start=1):
        images.append(
            {
                "id": number,
                "file_name": record.file_name,
                "width": record.width,
                "height": record.height,
                "camera_id": record.camera,
                "frame_index": record.frame_index,
                "timestamp": record.timestamp,
            }
        )
        for sighting in record.sightings:
            width, height = sighting.box_xywh[2:]
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": number,
                    "category_id": 1,
                    "bbox": list(sighting.box_xywh),
                    "area": round(width * height, 2),
                    "iscrowd": int(sighting.ignored),
                    "person_id": sighting.person_id,
                }
            )
    info = {"description": "a rendered square", "synthetic": True}
    return {"info": info, "images": images, "annotations": annotations, "categories": [{"id": 1, "name": "person"}]}


def query_json(record: FrameRecord, sighting: Sighting) -> dict[str, object]:
    """One entry of queries.json."""
    return {
        "file_name": record.file_name,
        "bbox": list(sighting.box_xywh),
        "person_id": sighting.person_id,
        "camera_id": record.camera,
    }
