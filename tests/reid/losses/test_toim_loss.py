"""TOIM against a loop over anchors and slots, its equivalences, and the states that a training meets."""

import io
import itertools
import math
from collections import deque

import pytest
import torch
from pytorch_metric_learning.distances import LpDistance
from pytorch_metric_learning.losses import TripletMarginLoss
from pytorch_metric_learning.reducers import MeanReducer
from torch import Tensor

from datasets.samples import BACKGROUND, UNLABELLED
from reid.losses import TOIMLoss

READINGS = list(itertools.product(["update", "pooled"], ["hardest", "table"]))
Rows = tuple[Tensor, Tensor, Tensor]


def batch(seed: int, rows: int = 9, dim: int = 8, identities: int = 5, cameras: int = 3) -> Rows:
    generator = torch.Generator().manual_seed(seed)
    return (
        torch.randn(rows, dim, generator=generator),
        torch.randint(BACKGROUND, identities, (rows,), generator=generator),
        torch.randint(0, cameras, (rows,), generator=generator),
    )


def trained(steps: int = 3, **arguments: object) -> TOIMLoss:
    criterion = TOIMLoss(8, 5, 3, **arguments)  # type: ignore[arg-type]
    for step in range(steps):
        criterion.update(*batch(100 + step))
    return criterion


def state_of(criterion: TOIMLoss) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in criterion.state_dict().items()}


def assert_same_state(criterion: TOIMLoss, state: dict[str, Tensor]) -> None:
    assert criterion.state_dict().keys() == state.keys()
    assert all(torch.equal(value, state[name]) for name, value in criterion.state_dict().items())


class NaiveTOIM:
    """The specification in Python lists, one anchor and one row after another."""

    def __init__(self, update_length: int, gamma: float, scale: float, unlabelled_queue: int) -> None:
        self.slots: dict[tuple[int, int], list[float]] = {}
        self.recent: deque[tuple[int, int]] = deque(maxlen=update_length)
        self.strangers: deque[list[float]] = deque(maxlen=unlabelled_queue)
        self.gamma, self.scale = gamma, scale

    def negatives(self, person: int, strategy: str, dim: int) -> list[list[float]]:
        everything = list(itertools.product(range(5), range(3)))
        slots = list(self.recent) if strategy == "update" else everything
        rows = [self.slots.get(slot, [0.0] * dim) for slot in slots if slot[0] != person]
        return rows + list(self.strangers)

    def loss(self, embeddings: Tensor, people: Tensor, strategy: str, denominator: str) -> float:
        losses = []
        for anchor, person in zip(embeddings.tolist(), people.tolist()):
            own = [row for (owner, _), row in self.slots.items() if owner == person]
            others = self.negatives(person, strategy, len(anchor))
            if person < 0 or not own or not others:
                continue
            to_own = [self.scale * math.dist(anchor, row) for row in own]
            to_others = [self.scale * math.dist(anchor, row) for row in others]
            positive, negative = max(to_own), min(to_others)
            chosen = [negative] if denominator == "hardest" else to_others
            total = sum(math.exp(distance) for distance in chosen) + math.exp(positive)
            losses.append(-math.log(math.exp(negative) / total))
        return sum(losses) / len(losses) if losses else 0.0

    def update(self, embeddings: Tensor, people: Tensor, cameras: Tensor) -> None:
        for row, person, camera in zip(embeddings.tolist(), people.tolist(), cameras.tolist()):
            if person >= 0:
                old = self.slots.get((person, camera))
                blend = row if old is None else [self.gamma * a + (1 - self.gamma) * b for a, b in zip(old, row)]
                self.slots[person, camera] = blend
                self.recent.append((person, camera))
            elif person == UNLABELLED:
                self.strangers.append(row)


