"""Weighted sums of losses: what each acts on, what is updated, and that a run goes on as it was."""

import dataclasses
import io
from datetime import timedelta
from pathlib import Path

import pytest
import torch
from jsonargparse import ArgumentParser
from separate_processes import finish, start
from torch import Tensor, distributed
from torch.nn import functional

from datasets.samples import UNLABELLED
from reid.features import PersonFeatures
from reid.losses import OIMLoss, SphereLoss, TOIMLoss
from reid.losses.classifiers import SoftmaxLoss
from reid.losses.criterion import IdentityCriterion
from reid.losses.metric import CenterLoss, TripletLoss
from reid.losses.settings import LOSSES, LossConfig

EVERYTHING = LossConfig(sphere=1, softmax=0.5, oim=2, triplet=1, toim=3, center=0.0005)
BAG_OF_TRICKS = LossConfig(
    sphere=0, softmax=1, label_smoothing=0.1, triplet=1, center=0.0005, metric_on="features", triplet_margin=0.3
)
PEOPLE = torch.tensor([0, 3, UNLABELLED, 3, 0, 1, 1, 2, 2])
CAMERAS = torch.tensor([0, 1, 2, 2, 1, 0, 1, 2, 2])


def features(seed: int, rows: int = 9) -> PersonFeatures:
    generator = torch.Generator().manual_seed(seed)
    return PersonFeatures(
        torch.randn(rows, 12, generator=generator, requires_grad=True),
        torch.randn(rows, 8, generator=generator, requires_grad=True),
    )


def build(config: LossConfig) -> IdentityCriterion:
    return IdentityCriterion(config, embedding_dim=8, feature_dim=12, identities=4, cameras=3)


def train(criterion: IdentityCriterion, steps: range) -> list[float]:
    losses = []
    for step in steps:
        losses.append(criterion(features(step), PEOPLE, CAMERAS)["loss"].item())
        criterion.update(features(step), PEOPLE, CAMERAS)
    return losses


def test_total_is_the_weighted_sum_of_unweighted_parts() -> None:
    criterion = build(EVERYTHING)
    train(criterion, range(2))
    losses = criterion(features(5), PEOPLE, CAMERAS)
    of_identities = [name for name in LOSSES if name != "teacher"]
    assert tuple(losses) == criterion.names == ("loss", *(f"loss_{name}" for name in of_identities))
    expected = sum(EVERYTHING.weight(name) * losses[f"loss_{name}"] for name in of_identities)
    torch.testing.assert_close(losses["loss"], expected)
    assert all(value.item() > 0 and value.ndim == 0 for value in losses.values())


def test_losses_of_weight_zero_are_not_there() -> None:
    criterion = build(LossConfig())
    assert criterion.names == ("loss", "loss_sphere")
    assert list(criterion.state_dict()) == ["losses.sphere.weight"]


@pytest.mark.parametrize("metric_on", ["embedding", "features"])
def test_each_loss_acts_on_its_rows(metric_on: str) -> None:
    config = dataclasses.replace(EVERYTHING, metric_on=metric_on, label_smoothing=0.1, softmax_bias=True)
    criterion = build(config)
    dim = 12 if metric_on == "features" else 8
    alone = {
        "sphere": SphereLoss(8, 4, label_smoothing=0.1),
        "softmax": SoftmaxLoss(8, 4, bias=True, label_smoothing=0.1),
        "oim": OIMLoss(8, 4, 0),
        "triplet": TripletLoss(),
        "toim": TOIMLoss(dim, 4, 3),
        "center": CenterLoss(dim, 4),
    }
    for name, loss in alone.items():
        loss.load_state_dict(criterion.losses[name].state_dict())
    for step in range(3):
        before, embedding = features(step)
        metric = before if metric_on == "features" else embedding
        rows = dict.fromkeys(("triplet", "center"), metric) | dict.fromkeys(("sphere", "softmax"), embedding)
        rows |= {"oim": functional.normalize(embedding), "toim": functional.normalize(metric)}
        losses = criterion(PersonFeatures(before, embedding), PEOPLE, CAMERAS)
        for name, loss in alone.items():
            torch.testing.assert_close(losses[f"loss_{name}"], loss(rows[name], PEOPLE))
        criterion.update(PersonFeatures(before, embedding), PEOPLE, CAMERAS)
        alone["oim"].update(rows["oim"], PEOPLE)
        alone["center"].update(metric, PEOPLE)
        alone["toim"].update(rows["toim"], PEOPLE, CAMERAS)


def test_bag_of_tricks_trains_neck_and_the_features_before_it_by_different_losses() -> None:
    before, embedding = features(0)
    losses = build(BAG_OF_TRICKS)(PersonFeatures(before, embedding), PEOPLE, CAMERAS)
    assert tuple(losses) == ("loss", "loss_softmax", "loss_triplet", "loss_center")
    for name, acts_before_neck in (("loss_softmax", False), ("loss_triplet", True), ("loss_center", True)):
        gradients = torch.autograd.grad(losses[name], [before, embedding], allow_unused=True, retain_graph=True)
        assert [gradient is not None for gradient in gradients] == [acts_before_neck, not acts_before_neck]


