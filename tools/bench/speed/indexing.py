"""personsearch bench index: frames a second of indexing recordings end to end, by each library and precision."""

import tempfile
from pathlib import Path
from typing import Any

from reid.runtime.settings import Inference
from tools.bench.speed.inference import EAGER
from tools.bench.speed.limits import operations_of, seconds_of_operations
from tools.bench.speed.machine import load_average
from tools.bench.speed.measured import Measured, Run
from tools.bench.speed.ways import Taken, Way, in_turns
from tools.outcome import Outcome, table
from tools.progress import Progress

ASKED = {"bf16": 2.0}
"""How many times as many frames a second as eager float32 are asked for."""


def index(
    *,
    source: Path | None = None,
    model: Path | None = None,
    second_stage: Path | None = None,
    minutes: float = 0.1,
    persons: int = 30,
    frame_width: int = 960,
    rounds: int = 2,
    compare: Path | None = None,
) -> Outcome:
    """Frames a second of `index` from the video to the gallery on disk, beside eager float32, one frame at a time.

    Every way fills a gallery of its own, in turns. Models are loaded and converted before. The processor's seconds are
    those of all threads: reading, looking and writing together.

    Args:
        source: A video, or a folder of them; by default H.264 recordings of the synthetic square are rendered.
        model: A joint model; by default the models that come with personsearch.
        second_stage: A crop model.
        minutes: The length of each of the fifteen rendered recordings, one frame a second.
        persons: How many people walk in them, 2 or more.
        frame_width: The width of the rendered frames in pixels, a multiple of 64 from 192 on.
        rounds: How many times each way is measured, 1 or more; the best counts.
        compare: A file that --json of an earlier run wrote. What is slower than then, beyond noise, is named, and
            the exit status is 1.
    """
    if rounds < 1:
        raise ValueError(f"rounds {rounds}, expected 1 or more")
    if frame_width < 192 or frame_width % 64:
        raise ValueError(f"frame_width {frame_width}, expected a multiple of 64 from 192 on, which H.264 can hold")
    from datasets.plaza import write_recordings
    from search.models.model_files import ModelFiles
    from search.models.shipped import with_shipped

    files = with_shipped(ModelFiles(model, second_stage))
    settings = {
        "source": None if source is None else source.name, "models": files.to_dict(),
        "minutes": minutes, "persons": persons, "frame_width": frame_width,
    }  # fmt: skip
    run, load = Run.of("bench index", settings, compare), load_average()
    with tempfile.TemporaryDirectory() as name, Progress("Measuring", unit="step") as progress:
        folder = Path(name)
        if source is None:
            options: dict[str, Any] = {"persons": persons, "minutes": minutes, "frame_width": frame_width}
            write_recordings(folder / "square", seed=7, form="mp4", **options)
        progress(1, 3)
        counts: dict[str, int] = {}
        ways = _ways(files, source or folder / "square", folder, counts)
        progress(2, 3)
        taken = in_turns(ways, rounds, warm=False)
        operations = operations_of(ways[EAGER]) / max(1, counts[EAGER])
        progress(3, 3)
    rows = [_row(way, one, counts[way], taken[EAGER]) for way, one in taken.items()]
    header = ["index", "frames", "frames/s", "times eager float32", "processor s", "times eager float32"]
    shown = [
        [row["way"], row["frames"], f"{row['frames_per_second']:.2f}", f"{row['ratio']:.2f}",
         f"{row['processor_seconds']:.1f}", f"{row['processor_ratio']:.2f}"]
        for row in rows
    ]  # fmt: skip
    eager = rows[0]["frames_per_second"]
    measured = [
        Measured(
            f"index by {row['way']}", row["frames_per_second"], "frames/s", tuple(row["repeats"]), EAGER, eager,
            asked_ratio=ASKED.get(row["precision"]) if row["way"].startswith("OpenVINO") else None, more_is_better=True,
            processor=row["processor_seconds"],
            limit=1 / seconds_of_operations(operations, bf16=row["precision"] == "bf16") if operations else None,
        )
        for row in rows[1:]
    ]  # fmt: skip
    return run.outcome(table(header, shown), {"ways": rows}, measured, ("torch", "av"), load=load)


def _row(way: str, taken: Taken, frames: int, eager: Taken) -> dict[str, Any]:
    return {
        "way": way, "precision": "bf16" if "bf16" in way else "float32", "frames": frames,
        "frames_per_second": frames / min(taken.wall), "repeats": [frames / seconds for seconds in taken.wall],
        "ratio": min(eager.wall) / min(taken.wall), "processor_seconds": min(taken.processor),
        "processor_ratio": min(eager.processor) / min(taken.processor),
    }  # fmt: skip


def _ways(files: Any, source: Path, folder: Path, counts: dict[str, int]) -> dict[str, Way]:
    """A function for each way, which fills a new gallery and notes how many frames it has looked at."""
    from reid.runtime.compiled import computed_in
    from reid.runtime.silent import has_openvino
    from search.pipeline import PersonSearch

    best = computed_in("auto")
    chosen = {EAGER: (Inference("torch", "float32"), 1), f"torch {best}, 4 at a time": (Inference("torch", best), 4)}
    if has_openvino():
        chosen |= {f"OpenVINO {one}": (Inference("openvino", one), 4) for one in dict.fromkeys(["float32", best])}

    def way(name: str, inference: Inference, batch: int) -> Way:
        search = PersonSearch.from_files(
            files, score_threshold=0.5, batch_size=batch, device="cpu", inference=inference
        )

        def call() -> None:
            with (
                tempfile.TemporaryDirectory(dir=folder) as place,
                search.open_gallery(Path(place) / "people", create=True) as gallery,
            ):
                counts[name] = search.index(source, gallery).frames

        return call

    return {name: way(name, *how) for name, how in chosen.items()}
