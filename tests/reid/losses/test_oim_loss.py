"""OIM: the reference vectors, a naive loop, and one test for each way in which public versions have failed."""

import io
import math
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
import torch
from separate_processes import finish, start
from torch import Tensor, distributed

from datasets.samples import BACKGROUND, UNLABELLED
from reid.losses import OIMLoss


def unit_rows(count: int, dim: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.nn.functional.normalize(torch.randn(count, dim, generator=generator))


def trained(embedding_dim: int = 8, identities: int = 6, queue_size: int = 5, **arguments: float) -> OIMLoss:
    """A loss whose memories are full."""
    criterion = OIMLoss(embedding_dim, identities, queue_size, **arguments)
    people = torch.cat([torch.arange(identities), torch.full((queue_size,), UNLABELLED)])
    criterion.update(unit_rows(len(people), embedding_dim, seed=9), people)
    return criterion


def state_of(criterion: OIMLoss) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in criterion.state_dict().items()}


def assert_same_state(criterion: OIMLoss, state: dict[str, Tensor]) -> None:
    assert all(torch.equal(value, state[name]) for name, value in criterion.state_dict().items())


def loss_by_loop(criterion: OIMLoss, embeddings: Tensor, person_index: Tensor) -> float:
    """Equation 1 of the paper, one exponential after another, in Python floats."""
    losses = []
    for embedding, person in zip(embeddings.tolist(), person_index.tolist(), strict=True):
        if person < 0:
            continue
        logits = [
            criterion.scale * sum(a * b for a, b in zip(embedding, row, strict=True))
            for row in criterion.table.tolist() + criterion.queue.tolist()
        ]
        losses.append(math.log(sum(math.exp(logit) for logit in logits)) - logits[person])
    return sum(losses) / len(losses)


def test_equals_the_reference_vectors_at_each_of_12_steps(shared: Path) -> None:
    vectors = np.load(shared / "oracles" / "oim_a.npz")
    criterion = OIMLoss(embedding_dim=32, identities=20, queue_size=15, momentum=0.5, scale=30.0)
    for step in range(12):
        embeddings = torch.from_numpy(vectors[f"{step}_embeddings"]).requires_grad_()
        person_index = torch.from_numpy(vectors[f"{step}_person_index"])
        loss = criterion(embeddings, person_index)
        loss.backward()
        criterion.update(embeddings, person_index)
        assert loss.item() == pytest.approx(float(vectors[f"{step}_loss"]), abs=1e-5)
        assert embeddings.grad is not None
        for name, value in (("grad", embeddings.grad), ("lut", criterion.table), ("cq", criterion.queue)):
            np.testing.assert_allclose(value.numpy(), vectors[f"{step}_{name}"], rtol=0, atol=1e-5)


@pytest.mark.parametrize("queue_size", [0, 5])
def test_equals_a_naive_loop(queue_size: int) -> None:
    criterion = trained(queue_size=queue_size, scale=12.0)
    embeddings = unit_rows(9, 8)
    person_index = torch.tensor([0, 5, UNLABELLED, 3, BACKGROUND, 3, 0, UNLABELLED, 1])
    expected = loss_by_loop(criterion, embeddings, person_index)
    assert criterion(embeddings, person_index).item() == pytest.approx(expected, abs=1e-5)


def test_gradient_is_right_in_float64() -> None:
    criterion = trained(scale=5.0).double()
    assert criterion.table.dtype == torch.float32
    person_index = torch.tensor([0, UNLABELLED, 3, BACKGROUND, 3])
    embeddings = unit_rows(5, 8).double().requires_grad_()
    assert criterion(embeddings, person_index).dtype == torch.float64
    assert torch.autograd.gradcheck(lambda rows: criterion(rows, person_index), (embeddings,))


def test_loss_is_a_mean_over_labelled_rows_alone() -> None:
    criterion = trained()
    embeddings, person_index = unit_rows(6, 8), torch.tensor([2, UNLABELLED, 4, BACKGROUND, UNLABELLED, 0])
    labelled = person_index >= 0
    expected = criterion(embeddings[labelled], person_index[labelled])
    torch.testing.assert_close(criterion(embeddings, person_index), expected)
    order = torch.tensor([5, 3, 0, 1, 4, 2])
    torch.testing.assert_close(criterion(embeddings[order], person_index[order]), expected)


# The hazards of public implementations, one by one.


@pytest.mark.parametrize("person", [UNLABELLED, BACKGROUND, None], ids=["unlabelled", "background", "empty"])
def test_batch_without_labelled_people_is_zero_with_its_graph(person: int | None) -> None:
    criterion = trained()
    rows = 0 if person is None else 4
    source = unit_rows(rows, 8).requires_grad_()
    person_index = torch.full((rows,), person or 0)
    loss = criterion(source * 2, person_index)
    assert loss.item() == 0
    loss.backward()
    assert source.grad is not None
    assert not source.grad.any()
    criterion.update(source, person_index)
    assert torch.isfinite(criterion.table).all()


