"""The catalog of frames: on which line of time they lie."""

import pyarrow as pa
import pytest

from search.desk.catalog import FrameCatalog

DAY = 1.79e9
"""A date, in seconds since the epoch."""


def catalog(**times: list[float | None]) -> FrameCatalog:
    """One frame of two people for each time of each camera."""
    rows = [
        {
            "source": camera, "frame": f"{row}.jpg", "camera": camera, "timestamp": time, "frame_width": 4,
            "frame_height": 3, "location": None, "sightings": 2, "file_state": None,
        }
        for camera, each in times.items()
        for row, time in enumerate(each)
    ]  # fmt: skip
    kinds = {"timestamp": pa.float64(), "location": pa.string(), "file_state": pa.string()}
    table = pa.Table.from_pylist(rows)
    return FrameCatalog(table.cast(pa.schema([(one.name, kinds.get(one.name, one.type)) for one in table.schema])))


@pytest.mark.parametrize(("times", "span", "undated"), [
    ({"gate": [DAY, DAY + 9], "hall": [DAY - 5, None]}, (DAY - 5, DAY + 9), []),
    ({"gate": [0.0, 7.0], "hall": [3.0, 12.0]}, (0.0, 12.0), []),
    ({"gate": [None], "hall": [None]}, None, []),
    ({"gate": [DAY, DAY + 9], "hall": [0.0, 60.0], "yard": [None]}, (DAY, DAY + 9), ["hall"]),
    ({"gate": [2.0, DAY, DAY + 9]}, (DAY, DAY + 9), ["gate"]),
])  # fmt: skip
def test_dates_are_one_line_of_time_and_seconds_from_a_start_are_none_beside_them(
    times: dict[str, list[float | None]], span: tuple[float, float] | None, undated: list[str]
) -> None:
    found = catalog(**times)
    assert found.span() == span
    assert found.undated() == undated
    edges, counts = found.activity(4)
    assert (edges[0], edges[-1]) == span if span else not edges and not counts
    inside = {
        camera: 2 * sum(time is not None and span is not None and span[0] <= time <= span[1] for time in each)
        for camera, each in times.items()
    }
    assert {camera: sum(numbers) for camera, numbers in counts.items()} == (inside if span else {})
