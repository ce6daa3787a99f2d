"""Embeddings of true boxes: whose they are, in which order, and what is passed over."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from datasets.images import read_image
from datasets.samples import FrameSample
from detection.joint import PersonSearchRCNN
from detection.true_boxes import embed_people


@pytest.mark.parametrize("batch_size", [1, 4])
def test_everybody_is_embedded_in_the_order_of_the_frames(
    tiny_model: PersonSearchRCNN, frames: list[FrameSample], batch_size: int
) -> None:
    tiny_model.eval()
    found = embed_people(tiny_model, frames, batch_size=batch_size)
    assert found.person_index.tolist() == [person for frame in frames for person in frame.person_ids.tolist()]
    assert found.cameras == [frame.camera for frame in frames for _ in frame.person_ids]
    expected = []
    for frame in frames:
        image = torch.from_numpy(read_image(frame.path)).permute(2, 0, 1) / 255
        expected += tiny_model.embed([image], [torch.from_numpy(frame.boxes)])
    torch.testing.assert_close(found.embeddings, torch.cat(expected), atol=1e-4, rtol=1e-3)


def test_broken_pictures_and_boxes_beside_them_are_passed_over(
    tiny_model: PersonSearchRCNN, frames: list[FrameSample], tmp_path: Path
) -> None:
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"no picture")
    # The frames are 128 x 96: the first box is cut off, the second and the third have nothing inside.
    odd = np.array([[100, 10, 300, 90], [200, 10, 220, 60], [10, 96, 30, 120]], dtype=np.float32)
    samples = [
        dataclasses.replace(frames[1], path=broken),
        dataclasses.replace(frames[1], boxes=odd, person_ids=np.array([7, 8, 9]), camera="yard"),
        frames[2],
    ]
    found = embed_people(tiny_model, samples)
    assert found.person_index.tolist() == [7, *frames[2].person_ids.tolist()]
    assert found.cameras == ["yard", frames[2].camera, frames[2].camera]
    assert found.embeddings.shape == (3, 24)


@pytest.mark.parametrize("training", [True, False])
def test_the_model_is_left_in_its_mode(tiny_model: PersonSearchRCNN, frames: list[FrameSample], training: bool) -> None:
    tiny_model.train(training)
    before = {name: value.clone() for name, value in tiny_model.state_dict().items()}
    embed_people(tiny_model, frames[:2])
    assert tiny_model.training == training
    assert all(torch.equal(value, before[name]) for name, value in tiny_model.state_dict().items())


def test_nobody_has_no_rows(tiny_model: PersonSearchRCNN, frames: list[FrameSample]) -> None:
    for samples in ([], frames[8:]):
        found = embed_people(tiny_model, samples)
        assert found.embeddings.shape == (0, 24)
        assert found.person_index.dtype == torch.int64
        assert found.cameras == []