def test_background_without_finite_values_does_not_reach_loss_or_gradient() -> None:
    criterion = trained()
    embeddings = torch.cat([unit_rows(2, 8), torch.full((1, 8), torch.nan)]).requires_grad_()
    loss = criterion(embeddings, torch.tensor([0, 1, BACKGROUND]))
    loss.backward()
    assert torch.isfinite(loss)
    assert embeddings.grad is not None
    assert torch.isfinite(embeddings.grad).all()


def test_first_iteration_is_uniform_and_pulls_nowhere() -> None:
    criterion = OIMLoss(8, 6, 5)
    embeddings = unit_rows(4, 8).requires_grad_()
    loss = criterion(embeddings, torch.tensor([0, 1, 5, UNLABELLED]))
    loss.backward()
    assert loss.item() == pytest.approx(math.log(6 + 5), abs=1e-6)
    assert embeddings.grad is not None
    assert not embeddings.grad.any()


def test_checkpoint_holds_the_pointer_and_resumes_exactly() -> None:
    def train(criterion: OIMLoss, steps: range) -> list[float]:
        losses = []
        for step in steps:
            embeddings = unit_rows(9, 8, seed=step)
            person_index = torch.tensor([0, UNLABELLED, 2, UNLABELLED, BACKGROUND, 3, 3, UNLABELLED, 5])
            losses.append(criterion(embeddings, person_index).item())
            criterion.update(embeddings, person_index)
        return losses

    whole, first, second = OIMLoss(8, 6, 5), OIMLoss(8, 6, 5), OIMLoss(8, 6, 5)
    expected = train(whole, range(6))
    losses = train(first, range(3))
    file = io.BytesIO()
    torch.save(first.state_dict(), file)
    file.seek(0)
    second.load_state_dict(torch.load(file, weights_only=True))
    assert second.pointer.item() == 9 % 5
    assert losses + train(second, range(3, 6)) == expected
    assert_same_state(second, whole.state_dict())


def test_embedding_of_zeros_never_makes_rows_of_nan() -> None:
    criterion = OIMLoss(8, 6, 5)
    for _ in range(3):
        criterion.update(torch.zeros(3, 8), torch.tensor([0, 0, UNLABELLED]))
    criterion.update(unit_rows(2, 8), torch.tensor([0, 1]))
    assert torch.isfinite(criterion.table).all()
    assert torch.isfinite(criterion.queue).all()
    torch.testing.assert_close(criterion.table[:2].norm(dim=1), torch.ones(2))


def test_two_forwards_and_updates_before_one_backward() -> None:
    criterion = trained()
    embeddings = unit_rows(4, 8).requires_grad_()
    person_index = torch.tensor([0, 1, 2, UNLABELLED])
    expected = torch.autograd.grad(criterion(embeddings, person_index), embeddings)[0]
    first = criterion(embeddings, person_index)
    criterion.update(embeddings, person_index)
    second = criterion(embeddings, person_index)
    expected = expected + torch.autograd.grad(second, embeddings, retain_graph=True)[0]
    criterion.update(embeddings, person_index)
    (first + second).backward()
    assert embeddings.grad is not None
    torch.testing.assert_close(embeddings.grad, expected)


def test_bfloat16_autocast_runs_forward_and_backward_over_float32_memories() -> None:
    criterion = trained()
    embedder = torch.nn.Linear(8, 8)
    person_index = torch.tensor([0, 1, UNLABELLED, BACKGROUND])
    with torch.autocast("cpu", dtype=torch.bfloat16):
        embeddings = embedder(unit_rows(4, 8))
        assert embeddings.dtype == torch.bfloat16
        loss = criterion(embeddings, person_index)
    loss.backward()
    criterion.update(embeddings, person_index)
    assert loss.dtype == criterion.table.dtype == criterion.queue.dtype == torch.float32
    torch.testing.assert_close(loss, trained()(embeddings.float(), person_index))
    assert embedder.weight.grad is not None
    assert torch.isfinite(embedder.weight.grad).all()
    assert embedder.weight.grad.any()


def test_no_identity_number_is_magic() -> None:
    criterion = OIMLoss(4, 6000, 3, scale=1.0)
    for person in (5553, 5554, 5555, 5999):
        embeddings = unit_rows(1, 4, seed=person).requires_grad_()
        person_index = torch.tensor([person])
        criterion.update(unit_rows(1, 4, seed=1), person_index)
        loss = criterion(embeddings, person_index)
        loss.backward()
        assert loss.item() > 0
        assert embeddings.grad is not None
        assert embeddings.grad.any()
        assert criterion.table[person].norm().item() == pytest.approx(1)
    assert not criterion.queue.any()


@pytest.mark.parametrize("person", [482, 931, -3])
def test_identities_with_gaps_are_refused_with_the_remedy(person: int) -> None:
    criterion = OIMLoss(4, 482, 500)
    for call in (criterion, criterion.update):
        with pytest.raises(ValueError, match=rf"holds {person}, expected 0 \.\. 481.*relabel"):
            call(unit_rows(2, 4), torch.tensor([0, person]))
    assert not criterion.table.any()


