"""Learning rates, weight decay and the moving average, against the formulas written out."""

import itertools
import math

import numpy as np
import pytest
import torch
from torch import nn

from reid.runs.optimizer import averaged_model, epoch_schedule, parameter_groups, step_schedule

PAPER = {
    "epochs": 140,
    "warmup_epochs": 20,
    "warmup_start": 0.05,
    "shape": "steps",
    "milestones": (80, 100),
}
"""SphereReID's schedule."""


def joint_shares(warmup: int, total: int) -> list[float]:
    return [step_schedule(step, warmup_steps=warmup, total_steps=total) for step in range(total + 1)]


def test_the_joint_rate_rises_step_by_step_and_reaches_its_height_once() -> None:
    shares = joint_shares(warmup=5, total=25)
    np.testing.assert_allclose(shares[:6], [0.2, 0.4, 0.6, 0.8, 1.0, 1.0])
    assert shares[6] < 1


def test_the_joint_rate_falls_at_each_step_after_the_warm_up_down_to_a_hundredth() -> None:
    shares = joint_shares(warmup=5, total=25)
    assert all(later < earlier for earlier, later in itertools.pairwise(shares[5:]))
    np.testing.assert_allclose([shares[15], shares[25]], [0.505, 0.01])
    # A quarter and three quarters of half a cosine: 0.01 + 0.99 (1 + cos(pi / 4)) / 2, and its mirror image.
    quarters = [0.01 + 0.495 * (1 + side * math.sqrt(0.5)) for side in (1, -1)]
    np.testing.assert_allclose([shares[10], shares[20]], quarters)


def test_the_joint_rate_stays_at_its_end_beyond_the_last_step_and_starts_at_the_top_without_a_warm_up() -> None:
    assert step_schedule(400, warmup_steps=5, total_steps=25) == pytest.approx(0.01)
    assert step_schedule(0, warmup_steps=0, total_steps=25) == 1.0
    assert step_schedule(0, warmup_steps=1, total_steps=1) == 1.0, "a training of a single step"


@pytest.mark.parametrize(
    ("epoch", "share"),
    [(0, 0.05), (5, 0.2875), (10, 0.525), (19.99, 0.999525), (20, 1), (50, 1), (79.99, 1), (80, 0.1), (99.99, 0.1),
     (100, 0.01), (139, 0.01)],
)  # fmt: skip
def test_the_crop_rate_is_the_papers(epoch: float, share: float) -> None:
    assert epoch_schedule(epoch, **PAPER) == pytest.approx(share)


def test_the_crop_rate_along_a_cosine_falls_from_the_end_of_the_warm_up_to_the_last_epoch() -> None:
    cosine = PAPER | {"shape": "cosine"}
    shares = [epoch_schedule(epoch, **cosine) for epoch in range(20, 141)]
    assert shares[0] == 1
    assert all(later < earlier for earlier, later in itertools.pairwise(shares))
    np.testing.assert_allclose([shares[30], shares[60], shares[-1]], [0.01 + 0.495 * (1 + math.sqrt(0.5)), 0.505, 0.01])
    assert epoch_schedule(10, **cosine) == pytest.approx(0.525), "the warm-up is the same"


def test_without_a_warm_up_the_crop_rate_starts_at_its_height() -> None:
    assert epoch_schedule(0, **PAPER | {"warmup_epochs": 0}) == 1


def test_the_average_keeps_little_of_the_start_and_then_as_much_as_its_decay() -> None:
    """The share (1 + n) / (10 + n) passes a half at n = 8: both sides of it are looked at, against a loop."""
    model = nn.Linear(1, 1, bias=False).double()
    average = averaged_model(model, 0.5)
    values = [float(value) for value in np.random.default_rng(0).uniform(-1, 1, 14)]
    expected = values[0]
    for updates, value in enumerate(values):
        with torch.no_grad():
            model.weight.fill_(value)
        average.update_parameters(model)
        if updates:
            share = (1 + updates) / (10 + updates) if updates < 8 else 0.5
            expected = share * expected + (1 - share) * value
        assert average.module.weight.item() == pytest.approx(expected, abs=1e-12), updates
    assert average.module.weight.item() != pytest.approx(sum(values) / len(values), abs=1e-3)


def test_the_average_takes_counters_as_they_are_and_statistics_with_the_weights() -> None:
    model = nn.BatchNorm1d(1)
    average = averaged_model(model, 0.9)
    for value in (0.0, 1.0):
        model.running_mean.fill_(value)
        model.num_batches_tracked.fill_(int(7 + value))
        average.update_parameters(model)
    assert average.module.num_batches_tracked == 8
    assert average.module.running_mean.item() == pytest.approx(9 / 11)


@pytest.mark.parametrize("decay", [0.0, 1.0, -0.1, 1.5])
def test_an_average_that_keeps_all_or_nothing_is_refused(decay: float) -> None:
    with pytest.raises(ValueError, match="ema_decay is"):
        averaged_model(nn.Linear(1, 1), decay)


def test_biases_norms_and_scales_do_not_decay_and_frozen_weights_are_left_out() -> None:
    model = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2), nn.Linear(2, 2))
    model.scale = nn.Parameter(torch.ones(1, 5, 1))
    for parameter in model[2].parameters():
        parameter.requires_grad = False
    decaying, others = parameter_groups(model, 0.3)
    assert (decaying["weight_decay"], others["weight_decay"]) == (0.3, 0.0)
    assert [id(one) for one in decaying["params"]] == [id(model[0].weight)]
    assert {id(one) for one in others["params"]} == {
        id(one) for one in (model[0].bias, model[1].weight, model[1].bias, model.scale)
    }


def test_a_part_learns_at_a_rate_of_its_own() -> None:
    model = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2), nn.Linear(2, 2))
    groups = parameter_groups(model, 0.3, slow=model[0], slow_rate=0.02)
    optimizer = torch.optim.SGD(groups, lr=0.1)
    rates = {
        id(one): (group["lr"], group["weight_decay"]) for group in optimizer.param_groups for one in group["params"]
    }
    assert rates == {
        id(model[0].weight): (0.02, 0.3),
        id(model[0].bias): (0.02, 0.0),
        id(model[2].weight): (0.1, 0.3),
        **{id(one): (0.1, 0.0) for one in (model[1].weight, model[1].bias, model[2].bias)},
    }