def test_rows_are_brought_to_unit_length_where_the_config_says_so() -> None:
    before, embedding = features(0)
    twice = PersonFeatures(2 * before, 2 * embedding)
    for name, by_default, option in (("triplet", False, "triplet_unit_length"), ("toim", True, "toim_unit_length")):
        for unit in (False, True):
            config = LossConfig(**{"sphere": 0, name: 1, option: unit})
            assert getattr(LossConfig(), option) == by_default
            criterion = build(config)
            criterion.update(features(1), PEOPLE, CAMERAS)
            once = criterion(PersonFeatures(before, embedding), PEOPLE, CAMERAS)["loss"]
            assert torch.isclose(once, criterion(twice, PEOPLE, CAMERAS)["loss"]) == unit


@pytest.mark.parametrize("rows", [0, 3])
def test_batch_without_labelled_people_is_zero_with_its_graph(rows: int) -> None:
    criterion = build(EVERYTHING)
    train(criterion, range(2))
    before = {name: value.clone() for name, value in criterion.state_dict().items()}
    batch, people = features(0, rows), torch.full((rows,), UNLABELLED)
    losses = criterion(batch, people, torch.zeros_like(people))
    losses["loss"].backward()
    criterion.update(batch, people, torch.zeros_like(people))
    assert not any(value.item() for value in losses.values())
    assert batch.embedding.grad is not None
    assert not batch.embedding.grad.any()
    assert not any(parameter.grad.any() for parameter in criterion.parameters() if parameter.grad is not None)
    assert all(torch.equal(value, before[name]) for name, value in criterion.state_dict().items())


def test_checkpoint_resumes_exactly() -> None:
    whole = build(EVERYTHING)
    file = io.BytesIO()
    torch.save(whole.state_dict(), file)
    expected = train(whole, range(6))
    resumed = build(EVERYTHING)
    for steps in (range(3), range(3, 6)):
        file.seek(0)
        resumed = build(EVERYTHING)
        resumed.load_state_dict(torch.load(file, weights_only=True))
        assert train(resumed, steps) == expected[steps.start : steps.stop]
        file = io.BytesIO()
        torch.save(resumed.state_dict(), file)


def test_oim_remembers_for_as_long_as_the_config_says() -> None:
    rows = functional.normalize(torch.eye(8)[:2])  # two embeddings of person 0 that have nothing in common
    criterion = build(LossConfig(sphere=0, oim=1, oim_momentum=0.9))
    for row in rows:
        criterion.update(PersonFeatures(torch.zeros(1, 12), row[None]), torch.tensor([0]), torch.tensor([0]))
    expected = functional.normalize(0.9 * rows[0] + 0.1 * rows[1], dim=0)
    torch.testing.assert_close(criterion.losses["oim"].table[0], expected)


def test_what_two_criteria_have_in_common_is_taken_over() -> None:
    first = build(EVERYTHING)
    train(first, range(2))
    second = build(dataclasses.replace(EVERYTHING, triplet=0, center=0))
    second.continue_from(first.state_dict())
    for name, value in second.state_dict().items():
        torch.testing.assert_close(value, first.state_dict()[name], rtol=0, atol=0)


def test_bfloat16_features_are_computed_with_in_float32() -> None:
    criterion = build(EVERYTHING)
    train(criterion, range(2))
    half = PersonFeatures(*(tensor.detach().bfloat16() for tensor in features(3)))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        losses = criterion(half, PEOPLE, CAMERAS)
        criterion.update(half, PEOPLE, CAMERAS)
    assert all(value.dtype == torch.float32 and torch.isfinite(value) for value in losses.values())
    assert all(buffer.dtype != torch.bfloat16 for buffer in criterion.buffers())


def test_pooled_table_is_filled_from_a_trained_model() -> None:
    criterion = build(dataclasses.replace(EVERYTHING, toim_negatives="pooled", toim_scale=5.0))
    assert criterion(features(0), PEOPLE, CAMERAS)["loss_toim"].item() == 0
    criterion.initialize(features(1), PEOPLE, CAMERAS)
    toim = criterion.losses["toim"]
    assert isinstance(toim, TOIMLoss)
    expected = functional.normalize(features(1).embedding[7:9]).mean(dim=0)  # person 2, both by camera 2
    torch.testing.assert_close(toim.pooled[2, 2], expected)
    assert criterion(features(0), PEOPLE, CAMERAS)["loss_toim"].item() > 0
    with pytest.raises(ValueError, match=r"toim is 0.*toim=1"):
        build(LossConfig()).initialize(features(1), PEOPLE, CAMERAS)


