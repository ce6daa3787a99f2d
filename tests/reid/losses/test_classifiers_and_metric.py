"""Softmax, triplet and center losses against naive loops, another library, and an optimizer of their own."""

import io
import math

import pytest
import torch
from pytorch_metric_learning.distances import LpDistance
from pytorch_metric_learning.losses import TripletMarginLoss
from pytorch_metric_learning.miners import BatchHardMiner
from pytorch_metric_learning.reducers import MeanReducer
from torch import Tensor, nn

from datasets.samples import BACKGROUND, UNLABELLED
from reid.losses.classifiers import SoftmaxLoss, SphereLoss
from reid.losses.metric import CenterLoss, TripletLoss

PEOPLE = torch.tensor([0, 3, UNLABELLED, 3, BACKGROUND, 3, 0, 1, 2, 2])
MARGINS = [0.3, 0.0, None]


def rows(count: int = 10, dim: int = 6) -> Tensor:
    return torch.randn(count, dim)


BUILDERS = {
    "softmax": lambda: SoftmaxLoss(6, 4),
    "smoothed softmax with bias": lambda: SoftmaxLoss(6, 4, bias=True, label_smoothing=0.1),
    "triplet": TripletLoss,
    "soft-margin triplet": lambda: TripletLoss(margin=None),
    "center": lambda: CenterLoss(6, 4),
}


@pytest.fixture(params=BUILDERS)
def criterion(request: pytest.FixtureRequest, fixed_seeds: None) -> nn.Module:
    """Each of the losses."""
    return BUILDERS[request.param]()


@pytest.mark.parametrize("person", [UNLABELLED, BACKGROUND, None], ids=["unlabelled", "background", "empty"])
def test_batch_without_labelled_people_is_zero_with_its_graph(criterion: nn.Module, person: int | None) -> None:
    count = 0 if person is None else 4
    source = rows(count).requires_grad_()
    loss = criterion(source * 2, torch.full((count,), person or 0))
    loss.backward()
    assert loss.item() == 0
    assert source.grad is not None
    assert not source.grad.any()
    assert not any(parameter.grad.any() for parameter in criterion.parameters() if parameter.grad is not None)


def test_gradient_is_right_in_float64_and_is_none_of_rows_that_do_not_count(criterion: nn.Module) -> None:
    embeddings = rows().double().requires_grad_()
    assert torch.autograd.gradcheck(lambda values: criterion(values, PEOPLE), (embeddings,))
    with torch.no_grad():
        embeddings[PEOPLE < 0] = torch.nan
    loss = criterion(embeddings, PEOPLE)
    loss.backward()
    assert torch.isfinite(loss)
    assert embeddings.grad is not None
    assert not embeddings.grad[PEOPLE < 0].any()
    assert embeddings.grad[PEOPLE >= 0].any()


def test_order_of_rows_does_not_matter(criterion: nn.Module) -> None:
    embeddings, order = rows(), torch.randperm(10)
    torch.testing.assert_close(criterion(embeddings[order], PEOPLE[order]), criterion(embeddings, PEOPLE))


def test_zeros_never_make_nan(criterion: nn.Module) -> None:
    embeddings = torch.zeros(10, 6, requires_grad=True)
    loss = criterion(embeddings, PEOPLE)
    loss.backward()
    assert torch.isfinite(loss)
    assert embeddings.grad is not None
    assert torch.isfinite(embeddings.grad).all()


def test_bfloat16_autocast_computes_in_float32(criterion: nn.Module) -> None:
    embedder = nn.Linear(6, 6)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        embeddings = embedder(rows())
        assert embeddings.dtype == torch.bfloat16
        loss = criterion(embeddings, PEOPLE)
    loss.backward()
    assert loss.dtype == torch.float32
    torch.testing.assert_close(loss, criterion(embeddings.float(), PEOPLE))
    assert embedder.weight.grad is not None
    assert torch.isfinite(embedder.weight.grad).all()


def softmax_by_loop(criterion: SoftmaxLoss, embeddings: Tensor, smoothing: float) -> float:
    """Equation 1 of SphereReID with targets y (1 - e) + e / P, in Python floats."""
    offsets = [0.0] * 4 if criterion.bias is None else criterion.bias.tolist()
    losses = []
    for embedding, person in zip(embeddings.tolist(), PEOPLE.tolist()):
        if person < 0:
            continue
        logits = [
            sum(a * b for a, b in zip(embedding, weight)) + offset
            for weight, offset in zip(criterion.weight.tolist(), offsets)
        ]
        total = math.log(sum(math.exp(logit) for logit in logits))
        targets = [(1 - smoothing) * (row == person) + smoothing / 4 for row in range(4)]
        losses.append(sum(target * (total - logit) for target, logit in zip(targets, logits)))
    return sum(losses) / len(losses)


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_softmax_equals_a_naive_loop(bias: bool, smoothing: float) -> None:
    embeddings = rows()
    undecided = SoftmaxLoss(6, 4, bias=bias, label_smoothing=smoothing, initial_deviation=0.001)
    assert undecided(embeddings, PEOPLE).item() == pytest.approx(math.log(4), abs=0.02)
    criterion = SoftmaxLoss(6, 4, bias=bias, label_smoothing=smoothing)
    with torch.no_grad():
        for parameter in criterion.parameters():
            parameter.normal_()
    expected = softmax_by_loop(criterion, embeddings, smoothing)
    assert criterion(embeddings, PEOPLE).item() == pytest.approx(expected, abs=1e-5)


