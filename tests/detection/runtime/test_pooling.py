"""Sampling from a table against torchvision's RoIAlign."""

import torch
from torchvision.ops import roi_align

from detection.runtime.pooling import MapTable, pooled

SIZES = [(13, 17), (7, 9), (1, 2)]
SCALES = [1 / 4, 1 / 8, 1 / 16]


def maps(images: int, channels: int = 6) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(images, channels, *size, generator=generator) for size in SIZES]


def table(levels: list[torch.Tensor]) -> MapTable:
    rows = torch.cat([one.flatten(2).transpose(1, 2) for one in levels], dim=1)
    return MapTable(rows, SIZES, SCALES)


def some_boxes(count: int) -> torch.Tensor:
    """Boxes inside the frame, across its borders, outside of it, and of no width."""
    corners = torch.rand(count, 2) * torch.tensor([110.0, 90.0]) - 30
    boxes = torch.cat([corners, corners + torch.rand(count, 2) * torch.tensor([60.0, 80.0])], dim=1)
    boxes[0] = torch.tensor([20.0, 20.0, 20.0, 20.0])
    boxes[1] = torch.tensor([-400.0, -400.0, -300.0, -200.0])
    boxes[2] = torch.tensor([0.0, 0.0, 68.0, 52.0])
    return boxes


def test_samples_are_those_of_torchvision() -> None:
    levels = maps(2)
    boxes = some_boxes(60)
    level, image = torch.randint(0, 3, (60,)), torch.randint(0, 2, (60,))
    for size in ((7, 7), (16, 8), (1, 3)):
        found = pooled(table(levels), boxes, level, image, size)
        assert found.shape == (60, *size, 6)
        rois = torch.cat([image[:, None].float(), boxes], dim=1)
        for row in range(3):
            mine = level == row
            expected = roi_align(levels[row], rois[mine], size, SCALES[row], 2)
            torch.testing.assert_close(found[mine].permute(0, 3, 1, 2), expected, rtol=1e-4, atol=2e-5)
        assert found[2].abs().max() > 0


def test_no_boxes_give_no_samples() -> None:
    nobody = torch.zeros(0, dtype=torch.int64)
    assert pooled(table(maps(1)), torch.zeros(0, 4), nobody, nobody, (7, 7)).shape == (0, 7, 7, 6)
