"""Several data sets as one."""

from pathlib import Path

import numpy as np

from datasets.catalog.joined import join_training_frames
from datasets.samples import UNLABELLED, FrameSample


def frame(name: str, people: list[int], camera: int | None) -> FrameSample:
    boxes = np.tile(np.array([[1.0, 1.0, 5.0, 9.0]], dtype=np.float32), (len(people), 1))
    return FrameSample(name, Path(name), boxes, np.array(people), camera=camera, original_ids=np.array(people) + 100)


def test_people_cameras_and_names_stay_apart() -> None:
    first = [frame("a.jpg", [0, 2, UNLABELLED], 1), frame("b.jpg", [1], None)]
    second = [frame("a.jpg", [0, UNLABELLED], 1), frame("c.jpg", [], 2)]
    joined = join_training_frames({"one": first, "two": second})
    assert [sample.person_ids.tolist() for sample in joined] == [[0, 2, -1], [1], [3, -1], []]
    assert [sample.camera for sample in joined] == ["one/1", None, "two/1", "two/2"]
    assert len({sample.name for sample in joined}) == 4
    assert joined[2].original_ids.tolist() == [100, 99]


def test_one_data_set_stays_as_it_is() -> None:
    only = [frame("a.jpg", [0], 1)]
    assert join_training_frames({"one": only}) == only
