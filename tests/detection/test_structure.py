"""What is built is what the settings say: sizes, anchors, how many boxes are kept, drawn and returned."""

import dataclasses
from typing import Any

import pytest
import torch

from detection.embedding_head import EmbeddingHead, FrameMaps
from detection.faster_rcnn import build_box_heads, build_detector
from detection.settings import DetectorConfig, EmbeddingConfig


def test_the_detector_has_the_numbers_of_its_settings(tiny_detector: DetectorConfig) -> None:
    config = dataclasses.replace(
        tiny_detector, train_sizes=(64, 80), rpn_post_nms=30, box_batch=24, box_positive_fraction=0.25,
        nms_threshold=0.45, score_threshold=0.15, detections_per_frame=7,
    )  # fmt: skip
    detector = build_detector(config)
    transform, rpn, heads = detector.transform, detector.rpn, detector.roi_heads
    assert (transform.min_size, transform.max_size) == ((64, 80, 96), 160)
    assert transform.image_mean == pytest.approx([0.485, 0.456, 0.406])
    assert transform.image_std == pytest.approx([0.229, 0.224, 0.225])
    # Out of twice as many on each level; twice that in training.
    kept = []
    for training in (False, True):
        rpn.train(training)
        kept.append((rpn.pre_nms_top_n(), rpn.post_nms_top_n()))
    assert kept == [(60, 30), (120, 60)]
    assert rpn.anchor_generator.sizes == config.anchor_sizes
    assert rpn.anchor_generator.aspect_ratios == (config.anchor_ratios,) * 3
    assert rpn.head.cls_logits.out_channels == 2, "an anchor for each ratio at each place"
    assert (heads.score_thresh, heads.nms_thresh, heads.detections_per_img) == (0.15, 0.45, 7)
    assert (heads.fg_bg_sampler.batch_size_per_image, heads.fg_bg_sampler.positive_fraction) == (24, 0.25)
    assert (heads.proposal_matcher.high_threshold, heads.proposal_matcher.low_threshold) == (0.5, 0.5)
    assert heads.box_roi_pool.featmap_names == ["0", "1"], "the coarsest level finds proposals alone"
    assert (heads.box_roi_pool.output_size, heads.box_roi_pool.sampling_ratio) == ((7, 7), 2)
    assert heads.box_head.fc6.weight.shape == (config.box_features, config.pyramid_channels * 49)
    assert heads.box_predictor.cls_score.out_features == 2
    assert heads.box_predictor.bbox_pred.out_features == 8


def test_a_second_box_head_is_built_like_the_first(tiny_detector: DetectorConfig) -> None:
    first, second = build_detector(tiny_detector).roi_heads, build_box_heads(tiny_detector)
    assert {name: value.shape for name, value in second.state_dict().items()} == {
        name: value.shape for name, value in first.state_dict().items()
    }


@pytest.mark.parametrize(("height", "width"), [(8, 4), (7, 5), (16, 8)])
def test_the_embedding_head_keeps_the_rows_of_a_person_apart(height: int, width: int) -> None:
    config = EmbeddingConfig(dimension=6, pool_height=height, pool_width=width, channels=8)
    head = EmbeddingHead(config, ["0"], 5).eval()
    assert head.pool.output_size == (height, width)
    assert head.project.weight.shape == (6, 8 * -(-height // 2))
    seen = torch.rand(2, 5, 24, 24)
    boxes = [torch.tensor([[10.0, 10, 50, 90], [0, 0, 96, 96]]), torch.tensor([[20.0, 5, 60, 90]])]
    found = head(FrameMaps({}, {"0": seen}), boxes, [(96, 96), (96, 96)])
    assert found.shape == (3, 6)
    torch.testing.assert_close(head(FrameMaps({}, {"0": seen[1:]}), boxes[1:], [(96, 96)]), found[2:])
    # Where a person is turned upside down, the rows change places, and so does what is said of the person.
    turned = FrameMaps({}, {"0": seen.flip(2)})
    upside_down = head(turned, [torch.tensor([[10.0, 6, 50, 86]])], [(96, 96)] * 2)
    assert not torch.allclose(upside_down[0], found[0], atol=1e-3)


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"dimension": 0}, "dimension is 0"),
        ({"pool_height": 0}, "pool_height is 0"),
        ({"channels": 0}, "channels is 0"),
        ({"pool_height": 1, "pool_width": 1, "channels": 32}, "one value in each group, expected more"),
        ({"score_by": "norm"}, "set norm_aware too"),
        ({"source": "frame"}, "source 'frame', expected"),
        ({"level": 4}, "level is 4, expected 1 to 3"),
        ({"level": 0}, "level is 0, expected 1 to 3"),
        ({"last_stride": 3}, "last_stride is 3, expected 1 or 2"),
    ],
)
def test_an_impossible_embedding_head_is_named(changes: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        EmbeddingConfig(**changes)


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"nms_threshold": 1.1}, "nms_threshold is 1.1"),
        ({"score_threshold": 1.0}, "score_threshold is 1"),
        ({"score_threshold": -0.1}, "score_threshold is -0.1"),
        ({"box_positive_fraction": 0.0}, "box_positive_fraction is 0"),
        ({"box_batch": 1, "box_positive_fraction": 0.5}, "leave no room for a person"),
        ({"anchor_ratios": (0.0,)}, "all above 0"),
        ({"anchor_ratios": ()}, "one or more"),
        ({"norm_epsilon": -1.0}, "norm_epsilon is -1"),
        ({"min_size": 31, "max_size": 64}, "min_size 31"),
        ({"train_sizes": (161,)}, "train_sizes"),
        *(({name: 0}, f"{name} is 0") for name in ("pyramid_channels", "box_features", "rpn_post_nms", "box_batch")),
    ],
)
def test_an_impossible_detector_is_named(
    tiny_detector: DetectorConfig, changes: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(ValueError, match=complaint):
        dataclasses.replace(tiny_detector, **changes)


def test_the_limits_of_the_settings_are_allowed(tiny_detector: DetectorConfig) -> None:
    for changes in (
        {"nms_threshold": 0.0, "score_threshold": 0.0, "norm_epsilon": 0.0},
        {"nms_threshold": 1.0, "score_threshold": 0.99, "box_positive_fraction": 1.0, "box_batch": 1},
        {"min_size": 32, "max_size": 32},
        {"train_sizes": (32, 160)},
        {"rpn_post_nms": 1, "detections_per_frame": 1},
    ):
        dataclasses.replace(tiny_detector, **changes)  # type: ignore[arg-type]
