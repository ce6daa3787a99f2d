"""personsearch bench index: frames a second of indexing recordings end to end, by each library and precision."""

import os
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reid.runtime.settings import Inference
from tools.bench.speed.card import ASKED as ASKED_OF_CARD
from tools.bench.speed.card import DeviceName, found_card, index_ways, untrained_joint
from tools.bench.speed.limits import operations_of, seconds_of_operations
from tools.bench.speed.machine import load_average
from tools.bench.speed.measured import Measured, Run
from tools.bench.speed.ways import EAGER, Taken, Way, in_turns
from tools.outcome import Outcome, table
from tools.progress import Progress

if TYPE_CHECKING:
    import torch

    from search.gallery.gallery import Gallery
    from search.models.model_files import ModelFiles
    from search.pipeline import PersonSearch

ASKED = {"bf16": 2.0, "int8": 3.0}
"""How many times as many frames a second as eager float32 are asked for."""


@dataclass(frozen=True)
class Recordings:
    """The recordings of the synthetic square that are rendered where no source is given.

    Args:
        minutes: The length of each of the fifteen recordings, one frame a second.
        persons: How many people walk in them, 2 or more.
        frame_width: The width of the frames in pixels, a multiple of 64 from 192 on.
    """

    minutes: float = 0.1
    persons: int = 30
    frame_width: int = 960

    def __post_init__(self) -> None:
        if self.frame_width < 192 or self.frame_width % 64:
            raise ValueError(
                f"frame_width {self.frame_width}, expected a multiple of 64 from 192 on, which H.264 can hold"
            )


def index(
    *,
    source: Path | None = None,
    model: Path | None = None,
    second_stage: Path | None = None,
    recordings: Recordings = Recordings(),
    rounds: int = 2,
    device: DeviceName = "cpu",
    untrained: bool = False,
    compare: Path | None = None,
) -> Outcome:
    """Frames a second of `index` from the video to the gallery on disk, beside eager float32, one frame at a time.

    Every way fills a gallery of its own, in turns. Models are loaded and converted before. The processor's seconds are
    those of all threads: reading, looking and writing together.

    Args:
        source: A video, or a folder of them; by default H.264 recordings of the synthetic square are rendered.
        model: A joint model; by default the models that come with personsearch.
        second_stage: A crop model.
        recordings: What is rendered.
        rounds: How many times each way is measured, 1 or more; the best counts.
        device: What computes, the processor or a graphics card; on a card the cameras are read side by side.
        untrained: Measure a joint model with ResNet-50 for frames of 900 x 1500 that has learned nothing, in place of
            those from files.
        compare: A file that --json of an earlier run wrote. What is slower than then, beyond noise, is named, and
            the exit status is 1.
    """
    if rounds < 1:
        raise ValueError(f"rounds {rounds}, expected 1 or more")
    from datasets.plaza import write_recordings
    from search.models.model_files import ModelFiles
    from search.models.shipped import with_shipped

    if untrained and model is not None:
        raise ValueError(f"--model {model} is given with --untrained, which is a model of its own; leave one out")
    card = None if device == "cpu" else found_card()
    files = with_shipped(ModelFiles(model, second_stage))
    settings = {
        "source": None if source is None else source.name, "models": "untrained" if untrained else files.to_dict(),
        **asdict(recordings), **({} if card is None else {"device": device}),
    }  # fmt: skip
    run, load = Run.of("bench index", settings, compare), load_average()
    with tempfile.TemporaryDirectory() as name, Progress("Measuring", unit="step") as progress:
        folder = Path(name)
        if source is None:
            workers = 1 if card is None else os.cpu_count() or 1
            write_recordings(folder / "square", seed=7, form="mp4", workers=workers, **asdict(recordings))
        progress(1, 3)
        counts: dict[str, int] = {}
        if untrained:
            files = ModelFiles(untrained_joint(folder), second_stage)
        footage = source or folder / "square"
        chosen = _on_processor(footage) if card is None else index_ways(card)
        filling = Filling(files, footage, folder, card, counts)
        ways = {way: filling.way(way, *how) for way, how in chosen.items()}
        progress(2, 3)
        taken = in_turns(ways, rounds, warm=False)
        operations = operations_of(ways[EAGER]) / max(1, counts[EAGER]) if card is None else 0.0
        progress(3, 3)
    rows = [_row(way, one, counts[way], taken[EAGER]) for way, one in taken.items()]
    header = ["index", "frames", "frames/s", "times eager float32", "processor s", "times eager float32"]
    shown = [
        [row["way"], row["frames"], f"{row['frames_per_second']:.2f}", f"{row['ratio']:.2f}",
         f"{row['processor_seconds']:.1f}", f"{row['processor_ratio']:.2f}"]
        for row in rows
    ]  # fmt: skip
    measured = _measured(rows, operations, ASKED_OF_CARD if card is not None and untrained else None)
    text = "\n".join([table(header, shown), *filling.notes])
    return run.outcome(text, {"ways": rows, "notes": filling.notes}, measured, ("torch", "av"), load=load)


