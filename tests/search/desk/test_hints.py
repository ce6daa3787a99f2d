"""Hints about examples: what is said of a picture is true of it."""

import cv2
import numpy as np
import pytest

from detection.detections import Detections
from search.desk.hints import LEAST_SHARPNESS, SMALLEST_HEIGHT, hints_of_person, hints_of_picture, sharpness


def noise(height: int = 400, width: int = 300) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 255, (height, width, 3)).astype(np.uint8)


def codes(image: np.ndarray, box: list[float]) -> list[str]:
    return [hint.code for hint in hints_of_person(image, box)]


def test_nobody_and_several() -> None:
    nobody = Detections(np.zeros((0, 4)), np.zeros(0))
    assert [hint.code for hint in hints_of_picture(nobody)] == ["nobody"]
    two = Detections(np.array([[50, 50, 150, 300], [150, 50, 250, 300]]), np.ones(2))
    (hint,) = hints_of_picture(two)
    assert (hint.code, hint.text[:12]) == ("several", "2 people wer")
    assert hints_of_picture(two[:1]) == []


@pytest.mark.parametrize(
    ("box", "expected"),
    [
        ([50, 50, 150, 300], []),
        ([50, 50, 80, 50 + SMALLEST_HEIGHT - 1], ["too_small"]),
        ([0, 50, 100, 300], ["cut_off"]),
        ([50, 200, 150, 400], ["cut_off"]),
        ([0, 0, 300, 400], []),
    ],
)
def test_a_box_that_is_small_or_at_the_border(box: list[float], expected: list[str]) -> None:
    assert codes(noise(), box) == expected


def test_a_blurred_person_is_less_sharp_whatever_the_size_and_contrast() -> None:
    patches = cv2.resize(noise(10, 8), (300, 400), interpolation=cv2.INTER_NEAREST)
    image = cv2.addWeighted(patches, 0.8, noise(), 0.2, 0)
    blurred = cv2.GaussianBlur(image, (0, 0), 4)
    assert codes(blurred, [50, 50, 150, 300]) == ["blurred"]
    assert sharpness(blurred) < LEAST_SHARPNESS < sharpness(image)
    assert sharpness(image // 4 + 90) == pytest.approx(sharpness(image), rel=0.05)
    assert sharpness(np.full((90, 40, 3), 7, np.uint8)) == 0
