"""How weights are optimized: which of them decay, and their moving average."""

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

Tensors = tuple[Tensor, ...] | list[Tensor]


def averaged_model(model: nn.Module, decay: float) -> AveragedModel:
    """An exponential moving average of weights and of BatchNorm's statistics, which is what is kept in the end.

    Args:
        model: the model in training.
        decay: share of the old average that a step keeps, in (0, 1). It rises from a tenth with the steps,
            (1 + n) / (10 + n), so that the weights of the start are soon forgotten.
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


def parameter_groups(trained: nn.Module, weight_decay: float) -> list[dict[str, object]]:
    """The weights that learn, with weight decay on all but biases, norms and what scales whole channels."""
    parameters = [parameter for parameter in trained.parameters() if parameter.requires_grad]
    return [
        {"params": [p for p in parameters if p.squeeze().ndim > 1], "weight_decay": weight_decay},
        {"params": [p for p in parameters if p.squeeze().ndim <= 1], "weight_decay": 0.0},
    ]