def test_softmax_starts_as_linear_layers_of_torch_do() -> None:
    torch.manual_seed(0)
    usual = torch.nn.Linear(512, 751).weight.std().item()
    assert SoftmaxLoss(512, 751).weight.std().item() == pytest.approx(usual, rel=0.01)


def test_softmax_weights_and_bias_are_trained_and_kept() -> None:
    criterion, other = SoftmaxLoss(6, 4, bias=True), SoftmaxLoss(6, 4, bias=True)
    assert SoftmaxLoss(6, 4).bias is None
    criterion(rows(), PEOPLE).backward()
    assert all(parameter.grad is not None and parameter.grad.any() for parameter in criterion.parameters())
    other.load_state_dict(criterion.state_dict())
    embeddings = rows()
    assert torch.equal(criterion(embeddings, PEOPLE), other(embeddings, PEOPLE))


def triplet_by_loop(embeddings: list[list[float]], people: list[int], margin: float | None) -> float:
    losses = []
    for i, (anchor, person) in enumerate(zip(embeddings, people)):
        if person < 0:
            continue
        labelled = [j for j in range(len(people)) if j != i and people[j] >= 0]
        to_own = [math.dist(anchor, embeddings[j]) for j in labelled if people[j] == person]
        to_others = [math.dist(anchor, embeddings[j]) for j in labelled if people[j] != person]
        if to_own and to_others:
            gap = max(to_own) - min(to_others)
            losses.append(math.log1p(math.exp(gap)) if margin is None else max(0.0, margin + gap))
    return sum(losses) / len(losses) if losses else 0.0


@pytest.mark.parametrize("margin", MARGINS)
def test_triplet_equals_a_naive_loop_and_another_library(margin: float | None) -> None:
    distance = LpDistance(normalize_embeddings=False)
    miner = BatchHardMiner(distance=distance)
    peer = TripletMarginLoss(margin or 0, smooth_loss=margin is None, distance=distance, reducer=MeanReducer())
    for count in (6, 10, 20, 40, 64):
        embeddings, people = rows(count).requires_grad_(), torch.randint(BACKGROUND, 4, (count,))
        loss = TripletLoss(margin)(embeddings, people)
        assert loss.item() == pytest.approx(triplet_by_loop(embeddings.tolist(), people.tolist(), margin), abs=1e-5)
        kept, people = embeddings[people >= 0], people[people >= 0]
        expected = peer(kept, people, miner(kept, people))
        torch.testing.assert_close(loss, expected)
        torch.testing.assert_close(torch.autograd.grad(loss, embeddings), torch.autograd.grad(expected, embeddings))


@pytest.mark.parametrize("margin", MARGINS)
@pytest.mark.parametrize("people", [[1, 1, 1], [0, 1, 2], [0], [3, UNLABELLED, UNLABELLED]], ids=str)
def test_batch_without_a_triplet_is_zero_with_its_graph(margin: float | None, people: list[int]) -> None:
    embeddings = rows(len(people)).requires_grad_()
    loss = TripletLoss(margin)(embeddings, torch.tensor(people))
    loss.backward()
    assert loss.item() == 0
    assert embeddings.grad is not None
    assert not embeddings.grad.any()


def test_triplets_that_keep_the_margin_count_in_the_mean_and_the_soft_margin_never_stops() -> None:
    embeddings = torch.tensor([[0.0], [0.1], [5.0], [5.3]], requires_grad=True)
    people = torch.tensor([0, 0, 1, 1])
    assert TripletLoss(0.3)(embeddings, people).item() == 0
    soft = TripletLoss(None)(embeddings, people)
    soft.backward()
    assert 0 < soft.item() < 0.02
    near = torch.tensor([[0.0], [0.1], [0.2], [5.3]])
    assert TripletLoss(0.3)(near, people).item() == pytest.approx(
        triplet_by_loop(near.tolist(), people.tolist(), 0.3), abs=1e-6
    )


def test_centers_pull_their_own_rows_and_follow_them() -> None:
    criterion = CenterLoss(6, 4)
    embeddings = rows()
    expected = [
        sum((a - b) ** 2 for a, b in zip(row, criterion.centers[person].tolist()))
        for row, person in zip(embeddings.tolist(), PEOPLE.tolist())
        if person >= 0
    ]
    assert criterion(embeddings, PEOPLE).item() == pytest.approx(sum(expected) / len(expected), rel=1e-5)
    for _ in range(200):
        criterion.update(embeddings, PEOPLE)
    for person in range(4):
        torch.testing.assert_close(criterion.centers[person], embeddings[torch.eq(PEOPLE, person)].mean(dim=0))


