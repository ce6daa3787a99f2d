"""Frames for training: what is hidden in them, and augmentation by seed, epoch and row alone."""

import dataclasses

import numpy as np
import pytest
import torch
from torch import Tensor

from datasets.augmentation import FrameAugmentation
from datasets.samples import FrameSample
from datasets.transforms import FrameTransform
from detection.loader import GREY, TrainingFrames, load_batches

PLAIN = FrameAugmentation(flip=0.0, scale=0.0, color=0.0)


def loaded(frames: list[FrameSample], augmentation: FrameAugmentation | None = None, seed: int = 3) -> TrainingFrames:
    return TrainingFrames(frames, FrameTransform(augmentation or FrameAugmentation()), seed=seed, cameras={0: 0, 1: 1})


def picture(frames: TrainingFrames, epoch: int, row: int) -> Tensor:
    image = frames[epoch, row][0]
    assert isinstance(image, Tensor)
    return image


def test_regions_to_ignore_are_grey_in_what_is_trained_on(frames: list[FrameSample]) -> None:
    """And nowhere else; a person who stands in one stays visible."""
    region = np.array([[0, 0, 128, 50]], dtype=np.float32)
    hidden = [dataclasses.replace(frame, ignore=region) for frame in frames]
    for row, frame in enumerate(frames):
        before, after = (picture(loaded(some, PLAIN), 0, row) for some in (frames, hidden))
        visible = torch.ones(96, 128, dtype=torch.bool)
        visible[:50] = False
        for x1, y1, x2, y2 in frame.boxes.round().astype(int):
            visible[y1:y2, x1:x2] = True
        assert torch.equal(after[:, visible], before[:, visible])
        assert (after[:, ~visible] == GREY).all()
        assert (before[:, ~visible] != GREY).any()


def test_a_batch_has_the_hidden_regions_too(frames: list[FrameSample]) -> None:
    everything = np.array([[0, 0, 128, 96]], dtype=np.float32)
    hidden = [dataclasses.replace(frames[8], ignore=everything)]
    (batch,) = load_batches(loaded(hidden, PLAIN), [[(0, 0)]], workers=0)
    assert (batch.images[0] == GREY).all()


def test_each_epoch_augments_a_frame_anew_and_always_alike(frames: list[FrameSample]) -> None:
    training = loaded(frames)
    epochs = [picture(training, epoch, 0) for epoch in range(6)]
    different = [not torch.equal(epochs[0], later) for later in epochs[1:]]
    assert all(different)
    assert torch.equal(picture(loaded(frames), 4, 0), epochs[4])
    assert not torch.equal(picture(loaded(frames, seed=4), 0, 0), epochs[0])


def test_what_is_sampled_of_a_frame_depends_on_the_epoch_the_row_and_the_seed(frames: list[FrameSample]) -> None:
    seeds = {
        int(loaded(frames, seed=seed)[epoch, row][1]["frame_seed"])  # type: ignore[index]
        for seed in (0, 1)
        for epoch in range(3)
        for row in range(4)
    }
    assert len(seeds) == 24


def test_targets_are_the_people_and_their_camera(frames: list[FrameSample]) -> None:
    _, target = loaded(frames, PLAIN)[0, 3]
    assert isinstance(target, dict)
    assert torch.equal(target["boxes"], torch.from_numpy(frames[3].boxes))
    assert target["person_index"].tolist() == [1, -1]
    assert target["camera_index"].tolist() == [1, 1]
    assert target["labels"].tolist() == [1, 1]


@pytest.mark.parametrize("workers", [0, 2])
def test_broken_frames_are_named_and_left_out_of_their_batch(frames: list[FrameSample], workers: int) -> None:
    frames[1].path.write_bytes(b"no picture")
    (batch,) = load_batches(loaded(frames), [[(0, 0), (0, 1), (0, 2)]], workers=workers)
    assert len(batch.images) == len(batch.targets) == 2
    assert [name for name, _ in batch.failures] == [frames[1].name]
