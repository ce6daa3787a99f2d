"""Labels of axes stand where their value is."""

import dataclasses
from datetime import UTC, datetime

import numpy as np
import pytest

from search.gallery.sightings import ClockZones, Sighting
from search.pages.drawing import PLOT_BOTTOM, PLOT_LEFT, PLOT_RIGHT, PLOT_TOP, TRACK_END, TRACK_START, plot, timeline

NOON = datetime(2026, 5, 1, 12, 0, tzinfo=UTC).timestamp()


def sightings(*times: float) -> list[Sighting]:
    box = {"index": 0, "box": (0.0, 0.0, 10.0, 20.0), "frame_width": 100, "frame_height": 100}
    return [
        Sighting(frame=f"{time}.jpg", source="clip", camera="1", timestamp=time, detection_score=1.0, score=0.5, **box)
        for time in times
    ]


@pytest.mark.parametrize(
    ("first", "last", "expected"),
    [
        (NOON, NOON + 3600, ["12:00", "12:15", "12:30", "12:45", "13:00"]),
        (NOON + 1, NOON + 41, ["12:00:10", "12:00:20", "12:00:30", "12:00:40"]),
        (NOON, NOON + 40, ["12:00", "12:00:10", "12:00:20", "12:00:30", "12:00:40"]),
        (NOON, NOON + 3 * 86400, ["02 May 00:00", "03 May 00:00", "04 May 00:00"]),
    ],
)
def test_times_are_round_and_stand_where_they_are(first: float, last: float, expected: list[str]) -> None:
    drawn = timeline(sightings(first, last))
    assert drawn is not None
    assert [tick.text for tick in drawn.ticks] == expected
    for tick in drawn.ticks:
        time = first + (last - first) * (tick.place - TRACK_START) / (TRACK_END - TRACK_START)
        shown = datetime.fromtimestamp(round(time, 3), UTC)
        assert tick.text in (shown.strftime("%H:%M"), shown.strftime("%H:%M:%S"), shown.strftime("%d %b %H:%M"))


def test_the_axis_has_the_clock_of_the_cameras_that_are_shown() -> None:
    zones = ClockZones(of_cameras=(("gate", "Europe/Berlin"), ("pier", "Europe/Berlin")))
    seen = [
        dataclasses.replace(one, camera=camera)
        for one, camera in zip(sightings(NOON, NOON + 3600), ("gate", "1"), strict=True)
    ]
    drawn = timeline(seen, zones=zones)
    assert drawn is not None
    assert (drawn.ticks[0].text, drawn.days) == ("12:00", "2026-05-01 UTC")  # nobody noted where camera 1 is
    assert [lane.dots[0].text.split(", ")[2] for lane in drawn.lanes] == [
        "2026-05-01T13:00:00Z", "2026-05-01T14:00:00+02:00",
    ]  # fmt: skip
    shared = timeline([dataclasses.replace(one, camera="pier") for one in seen], zones=zones)
    assert shared is not None
    assert (shared.ticks[0].text, shared.days) == ("14:00", "2026-05-01 CEST")


@pytest.mark.parametrize(
    ("points", "x_texts", "y_texts"),
    [
        ([(0.0, 0.0), (10.0, 2.0)], ["0", "2.5", "5", "7.5", "10"], ["0", "0.5", "1", "1.5", "2"]),
        ([(3.0, 5.0), (7.0, 21.0)], ["3", "4", "5", "6", "7"], ["0", "10", "20", "30"]),
        ([(1.0, -0.4), (2.0, 0.4)], ["1", "1.25", "1.5", "1.75", "2"], ["-0.4", "-0.2", "0", "0.2", "0.4"]),
    ],
)
def test_values_are_round_and_stand_where_they_are(
    points: list[tuple[float, float]], x_texts: list[str], y_texts: list[str]
) -> None:
    curve = plot({"one": points})
    assert curve is not None
    assert [tick.text for tick in curve.x_ticks] == x_texts
    assert [tick.text for tick in curve.y_ticks] == y_texts
    x_low, x_high = points[0][0], points[-1][0]
    for tick in curve.x_ticks:
        assert tick.place == pytest.approx(
            PLOT_LEFT + (PLOT_RIGHT - PLOT_LEFT) * (float(tick.text) - x_low) / (x_high - x_low)
        )
    y_low, y_high = float(y_texts[0]), float(y_texts[-1])
    for tick in curve.y_ticks:
        assert tick.place == pytest.approx(
            PLOT_BOTTOM - (PLOT_BOTTOM - PLOT_TOP) * (float(tick.text) - y_low) / (y_high - y_low)
        )
    corners = np.array([point.split(",") for point in curve.series[0].points.split()], dtype=float)
    heights = [PLOT_BOTTOM - (PLOT_BOTTOM - PLOT_TOP) * (y - y_low) / (y_high - y_low) for _, y in points]
    np.testing.assert_allclose(corners, [(PLOT_LEFT, heights[0]), (PLOT_RIGHT, heights[1])], atol=0.051)
