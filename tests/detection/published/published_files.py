"""Checkpoints of the names and shapes that are published, with random weights, and what their networks compute.

The forward functions follow the published descriptions with torch's plain operations on the file's own names, so they
share no code with the product.
"""

import re

import torch
from torch import Tensor
from torch.nn import functional
from torchvision.models import resnet18, resnet50

MEAN, STD = torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1), torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1)
State = dict[str, Tensor]


def norm_state(width: int, prefix: str) -> State:
    """BatchNorm with statistics and a scale that change what goes through."""
    return {
        f"{prefix}weight": torch.rand(width) + 0.5,
        f"{prefix}bias": torch.randn(width) * 0.1,
        f"{prefix}running_mean": torch.randn(width) * 0.1,
        f"{prefix}running_var": torch.rand(width) + 0.5,
        f"{prefix}num_batches_tracked": torch.tensor(7),
    }


def shaken(state: State) -> State:
    """The same names with norms that change what goes through; residual branches stay small."""
    done = dict(state)
    for name in state:
        if name.endswith("running_mean"):
            prefix = name.removesuffix("running_mean")
            done |= norm_state(len(state[name]), prefix)
            if prefix.endswith(("bn3.", "bn2.")):
                done[f"{prefix}weight"] *= 0.3
    return {name: value for name, value in done.items() if name in state}


def with_instance_norm(state: State) -> State:
    """IBN-a: the first norms of all groups but the last are of either kind, half and half."""
    done = {}
    for name, value in state.items():
        if re.fullmatch(r"layer[123]\.\d+\.bn1\.\w+", name):
            prefix, _, kind = name.rpartition(".")
            half = len(value) // 2 if value.ndim else 0
            done[f"{prefix}.BN.{kind}"] = value[half:] if value.ndim else value
            if kind in ("weight", "bias"):
                done[f"{prefix}.IN.{kind}"] = value[:half] + 0.1
        else:
            done[name] = value
    return done


def non_local_state(inner: int | None) -> State:
    """The non-local blocks of a ResNet-50: two in its second group and three in its third; None halves channels."""
    state: State = {}
    for group_number, count, channels in ((2, 2, 512), (3, 3, 1024)):
        for number in range(count):
            at, width = f"NL_{group_number}.{number}.", inner or channels // 2
            small = 0.3 / channels**0.5 / width**0.25  # what comes out grows with the third power of what goes in
            for part in ("g", "theta", "phi"):
                state[f"{at}{part}.weight"] = torch.randn(width, channels, 1, 1) * small
                state[f"{at}{part}.bias"] = torch.randn(width) * 0.05
            state[f"{at}W.0.weight"] = torch.randn(channels, width, 1, 1) / width**0.5
            state[f"{at}W.0.bias"] = torch.randn(channels) * 0.05
            state |= norm_state(channels, f"{at}W.1.")
    return state


def trunk_state(seed: int, *, small: bool = False) -> State:
    """A ResNet-50 (or ResNet-18) in torchvision's names, without its classifier."""
    torch.manual_seed(seed)
    network = resnet18(weights=None) if small else resnet50(weights=None)
    return shaken({name: value for name, value in network.state_dict().items() if not name.startswith("fc.")})


def under(prefix: str, state: State) -> State:
    return {prefix + name: value for name, value in state.items()}


def bag_of_tricks(seed: int = 0, *, small: bool = False, people: int = 751) -> State:
    trunk = trunk_state(seed, small=small)
    width = 512 if small else 2048
    return under("base.", trunk) | norm_state(width, "bottleneck.") | {"classifier.weight": torch.randn(people, width)}


def fast_reid_sbs(inner: int | None, power: float | None) -> State:
    """The stronger baseline and AGW of fast-reid, in its older names: a ResNet-50 with IBN, non-local blocks, GeM."""
    state = under("backbone.", with_instance_norm(trunk_state(0)) | non_local_state(inner))
    state |= norm_state(2048, "heads.bnneck.") | {"heads.classifier.weight": torch.randn(751, 2048)}
    return state if power is None else state | {"heads.pool_layer.p": torch.tensor([power])}


def fast_reid(seed: int = 0, *, reduced: int | None = None) -> State:
    state = under("backbone.", trunk_state(seed, small=True))
    if reduced is None:
        state |= norm_state(512, "heads.bottleneck.0.")
    else:
        state["heads.bottleneck.0.weight"] = torch.randn(reduced, 512, 1, 1) * 0.05
        state |= norm_state(reduced, "heads.bottleneck.1.")
    state["heads.weight"] = torch.randn(702, reduced or 512)
    state["pixel_mean"] = torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1) * 255
    state["pixel_std"] = torch.tensor([0.229, 0.224, 0.225]).view(1, 3, 1, 1) * 255
    return state


