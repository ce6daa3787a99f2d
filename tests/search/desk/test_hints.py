"""Hints about examples: what is said of a picture is true of it."""

import cv2
import numpy as np
import pytest

from detection.detections import Detections
from search.desk.hints import (
    LEAST_SHARPNESS,
    SMALLEST_HEIGHT,
    hints_of_person,
    hints_of_picture,
    hints_of_probe,
    people_in,
    sharpness,
)


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


def people(*boxes: list[float], confidence: float = 0.9) -> Detections:
    rows = np.array(boxes, dtype=np.float32).reshape(-1, 4)
    return Detections(rows, np.full(len(rows), confidence, np.float32))


@pytest.mark.parametrize(
    ("boxes", "expected"),
    [
        ([], 0),
        ([[400, 50, 480, 300]], 0),  # beside the box
        ([[52, 48, 151, 303]], 1),
        ([[52, 48, 151, 303], [120, 60, 200, 310]], 1),  # drawn around one, whoever stands behind
        ([[50, 50, 95, 300], [100, 60, 150, 300]], 2),
        ([[50, 50, 95, 300], [100, 60, 120, 110]], 1),  # a part of somebody, or somebody far away
        ([[20, 20, 220, 420]], 1),  # a box around a part of somebody
    ],
)
def test_the_people_whom_a_box_shows(boxes: list[list[float]], expected: int) -> None:
    box = np.array([50, 50, 150, 300], dtype=np.float64)
    assert len(people_in(np.array(boxes, dtype=np.float32).reshape(-1, 4), box)) == expected


def test_a_box_around_nobody_and_around_two() -> None:
    image, box = noise(), [50, 50, 150, 300]
    found = people([50, 50, 95, 300], [100, 60, 150, 300])
    (hint,) = hints_of_probe(image, box, lambda images: [found])
    assert hint.code == "several"
    assert hint.text == (
        "2 people were found in it, and the search looks for all of them together; choose one: "
        "--frame PICTURE --box 50,50,95,300 or 100,60,150,300."
    )
    assert [one.code for one in hints_of_probe(image, box, lambda images: [people()])] == ["nobody"]
    unsure = people([50, 50, 150, 300], confidence=0.4)
    assert [one.code for one in hints_of_probe(image, [50, 50, 80, 90], lambda images: [unsure])] == [
        "nobody", "too_small",
    ]  # fmt: skip
    assert hints_of_probe(image, box, lambda images: [found[:1]]) == []
    assert hints_of_probe(image, box, None) == []


def test_a_picture_of_two_people_is_looked_at_as_frames_are_and_told_in_its_own_pixels() -> None:
    image, shown = noise(768, 400), []

    def detect(images: list[np.ndarray]) -> list[Detections]:
        (canvas,) = images
        shown.append(canvas.shape)
        x, y = canvas.shape[1] / 2 - 100, canvas.shape[0] / 2 - 192  # the picture is half as large there
        return [people([x, y, x + 90, y + 384], [x + 110, y + 20, x + 200, y + 384])]

    (hint,) = hints_of_probe(image, None, detect)
    assert shown[0][0] > 3 * 384
    assert "--box 0,0,180,768 or 220,40,400,768." in hint.text
