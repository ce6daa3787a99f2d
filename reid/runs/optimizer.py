"""How weights are optimized: which of them decay, how the learning rate runs, and their moving average."""

import math
from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

Tensors = tuple[Tensor, ...] | list[Tensor]
LOWEST_SHARE = 0.01
"""The share of the learning rate that a cosine ends at."""


def step_schedule(step: int, *, warmup_steps: int, total_steps: int) -> float:
    """The share of the learning rate at a step: a linear warm-up, then half a cosine down to a hundredth.

    This is the schedule of the joint model. The first step has 1 / `warmup_steps` of the rate, step number
    `warmup_steps` is the first of the cosine and has all of it.

    Args:
        step: The number of the step, 0 for the first.
        warmup_steps: The steps of the warm-up, 0 or more; more of them start more gently.
        total_steps: The steps of the whole training.

    Example:
        >>> [round(step_schedule(step, warmup_steps=4, total_steps=12), 3) for step in (0, 1, 3, 4, 8, 12)]
        [0.25, 0.5, 1.0, 1.0, 0.505, 0.01]
    """
    if step < warmup_steps:
        return (step + 1) / warmup_steps
    return _cosine((step - warmup_steps) / max(1, total_steps - warmup_steps))


def epoch_schedule(
    epoch: float,
    *,
    epochs: float,
    warmup_epochs: float,
    warmup_start: float,
    shape: Literal["steps", "cosine"],
    milestones: Sequence[float],
) -> float:
    """The share of the learning rate at a time given in epochs: a linear warm-up, then steps or half a cosine.

    This is the schedule of the crop model.

    Args:
        epoch: The time, 0.5 in the middle of the first epoch.
        epochs: The length of the whole training.
        warmup_epochs: The length of the warm-up; 0 starts at the full rate.
        warmup_start: The share that the warm-up starts at, more than 0 and at most 1.
        shape: "steps": a tenth of the rate from each milestone on; "cosine": half a cosine down to a hundredth.
        milestones: The times at which the rate falls; only for "steps".

    Example:
        SphereReID's schedule, which rises for 20 epochs and falls after 80 and 100:

        >>> paper = dict(epochs=140, warmup_epochs=20, warmup_start=0.05, shape="steps", milestones=(80, 100))
        >>> [round(epoch_schedule(epoch, **paper), 3) for epoch in (0, 10, 20, 79.9, 80, 100)]
        [0.05, 0.525, 1.0, 1.0, 0.1, 0.01]
    """
    if epoch < warmup_epochs:
        return warmup_start + (1 - warmup_start) * epoch / warmup_epochs
    if shape == "steps":
        return float(0.1 ** sum(epoch >= milestone for milestone in milestones))
    return _cosine((epoch - warmup_epochs) / max(1e-9, epochs - warmup_epochs))


def _cosine(progress: float) -> float:
    return LOWEST_SHARE + (1 - LOWEST_SHARE) * 0.5 * (1 + math.cos(math.pi * min(1.0, progress)))


def averaged_model(model: nn.Module, decay: float) -> AveragedModel:
    """An exponential moving average of the weights and of BatchNorm's statistics.

    Args:
        model: The model in training.
        decay: The share of the old average that a step keeps, between 0 and 1; nearer to 1 averages over more steps.
            After n updates the share is at most (1 + n) / (10 + n), so that the weights of the start are soon
            forgotten.

    Raises:
        ValueError: The decay is not between 0 and 1.

    Example:
        >>> model = nn.Linear(1, 1, bias=False)
        >>> average = averaged_model(model, 0.5)
        >>> with torch.no_grad():
        ...     for value in (0.0, 1.0):
        ...         _ = model.weight.fill_(value)
        ...         average.update_parameters(model)
        >>> round(average.module.weight.item(), 3)  # 9/11 of the new weight, for the first 2/11 of the old
        0.818
    """
    if not 0 < decay < 1:
        raise ValueError(f"ema_decay is {decay}, expected more than 0 and less than 1, or 0 for none")

    def blend(old: Tensors, new: Tensors, updates: Tensor | int) -> None:
        done = int(updates)
        share = min(decay, (1 + done) / (10 + done))
        if old[0].is_floating_point():
            torch._foreach_lerp_(old, new, 1 - share)
        else:
            torch._foreach_copy_(old, new)

    return AveragedModel(model, multi_avg_fn=blend, use_buffers=True)


def parameter_groups(
    trained: nn.Module, weight_decay: float, *, slow: nn.Module | None = None, slow_rate: float = 0.0
) -> list[dict[str, object]]:
    """The weights that learn, in two groups: those that decay, and biases, norms and scales, which do not.

    Args:
        trained: The modules in training; parameters that are frozen are left out.
        weight_decay: The weight decay of the first group, 0 or more.
        slow: A part of them that has a learning rate of its own; its weights are in two further groups.
        slow_rate: That learning rate.

    Example:
        >>> decaying, others = parameter_groups(nn.Linear(3, 2), 0.01)
        >>> [tuple(parameter.shape) for parameter in decaying["params"]], others["weight_decay"]
        ([(2, 3)], 0.0)
    """
    apart = set() if slow is None else set(slow.parameters())
    learning = [parameter for parameter in trained.parameters() if parameter.requires_grad]
    usual = _decaying([parameter for parameter in learning if parameter not in apart], weight_decay)
    slower = _decaying([parameter for parameter in learning if parameter in apart], weight_decay)
    return usual if slow is None else [*usual, *({**group, "lr": slow_rate} for group in slower)]


def _decaying(parameters: Sequence[nn.Parameter], weight_decay: float) -> list[dict[str, object]]:
    return [
        {"params": [p for p in parameters if p.squeeze().ndim > 1], "weight_decay": weight_decay},
        {"params": [p for p in parameters if p.squeeze().ndim <= 1], "weight_decay": 0.0},
    ]