@pytest.mark.parametrize(("negatives", "denominator"), READINGS)
@pytest.mark.parametrize(("update_length", "unlabelled_queue"), [(6, 0), (20, 4), (1, 0)])
def test_equals_a_naive_loop_at_each_step(
    negatives: str, denominator: str, update_length: int, unlabelled_queue: int
) -> None:
    naive = NaiveTOIM(update_length, 0.4, 1.5, unlabelled_queue)
    criterion = trained(
        0,
        update_length=update_length,
        scale=1.5,
        negatives=negatives,
        denominator=denominator,
        unlabelled_queue=unlabelled_queue,
    )
    for step in range(8):
        embeddings, people, cameras = batch(step)
        expected = naive.loss(embeddings, people, negatives, denominator)
        assert criterion(embeddings, people, cameras).item() == pytest.approx(expected, abs=2e-5)
        assert (expected > 0) == (step > 0)
        naive.update(embeddings, people, cameras)
        criterion.update(embeddings, people, cameras)
        for (person, camera), row in naive.slots.items():
            torch.testing.assert_close(criterion.pooled[person, camera], torch.tensor(row))
        assert {tuple(slot) for slot in criterion.filled.nonzero().tolist()} == set(naive.slots)
        assert not criterion.pooled[~criterion.filled].any()
        entries = criterion.recent.slots.roll(-int(criterion.recent.pointer)).tolist()
        assert [entry for entry in entries if entry >= 0] == [person * 3 + camera for person, camera in naive.recent]


@pytest.mark.parametrize(("negatives", "denominator"), READINGS)
def test_gradient_is_right_in_float64(negatives: str, denominator: str) -> None:
    criterion = trained(negatives=negatives, denominator=denominator, unlabelled_queue=3, scale=2.0).double()
    assert criterion.pooled.dtype == torch.float32
    embeddings, people, cameras = batch(0)
    rows = embeddings.double().requires_grad_()
    assert criterion(rows, people, cameras).dtype == torch.float64
    assert torch.autograd.gradcheck(lambda values: criterion(values, people, cameras), (rows,))


def test_hardest_over_the_whole_table_is_a_soft_margin_triplet_loss_over_mined_triplets() -> None:
    """pytorch-metric-learning's triplet loss, given the triplets that a loop finds in the memory."""
    criterion = TOIMLoss(8, 5, 3, update_length=15)
    everything = torch.cartesian_prod(torch.arange(5), torch.arange(3))
    criterion.update(batch(50, rows=15)[0], everything[:, 0], everything[:, 1])
    memory, owners = criterion.pooled.flatten(0, 1), everything[:, 0]
    embeddings, people, _ = batch(1, rows=12)
    people = people.abs()
    triplets = []
    for anchor, person in enumerate(people.tolist()):
        distance = [math.dist(embeddings[anchor].tolist(), row) for row in memory.tolist()]
        mine = [slot for slot in range(15) if owners[slot] == person]
        others = [slot for slot in range(15) if owners[slot] != person]
        triplets.append((anchor, max(mine, key=distance.__getitem__), min(others, key=distance.__getitem__)))
    peer = TripletMarginLoss(
        margin=0, smooth_loss=True, distance=LpDistance(normalize_embeddings=False), reducer=MeanReducer()
    )
    expected = peer(
        embeddings, indices_tuple=tuple(torch.tensor(triplets).T), ref_emb=memory, labels=people, ref_labels=owners
    )
    torch.testing.assert_close(criterion(embeddings, people), expected)
    criterion.negatives = "pooled"  # every slot is filled and among the newest: both strategies are one
    torch.testing.assert_close(criterion(embeddings, people), expected)


