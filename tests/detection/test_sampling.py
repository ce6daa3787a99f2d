"""What counts of a training frame: drawn by its seed, differently for each part, in one size for a batch."""

import dataclasses
from itertools import combinations

import pytest
import torch

from detection.faster_rcnn import FrameSampler, OneSizePerBatch, frame_sampler
from detection.joint import PersonSearchRCNN
from detection.settings import DetectorConfig, EmbeddingConfig

LABELS = [torch.tensor([1, 0, 0, -1] * 20), torch.tensor([0] * 60 + [1] * 20)]


def test_each_part_of_the_detector_draws_other_rows_of_a_frame(
    tiny_detector: DetectorConfig, tiny_embedding: EmbeddingConfig
) -> None:
    model = PersonSearchRCNN(tiny_detector, dataclasses.replace(tiny_embedding, refined=True))
    assert model.refinement is not None
    samplers = [part.fg_bg_sampler for part in (model.detector.rpn, model.detector.roi_heads, model.refinement)]
    drawn = []
    for sampler in samplers:
        sampler.batch_size_per_image = 12
        sampler.seeds = [5, 6]
        people, others = sampler(LABELS)
        drawn.append(torch.cat([*people, *others]))
    assert all(not torch.equal(one, other) for one, other in combinations(drawn, 2))


def test_a_part_keeps_the_settings_of_the_sampler_that_it_had(tiny_model: PersonSearchRCNN) -> None:
    heads = tiny_model.detector.roi_heads
    before = heads.fg_bg_sampler
    after = frame_sampler(heads, 4)
    assert heads.fg_bg_sampler is after is not before
    assert (after.batch_size_per_image, after.positive_fraction) == (before.batch_size_per_image, 0.5)
    assert after.part == 4


def test_drawn_people_and_others_are_such_and_as_many_as_asked_for() -> None:
    sampler = FrameSampler(12, 0.25, part=0)
    sampler.seeds = [1, 2]
    people, others = sampler(LABELS)
    for labels, person, other in zip(LABELS, people, others):
        assert (labels[person.bool()] == 1).all()
        assert (labels[other.bool()] == 0).all()
        assert (int(person.sum()), int(other.sum())) == (3, 9)


def test_without_a_seed_for_each_frame_torch_draws_as_ever() -> None:
    sampler = FrameSampler(12, 0.25, part=3)
    for seeds in ([], [1], [1, 2, 3]):
        sampler.seeds = seeds
        drawn = []
        for seed in (0, 0, 1):
            torch.manual_seed(seed)
            drawn.append(torch.cat(sampler(LABELS)[1]))
        assert torch.equal(drawn[0], drawn[1])
        assert not torch.equal(drawn[0], drawn[2])


def transform_of(**options: object) -> OneSizePerBatch:
    return OneSizePerBatch((32, 48, 64), 96, [0.5] * 3, [0.5] * 3, **options)


def shorter_side(transform: OneSizePerBatch) -> int:
    return min(transform([torch.rand(3, 50, 60), torch.rand(3, 70, 60)])[0].image_sizes[0])


def test_the_seed_of_the_size_decides_and_nothing_else_does() -> None:
    first, second = transform_of(), transform_of()
    sizes = []
    for step in range(24):
        first.size_seed = second.size_seed = [7, step]
        torch.manual_seed(step)
        sizes.append(shorter_side(first))
        assert shorter_side(second) == shorter_side(first) == sizes[-1]
    assert set(sizes) == {32, 48, 64}
    first.size_seed = [8, 0]
    others = []
    for step in range(24):
        first.size_seed = [8, step]
        others.append(shorter_side(first))
    assert others != sizes


def test_without_a_seed_sizes_change_and_detection_has_the_last_one() -> None:
    transform = transform_of()
    assert {shorter_side(transform) for _ in range(40)} == {32, 48, 64}
    assert {shorter_side(transform.eval()) for _ in range(3)} == {64}


@pytest.mark.parametrize("part", [0, 1, 2])
def test_neighboring_frames_do_not_draw_alike(part: int) -> None:
    sampler = FrameSampler(12, 0.25, part=part)
    sampler.seeds = [1000, 2000]
    _, (first, second) = sampler([LABELS[0], LABELS[0]])
    assert not torch.equal(first, second)