def torchreid(seed: int = 0, *, small: bool = True) -> State:
    width = 512 if small else 2048
    head = {"classifier.weight": torch.randn(1041, width), "classifier.bias": torch.randn(1041)}
    return trunk_state(seed, small=small) | head


def batch_norm(x: Tensor, state: State, prefix: str, epsilon: float = 1e-5) -> Tensor:
    names = ("running_mean", "running_var", "weight", "bias")
    return functional.batch_norm(x, *(state[prefix + name] for name in names), training=False, eps=epsilon)


def first_norm(x: Tensor, state: State, prefix: str) -> Tensor:
    """The first norm of a block, which may be of two kinds."""
    if f"{prefix}IN.weight" not in state:
        return batch_norm(x, state, prefix)
    half = len(state[f"{prefix}IN.weight"])
    middle, spread = x[:, :half].mean((2, 3), keepdim=True), x[:, :half].var((2, 3), unbiased=False, keepdim=True)
    scale, shift = (state[f"{prefix}IN.{name}"][:, None, None] for name in ("weight", "bias"))
    own = (x[:, :half] - middle) / (spread + 1e-5).sqrt() * scale + shift
    return torch.cat([own, batch_norm(x[:, half:], state, f"{prefix}BN.")], dim=1)


def non_local(x: Tensor, state: State, prefix: str) -> Tensor:
    """Every place sees every other: the affinities of all pairs of places, divided by their number."""

    def mapped(name: str, what: Tensor) -> Tensor:
        return functional.conv2d(what, state[f"{prefix}{name}.weight"], state[f"{prefix}{name}.bias"])

    g, theta, phi = (mapped(name, x).flatten(2) for name in ("g", "theta", "phi"))
    affinities = torch.einsum("nci,ncj->nij", theta, phi) / g.shape[2]
    y = torch.einsum("nij,ncj->nci", affinities, g).unflatten(2, x.shape[2:])
    return x + batch_norm(mapped("W.0", y), state, f"{prefix}W.1.")


def group(x: Tensor, state: State, prefix: str, stride: int, attention: str = "NL_0.") -> Tensor:
    """One group of residual blocks: its first block has the stride, in its 3 x 3 convolution (torchvision's v1.5).

    The last blocks are followed by non-local blocks, as many as there are.
    """
    followed = len([name for name in state if re.fullmatch(rf"{re.escape(attention)}\d\.g\.weight", name)])
    blocks = sorted({int(match[1]) for name in state if (match := re.match(rf"{re.escape(prefix)}(\d+)\.", name))})
    for block in blocks:
        at, step = f"{prefix}{block}.", stride if block == 0 else 1
        before = x
        if f"{at}conv3.weight" in state:
            x = first_norm(functional.conv2d(x, state[f"{at}conv1.weight"]), state, f"{at}bn1.").relu()
            x = functional.conv2d(x, state[f"{at}conv2.weight"], stride=step, padding=1)
            x = batch_norm(x, state, f"{at}bn2.").relu()
            x = batch_norm(functional.conv2d(x, state[f"{at}conv3.weight"]), state, f"{at}bn3.")
        else:
            x = functional.conv2d(x, state[f"{at}conv1.weight"], stride=step, padding=1)
            x = first_norm(x, state, f"{at}bn1.").relu()
            x = batch_norm(functional.conv2d(x, state[f"{at}conv2.weight"], padding=1), state, f"{at}bn2.")
        if f"{at}downsample.0.weight" in state:
            before = functional.conv2d(before, state[f"{at}downsample.0.weight"], stride=step)
            before = batch_norm(before, state, f"{at}downsample.1.")
        x = (x + before).relu()
        if block >= len(blocks) - followed:
            x = non_local(x, state, f"{attention}{block - len(blocks) + followed}.")
    return x


def trunk(x: Tensor, state: State, *, last_stride: int, relu: bool = True, padded: bool = True) -> Tensor:
    """(N, 3, H, W) in [0, 1] -> the map (N, C, h, w) of a ResNet in torchvision's names."""
    x = functional.conv2d((x - MEAN) / STD, state["conv1.weight"], stride=2, padding=3)
    x = batch_norm(x, state, "bn1.")
    x = x.relu() if relu else x
    x = functional.max_pool2d(x, 3, 2, padding=1) if padded else functional.max_pool2d(x, 3, 2, ceil_mode=True)
    for number, stride in ((1, 1), (2, 2), (3, 2), (4, last_stride)):
        x = group(x, state, f"layer{number}.", stride, f"NL_{number}.")
    return x


def generalized_mean(maps: Tensor, power: float) -> Tensor:
    """(N, C, h, w) -> (N, C): the power mean over all places."""
    return maps.clamp(min=1e-6).double().pow(power).mean((2, 3)).pow(1 / power).float()


def below(state: State, prefix: str) -> State:
    return {name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)}