def test_update_of_centers_is_a_step_of_gradient_descent_at_their_own_rate() -> None:
    criterion = CenterLoss(6, 5, learning_rate=0.3)
    centers = nn.Parameter(criterion.centers.clone())
    optimizer = torch.optim.SGD([centers], lr=0.3)
    for _ in range(3):
        embeddings = rows()
        optimizer.zero_grad()
        labelled = PEOPLE >= 0
        (embeddings[labelled] - centers[PEOPLE[labelled]]).square().sum(dim=1).mean().backward()
        optimizer.step()
        criterion.update(embeddings, PEOPLE)
        torch.testing.assert_close(criterion.centers, centers.detach())


def test_centers_leave_the_graph_alone_and_ignore_what_is_not_finite() -> None:
    criterion = CenterLoss(6, 4)
    embeddings = rows().requires_grad_()
    loss = criterion(embeddings, PEOPLE)
    expected = torch.autograd.grad(loss, embeddings, retain_graph=True)[0]
    criterion.update(embeddings, PEOPLE)
    loss.backward()
    assert embeddings.grad is not None
    assert torch.equal(embeddings.grad, expected)
    assert not list(criterion.parameters())
    before = criterion.centers.clone()
    criterion.update(torch.full((2, 6), torch.nan), torch.tensor([0, 1]))
    criterion.update(rows(2), torch.tensor([UNLABELLED, BACKGROUND]))
    criterion.update(rows(0), torch.zeros(0, dtype=torch.long))
    assert torch.equal(criterion.centers, before)


def test_centers_are_kept_in_checkpoints_and_in_float32() -> None:
    first, second = CenterLoss(6, 4), CenterLoss(6, 4)
    first.update(rows(), PEOPLE)
    file = io.BytesIO()
    torch.save(first.state_dict(), file)
    file.seek(0)
    second.load_state_dict(torch.load(file, weights_only=True))
    second.to(torch.bfloat16)
    embeddings = rows()
    for criterion in (first, second):
        criterion.update(embeddings.bfloat16(), PEOPLE)
    assert torch.equal(second.centers, first.centers)


@pytest.mark.parametrize(
    ("build", "complaint"),
    [
        (lambda: SoftmaxLoss(6, 0), "0 identities"),
        (lambda: SoftmaxLoss(6, 4, label_smoothing=-0.1), "label_smoothing is -0.1"),
        (lambda: SoftmaxLoss(0, 4), "of 0 dimensions"),
        (lambda: SoftmaxLoss(6, 4, label_smoothing=1.0), "label_smoothing is 1.0"),
        (lambda: SoftmaxLoss(6, 4)(rows()[:, :5], PEOPLE), r"expected \(R, 6\)"),
        (lambda: CenterLoss(6, 4)(rows()[:, :5], PEOPLE), r"expected \(R, 6\)"),
        (lambda: CenterLoss(6, 4).update(rows()[:, :5], PEOPLE), r"expected \(R, 6\)"),
        (lambda: CenterLoss(6, 0), "0 identities"),
        (lambda: CenterLoss(6, 4, learning_rate=-0.1), "learning_rate is -0.1"),
        (lambda: TripletLoss(-1), "margin is -1"),
        (lambda: CenterLoss(0, 4), "of 0 dimensions"),
        (lambda: CenterLoss(6, 4, learning_rate=2), "learning_rate is 2"),
        (lambda: SoftmaxLoss(6, 4)(rows(1), torch.tensor([4])), "holds 4"),
        (lambda: CenterLoss(6, 4)(rows(1), torch.tensor([4])), "holds 4"),
        (lambda: CenterLoss(6, 4).update(rows(1), torch.tensor([4])), "holds 4"),
        (lambda: TripletLoss()(rows(2), torch.tensor([4])), r"expected \(R, D\)"),
        (lambda: TripletLoss()(rows(1), torch.tensor([-3])), "holds -3, expected an identity >= 0"),
    ],
)
def test_impossible_settings_and_rows_are_named(build: object, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        build()  # type: ignore[operator]


def test_the_smallest_losses_and_the_limits_of_their_settings() -> None:
    row, person = torch.tensor([[2.0]]), torch.tensor([0])
    assert SoftmaxLoss(1, 1)(row, person) == 0
    assert SphereLoss(1, 1, scale=0.5)(row, person) == 0
    resting, jumping = CenterLoss(1, 1, learning_rate=0), CenterLoss(1, 1, learning_rate=1)
    for criterion, share in ((resting, 0), (jumping, 2)):
        before = criterion.centers.clone()
        criterion.update(row, person)
        torch.testing.assert_close(criterion.centers, before + share * (row - before))
    # At the margin 0 a negative as far as the positive costs nothing.
    assert TripletLoss(0)(torch.tensor([[0.0], [1.0], [-1.0]]), torch.tensor([0, 0, 1])) == pytest.approx(0.0)
