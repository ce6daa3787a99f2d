"""Sightings as tables, JSON and times."""

import dataclasses
import json

import pytest

from search.gallery.sightings import Cutout, Sighting, display_time, printable
from search.query.results import RankedSightings


def sighting(**changes: object) -> Sighting:
    plain = Sighting(
        frame="a/1.jpg",
        index=2,
        source="square",
        camera="c1",
        timestamp=1714552200.9,
        box=(10.4, 20.0, 30.6, 80.0),
        detection_score=0.9,
        score=0.8125,
        frame_width=200,
        frame_height=100,
        location="/footage/a/1.jpg",
        cutout=Cutout("x.pack", 0, 10),
    )
    return dataclasses.replace(plain, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("timestamp", "text"),
    [
        (None, "-"),
        (float("nan"), "-"),
        (0.0, "00:00:00"),
        (59.999, "00:00:59"),
        (3725.0, "01:02:05"),
        (360000.0, "100:00:00"),
        (-61.0, "-00:01:01"),
        (1714552200.9, "2024-05-01T08:30:00Z"),
        (1.0e8, "1973-03-03T09:46:40Z"),
        (1.7e15, "1700000000000000 s"),
    ],
)
def test_times(timestamp: float | None, text: str) -> None:
    assert display_time(timestamp) == text


def test_table_has_a_row_for_each_sighting() -> None:
    second = sighting(camera=None, timestamp=61.0, frame="a much longer name.jpg", score=-0.25)
    lines = RankedSightings((sighting(), second), searched=9).to_table().splitlines()
    assert lines[0].split() == ["rank", "camera", "time", "frame", "box", "x1,y1,x2,y2", "similarity"]
    assert lines[2].split() == ["1", "c1", "2024-05-01T08:30:00Z", "a/1.jpg", "10,20,31,80", "0.812"]
    assert lines[3].split()[:3] == ["2", "unknown", "00:01:01"]
    assert len({line.rindex(line.split()[-1]) + len(line.split()[-1]) for line in lines}) == 1  # aligned


def test_table_of_nothing() -> None:
    assert RankedSightings((), searched=7).to_table() == "no sighting found (7 compared)"


def test_names_cannot_break_a_table() -> None:
    nasty = sighting(frame="a\nb\x1b[31m\u202ec", camera="x\ty")
    table = RankedSightings((nasty,), searched=1).to_table()
    assert len(table.splitlines()) == 3
    assert "\x1b" not in table
    assert printable("straße 名前") == "straße 名前"


def test_json_round_trip_with_stable_keys() -> None:
    answer = RankedSightings((sighting(), sighting(camera=None, timestamp=None)), searched=5)
    content = json.loads(json.dumps(answer.to_dict()))
    assert list(content) == ["searched", "best_similarity", "verdict", "no_verdict", "sightings"]
    assert list(content["sightings"][0]) == [
        "rank", "verdict", "id", "score", "similarity", "camera", "timestamp", "time", "source", "frame", "box",
        "detection_score", "frame_width", "frame_height", "location",
    ]  # fmt: skip
    assert content["sightings"][0]["id"] == "a/1.jpg#2"
    assert content["sightings"][1]["time"] is None


def test_ranked_sightings_are_a_sequence() -> None:
    rows = tuple(sighting(index=number) for number in range(3))
    answer = RankedSightings(rows, searched=3)
    assert len(answer) == 3
    assert answer[0] == rows[0]
    assert answer[1:] == rows[1:]
    assert list(answer) == list(rows)
    assert rows[2] in answer
