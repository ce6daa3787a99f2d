"""personsearch bench inference: what a frame and a crop cost by each library and precision, on one thread."""

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reid.runtime.settings import TypicalFrames
from tools.bench.speed.card import DeviceName, found_card, frames_on_card, untrained_joint
from tools.bench.speed.limits import operations_of
from tools.bench.speed.machine import load_average
from tools.bench.speed.measured import Measured, Run
from tools.bench.speed.ways import EAGER, Taken, Way, in_turns, peak
from tools.outcome import Outcome, table
from tools.progress import Progress

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

    from detection.joint import PersonSearchRCNN
    from reid.crops.sphere_reid import SphereReID

FRAMES = "joint model, a frame"
CROPS = "crop model, a crop"
CROPS_MEASURED = 16


def inference(
    *,
    model: Path | None = None,
    crop_model: Path | None = None,
    frames: int = 4,
    frame_width: int = 720,
    rounds: int = 5,
    device: DeviceName = "cpu",
    untrained: bool = False,
    compare: Path | None = None,
) -> Outcome:
    """Processor milliseconds of a frame by the joint model and of a crop by the crop model, on one thread.

    Each library and each precision is measured, in turns, beside eager float32 that takes one frame or crop at a time.
    The limit is the number of operations of the convolutions and linear maps over the most that the processor does in
    a product of matrices of the same precision. On a graphics card it is the joint model alone, in frames a second on
    the clock: as it is, in bf16 and in batches, and with a compiled trunk.

    Args:
        model: A model of `train joint`; by default the detector that comes with personsearch.
        crop_model: A model of `train crop`; by default the one that comes with personsearch.
        frames: How many frames of the synthetic square are looked at, 1 or more.
        frame_width: The width of these frames in pixels, at least 160.
        rounds: How many times each way is measured, 1 or more; the best counts.
        device: What computes, the processor or a graphics card.
        untrained: Measure a joint model with ResNet-50 for frames of 900 x 1500 that has learned nothing, in place of
            one from a file.
        compare: A file that --json of an earlier run wrote. What is slower than then, beyond noise, is named, and
            the exit status is 1.
    """
    if min(frames, rounds) < 1:
        raise ValueError(f"frames {frames} and rounds {rounds}, expected 1 or more of each")
    from detection.checkpoints import load_model
    from reid.crops.sphere_reid import SphereReID
    from search.models.shipped import shipped_models, shipped_start

    if untrained and model is not None:
        raise ValueError(f"--model {model} is given with --untrained, which is a model of its own; leave one out")
    card = None if device == "cpu" else found_card()
    joint_file, crop_file = model or shipped_start(), crop_model or shipped_models().second_stage
    assert crop_file is not None
    with tempfile.TemporaryDirectory() as folder:
        joint = load_model(untrained_joint(Path(folder)) if untrained else joint_file, device=card or "cpu")
    crops = SphereReID.from_checkpoint(crop_file, device="cpu")
    settings = {
        "joint": joint.fingerprint(), "crops": crops.fingerprint(), "frames": frames, "frame_width": frame_width,
        **({} if card is None else {"device": device}),
    }  # fmt: skip
    run, load = Run.of("bench inference", settings, compare), load_average()
    if card is not None:
        with Progress("Measuring", unit="way"):
            pictures = _pictures(frames, frame_width)
            found = frames_on_card(joint, pictures, rounds, _operations(joint, pictures[:1]))
        return run.outcome(found.text, found.figures, found.measured, ("torch", "torchvision"), load=load)
    rows, peaks = _on_one_thread(joint, crops, frames, frame_width, rounds)
    header = ["one thread", "way", "processor ms", "wall ms", "times eager float32", "of the processor's peak"]
    shown = [
        [row["what"], row["way"], f"{1e3 * row['processor_seconds']:.2f}", f"{1e3 * row['wall_seconds']:.2f}",
         f"{row['ratio']:.2f}", f"{row['share_of_peak']:.0%}"]
        for row in rows
    ]  # fmt: skip
    text = table(header, shown)
    figures = {"models": [joint_file, crop_file], "ways": rows, "peak_operations_per_second": peaks}
    measured = [
        Measured(
            f"{row['what']}, {row['way']}", 1e3 * row["processor_seconds"], "ms of one thread",
            tuple(1e3 * one for one in row["repeats"]), EAGER, 1e3 * row["eager_seconds"],
            processor=row["processor_seconds"], limit=1e3 * row["operations"] / peaks[row["precision"]],
        )
        for row in rows if row["way"] != EAGER
    ]  # fmt: skip
    return run.outcome(text, figures, measured, ("torch", *_installed()), load=load)


