"""Values with which no joint model can be built or trained: one line, status 2, and nothing is written."""

from pathlib import Path

import pytest
import yaml

from datasets.transforms import FrameAugmentation
from detection.checkpoints import load_model
from detection.faster_rcnn import DetectorConfig
from detection.joint import EmbeddingConfig
from tools.configurations import PRESETS
from tools.main import main

TINY = """
detector: {backbone: resnet18, pyramid_levels: [1, 2], pyramid_channels: 16, anchor_sizes: [[24], [48], [96]],
  anchor_ratios: [2.5], box_features: 16, min_size: 96, max_size: 200, rpn_post_nms: 10, box_batch: 16}
embedding: {dimension: 16, pool_height: 8, pool_width: 4, channels: 16}
training: {epochs: 1, batch_size: 8, workers: 0}
"""


@pytest.mark.parametrize(
    ("option", "expected"),
    [
        ("augmentation.flip 2", "flip is 2.0, expected 0 to 1"),
        ("augmentation.flip=-0.1", "flip is -0.1, expected 0 to 1"),
        ("augmentation.flip .nan", "flip is nan, expected 0 to 1"),
        ("augmentation.color=-1", "color is -1.0, expected 0 to 1"),
        ("augmentation.color 1.5", "color is 1.5, expected 0 to 1"),
        ("augmentation.scale 1.5", "scale is 1.5, expected 0 <= scale < 1; 0 turns it off"),
        ("augmentation.scale 1", "scale is 1.0, expected 0 <= scale < 1; 0 turns it off"),
        ("augmentation.scale=-0.2", "scale is -0.2, expected 0 <= scale < 1; 0 turns it off"),
        ("augmentation.minimum-visible 2", "minimum_visible is 2.0, expected 0 to 1"),
        ("embedding.dimension 0", "dimension is 0, expected 1 or more"),
        ("embedding.pool-height 0", "pool_height is 0, expected 1 or more"),
        ("embedding.pool-width=-4", "pool_width is -4, expected 1 or more"),
        ("embedding.channels 0", "channels is 0, expected 1 or more"),
        ("detector.pyramid-channels 0", "pyramid_channels is 0, expected 1 or more"),
        ("detector.box-features 0", "box_features is 0, expected 1 or more"),
        ("detector.rpn-post-nms 0", "rpn_post_nms is 0, expected 1 or more"),
        ("detector.box-batch 0", "box_batch is 0, expected 1 or more"),
        ("detector.box-batch 1", "box_batch 1 and box_positive_fraction 0.5 leave no room for a person"),
        ("detector.detections-per-frame 0", "detections_per_frame is 0, expected 1 or more"),
        ("detector.anchor-ratios []", "anchor_ratios () and anchor_sizes ((24,), (48,), (96,)), expected one or more"),
        ("detector.anchor-ratios 2,0", "anchor_ratios (2.0, 0.0) and anchor_sizes"),
        ("detector.anchor-ratios=-1", "anchor_ratios (-1.0,) and anchor_sizes"),
        ("detector.anchor-sizes [[],[],[]]", "and anchor_sizes ((), (), ()), expected one or more"),
        ("detector.anchor-sizes [[24],[0],[96]]", "and anchor_sizes ((24,), (0,), (96,)), expected one or more"),
        ("detector.norm-epsilon=-1", "norm_epsilon is -1.0, expected 0 or more"),
        ("detector.norm-epsilon .inf", "norm_epsilon is inf, expected 0 or more"),
        ("detector.nms-threshold=-1", "nms_threshold is -1.0, expected 0 to 1"),
        ("detector.nms-threshold 1.1", "nms_threshold is 1.1, expected 0 to 1"),
        ("detector.score-threshold=-0.1", "score_threshold is -0.1, expected 0 or more and less than 1"),
        ("detector.score-threshold 1", "score_threshold is 1.0, expected 0 or more and less than 1"),
        ("detector.box-positive-fraction 2", "box_positive_fraction is 2.0, expected more than 0 and at most 1"),
        ("detector.box-positive-fraction 0", "box_positive_fraction is 0.0, expected more than 0 and at most 1"),
    ],
)
def test_a_value_out_of_its_range_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], option: str, expected: str
) -> None:
    (tmp_path / "tiny.yaml").write_text(TINY)
    output = tmp_path / "run"
    # Before the data is looked for: there is none.
    words = ["train", "joint", str(tmp_path), "--config", str(tmp_path / "tiny.yaml"), "--output", str(output)]
    assert main([*words, *f"--{option}".split()]) == 2
    captured = capsys.readouterr()
    (line,) = captured.err.splitlines()
    assert expected in line
    assert captured.out == ""
    assert not output.exists()


def test_a_pool_that_leaves_the_norm_nothing_to_compare_is_named() -> None:
    """A group of one value is zero after the norm, and everybody would have the same embedding."""
    for height, width, channels in ((2, 2, 16), (1, 1, 32), (1, 2, 1)):
        with pytest.raises(ValueError, match="one value in each group, expected more; raise pool_height to 4"):
            EmbeddingConfig(pool_height=height, pool_width=width, channels=channels)
        EmbeddingConfig(pool_height=4, pool_width=width, channels=channels)
    EmbeddingConfig(pool_height=2, pool_width=2, channels=64)


def test_the_ends_of_the_ranges_are_in_them() -> None:
    for value in (0.0, 1.0):
        FrameAugmentation(flip=value, color=value, minimum_visible=value, scale=0.9 * value)
    DetectorConfig(nms_threshold=0.0, score_threshold=0.0, norm_epsilon=0.0, box_batch=1, box_positive_fraction=1.0)
    DetectorConfig(nms_threshold=1.0, rpn_post_nms=1, detections_per_frame=1, pyramid_channels=1, box_features=1)
    EmbeddingConfig(dimension=1, channels=1, pool_height=3, pool_width=1)


def test_the_presets_and_the_shipped_checkpoint_are_in_them(repository: Path) -> None:
    parts = {"detector": DetectorConfig, "embedding": EmbeddingConfig}
    recipes = [yaml.safe_load(preset.read_text(encoding="utf-8")) for preset in PRESETS.glob("*.yaml")]
    joint = [recipe for recipe in recipes if "detector" in recipe]
    assert len(joint) >= 3
    for recipe in joint:
        for name, config in parts.items():
            config(**recipe[name])
        FrameAugmentation(**recipe.get("augmentation", {}))
    assert load_model(repository / "detection" / "weights" / "plaza.safetensors", device="cpu").embedding_dim == 128