def _measured(rows: Sequence[dict[str, Any]], operations: float, asked_of_card: float | None) -> list[Measured]:
    """The figures of all ways but the first, which the others are compared with.

    Args:
        rows: A row for each way.
        operations: The operations of a frame; 0 where the processor's most says nothing.
        asked_of_card: Frames a second that are asked of a compiled model.
    """
    return [
        Measured(
            f"index by {row['way']}", row["frames_per_second"], "frames/s", tuple(row["repeats"]), EAGER,
            rows[0]["frames_per_second"], asked=asked_of_card if row["way"].startswith("compiled") else None,
            asked_ratio=ASKED.get(row["precision"]) if row["way"].startswith("OpenVINO") else None, more_is_better=True,
            processor=row["processor_seconds"],
            limit=_limit(operations, row["precision"]),
        )
        for row in rows[1:]
    ]  # fmt: skip


def _limit(operations: float, precision: str) -> float | None:
    """Frames a second, if all threads did nothing but a frame's operations; None where that says nothing."""
    if not operations or precision == "int8":  # of which only a part is in 8-bit numbers
        return None
    return 1 / seconds_of_operations(operations, bf16=precision == "bf16")


def _row(way: str, taken: Taken, frames: int, eager: Taken) -> dict[str, Any]:
    return {
        "way": way, "precision": next((one for one in ("bf16", "int8") if one in way), "float32"), "frames": frames,
        "frames_per_second": frames / min(taken.wall), "repeats": [frames / seconds for seconds in taken.wall],
        "ratio": min(eager.wall) / min(taken.wall), "processor_seconds": min(taken.processor),
        "processor_ratio": min(eager.processor) / min(taken.processor),
    }  # fmt: skip


def _on_processor(footage: Path) -> dict[str, tuple[Inference, int]]:
    """The ways that are compared: what computes, and how many frames are looked at together.

    Args:
        footage: What is indexed, by which 8-bit numbers are chosen.
    """
    from datasets.footage.planning import planned
    from datasets.footage.reading import Reading
    from reid.runtime.compiled import computed_in
    from reid.runtime.silent import has_nncf, has_openvino
    from search.models.typical import typical_of_sources

    best = computed_in("auto")
    chosen = {EAGER: (Inference("torch", "float32"), 1), f"torch {best}, 4 at a time": (Inference("torch", best), 4)}
    if has_openvino():
        chosen |= {f"OpenVINO {one}": (Inference("openvino", one), 4) for one in dict.fromkeys(["float32", best])}
    if has_openvino() and has_nncf():
        typical = typical_of_sources(planned([str(footage)], Reading())[0])
        chosen["OpenVINO int8"] = (Inference("openvino", "int8", typical), 4)
    return chosen


@dataclass(frozen=True)
class Filling:
    """Fills a new gallery each time.

    Args:
        files: The models.
        source: What is indexed.
        folder: Where galleries are made; they are removed again.
        card: The graphics card that computes; None is the processor.
        counts: For each way how many frames it has looked at, which is noted here.
        notes: What is to be said of the ways, which is noted here.
    """

    files: "ModelFiles"
    source: Path
    folder: Path
    card: "torch.device | None"
    counts: dict[str, int]
    notes: list[str] = field(default_factory=list)

    def way(self, name: str, inference: Inference, batch: int) -> Way:
        """Load the models for one way.

        Args:
            name: What it is called.
            inference: What computes.
            batch: How many frames are looked at together.
        """
        from search.pipeline import PersonSearch

        device = "cpu" if self.card is None else self.card.type
        search = PersonSearch.from_files(
            self.files, score_threshold=0.5, batch_size=batch, device=device, inference=inference
        )
        self.notes.extend(f"{name}: {one.note}" for one in search.computing.values() if one.note)

        def call() -> None:
            with (
                tempfile.TemporaryDirectory(dir=self.folder) as place,
                search.open_gallery(Path(place) / "people", create=True) as gallery,
            ):
                self.counts[name] = self._indexed(search, gallery)

        return call

    def _indexed(self, search: "PersonSearch", gallery: "Gallery") -> int:
        """The number of frames; for a card the videos of each camera are a source of their own, which decodes aside."""
        from datasets.footage.planning import planned
        from datasets.footage.reading import Reading
        from search.indexing import index_sources

        if self.card is None or not self.source.is_dir():
            return search.index(self.source, gallery).frames
        videos = [str(one) for one in sorted(self.source.rglob("*.mp4"))]
        sources, _ = planned(videos or [str(self.source)], Reading())
        runs = index_sources(sources, gallery, search.looking(gallery), batch_size=search.batch_size)
        return sum(run.summary().frames for run in runs)
