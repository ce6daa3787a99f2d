"""What a teacher makes of frames: everybody once, in the order of the boxes, kept and never stale."""

import dataclasses
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from datasets.crops import cut, read_frame
from datasets.samples import FrameSample
from reid.crops import stored_embeddings, teacher
from reid.crops.settings import SphereReIDConfig
from reid.crops.sphere_reid import SphereReID
from reid.crops.teacher import teach_frames


def network(seed: int) -> SphereReID:
    torch.manual_seed(seed)
    config = SphereReIDConfig(network="A", backbone="resnet18", height=32, width=16, resize_height=32, resize_width=16)
    return SphereReID(config).eval()


@pytest.fixture(scope="module")
def crop_model() -> SphereReID:
    return network(0)


@pytest.fixture
def frames(tmp_path: Path) -> list[FrameSample]:
    """Three frames with two, no and three people, among them one of unknown identity and one beyond the picture."""
    rng = np.random.default_rng(0)
    boxes = [
        [[4, 5, 24, 50], [40, 8, 60.5, 47.25]],
        [],
        [[10, 3, 30, 40], [200, 10, 220, 50], [4, 5, 24, 50]],
    ]
    ids = [[0, -1], [], [1, 0, 2]]
    samples = []
    for row in range(3):
        path = tmp_path / f"{row}.png"
        cv2.imwrite(str(path), rng.integers(0, 256, (64, 96, 3), dtype=np.uint8))
        samples.append(FrameSample(path.name, path, np.asarray(boxes[row], np.float32), np.asarray(ids[row])))
    return samples


class Counter:
    """Counts the crops that a network sees."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.seen = 0
        plain = stored_embeddings.embed_crops

        def counted(model, samples, **options):  # type: ignore[no-untyped-def]
            self.seen += len(samples)
            return plain(model, samples, **options)

        monkeypatch.setattr(stored_embeddings, "embed_crops", counted)


@pytest.mark.parametrize("at_once", [2, 4096])
def test_each_box_has_the_embedding_of_its_crop(
    crop_model: SphereReID, frames: list[FrameSample], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    monkeypatch.setattr(teacher, "CROPS_AT_ONCE", at_once)
    taught = teach_frames(crop_model, frames, tmp_path / "run" / "teacher.npz", dimension=512)
    assert [rows.shape for rows in taught.rows] == [(2, 512), (0, 512), (3, 512)]
    for frame, rows in zip(frames, taught.rows, strict=True):
        for box, row in zip(frame.boxes, rows, strict=True):
            crop = cut(read_frame(frame), box)
            if crop.size:
                np.testing.assert_allclose(row, crop_model.embed([crop])[0].numpy(), atol=1e-5)
            else:
                assert not row.any()
    assert taught.fingerprint == crop_model.fingerprint()
    assert [name for name, _ in taught.failures] == ["2.png, box 2"]


def test_a_second_time_nothing_is_embedded_and_another_teacher_or_picture_is(
    crop_model: SphereReID, frames: list[FrameSample], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "teacher.npz"
    whole = [frames[0], frames[1]]
    counter = Counter(monkeypatch)
    first = teach_frames(crop_model, whole, file, dimension=512)
    assert counter.seen == 2
    again = teach_frames(crop_model, whole, file, dimension=512)
    assert counter.seen == 2
    assert all(np.array_equal(one, other) for one, other in zip(first.rows, again.rows, strict=True))
    cv2.imwrite(str(frames[0].path), np.full((64, 96, 3), 90, np.uint8))
    changed = teach_frames(crop_model, whole, file, dimension=512)
    assert counter.seen == 4
    assert not np.array_equal(first.rows[0], changed.rows[0])
    moved = [dataclasses.replace(frames[0], boxes=frames[0].boxes + np.float32(1)), frames[1]]
    teach_frames(crop_model, moved, file, dimension=512)
    assert counter.seen == 6
    other = teach_frames(network(1), moved, file, dimension=512)
    assert counter.seen == 8
    assert other.fingerprint != first.fingerprint


def test_a_stop_keeps_what_was_embedded_before(
    crop_model: SphereReID, frames: list[FrameSample], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "teacher.npz"
    monkeypatch.setattr(teacher, "CROPS_AT_ONCE", 2)
    whole = teach_frames(crop_model, frames, tmp_path / "whole.npz", dimension=512)

    def stop(done: int, total: int) -> None:
        assert (done, total) == (2, 5)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        teach_frames(crop_model, frames, file, dimension=512, on_progress=stop)
    counter = Counter(monkeypatch)
    again = teach_frames(crop_model, frames, file, dimension=512)
    assert counter.seen == 3
    assert all(np.array_equal(one, other) for one, other in zip(whole.rows, again.rows, strict=True))


def test_no_frames_are_no_rows(crop_model: SphereReID, tmp_path: Path) -> None:
    assert teach_frames(crop_model, [], tmp_path / "teacher.npz", dimension=512).rows == []


def test_a_teacher_of_another_length_is_refused_before_anything_is_embedded(
    crop_model: SphereReID, frames: list[FrameSample], tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match=r"512 numbers and the joint model's 256.*--embedding.dimension 512"):
        teach_frames(crop_model, frames, tmp_path / "teacher.npz", dimension=256)
    assert not (tmp_path / "teacher.npz").exists()


def test_a_file_that_is_something_else_is_named(
    crop_model: SphereReID, frames: list[FrameSample], tmp_path: Path
) -> None:
    (tmp_path / "teacher.npz").write_text("notes")
    with pytest.raises(ValueError, match="is no file of stored embeddings"):
        teach_frames(crop_model, frames, tmp_path / "teacher.npz", dimension=512)