def test_readings_agree_on_a_single_negative_and_table_is_larger_with_more() -> None:
    single = trained(update_length=1)
    people = torch.tensor([person for person in range(5) if person != int(single.recent.slots[0]) // 3])
    several = trained()
    embeddings = batch(3)[0][: len(people)]
    for criterion, equal in ((single, True), (several, False)):
        hardest = criterion(embeddings, people)
        criterion.denominator = "table"
        table = criterion(embeddings, people)
        assert torch.isclose(hardest, table) if equal else table > hardest


def test_loss_is_a_mean_over_anchors_whatever_their_order() -> None:
    criterion = trained()
    embeddings, people, _ = batch(4)
    labelled = people >= 0
    expected = criterion(embeddings[labelled], people[labelled])
    torch.testing.assert_close(criterion(embeddings, people), expected)
    order = torch.randperm(len(people))
    torch.testing.assert_close(criterion(embeddings[order], people[order]), expected)
    singles = torch.stack([criterion(embeddings[i : i + 1], people[i : i + 1]) for i in labelled.nonzero().flatten()])
    torch.testing.assert_close(singles.mean(), expected)


def test_renaming_people_and_cameras_changes_nothing() -> None:
    first, second = TOIMLoss(8, 5, 3), TOIMLoss(8, 5, 3)
    names, views = torch.randperm(5), torch.randperm(3)
    for step in range(4):
        embeddings, people, cameras = batch(step)
        renamed = torch.where(people >= 0, names[people], people)
        torch.testing.assert_close(first(embeddings, people), second(embeddings, renamed))
        first.update(embeddings, people, cameras)
        second.update(embeddings, renamed, views[cameras])
    torch.testing.assert_close(second.pooled[names][:, views], first.pooled)


def test_empty_slots_push_away_from_the_origin_under_strategy_2() -> None:
    criterion = TOIMLoss(2, 3, 2, negatives="pooled")
    criterion.update(torch.tensor([[3.0, 0.0]]), torch.tensor([0]), torch.tensor([0]))
    anchor = torch.tensor([[0.0, 1.0]], requires_grad=True)
    criterion(anchor, torch.tensor([0])).backward()
    assert anchor.grad is not None
    away = -anchor.grad  # the way of the optimizer: towards (3, 0), and up
    assert away[0, 0] > 0
    assert away[0, 1] > 0


@pytest.mark.parametrize(("negatives", "denominator"), READINGS)
@pytest.mark.parametrize("case", ["empty table", "empty batch", "nobody labelled", "only this person", "all at zero"])
def test_degenerate_batches_have_no_loss_and_no_gradient(negatives: str, denominator: str, case: str) -> None:
    criterion = TOIMLoss(8, 5, 3, negatives=negatives, denominator=denominator)  # type: ignore[arg-type]
    embeddings, people, cameras = batch(0)
    if case == "empty batch":
        criterion, (embeddings, people, cameras) = trained(negatives=negatives, denominator=denominator), batch(0, 0)
    if case == "nobody labelled":
        criterion, people = trained(negatives=negatives, denominator=denominator), people.clamp(max=UNLABELLED)
    if case == "only this person":
        criterion, people = TOIMLoss(8, 1, 3, negatives=negatives), people.clamp(min=0, max=0)  # type: ignore[arg-type]
        criterion.update(embeddings, people, cameras)
    if case == "all at zero":  # anchor, positive and negative in one place
        embeddings, people = torch.zeros_like(embeddings), torch.tensor([0, 1, 2] * 3)
        criterion.update(embeddings, people, cameras)
    embeddings.requires_grad_()
    loss = criterion(embeddings * 2, people, cameras)
    loss.backward()
    assert torch.isfinite(loss)
    assert (loss.item() == 0) == (case != "all at zero")
    assert embeddings.grad is not None
    assert not embeddings.grad.any()
    criterion.update(embeddings, people, cameras)
    assert torch.isfinite(criterion.pooled).all()


def test_rows_without_finite_values_never_enter_the_memory_nor_reach_other_rows() -> None:
    criterion = trained()
    before = state_of(criterion)
    bad = torch.full((3, 8), torch.nan)
    criterion.update(bad, torch.tensor([0, 1, UNLABELLED]), torch.tensor([0, 1, 2]))
    assert_same_state(criterion, before)
    rows = torch.cat([batch(0)[0][:2], bad]).requires_grad_()
    loss = criterion(rows, torch.tensor([0, 1, BACKGROUND, UNLABELLED, BACKGROUND]))
    loss.backward()
    assert torch.isfinite(loss)
    assert rows.grad is not None
    assert torch.isfinite(rows.grad).all()


def test_a_stranger_counts_whatever_its_components_are() -> None:
    criterion = TOIMLoss(3, 2, 1, unlabelled_queue=4)
    criterion.update(torch.tensor([[0.0, 2.0, 0.0], [1.0, 0.0, 0.0]]), torch.tensor([UNLABELLED, 0]))
    # The queue holds one stranger, on an axis; what it does not hold yet is nobody.
    anchor = torch.tensor([[0.0, 0.0, 0.0]])
    expected = torch.nn.functional.softplus(torch.tensor(1.0 - 2.0))
    torch.testing.assert_close(criterion(anchor, torch.tensor([0])), expected)


def test_an_unsure_embedding_takes_less_of_its_slot() -> None:
    criterion = TOIMLoss(2, 1, 1)
    person, camera = torch.tensor([0]), torch.tensor([0])
    criterion.update(torch.tensor([[1.0, 0.0]]), person, camera, torch.tensor([0.1]))  # an empty slot takes it whole
    criterion.update(torch.tensor([[0.0, 1.0]]), person, camera, torch.tensor([0.5]))
    torch.testing.assert_close(criterion.pooled[0, 0], torch.tensor([0.7, 0.3]))


@pytest.mark.parametrize(("negatives", "denominator"), READINGS)
def test_forward_changes_nothing_and_update_leaves_the_graph_alone(negatives: str, denominator: str) -> None:
    criterion = trained(negatives=negatives, denominator=denominator, unlabelled_queue=2)
    before = state_of(criterion)
    embeddings, people, cameras = batch(0)
    embeddings.requires_grad_()
    expected = torch.autograd.grad(criterion(embeddings, people, cameras), embeddings)[0]
    assert_same_state(criterion, before)
    loss = criterion(embeddings, people, cameras)
    criterion.update(embeddings, people, cameras)
    assert not criterion.pooled.requires_grad
    loss.backward()
    assert embeddings.grad is not None
    assert torch.equal(embeddings.grad, expected)


def test_checkpoint_resumes_exactly() -> None:
    def train(criterion: TOIMLoss, steps: range) -> list[float]:
        losses = []
        for step in steps:
            losses.append(criterion(*batch(step)).item())
            criterion.update(*batch(step))
        return losses

    whole, first, second = (trained(0, unlabelled_queue=3, update_length=7) for _ in range(3))
    expected = train(whole, range(6))
    losses = train(first, range(3))
    file = io.BytesIO()
    torch.save(first.state_dict(), file)
    file.seek(0)
    second.load_state_dict(torch.load(file, weights_only=True))
    assert losses + train(second, range(3, 6)) == expected
    assert_same_state(second, whole.state_dict())


@pytest.mark.parametrize(("negatives", "denominator"), READINGS)
def test_bfloat16_autocast_computes_over_float32_memories(negatives: str, denominator: str) -> None:
    criterion = trained(negatives=negatives, denominator=denominator)
    embedder = torch.nn.Linear(8, 8)
    rows, people, cameras = batch(0)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        embeddings = embedder(rows)
        assert embeddings.dtype == torch.bfloat16
        loss = criterion(embeddings, people, cameras)
    loss.backward()
    assert loss.dtype == torch.float32
    torch.testing.assert_close(loss, criterion(embeddings.float(), people, cameras))
    assert embedder.weight.grad is not None
    assert torch.isfinite(embedder.weight.grad).all()
    assert embedder.weight.grad.any()
    before = criterion.pooled.clone()
    criterion.to(torch.bfloat16).update(embeddings, people, cameras)
    assert criterion.pooled.dtype == torch.float32
    untouched = [person for person in range(5) if person not in people]
    assert torch.equal(criterion.pooled[untouched], before[untouched])


def test_initialize_takes_the_mean_of_each_slot_and_forgets_the_rest() -> None:
    criterion = trained(unlabelled_queue=3)
    embeddings, people, cameras = batch(7, rows=30)
    embeddings[4] = torch.inf
    criterion.initialize(embeddings, people, cameras)
    for person, camera in itertools.product(range(5), range(3)):
        rows = [i for i in range(30) if people[i] == person and cameras[i] == camera and i != 4]
        mean = embeddings[rows].mean(dim=0) if rows else torch.zeros(8)
        torch.testing.assert_close(criterion.pooled[person, camera], mean)
        assert bool(criterion.filled[person, camera]) == bool(rows)
    assert (criterion.recent.slots == -1).all()
    assert not criterion.unlabelled.queue.any()
    assert criterion(*batch(0)).item() == 0  # nothing was updated yet, so there is no fresh negative
    criterion.negatives = "pooled"
    assert criterion(*batch(0)).item() > 0


def test_data_without_cameras_has_one() -> None:
    given, absent = TOIMLoss(8, 5, 1), TOIMLoss(8, 5, 1)
    for step in range(3):
        embeddings, people, cameras = batch(step, cameras=1)
        assert given(embeddings, people, cameras) == absent(embeddings, people)
        given.update(embeddings, people, cameras)
        absent.update(embeddings, people)
    assert_same_state(absent, given.state_dict())


def test_wrong_cameras_are_named_with_the_remedy() -> None:
    criterion = TOIMLoss(8, 5, 3)
    embeddings, people = batch(0)[0][:2], torch.tensor([0, 1])
    for call in (criterion.update, criterion.initialize):
        with pytest.raises(ValueError, match=r"camera_index is None.*3 cameras.*cameras=1"):
            call(embeddings, people)
        for wrong in (3, -1):
            with pytest.raises(ValueError, match=rf"camera_index holds {wrong}, expected 0 \.\. 2; number the cameras"):
                call(embeddings, people, torch.tensor([0, wrong]))
        with pytest.raises(ValueError, match=r"camera_index \(1,\)"):
            call(embeddings, people, torch.tensor([0]))
        with pytest.raises(ValueError, match="expected integers"):
            call(embeddings, people, torch.tensor([0.0, 1.0]))
    # A row that no identity stands behind may come from anywhere.
    criterion.update(embeddings, torch.tensor([0, UNLABELLED]), torch.tensor([0, -1]))
    assert criterion.filled.sum() == 1


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ({"negatives": "all"}, "'update' or 'pooled'"),
        ({"denominator": "sum"}, "'hardest' or 'table'"),
        ({"scale": 0.0}, "scale is 0"),
        ({"gamma": 1.5}, "gamma is 1.5"),
        ({"update_length": 0}, "update table of 0 entries"),
        ({"cameras": 0}, "0 cameras"),
    ],
)
def test_impossible_settings_are_refused(arguments: dict[str, object], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        TOIMLoss(**{"embedding_dim": 8, "identities": 5, "cameras": 3, **arguments})  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="holds 5, expected"):
        TOIMLoss(8, 5, 3)(torch.zeros(1, 8), torch.tensor([5]))
    with pytest.raises(ValueError, match=r"expected \(R, 8\)"):
        TOIMLoss(8, 5, 3)(torch.zeros(0, 7), torch.zeros(0, dtype=torch.int64))
    with pytest.raises(ValueError, match=r"expected \(R, 8\)"):
        TOIMLoss(8, 5, 3).update(torch.zeros(1, 7), torch.tensor([0]), torch.tensor([0]))
