"""What `bench inference` and `bench index` measure on a graphics card: torch as it is, in bf16, and compiled."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from reid.runtime.settings import Inference
from tools.bench.speed.measured import Measured
from tools.bench.speed.ways import EAGER, Taken, Way, in_turns
from tools.outcome import table

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray

    from detection.joint import PersonSearchRCNN

DeviceName = Literal["cpu", "cuda"]

TOGETHER = 8
"""Frames that the models look at together on a card."""

ASKED = 150.0
"""So many frames a second at 900 x 1500 with ResNet-50 are asked of a large card, with decoding."""

PEOPLE = 10
"""So many people at most an untrained model finds in a frame: without training it would find hundreds."""


def found_card() -> "torch.device":
    """The graphics card.

    Raises:
        ValueError: There is none.
    """
    import torch

    if not torch.cuda.is_available():
        raise ValueError("--device cuda is asked for, but torch finds no graphics card here; leave --device out")
    return torch.device("cuda")


def untrained_joint(folder: Path) -> Path:
    """Write a joint model that has learned nothing: ResNet-50 with a pyramid, frames of 900 x 1500.

    Args:
        folder: Where its file goes.

    Returns:
        The file.
    """
    import torch

    from detection.checkpoints import save_model
    from detection.joint import PersonSearchRCNN
    from detection.settings import DetectorConfig

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = PersonSearchRCNN(DetectorConfig(detections_per_frame=PEOPLE))
    with torch.no_grad():
        predictor: Any = model.detector.roi_heads.box_predictor
        predictor.cls_score.bias[:] = torch.tensor([0.0, 1.0])  # everything is a person, with a confidence above 0.5
    save_model(folder / "untrained.safetensors", model, notes={"data": "nothing, to measure speed"})
    return folder / "untrained.safetensors"


@dataclass(frozen=True)
class OnCard:
    """The figures of a joint model on a card.

    Args:
        text: For people.
        figures: For programs.
        measured: In the form of all benches.
    """

    text: str
    figures: Mapping[str, Any]
    measured: Sequence[Measured]


def frames_on_card(
    model: "PersonSearchRCNN", pictures: "Sequence[NDArray[np.uint8]]", rounds: int, operations: float
) -> OnCard:
    """Measure how many frames a second a joint model looks at, from the bytes of a picture to people on the processor.

    Args:
        model: The joint model, on the card.
        pictures: Frames (H, W, 3) uint8 RGB of one size.
        rounds: How many times each way is measured, 1 or more; the best counts.
        operations: Those of a frame's convolutions and linear maps.
    """
    ways, notes = _ways(model, pictures)
    taken = in_turns(ways, rounds)
    most = _peak(model.device)
    eager = min(taken[EAGER].wall) / len(pictures)
    rows = [_row(way, one, len(pictures), eager, operations / most) for way, one in taken.items()]
    shown = [
        [row["way"], f"{row['frames_per_second']:.1f}", f"{1e3 / row['frames_per_second']:.2f}", f"{row['ratio']:.2f}",
         f"{row['share_of_peak']:.0%}"]
        for row in rows
    ]  # fmt: skip
    header = ["joint model", "frames/s", "ms a frame", "times eager float32", "of the card's peak in bf16"]
    measured = [
        Measured(
            f"joint model, {row['way']}", row["frames_per_second"], "frames/s", tuple(row["repeats"]), EAGER,
            rows[0]["frames_per_second"], more_is_better=True,
        )
        for row in rows[1:]
    ]  # fmt: skip
    figures = {"ways": rows, "peak_operations_per_second": most, "notes": notes, "device": _name(model.device)}
    return OnCard("\n".join([table(header, shown), *notes, f"on {_name(model.device)}"]), figures, measured)


def index_ways(device: "torch.device") -> dict[str, tuple[Inference, int]]:
    """The ways that `bench index` compares on a card: what computes, and how many frames are looked at together.

    Args:
        device: The card.
    """
    best = _best(device)
    return {
        EAGER: (Inference("torch", "float32"), 1),
        f"torch {best}, {TOGETHER} at a time": (Inference("torch", best), TOGETHER),
        f"compiled {best}, {TOGETHER} at a time": (Inference("compiled", best), TOGETHER),
    }


def _best(device: "torch.device") -> Literal["float32", "bf16"]:
    from reid.devices import has_bfloat16

    return "bf16" if has_bfloat16(device) else "float32"


def _ways(model: "PersonSearchRCNN", pictures: "Sequence[NDArray[np.uint8]]") -> tuple[dict[str, Way], list[str]]:
    """A function for each way to look at the pictures, and a line for what could not be compiled."""
    from detection.runtime.running import running_joint
    from detection.runtime.torch_joint import TorchJoint

    def way(by: Any, precision: str, batch: int) -> Way:
        def call() -> None:
            model.precision = "auto" if precision == "bf16" else "float32"
            _look(by, pictures, batch, model.device)

        return call

    best = _best(model.device)
    ways = {EAGER: way(model, "float32", 1), f"torch {best}, {TOGETHER} at a time": way(model, best, TOGETHER)}
    compiled, computing = running_joint(model, Inference("compiled", best))
    if isinstance(compiled, TorchJoint):
        ways[f"compiled {best}, {TOGETHER} at a time"] = way(compiled, best, TOGETHER)
    return ways, [computing.note]


def _look(by: Any, pictures: "Sequence[NDArray[np.uint8]]", batch: int, device: "torch.device") -> None:
    from datasets.images import as_tensor

    for start in range(0, len(pictures), batch):
        for found in by.detect([as_tensor(picture, device) for picture in pictures[start : start + batch]]):
            found.to("cpu")  # which waits for the card


def _row(way: str, taken: Taken, count: int, eager: float, least: float) -> dict[str, Any]:
    seconds = min(taken.wall) / count
    return {
        "way": way, "precision": "bf16" if "bf16" in way else "float32", "frames_per_second": 1 / seconds,
        "repeats": [count / one for one in taken.wall], "ratio": eager / seconds, "share_of_peak": least / seconds,
        "processor_seconds": min(taken.processor) / count,
    }  # fmt: skip


def _peak(device: "torch.device", size: int = 4096) -> float:
    """How many operations a second the card does in a product of matrices in bf16."""
    import torch

    size = size if device.type == "cuda" else 256
    left, right = (torch.rand(size, size, device=device).to(torch.bfloat16) for _ in range(2))
    one = torch.zeros((), device=device)

    def products() -> None:
        for _ in range(10):
            product = left @ right
        one.copy_(product[0, 0]).item()  # which waits for the card

    return 10 * 2 * size**3 / min(in_turns({"product": products}, 5)["product"].wall)


def _name(device: "torch.device") -> str:
    import torch

    return torch.cuda.get_device_name(device) if device.type == "cuda" else "the processor"
