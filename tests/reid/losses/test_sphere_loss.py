"""Sphere loss: a naive loop, an independent normalized softmax, and what normalization promises."""

import io
import math

import pytest
import torch
from pytorch_metric_learning.losses import NormalizedSoftmaxLoss
from torch import Tensor

from datasets.samples import BACKGROUND, UNLABELLED
from reid.losses import SphereLoss

PEOPLE = torch.tensor([0, 5, UNLABELLED, 3, BACKGROUND, 3, 0, UNLABELLED, 1])


def rows(count: int = 9, dim: int = 8) -> Tensor:
    return 3 * torch.randn(count, dim)


def cosine(first: list[float], second: list[float]) -> float:
    return sum(a * b for a, b in zip(first, second)) / (math.hypot(*first) * math.hypot(*second))


def loss_by_loop(criterion: SphereLoss, embeddings: Tensor, person_index: Tensor, smoothing: float) -> float:
    """Equation 6, one exponential after another, in Python floats."""
    losses = []
    for embedding, person in zip(embeddings.tolist(), person_index.tolist()):
        if person < 0:
            continue
        logits = [criterion.scale * cosine(embedding, direction) for direction in criterion.weight.tolist()]
        total = math.log(sum(math.exp(logit) for logit in logits))
        targets = [smoothing / len(logits) + (1 - smoothing) * (row == person) for row in range(len(logits))]
        losses.append(sum(target * (total - logit) for target, logit in zip(targets, logits)))
    return sum(losses) / len(losses)


@pytest.mark.parametrize(("scale", "smoothing"), [(14.0, 0.0), (2.0, 0.0), (14.0, 0.1)])
def test_equals_a_naive_loop(scale: float, smoothing: float) -> None:
    criterion = SphereLoss(8, 6, scale, label_smoothing=smoothing)
    embeddings = rows()
    expected = loss_by_loop(criterion, embeddings, PEOPLE, smoothing)
    assert criterion(embeddings, PEOPLE).item() == pytest.approx(expected, abs=1e-5)


def test_equals_the_normalized_softmax_of_another_library_in_loss_and_gradients() -> None:
    criterion = SphereLoss(8, 6)
    peer = NormalizedSoftmaxLoss(6, 8, temperature=1 / 14)
    peer.W.data = criterion.weight.detach().T.clone()
    embeddings = torch.nn.functional.normalize(rows()).requires_grad_()
    people = PEOPLE.clamp(min=0)
    loss, expected = criterion(embeddings, people), peer(embeddings, people)
    torch.testing.assert_close(loss, expected)
    mine = torch.autograd.grad(loss, [embeddings, criterion.weight])
    theirs = torch.autograd.grad(expected, [embeddings, peer.W])
    torch.testing.assert_close(mine[0], theirs[0])
    torch.testing.assert_close(mine[1], theirs[1].T)


def test_gradient_is_right_in_float64() -> None:
    criterion = SphereLoss(4, 5, label_smoothing=0.1).double()
    people = torch.tensor([0, UNLABELLED, 3, BACKGROUND, 3])
    embeddings = rows(5, 4).double().requires_grad_()

    def call(values: Tensor, weight: Tensor) -> Tensor:
        return torch.func.functional_call(criterion, {"weight": weight}, (values, people))

    assert torch.autograd.gradcheck(call, (embeddings, criterion.weight.detach().clone().requires_grad_()))


def test_only_angles_count() -> None:
    criterion = SphereLoss(8, 6)
    embeddings = rows().requires_grad_()
    expected = criterion(embeddings, PEOPLE)
    (gradient,) = torch.autograd.grad(expected, embeddings)
    torch.testing.assert_close((gradient * embeddings).sum(dim=1), torch.zeros(9), atol=1e-5, rtol=0)
    torch.testing.assert_close(criterion(embeddings * torch.rand(9, 1).add(0.1), PEOPLE), expected)
    with torch.no_grad():
        criterion.weight.mul_(torch.rand(6, 1) + 0.1)
    torch.testing.assert_close(criterion(embeddings, PEOPLE), expected)


def test_order_of_rows_and_names_of_people_do_not_matter() -> None:
    criterion = SphereLoss(8, 6)
    embeddings = rows()
    expected = criterion(embeddings, PEOPLE)
    order, names = torch.randperm(9), torch.randperm(6)
    torch.testing.assert_close(criterion(embeddings[order], PEOPLE[order]), expected)
    with torch.no_grad():
        criterion.weight[names] = criterion.weight.clone()
    torch.testing.assert_close(criterion(embeddings, torch.where(PEOPLE >= 0, names[PEOPLE], PEOPLE)), expected)