def test_config_is_filled_by_a_command_line() -> None:
    parser = ArgumentParser(exit_on_error=False)
    parser.add_class_arguments(LossConfig, "losses")
    arguments = [
        "--losses.sphere=0",
        "--losses.toim=1",
        "--losses.toim_negatives=pooled",
        "--losses.metric_on=features",
        "--losses.triplet_margin=null",
    ]
    parsed = parser.parse_args(arguments).losses
    expected = LossConfig(sphere=0, toim=1, toim_negatives="pooled", metric_on="features", triplet_margin=None)
    assert LossConfig(**parsed.as_dict()) == expected


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ({"sphere": -1.0}, "weight of sphere is -1"),
        ({"center": float("nan")}, "weight of center is nan"),
        ({"toim": float("inf")}, "weight of toim is inf"),
        ({"metric_on": "neck"}, "'neck', expected 'embedding' or 'features'"),
        ({"toim_scale": -3.0}, "toim_scale is -3.0, expected a number above 0"),
        ({"softmax_deviation": -1.0}, "softmax_deviation is -1.0, expected a number above 0"),
        ({"label_smoothing": 7.0}, "label_smoothing is 7.0, expected 0 to 1"),
        ({"oim_momentum": float("nan")}, "oim_momentum is nan, expected 0 to 1"),
        ({"toim_update_length": 0}, "toim_update_length is 0, expected 1 or more"),
        ({"triplet_margin": -1.0}, "triplet_margin is -1.0, expected a number >= 0"),
    ],
)
def test_impossible_configs_are_refused(arguments: dict[str, object], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        LossConfig(**arguments)  # type: ignore[arg-type]


def test_a_criterion_without_losses_moves_nothing() -> None:
    criterion = IdentityCriterion(LossConfig(sphere=0), embedding_dim=4, feature_dim=4, identities=2)
    embedding = torch.randn(3, 4, requires_grad=True)
    parts = criterion(PersonFeatures(embedding, embedding), torch.tensor([0, 1, -1]))
    parts["loss"].backward()
    assert criterion.names == tuple(parts) == ("loss",)
    assert embedding.grad is not None
    assert not embedding.grad.any()


def remember(rank: int, folder: Path) -> None:
    """What each of two processes does."""
    distributed.init_process_group("gloo", f"file://{folder}/meet", timedelta(seconds=300), 2, rank)
    torch.manual_seed(0)
    criterion = build(EVERYTHING)
    batches = torch.load(folder / "batches.pt", weights_only=True)
    for step, (before, embedding, people, cameras) in enumerate(batches):
        # Shares of unequal length, and in the last step none at all for the first process.
        mine = [slice(0, 4), slice(4, 9)][rank] if step < 2 else [slice(0, 0), slice(0, 9)][rank]
        criterion.update(PersonFeatures(before[mine], embedding[mine]), people[mine], cameras[mine])
    torch.save(criterion.state_dict(), folder / f"{rank}.pt")
    distributed.destroy_process_group()


def test_processes_of_one_run_remember_the_same(tmp_path: Path) -> None:
    batches: list[tuple[Tensor, ...]] = [
        (*(tensor.detach() for tensor in features(step)), PEOPLE, CAMERAS) for step in range(3)
    ]
    torch.save(batches, tmp_path / "batches.pt")
    both = [start(remember, rank, tmp_path, said=tmp_path / f"said{rank}") for rank in range(2)]
    for rank, process in enumerate(both):
        finish(process, tmp_path / f"said{rank}")
    torch.manual_seed(0)
    alone = build(EVERYTHING)
    for before, embedding, people, cameras in batches:
        alone.update(PersonFeatures(before, embedding), people, cameras)
    for rank in range(2):
        state = torch.load(tmp_path / f"{rank}.pt", weights_only=True)
        assert all(torch.equal(value, state[name]) for name, value in alone.state_dict().items())


def test_the_table_of_toim_keeps_the_share_that_the_settings_say() -> None:
    config = LossConfig(sphere=0, toim=1, toim_gamma=0.9)
    criterion = IdentityCriterion(config, embedding_dim=2, feature_dim=2, identities=2)
    index = torch.tensor([0])
    for row in ([1.0, 0.0], [0.0, 1.0]):
        rows = torch.tensor([row])
        criterion.update(PersonFeatures(rows, rows), index, torch.tensor([0]))
    slot = criterion.losses["toim"].pooled[0, 0]
    assert (slot[0] / slot[1]).item() == pytest.approx(9, rel=1e-3)


def test_the_teacher_is_compared_with_what_it_says() -> None:
    rows, taught = torch.tensor([[1.0, 0.0], [0.6, 0.8]]), torch.tensor([[1.0, 0.0], [1.0, 0.0]])
    criterion = IdentityCriterion(LossConfig(sphere=0, teacher=1), embedding_dim=2, feature_dim=2, identities=2)
    losses = criterion(PersonFeatures(rows, rows), torch.tensor([0, 1]), torch.tensor([0, 0]), taught)
    assert losses["loss_teacher"].item() == pytest.approx((0 + 0.4) / 2)
