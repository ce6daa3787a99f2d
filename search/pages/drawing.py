"""Geometry of the drawings on report pages: the timeline of sightings and curves. Templates turn it into SVG."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import tzinfo

import numpy as np
from numpy.typing import NDArray

from datasets.moments import clock_of
from search.gallery.sightings import NO_CAMERA, ClockZones, Sighting, display_time, is_clock_time

TIME_STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400)
DAY = 86400.0
MOST_TICKS = 5
TRACK_START, TRACK_END = 3.0, 97.0
"""Per cent of a lane's width that times are spread over, so that the first and last dot are drawn whole."""

CURVE_WIDTH, CURVE_HEIGHT = 480.0, 250.0
PLOT_LEFT, PLOT_RIGHT, PLOT_TOP, PLOT_BOTTOM = 48.0, 470.0, 12.0, 208.0
MOST_POINTS = 300


@dataclass(frozen=True)
class Dot:
    """One sighting on the timeline: place in per cent, strength in [0, 1], what it links to and says."""

    place: float
    strength: float
    rank: int
    text: str


@dataclass(frozen=True)
class Lane:
    """One camera of the timeline."""

    name: str
    dots: tuple[Dot, ...]


@dataclass(frozen=True)
class Tick:
    """A labelled place on an axis."""

    place: float
    text: str


@dataclass(frozen=True)
class Timeline:
    """Cameras below each other, time to the right.

    Args:
        lanes: one for each camera, by name.
        ticks: labels of the time axis.
        missing: sightings without a time, or by another clock than most.
        days: the day or days shown, empty where times count from the start of a recording.
    """

    lanes: tuple[Lane, ...]
    ticks: tuple[Tick, ...]
    missing: int
    days: str


def timeline(
    sightings: Sequence[Sighting],
    cameras: Sequence[str] = (),
    *,
    ordered_by: str = "similarity",
    zones: ClockZones = ClockZones(),  # noqa: B008 - frozen
) -> Timeline | None:
    """Where and when a person was seen.

    Args:
        sightings: ranked, best first.
        cameras: cameras that get a lane even when nobody was seen there.
        ordered_by: The word for the figure that ranked the sightings.
        zones: In which time zones times are shown; the axis has that which the cameras of the sightings share,
            or else that of this machine.

    Returns:
        None where no sighting has a time.
    """
    kinds = Counter(is_clock_time(one.timestamp) for one in sightings if one.timestamp is not None)
    if not kinds:
        return None
    clock = kinds.most_common(1)[0][0]
    shown = [
        (rank, one, one.timestamp)
        for rank, one in enumerate(sightings, start=1)
        if one.timestamp is not None and is_clock_time(one.timestamp) == clock
    ]
    times = [time for _, _, time in shown]
    first, last = min(times), max(times)
    span = max(last - first, 1e-9)
    lowest, highest = min(one.score for _, one, _ in shown), max(one.score for _, one, _ in shown)
    lanes: dict[str, list[Dot]] = {camera: [] for camera in cameras}
    # Worst first, so that the best are drawn on top.
    for rank, one, time in reversed(shown):
        strength = (one.score - lowest) / (highest - lowest) if highest > lowest else 1.0
        camera = NO_CAMERA if one.camera is None else one.camera
        text = f"rank {rank}, {camera}, {zones.display(time, one.camera)}, {ordered_by} {one.score:.3f}"
        lanes.setdefault(camera, []).append(Dot(_place(time, first, span), strength, rank, text))
    zone = zones.zone(*{one.camera for _, one, _ in shown})
    begin, end = display_time(first, zone)[:10], display_time(last, zone)[:10]
    days = f"{begin if begin == end else f'{begin} to {end}'} {clock_of(last, zone).tzname()}" if clock else ""
    ticks = tuple(
        Tick(_place(time, first, span), _short_time(time, span, clock, zone)) for time in _time_ticks(first, last)
    )
    return Timeline(
        tuple(Lane(name, tuple(lanes[name])) for name in sorted(lanes)),
        ticks,
        len(sightings) - len(shown),
        days,
    )


