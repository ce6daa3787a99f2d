"""Frames by which 8-bit numbers are chosen: few of many files, the same ones in every run."""

import dataclasses
import pickle
from pathlib import Path

import cv2
import numpy as np
import pytest

from datasets.footage.planning import planned
from datasets.footage.reading import Reading
from datasets.samples import FrameSample
from reid.runtime.settings import Inference
from search.models import typical
from search.models.typical import seeing, typical_of_sources


def picture(path: Path, gray: int) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.full((8, 12, 3), gray, dtype=np.uint8))
    return path


def film(path: Path, gray: int, seconds: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), 2, (64, 48))
    for row in range(2 * seconds):
        writer.write(np.full((48, 64, 3), gray + row, dtype=np.uint8))
    writer.release()


def grays(read: object) -> list[int]:
    return [int(frame.mean()) for frame in read()]  # type: ignore[operator]


def test_every_file_gives_a_few_and_all_runs_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(typical, "MOST_FRAMES", 9)
    film(tmp_path / "gate" / "long.mp4", 20, 30)
    film(tmp_path / "gate" / "other.mp4", 120, 30)
    for row in range(4):
        picture(tmp_path / "yard" / f"{row}.png", 200 + row)
    sources, _ = planned([str(tmp_path / "gate"), str(tmp_path / "yard")], Reading())
    found = typical_of_sources(sources)
    assert (frames := grays(found.read)) == grays(pickle.loads(pickle.dumps(found)).read)
    assert 8 <= len(frames) <= 9  # two of each film, or three of the last one
    assert sum(gray >= 198 for gray in frames) == 4
    assert 2 <= sum(100 < gray < 190 for gray in frames) <= 3
    assert len(set(frames)) == len(frames)
    assert all(frame.dtype == np.uint8 for frame in found.read())


def test_a_recorder_may_add_files_and_other_footage_has_another_name(tmp_path: Path) -> None:
    picture(tmp_path / "gate" / "1.png", 1)
    picture(tmp_path / "yard" / "1.png", 1)
    names = [typical_of_sources(planned([str(tmp_path / name)], Reading())[0]).name for name in ("gate", "yard")]
    assert names[0] != names[1]
    picture(tmp_path / "gate" / "2.png", 2)
    assert typical_of_sources(planned([str(tmp_path / "gate")], Reading())[0]).name == names[0]


def test_footage_that_gives_no_frame_is_refused(tmp_path: Path) -> None:
    streams, _ = planned(["rtsp://127.0.0.1:9/live"], Reading())
    with pytest.raises(ValueError, match="a stream has none before it comes; leave --precision out"):
        typical_of_sources(streams)
    (tmp_path / "broken.png").write_bytes(b"nothing")
    picture(tmp_path / "fine" / "1.png", 7)
    broken, _ = planned([str(tmp_path / "broken.png")], Reading())
    with pytest.raises(ValueError, match="not one of them can be read"):
        typical_of_sources(broken).read()
    some, _ = planned([str(tmp_path / "broken.png"), str(tmp_path / "fine"), "rtsp://127.0.0.1:9/live"], Reading())
    assert grays(typical_of_sources(some).read) == [7]


def test_a_data_set_gives_its_own_frames(tmp_path: Path) -> None:
    none = np.zeros((0, 4), dtype=np.float32), np.zeros(0, dtype=np.int64)
    samples = [FrameSample(f"{row}", picture(tmp_path / f"{row}.png", row), *none) for row in range(80)]
    samples[3] = dataclasses.replace(samples[3], path=tmp_path / "missing.png")
    assert seeing(Inference("openvino", "bf16"), samples) == Inference("openvino", "bf16")
    asked = seeing(Inference("openvino", "int8"), samples)
    assert asked.typical is not None
    frames = grays(asked.typical.read)
    assert len(set(frames)) == 60
    assert frames == grays(asked.typical.read)
    other = seeing(Inference("openvino", "int8"), samples[:40]).typical
    assert other is not None
    assert other.name != asked.typical.name
    assert len(other.read()) == 39
