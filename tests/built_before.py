"""Networks that a test before has built: tests build the same ones of the same chance again and again."""

import copy
from collections import OrderedDict
from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec, TypeVar

import torch
from torch.overrides import _get_current_function_mode_stack

Words = ParamSpec("Words")
Built = TypeVar("Built")
KEPT = 12
"""Networks that are remembered; the one that was not asked for the longest is forgotten first."""


def remembering(build: Callable[Words, Built]) -> Callable[Words, Built]:
    """Make a function that gives what `build` gives, and leaves torch's chance as `build` leaves it.

    Where it is called with words and a state of chance that it knows, it gives a copy of what it built then: weights
    are copied in a tenth of the time that they are drawn in.

    Args:
        build: Builds a network, of its words and of torch's chance alone.
    """
    kept: OrderedDict[Any, tuple[Built, torch.Tensor]] = OrderedDict()

    @wraps(build)
    def remembered(*args: Words.args, **kwargs: Words.kwargs) -> Built:
        if _get_current_function_mode_stack():  # somebody changes what torch's functions do
            return build(*args, **kwargs)
        before = torch.get_rng_state()
        key = (repr((args, kwargs)), torch.get_default_dtype(), before.numpy().tobytes())
        if key not in kept:
            built = build(*args, **kwargs)
            kept[key] = copy.deepcopy(built), torch.get_rng_state()
            if len(kept) > KEPT:
                kept.popitem(last=False)
            return built
        kept.move_to_end(key)
        built, after = kept[key]
        torch.set_rng_state(after)
        return copy.deepcopy(built)

    return remembered
