"""Where and how precisely networks run: the GPU when there is one, bf16 where the processor computes it."""

from typing import Literal

import torch
from torch import Tensor

Precision = Literal["auto", "float32"]


def default_device() -> torch.device:
    """Gives the first GPU, else the processor."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def has_bfloat16(device: torch.device) -> bool:
    """Says whether the device computes bf16 itself; emulation would be slower than float32."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    # Older versions of torch do not tell; they compute in float32.
    capabilities: dict[str, object] = getattr(torch.cpu, "get_capabilities", dict)()
    return bool(capabilities.get("avx512_bf16") or capabilities.get("amx_bf16"))


def autocast(device: torch.device, precision: Precision, *, float32_on_processor: bool = False) -> torch.autocast:
    """Switches bf16 autocast on under "auto" where the device has it, and changes nothing elsewhere.

    Args:
        device: Where the network computes.
        precision: "auto" or "float32".
        float32_on_processor: Whether a processor computes in float32 under "auto" too, for work that is slower in bf16.
    """
    wanted = precision == "auto" and not (float32_on_processor and device.type == "cpu")
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=wanted and has_bfloat16(device))


def at_least_float32(values: Tensor) -> Tensor:
    """Turns half precision into float32; anything else stays as it is."""
    return values.to(torch.promote_types(values.dtype, torch.float32))