def test_unlabelled_people_fill_the_queue_and_never_the_last_row_of_the_table() -> None:
    criterion = OIMLoss(8, 6, 5)
    embeddings = unit_rows(4, 8)
    criterion.update(embeddings, torch.tensor([UNLABELLED, BACKGROUND, UNLABELLED, 1]))
    assert not criterion.table[-1].any()
    torch.testing.assert_close(criterion.queue[:2], embeddings[[0, 2]])
    assert not criterion.queue[2:].any()
    assert criterion.pointer.item() == 2


def test_identity_zero_is_trained_and_remembered() -> None:
    criterion = OIMLoss(8, 6, 5, scale=1.0)
    embeddings = unit_rows(2, 8)
    criterion.update(embeddings, torch.tensor([0, 1]))
    torch.testing.assert_close(criterion.table[0], embeddings[0])
    only = criterion(embeddings, torch.tensor([0, BACKGROUND]))
    assert only.item() > 0


def test_an_unsure_embedding_takes_less_of_its_row() -> None:
    criterion = OIMLoss(2, 1, 0)
    person = torch.tensor([0])
    criterion.update(torch.tensor([[1.0, 0.0]]), person)
    criterion.update(torch.tensor([[0.0, 1.0]]), person, torch.tensor([0.5]))
    torch.testing.assert_close(criterion.table[0], torch.nn.functional.normalize(torch.tensor([0.75, 0.25]), dim=0))


def test_far_logits_do_not_underflow() -> None:
    criterion = OIMLoss(2, 2, 0, scale=1000.0)
    criterion.update(torch.tensor([[1.0, 0.0], [-1.0, 0.0]]), torch.tensor([0, 1]))
    embeddings = torch.tensor([[1.0, 0.0]], requires_grad=True)
    loss = criterion(embeddings, torch.tensor([1]))
    loss.backward()
    assert loss.item() == pytest.approx(2000)
    assert embeddings.grad is not None
    torch.testing.assert_close(embeddings.grad, torch.tensor([[2000.0, 0.0]]))


@pytest.mark.parametrize("mode", ["train", "eval", "no_grad"])
def test_forward_changes_nothing(mode: str) -> None:
    criterion = trained()
    criterion.train(mode != "eval")
    before = state_of(criterion)
    with torch.set_grad_enabled(mode != "no_grad"):
        loss = criterion(unit_rows(3, 8).requires_grad_(), torch.tensor([0, 1, UNLABELLED]))
    if mode == "train":
        loss.backward()
    assert_same_state(criterion, before)


def test_update_touches_neither_gradient_nor_graph() -> None:
    criterion = trained()
    embeddings = unit_rows(3, 8).requires_grad_()
    person_index = torch.tensor([0, 1, UNLABELLED])
    loss = criterion(embeddings, person_index)
    expected = torch.autograd.grad(loss, embeddings, retain_graph=True)[0]
    criterion.update(embeddings, person_index)
    assert embeddings.grad is None
    assert not criterion.table.requires_grad
    assert not criterion.queue.requires_grad
    loss.backward()
    assert embeddings.grad is not None
    assert torch.equal(embeddings.grad, expected)


def test_wrong_width_and_wrong_scale_are_named() -> None:
    with pytest.raises(ValueError, match=r"expected \(R, 8\)"):
        OIMLoss(8, 6, 5)(unit_rows(2, 7), torch.tensor([0, 1]))
    with pytest.raises(ValueError, match="scale is 0"):
        OIMLoss(8, 6, 5, scale=0)


def remember(rank: int, folder: Path) -> None:
    """What each of two processes does."""
    distributed.init_process_group("gloo", f"file://{folder}/meet", timedelta(seconds=300), 2, rank)
    criterion = OIMLoss(4, 3, 5)
    for step in range(3):
        rows = unit_rows(7, 4, seed=step)
        people = torch.tensor([0, -1, 1, 0, -2, -1, 2])
        # Shares of unequal length, and in the last step none at all for the first process.
        mine = [slice(0, 4), slice(4, 7)][rank] if step < 2 else [slice(0, 0), slice(0, 7)][rank]
        criterion.update(rows[mine], people[mine])
    torch.save(criterion.state_dict(), folder / f"{rank}.pt")
    distributed.destroy_process_group()


def test_processes_of_one_run_remember_the_same_people(tmp_path: Path) -> None:
    both = [start(remember, rank, tmp_path, said=tmp_path / f"said{rank}") for rank in range(2)]
    for rank, process in enumerate(both):
        finish(process, tmp_path / f"said{rank}")
    alone = OIMLoss(4, 3, 5)
    for step in range(3):
        rows = unit_rows(7, 4, seed=step)
        alone.update(rows, torch.tensor([0, -1, 1, 0, -2, -1, 2]))
    for rank in range(2):
        assert_same_state(alone, torch.load(tmp_path / f"{rank}.pt", weights_only=True))
