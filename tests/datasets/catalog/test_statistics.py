"""What a data set of full frames holds, against counting by hand."""

from pathlib import Path

import numpy as np
import pytest

from datasets.catalog.statistics import height_histogram, measure_frames
from datasets.samples import FrameSample, Query


def frame(name: str, heights: list[float], people: list[int], camera=None, time: float | None = None) -> FrameSample:
    boxes = [[0, 5, 4, 5 + height] for height in heights]
    return FrameSample(name, Path(name), boxes, people, camera, timestamp=time)


def test_counts_by_camera_and_period() -> None:
    train = [
        frame("c1p1_000000.jpg", [20, 30], [0, 1], 1, 30600.0),
        frame("c1p1_000001.jpg", [21], [0], 1, 30601.0),
        frame("c2p3_000000.jpg", [40, 50], [0, -1], 2, 61200.0),
    ]
    gallery = [frame("c1p3_000002.jpg", [], [], 1, 61202.0), frame("c5p3_000002.jpg", [9], [0], 5, 61202.0)]
    found = measure_frames(
        {"train": train, "gallery": gallery}, [Query(0, (), frame="c5p3_000002.jpg", box=[0, 5, 4, 14])]
    )
    assert found.cameras == ("1", "2", "5")
    assert found.periods == ("08:30", "17:00")
    assert found.frames_of.tolist() == [[2, 1], [0, 1], [0, 1]]
    assert found.boxes_of.tolist() == [[3, 0], [0, 2], [0, 1]]
    assert (found.frames, found.boxes, found.labelled, found.identities) == (5, 6, 5, 3)
    assert found.by_cameras.tolist() == [0, 2, 1, 0]
    assert found.by_periods.tolist() == [0, 2, 1]
    assert found.boxes_of_person.tolist() == [1, 1, 3]
    assert found.people_per_frame.tolist() == [1, 2, 2]
    assert found.heights["1"].tolist() == [20, 30, 21]
    assert sorted(found.all_heights.tolist()) == [9, 20, 21, 30, 40, 50]
    assert [(one.name, one.frames, one.empty, one.labelled, one.identities) for one in found.splits] == [
        ("train", 3, 0, 4, 2),
        ("gallery", 2, 1, 1, 1),
    ]
    assert (found.queries, found.query_identities) == (1, 1)
    assert found.minutes == pytest.approx(2 / 60)


def test_a_frame_of_both_splits_counts_once() -> None:
    train, gallery = frame("a", [5, 6], [3, -1], 1), frame("a", [5, 6], [-1, 8], 1)
    found = measure_frames({"train": [train], "gallery": [gallery]})
    assert (found.frames, found.boxes, found.labelled, found.identities) == (1, 2, 2, 2)
    assert [one.frames for one in found.splits] == [1, 1]


def test_all_identities_come_from_the_whole_where_it_is_told() -> None:
    whole = [frame("a", [5, 6], [3, 8], 1), frame("b", [5], [3], 2)]
    split = [frame("a", [5, 6], [3, -1], 1)]
    found = measure_frames({"gallery": split}, (), whole)
    assert (found.frames, found.labelled, found.identities) == (2, 3, 2)
    assert found.by_cameras.tolist() == [0, 1, 1]
    assert found.splits[0].labelled == 1


def test_a_pause_of_all_cameras_divides_periods() -> None:
    times = [0.0, 5.0, 300.0, 2000.0, 2001.0]
    frames = [frame(f"{k}", [8], [k], k % 2, time) for k, time in enumerate(times)]
    found = measure_frames({"gallery": frames})
    assert found.periods == ("00:00", "00:33")
    assert found.frames_of.sum(axis=0).tolist() == [3, 2]


def test_periods_at_the_same_hour_are_numbered() -> None:
    frames = [frame(f"{day}", [8], [day], 1, day * 86400.0 + 30600) for day in range(3)]
    assert measure_frames({"gallery": frames}).periods == ("1: 08:30", "2: 08:30", "3: 08:30")
    nameless = [frame(f"c1p{period}_000000.jpg", [], [], 1) for period in (1, 3)]
    assert measure_frames({"gallery": nameless}).periods == ("1", "3")


def test_frames_without_cameras_times_or_people() -> None:
    found = measure_frames({"gallery": [frame("a", [], []), frame("b", [], [])]})
    assert found.cameras == ("no camera",)
    assert found.periods == ("all",)
    assert (found.boxes, found.identities, found.minutes) == (0, 0, None)
    assert found.people_per_frame.tolist() == [2]
    assert measure_frames({"gallery": []}).frames == 0


def test_train_counts_people_by_their_own_numbers() -> None:
    sample = FrameSample("a", Path("a"), [[0, 0, 5, 9]], [0], 1, original_ids=[77])
    hidden = FrameSample("b", Path("b"), [[0, 0, 5, 9]], [-1], 1, original_ids=[88])
    assert measure_frames({"train": [sample, hidden]}).identities == 1


@pytest.mark.parametrize(("tallest", "width"), [(19.0, 5), (300.0, 10), (640.0, 20), (1500.0, 50), (4000.0, 100)])
def test_bins_of_heights(tallest: float, width: int) -> None:
    heights = np.random.default_rng(0).uniform(0, tallest, 500).astype(np.float32)
    heights[0] = tallest
    edges, counts = height_histogram(heights)
    assert edges[1] - edges[0] == width
    assert edges[-2] <= tallest < edges[-1]
    for low, high, count in zip(edges[:-1], edges[1:], counts, strict=True):
        assert count == sum(low <= height < high for height in heights.tolist())


def test_no_heights() -> None:
    edges, counts = height_histogram(np.zeros(0, np.float32))
    assert edges.tolist() == [0]
    assert counts.tolist() == []