def _on_one_thread(
    joint: "PersonSearchRCNN", crops: "SphereReID", frames: int, frame_width: int, rounds: int
) -> tuple[list[dict[str, Any]], dict[str, float]]:
    """A row for each way to compute either model, and the processor's most in each precision."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with Progress("Measuring", unit="way") as progress:
            pictures = _pictures(frames, frame_width)
            progress(1, 4)
            rows = _rows(FRAMES, in_turns(_joint_ways(joint, pictures), rounds), frames, _operations(joint, pictures))
            progress(2, 4)
            people = _people(pictures)
            taken = in_turns(_crop_ways(crops, people), rounds)
            rows += _rows(CROPS, taken, len(people), _crop_operations(crops, people))
            progress(3, 4)
            peaks = {one: peak(one) for one in dict.fromkeys(row["precision"] for row in rows)}
            progress(4, 4)
    finally:
        torch.set_num_threads(threads)
    for row in rows:
        row["share_of_peak"] = row["operations"] / row["processor_seconds"] / peaks[row["precision"]]
    return rows, peaks


def _installed() -> list[str]:
    from reid.runtime.silent import has_openvino

    return ["openvino"] if has_openvino() else []


def _precisions() -> list[Any]:
    from reid.runtime.compiled import computed_in

    return list(dict.fromkeys(["float32", computed_in("auto")]))


def _rows(what: str, taken: Mapping[str, Taken], count: int, operations: float) -> list[dict[str, Any]]:
    """A row for each way, in figures for one of the things that it looked at."""
    eager = min(taken[EAGER].processor) / count
    return [
        {
            "what": what, "way": way, "precision": next((one for one in ("bf16", "int8") if one in way), "float32"),
            "processor_seconds": min(one.processor) / count, "wall_seconds": min(one.wall) / count,
            "repeats": [seconds / count for seconds in one.processor], "eager_seconds": eager,
            "ratio": eager / (min(one.processor) / count), "operations": operations / count,
        }
        for way, one in taken.items()
    ]  # fmt: skip


def _pictures(count: int, width: int) -> "list[NDArray[np.uint8]]":
    """Frames of the synthetic square, (H, W, 3) RGB."""
    from datasets.images import read_image
    from datasets.plaza import write_plaza

    with tempfile.TemporaryDirectory() as folder:
        write_plaza(Path(folder) / "square", seed=7, persons=12, minutes=0.05, frame_width=width)
        files = sorted((Path(folder) / "square" / "frames").iterdir())
        return [read_image(file) for file in files[:: max(1, len(files) // count)][:count]]


def _people(pictures: "Sequence[NDArray[np.uint8]]") -> "list[NDArray[np.uint8]]":
    """Pieces of frames in the shape of people: what is in them costs nothing."""
    height, width = pictures[0].shape[:2]
    tall = height // 3
    return [
        pictures[row % len(pictures)][row : row + tall, (11 * row) % (width - tall) :][:, : tall // 2]
        for row in range(CROPS_MEASURED)
    ]


def _joint_ways(model: "PersonSearchRCNN", pictures: "Sequence[NDArray[np.uint8]]") -> dict[str, Way]:
    from datasets.images import as_tensor
    from reid.runtime.silent import has_nncf

    images = [as_tensor(picture) for picture in pictures]

    def torch_way(precision: str, batch: int) -> Way:
        def call() -> None:
            model.precision = "auto" if precision == "bf16" else "float32"
            for start in range(0, len(images), batch):
                model.detect(images[start : start + batch])

        return call

    ways = {EAGER: torch_way("float32", 1)}
    for precision in _precisions():
        ways[f"torch {precision}, {len(images)} at a time"] = torch_way(precision, len(images))
    if _installed():
        shown = TypicalFrames("bench", lambda: pictures)
        eight = ["int8"] if has_nncf() else []
        ways |= {f"OpenVINO {one}": _compiled_way(model, images, one, shown) for one in [*_precisions(), *eight]}
    return ways


def _compiled_way(model: "PersonSearchRCNN", images: "list[Tensor]", precision: Any, typical: TypicalFrames) -> Way:
    from detection.runtime.joint import compiled_joint

    by = compiled_joint(model, precision, threads=1, batch=1, typical=typical)

    def call() -> None:
        model.precision = "float32"
        by.detect(images)

    return call


def _crop_ways(model: "SphereReID", people: "list[NDArray[np.uint8]]") -> dict[str, Way]:
    from reid.runtime.crops import compiled_crops

    def torch_way(precision: str, batch: int) -> Way:
        def call() -> None:
            model.precision = "auto" if precision == "bf16" else "float32"
            model.embed(people, batch_size=batch)

        return call

    ways = {EAGER: torch_way("float32", 1)}
    for precision in _precisions():
        ways[f"torch {precision}, {len(people)} at a time"] = torch_way(precision, len(people))
        if _installed():
            by = compiled_crops(model, precision, threads=1)
            ways[f"OpenVINO {precision}"] = lambda by=by: by.embed(people)  # type: ignore[misc]
    return ways


def _operations(model: "PersonSearchRCNN", pictures: "Sequence[NDArray[np.uint8]]") -> float:
    from datasets.images import as_tensor

    model.precision = "float32"
    return operations_of(lambda: [model.detect([as_tensor(picture, model.device)]) for picture in pictures])


def _crop_operations(model: "SphereReID", people: "list[NDArray[np.uint8]]") -> float:
    model.precision = "float32"
    return operations_of(lambda: model.embed(people))
