"""What marks are worth: against a slow loop, and where nothing can be gained or marked."""

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional

from datasets.samples import Query
from detection.detections import Detections
from search.evaluation.marks import SEEDS, SEEN_FIRST, marks_worth
from search.query.feedback import OTHERS_SHARE

PEOPLE, FRAMES, DIM = 6, 9, 5


def world(noise: float) -> tuple[dict[str, Detections], list[Query], Tensor]:
    """Everybody once in each frame; a query for each person, among all frames."""
    generator = torch.Generator().manual_seed(1)
    centers = torch.randn(PEOPLE, DIM, generator=generator)
    boxes = torch.tensor([[30.0 * person, 0, 30.0 * person + 20, 50] for person in range(PEOPLE)])
    found = {}
    for frame in range(FRAMES):
        rows = functional.normalize(centers + noise * torch.randn(PEOPLE, DIM, generator=generator), dim=1)
        found[str(frame)] = Detections(boxes, torch.ones(PEOPLE), rows)
    probes = functional.normalize(centers + noise * torch.randn(PEOPLE, DIM, generator=generator), dim=1)
    queries = [
        Query(person_id=person, gallery=[(name, boxes[person].numpy()) for name in found], crop=f"{person}.png")  # type: ignore[arg-type]
        for person in range(PEOPLE)
    ]
    return found, queries, probes


def average_precision(scores: Tensor, is_person: list[bool], left_out: set[int]) -> float:
    order = [row for row in torch.argsort(scores, descending=True, stable=True).tolist() if row not in left_out]
    hits = [rank for rank, row in enumerate(order, 1) if is_person[row]]
    return float(np.mean([(place + 1) / rank for place, rank in enumerate(hits)]))


def test_the_figures_are_those_of_a_slow_loop() -> None:
    found, queries, probes = world(1.2)
    rows = torch.cat([one.embeddings for one in found.values()]).double()  # type: ignore[misc]
    worth = marks_worth(found, queries, probes, marks=3)
    before, after, right = [], [], 0
    for seed in SEEDS:
        generator, pairs = np.random.default_rng(seed), []
        for person in range(PEOPLE):
            similarity = (rows @ probes[person].double()).float()
            first = np.argsort(-similarity.numpy(), kind="stable")[:SEEN_FIRST]
            marked = generator.choice(first, 3, replace=False).tolist()
            hits = [row for row in marked if row % PEOPLE == person]
            wrong = [row for row in marked if row % PEOPLE != person]
            direction = functional.normalize(torch.stack([probes[person].double(), *rows[hits]]).mean(0), dim=0)
            if wrong:
                direction = functional.normalize(direction - OTHERS_SHARE * rows[wrong].mean(0), dim=0)
            truth = [row % PEOPLE == person for row in range(len(rows))]
            right += len(hits)
            pairs.append([average_precision(one, truth, set(marked)) for one in (similarity, rows @ direction)])
        first_mean, second_mean = np.mean(pairs, axis=0)
        before.append(first_mean)
        after.append(second_mean)
    assert worth.before_each == pytest.approx(before, abs=1e-6)
    assert worth.after_each == pytest.approx(after, abs=1e-6)
    assert (worth.before, worth.after) == pytest.approx((np.mean(before), np.mean(after)), abs=1e-6)
    assert worth.right == pytest.approx(right / (PEOPLE * len(SEEDS)))
    assert worth.queries == PEOPLE
    assert worth.after > worth.before


def test_where_everybody_is_found_marks_change_nothing() -> None:
    found, queries, probes = world(0.0)
    worth = marks_worth(found, queries, probes, marks=3)
    assert worth.before == worth.after == 1.0


@pytest.mark.parametrize("marks", [0, 11])
def test_marks_are_of_the_first_answers(marks: int) -> None:
    with pytest.raises(ValueError, match=f"{marks} marks, expected 1 to 10"):
        marks_worth(*world(1.0), marks=marks)
