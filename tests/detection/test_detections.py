"""The value that travels from the detector: three fields that cannot drift apart."""

import sys
from typing import Any

import numpy as np
import pytest
import torch

from detection.detections import Detections

BOXES = np.array([[0, 0, 10, 20], [5, 5, 15, 25], [30, 0, 40, 20]], dtype=np.float64)
SCORES = np.array([0.9, 0.5, 0.1])
ROWS = torch.eye(3, 4)


@pytest.fixture
def found() -> Detections:
    return Detections(BOXES, SCORES, ROWS)


def test_arrays_of_any_kind_become_float32_tensors(found: Detections) -> None:
    for given in (found, Detections(BOXES.tolist(), SCORES.tolist(), ROWS.double().numpy())):  # type: ignore[arg-type]
        assert given.embeddings is not None
        assert given.boxes.dtype == given.scores.dtype == given.embeddings.dtype == torch.float32
        np.testing.assert_array_equal(given.boxes, BOXES)


@pytest.mark.parametrize(
    ("rows", "chosen"),
    [
        (np.array([True, False, True]), [0, 2]),
        (torch.tensor([False, True, False]), [1]),
        ([True, True, False], [0, 1]),
        ([2, 0], [2, 0]),
        (np.array([1, 1], dtype=np.uint8), [1, 1]),
        (slice(1, None), [1, 2]),
        ([], []),
    ],
)
def test_a_choice_of_rows_goes_through_all_fields(found: Detections, rows: Any, chosen: list[int]) -> None:
    some = found[rows]
    assert len(some) == len(chosen)
    np.testing.assert_array_equal(some.boxes, BOXES[chosen])
    np.testing.assert_array_equal(some.scores, SCORES[chosen].astype(np.float32))
    assert some.embeddings is not None
    assert torch.equal(some.embeddings, ROWS[chosen])
    plain = Detections(BOXES, SCORES)[rows]
    assert (len(plain), plain.embeddings) == (len(chosen), None)


def test_nobody_is_a_value_too() -> None:
    nobody = Detections(np.zeros(0), np.zeros(0), torch.zeros(0, 7))
    assert nobody.boxes.shape == (0, 4)
    assert len(nobody) == 0
    assert nobody.to("cpu").embeddings is not None


def test_other_embeddings_leave_the_rest_as_it_is(found: Detections) -> None:
    other = found.with_embeddings(torch.ones(3, 2))
    assert other.embeddings is not None
    assert other.embeddings.shape == (3, 2)
    assert torch.equal(other.boxes, found.boxes)
    assert torch.equal(other.scores, found.scores)
    moved = other.to("cpu")
    assert moved.embeddings is not None
    assert torch.equal(moved.embeddings, other.embeddings)


@pytest.mark.parametrize(
    ("boxes", "scores", "embeddings", "complaint"),
    [
        (BOXES[:2], SCORES, None, r"boxes \(2, 4\) and scores \(3,\)"),
        (BOXES[:, :3], SCORES, None, r"boxes \(3, 3\) and scores \(3,\)"),
        (BOXES[0], SCORES[:1], None, r"boxes \(4,\)"),
        (BOXES, SCORES[:, None], None, r"scores \(3, 1\)"),
        (BOXES * np.nan, SCORES, None, "must be finite; a diverged model gives NaN"),
        (BOXES, SCORES * np.inf, None, "must be finite"),
        (BOXES, SCORES, ROWS[:2], r"embeddings \(2, 4\), expected \(3, D\)"),
        (BOXES, SCORES, ROWS[:, 0], r"embeddings \(3,\), expected \(3, D\)"),
    ],
)
def test_fields_that_do_not_belong_together_are_refused(
    boxes: np.ndarray, scores: np.ndarray, embeddings: torch.Tensor | None, complaint: str
) -> None:
    with pytest.raises(ValueError, match=complaint):
        Detections(boxes, scores, embeddings)


def test_supervision_gets_copies_of_every_field(found: Detections) -> None:
    theirs = found.to_supervision()
    np.testing.assert_array_equal(theirs.xyxy, BOXES)
    np.testing.assert_array_equal(theirs.confidence, SCORES.astype(np.float32))
    np.testing.assert_array_equal(theirs.data["embedding"], ROWS)
    sure = theirs[theirs.confidence >= 0.5]  # a choice of rows goes through their fields too
    assert (len(sure), sure.data["embedding"].shape, sure["class_name"].tolist()) == (2, (2, 4), ["person"] * 2)
    assert sure.class_id.tolist() == [0, 0]
    theirs.xyxy[:] = 0
    np.testing.assert_array_equal(found.boxes, BOXES)
    plain = Detections(BOXES, SCORES).to_supervision()
    assert "embedding" not in plain.data
    nobody = Detections(np.zeros(0), np.zeros(0), torch.zeros(0, 7)).to_supervision()
    assert (len(nobody), nobody.xyxy.shape, nobody.data["embedding"].shape) == (0, (0, 4), (0, 7))


def test_without_supervision_one_line_says_what_to_install(found: Detections, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "supervision", None)
    with pytest.raises(ModuleNotFoundError, match=r"needs the package supervision, .* `pip install supervision`"):
        found.to_supervision()