def _place(time: float, first: float, span: float) -> float:
    return TRACK_START + (TRACK_END - TRACK_START) * (time - first) / span


def _time_ticks(first: float, last: float) -> list[float]:
    """Round times within the span, at most MOST_TICKS; the first one alone where the span holds none."""
    steps = [step for step in TIME_STEPS if (last - first) / step <= MOST_TICKS - 1]
    step = steps[0] if steps else math.ceil((last - first) / DAY / (MOST_TICKS - 1)) * DAY
    start = math.ceil(first / step)
    return [number * step for number in range(start, math.floor(last / step) + 1)] or [first]


def _short_time(time: float, span: float, clock: bool, zone: tzinfo | None) -> str:
    if clock and span > DAY:
        return clock_of(time, zone).strftime("%d %b %H:%M")
    text = display_time(time, zone)
    return text[11:16] if clock and not time % 60 else text[11:19] if clock else text


@dataclass(frozen=True)
class PlottedSeries:
    """One line of a curve: its name and SVG points "x,y x,y ..."."""

    name: str
    points: str


@dataclass(frozen=True)
class PlottedCurve:
    """A curve in a view box of CURVE_WIDTH x CURVE_HEIGHT; tick places are in its units."""

    series: tuple[PlottedSeries, ...]
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]


def plot(series: Mapping[str, Sequence[tuple[float, float]]]) -> PlottedCurve | None:
    """Lines over a common pair of axes; the vertical axis includes zero.

    Args:
        series: name -> (x, y) pairs; pairs that are not finite are left out, and more than MOST_POINTS are averaged in
            bins, so that a long training stays a small page.

    Returns:
        None where there is no finite point.
    """
    arrays = {name: np.asarray(list(points), dtype=np.float64).reshape(-1, 2) for name, points in series.items()}
    finite = {name: points[np.isfinite(points).all(axis=1)] for name, points in arrays.items()}
    finite = {name: points for name, points in finite.items() if len(points)}
    if not finite:
        return None
    everything = np.concatenate(list(finite.values()))
    (x_low, y_low), (x_high, y_high) = everything.min(axis=0), everything.max(axis=0)
    y_values = _round_values(min(0.0, float(y_low)), max(0.0, float(y_high)))
    y_low, y_high = min(y_low, y_values[0]), max(y_high, y_values[-1])
    x_values = [value for value in _round_values(float(x_low), float(x_high)) if x_low <= value <= x_high]

    def across(x: NDArray[np.float64] | float) -> NDArray[np.float64]:
        return np.asarray(PLOT_LEFT + (PLOT_RIGHT - PLOT_LEFT) * (x - x_low) / max(x_high - x_low, 1e-12))

    def down(y: NDArray[np.float64] | float) -> NDArray[np.float64]:
        return np.asarray(PLOT_BOTTOM - (PLOT_BOTTOM - PLOT_TOP) * (y - y_low) / max(y_high - y_low, 1e-12))

    lines = tuple(
        PlottedSeries(
            name,
            " ".join(f"{x:.1f},{y:.1f}" for x, y in zip(across(points[:, 0]), down(points[:, 1]), strict=True)),
        )
        for name, points in ((name, _thinned(points)) for name, points in finite.items())
    )
    return PlottedCurve(
        lines,
        tuple(Tick(float(across(value)), f"{value:g}") for value in x_values),
        tuple(Tick(float(down(value)), f"{value:g}") for value in y_values),
    )


def _thinned(points: NDArray[np.float64]) -> NDArray[np.float64]:
    if len(points) <= MOST_POINTS:
        return points
    return np.stack([part.mean(axis=0) for part in np.array_split(points, MOST_POINTS)])


def _round_values(low: float, high: float) -> list[float]:
    """About five round values from at or below `low` to at or above `high`."""
    span = high - low or abs(high) or 1.0
    magnitude = 10.0 ** math.floor(math.log10(span / 4))
    step = next(factor * magnitude for factor in (1, 2, 2.5, 5, 10) if factor * magnitude * 4 >= span * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(number * step, 12) for number in range(first, max(last, first + 1) + 1)]