def test_directions_start_near_unit_length() -> None:
    lengths = SphereLoss(1024, 50).weight.norm(dim=1)
    torch.testing.assert_close(lengths, torch.ones(50), atol=0.2, rtol=0)


@pytest.mark.parametrize("person", [UNLABELLED, BACKGROUND, None], ids=["unlabelled", "background", "empty"])
def test_batch_without_labelled_people_is_zero_with_its_graph(person: int | None) -> None:
    criterion = SphereLoss(8, 6)
    count = 0 if person is None else 4
    source = rows(count).requires_grad_()
    loss = criterion(source * 2, torch.full((count,), person or 0))
    loss.backward()
    assert loss.item() == 0
    assert source.grad is not None
    assert criterion.weight.grad is not None
    assert not source.grad.any()
    assert not criterion.weight.grad.any()


def test_one_identity_is_certain() -> None:
    embeddings = rows(3).requires_grad_()
    loss = SphereLoss(8, 1)(embeddings, torch.zeros(3, dtype=torch.long))
    loss.backward()
    assert loss.item() == 0
    assert embeddings.grad is not None
    assert not embeddings.grad.any()


def test_zeros_and_rows_that_do_not_count_never_make_nan() -> None:
    criterion = SphereLoss(8, 6)
    with torch.no_grad():
        criterion.weight[2] = 0
    embeddings = torch.cat([torch.zeros(2, 8), torch.full((1, 8), torch.nan), rows(1)]).requires_grad_()
    loss = criterion(embeddings, torch.tensor([0, 2, BACKGROUND, 2]))
    loss.backward()
    assert torch.isfinite(loss)
    assert embeddings.grad is not None
    assert not embeddings.grad[:3].any()
    assert embeddings.grad[3].any()
    assert criterion.weight.grad is not None
    assert torch.isfinite(criterion.weight.grad).all()
    assert not criterion.weight.grad[2].any()


def test_bfloat16_autocast_computes_in_float32() -> None:
    criterion = SphereLoss(8, 6)
    embedder = torch.nn.Linear(8, 8)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        embeddings = embedder(rows())
        assert embeddings.dtype == torch.bfloat16
        loss = criterion(embeddings, PEOPLE)
    loss.backward()
    assert loss.dtype == torch.float32
    torch.testing.assert_close(loss, criterion(embeddings.float(), PEOPLE))
    assert embedder.weight.grad is not None
    assert embedder.weight.grad.any()
    half = criterion.to(torch.bfloat16)(embeddings, PEOPLE)
    assert half.dtype == torch.float32
    torch.testing.assert_close(half, loss, rtol=0.02, atol=0)


def test_checkpoint_holds_the_directions() -> None:
    first, second = SphereLoss(8, 6), SphereLoss(8, 6)
    file = io.BytesIO()
    torch.save(first.state_dict(), file)
    file.seek(0)
    embeddings = rows()
    assert not torch.equal(first(embeddings, PEOPLE), second(embeddings, PEOPLE))
    second.load_state_dict(torch.load(file, weights_only=True))
    assert torch.equal(first(embeddings, PEOPLE), second(embeddings, PEOPLE))


def test_training_brings_people_to_their_directions() -> None:
    criterion = SphereLoss(8, 6)
    embeddings, people = torch.nn.Parameter(rows(12)), torch.arange(12) % 6
    optimizer = torch.optim.Adam([embeddings, *criterion.parameters()], lr=0.05)
    first = criterion(embeddings, people).item()
    for _ in range(60):
        optimizer.zero_grad()
        loss = criterion(embeddings, people)
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.05 * first


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ((8, 0), "0 identities"),
        ((0, 6), "of 0 dimensions"),
        ((8, 6, 0.0), "scale is 0"),
        ((8, 6, math.nan), "scale is nan"),
    ],
)
def test_impossible_settings_are_refused(arguments: tuple[float, ...], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        SphereLoss(*arguments)  # type: ignore[arg-type]


def test_wrong_rows_are_named() -> None:
    criterion = SphereLoss(8, 6)
    with pytest.raises(ValueError, match=r"holds 6, expected 0 \.\. 5"):
        criterion(rows(2), torch.tensor([0, 6]))
    with pytest.raises(ValueError, match=r"expected \(R, 8\)"):
        criterion(rows(2, 7), torch.tensor([0, 1]))
    with pytest.raises(ValueError, match=r"expected \(R, D\) and \(R,\)"):
        criterion(rows(2), torch.tensor([0]))
    with pytest.raises(ValueError, match="label_smoothing is 1"):
        SphereLoss(8, 6, label_smoothing=1.0)
