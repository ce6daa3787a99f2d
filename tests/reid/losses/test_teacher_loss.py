"""The loss that follows a teacher: a slow reference, who counts, and its place beside the identity losses."""

import dataclasses

import pytest
import torch
from torch import Tensor

from datasets.samples import UNLABELLED
from reid.features import PersonFeatures
from reid.losses import IdentityCriterion, LossConfig, TeacherLoss
from reid.losses.settings import LOSSES


def rows(seed: int, count: int = 6) -> Tensor:
    return torch.randn(count, 5, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def reference(embeddings: Tensor, taught: Tensor, relations: float) -> float:
    """Pair by pair, as the docstring says it."""
    seen = [row for row in range(len(taught)) if taught[row].abs().sum() > 0]

    def cosine(one: Tensor, other: Tensor) -> float:
        return float(one @ other / (one.norm() * other.norm()))

    loss = sum(1 - cosine(embeddings[row], taught[row]) for row in seen) / max(1, len(seen))
    pairs = [(one, other) for one in seen for other in seen if one != other]
    squares = [
        (cosine(embeddings[one], embeddings[other]) - cosine(taught[one], taught[other])) ** 2 for one, other in pairs
    ]
    return loss + relations * sum(squares) / max(1, len(pairs))


@pytest.mark.parametrize("relations", [0.0, 3.0])
def test_it_is_what_its_words_say(relations: float) -> None:
    taught = rows(1)
    taught[2] = 0
    assert TeacherLoss(relations)(rows(0), taught).item() == pytest.approx(reference(rows(0), taught, relations))


def test_the_teacher_itself_has_no_loss_whatever_the_length_and_the_opposite_has_the_largest() -> None:
    taught, loss = rows(0), TeacherLoss(2.0)
    assert loss(7 * taught, taught).item() == pytest.approx(0, abs=1e-12)
    assert loss(-taught, taught).item() == pytest.approx(2)
    assert loss(taught[:1].flip(0), taught[:1]).item() == pytest.approx(0, abs=1e-12)


def test_the_order_of_rows_does_not_matter() -> None:
    order, loss = torch.tensor([3, 0, 5, 1, 4, 2]), TeacherLoss(1.0)
    assert loss(rows(0)[order], rows(1)[order]).item() == pytest.approx(loss(rows(0), rows(1)).item())


def test_gradient() -> None:
    student = rows(0).requires_grad_()
    assert torch.autograd.gradcheck(lambda one: TeacherLoss(0.5)(one, rows(1)), [student])


def test_no_gradient_reaches_the_teacher_nor_a_row_that_it_has_not_seen() -> None:
    student, teacher = rows(0).requires_grad_(), rows(1)
    teacher[4] = 0
    teacher.requires_grad_()
    TeacherLoss(1.0)(student, teacher).backward()
    assert teacher.grad is None
    assert student.grad is not None
    assert student.grad[4].abs().sum() == 0
    assert (student.grad[[0, 1, 2, 3, 5]].abs().sum(dim=1) > 0).all()


def test_what_the_teacher_has_not_seen_may_hold_anything() -> None:
    student, taught = rows(0), rows(1)
    taught[0] = 0
    broken = student.clone()
    broken[0] = torch.nan
    assert torch.equal(TeacherLoss(1.0)(broken, taught), TeacherLoss(1.0)(student, taught))


@pytest.mark.parametrize("count", [0, 3])
def test_a_batch_of_which_the_teacher_knows_nobody_is_zero_with_its_graph(count: int) -> None:
    student = rows(0, count).requires_grad_()
    loss = TeacherLoss(1.0)(student, torch.zeros(count, 5))
    loss.backward()
    assert loss.item() == 0
    assert student.grad is not None
    assert student.grad.abs().sum() == 0


def test_half_precision_is_computed_in_float32() -> None:
    half = rows(0).bfloat16()
    loss = TeacherLoss(1.0)(half, rows(1).float())
    assert loss.dtype == torch.float32
    torch.testing.assert_close(loss, TeacherLoss(1.0)(half.float(), rows(1).float()))


def test_rows_that_do_not_belong_together_are_refused() -> None:
    with pytest.raises(ValueError, match=r"embeddings \(6, 5\) and the teacher's \(5, 5\)"):
        TeacherLoss()(rows(0), rows(1)[:5])
    with pytest.raises(ValueError, match="weight of the relations is -1"):
        TeacherLoss(-1)
    with pytest.raises(ValueError, match="teacher_relations is nan"):
        LossConfig(teacher_relations=float("nan"))


def test_it_counts_beside_identity_losses_and_people_without_identity_count_in_it_alone() -> None:
    config = LossConfig(sphere=0.5, teacher=2, teacher_relations=0.3)
    criterion = IdentityCriterion(config, embedding_dim=5, feature_dim=5, identities=3).double()
    people = torch.tensor([0, UNLABELLED, 1, 2, UNLABELLED, 0])
    features = PersonFeatures(rows(0), rows(0))
    losses = criterion(features, people, None, rows(1))
    assert list(losses) == ["loss", "loss_sphere", "loss_teacher"]
    torch.testing.assert_close(losses["loss_teacher"], TeacherLoss(0.3)(rows(0), rows(1)))
    torch.testing.assert_close(losses["loss_sphere"], criterion.losses["sphere"](rows(0), people))
    torch.testing.assert_close(losses["loss"], 0.5 * losses["loss_sphere"] + 2 * losses["loss_teacher"])
    criterion.update(features, people)


def test_a_teacher_that_says_nothing_is_named() -> None:
    criterion = IdentityCriterion(LossConfig(sphere=0, teacher=1), embedding_dim=5, feature_dim=5, identities=1)
    with pytest.raises(ValueError, match="expected the teacher's embeddings"):
        criterion(PersonFeatures(rows(0), rows(0)), torch.zeros(6, dtype=torch.int64))


def test_only_a_teacher_needs_no_identities() -> None:
    nothing = dataclasses.replace(LossConfig(), sphere=0)
    assert not nothing.needs_identities
    for name in LOSSES:
        assert dataclasses.replace(nothing, **{name: 1}).needs_identities == (name != "teacher")
