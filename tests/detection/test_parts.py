"""Legs and arms of somebody near the camera are no people of their own; everybody else stays."""

import dataclasses

import pytest
import torch
from torch import Tensor

from detection.faster_rcnn import NEAR, SURE, without_parts
from detection.joint import PersonSearchRCNN
from detection.settings import DetectorConfig, EmbeddingConfig

PERSON = [100.0, 20, 200, 220]
LEG = [120.0, 120, 150, 210]


def kept(boxes: list[list[float]], scores: list[float], *, share: float = 0.7, height: float = 240) -> list[bool]:
    stay: list[bool] = without_parts(torch.tensor(boxes), torch.tensor(scores), share, height).tolist()
    return stay


def by_hand(boxes: Tensor, scores: Tensor, share: float, height: float) -> list[bool]:
    """Box by box, as the rule is told."""
    stay = []
    for box, score in zip(boxes.tolist(), scores.tolist(), strict=True):
        part = False
        for other, surer in zip(boxes.tolist(), scores.tolist(), strict=True):
            width = max(0.0, min(box[2], other[2]) - max(box[0], other[0]))
            tall = max(0.0, min(box[3], other[3]) - max(box[1], other[1]))
            area, whole = ((one[2] - one[0]) * (one[3] - one[1]) for one in (box, other))
            near = other[3] - other[1] >= NEAR * height
            part |= near and surer > score and whole > area and score < SURE and width * tall >= share * area
        stay.append(not part)
    return stay


def test_a_leg_inside_somebody_near_is_dropped() -> None:
    assert kept([PERSON, LEG], [0.95, 0.6]) == [True, False]
    assert kept([LEG, PERSON], [0.6, 0.95]) == [False, True], "in any order"


def test_who_is_far_surer_beside_or_larger_stays() -> None:
    assert kept([PERSON, LEG], [0.95, 0.6], height=500) == [True, True], "nobody is near in a frame so tall"
    assert kept([PERSON, LEG], [0.95, SURE]) == [True, True], "the model is sure of a child in front"
    assert kept([PERSON, LEG], [0.5, 0.6]) == [True, True], "the larger box is the doubtful one"
    assert kept([PERSON, [190.0, 120, 220, 210]], [0.95, 0.6]) == [True, True], "a third lies inside"
    assert kept([PERSON, PERSON], [0.95, 0.6]) == [True, True], "equal boxes are left to the suppression of doubles"
    assert kept([[100.0, 20, 200, 220], [120.0, 120, 150, 210]], [0.95, 0.6], share=1.0) == [True, False]


def test_no_box_and_one_box() -> None:
    assert without_parts(torch.zeros(0, 4), torch.zeros(0), 0.7, 100).tolist() == []
    assert kept([PERSON], [0.3]) == [True]


@pytest.mark.parametrize("seed", range(5))
def test_it_is_what_comparing_box_by_box_gives(seed: int) -> None:
    made = torch.Generator().manual_seed(seed)
    low = torch.rand(40, 2, generator=made) * 60
    boxes = torch.cat([low, low + 1 + torch.rand(40, 2, generator=made) * 140], dim=1)
    scores = torch.rand(40, generator=made)
    found = without_parts(boxes, scores, 0.6, 200).tolist()
    assert found == by_hand(boxes, scores, 0.6, 200)
    assert 0 < sum(found) < 40
    order = torch.randperm(40, generator=made)
    assert without_parts(boxes[order], scores[order], 0.6, 200).tolist() == [found[place] for place in order.tolist()]


def test_a_model_drops_parts_where_its_structure_says_so(
    tiny_detector: DetectorConfig, tiny_embedding: EmbeddingConfig
) -> None:
    torch.manual_seed(3)
    plain = PersonSearchRCNN(dataclasses.replace(tiny_detector, score_threshold=0.0), tiny_embedding).eval()
    careful = PersonSearchRCNN(dataclasses.replace(plain.detector_config, part_share=0.7), tiny_embedding).eval()
    careful.load_state_dict(plain.state_dict())
    frame = torch.rand(3, 96, 128)
    everything, whole = plain.detect([frame])[0], careful.detect([frame])[0]
    stay = without_parts(everything.boxes, everything.scores, 0.7, 96)
    assert 0 < int(stay.sum()) < len(everything), "the picture tries both"
    torch.testing.assert_close(whole.boxes, everything.boxes[stay])
    assert whole.embeddings is not None
    assert everything.embeddings is not None
    torch.testing.assert_close(whole.embeddings, everything.embeddings[stay], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("share", [0.0, -0.1, 1.01, float("nan")])
def test_a_share_outside_its_range_is_refused(share: float) -> None:
    with pytest.raises(ValueError, match="part_share is"):
        DetectorConfig(part_share=share)
