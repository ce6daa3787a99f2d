"""personsearch bench still: what `index --skip-still` saves, and whom it overlooks."""

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tools.bench.speed.machine import load_average
from tools.bench.speed.measured import Measured, Run
from tools.bench.speed.ways import Taken, Way, in_turns
from tools.outcome import Outcome, table
from tools.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Sequence

    from datasets.samples import FrameSample
    from detection.detections import Detections
    from search.pipeline import PersonSearch

LOOKED, SPARED = "every frame looked at", "--skip-still true"
MOST_LOST = 0.005
"""The most of recall that passing over frames may cost."""
MOST_OF_TIME = 0.1
"""The largest share of its time that a camera with nobody in it may still cost."""
NOISE = 2.0
"""Standard deviation of a sensor's noise, of 255."""


def still(
    *,
    root: Path | None = None,
    model: Path | None = None,
    second_stage: Path | None = None,
    persons: int = 2,
    minutes: float = 1.0,
    empty_frames: int = 300,
    compare: Path | None = None,
) -> Outcome:
    """What `index --skip-still true` saves on labeled frames, and how many people it overlooks there.

    The frames are indexed twice, with and without the option, and compared with the labels. Then a camera that shows
    nobody is filmed: one of the frames without people, with other noise in every picture.

    Args:
        root: A data set in this project's layout, whose test frames are indexed; by default a square with few people
            is rendered.
        model: A joint model; by default the models that come with personsearch, and `plaza` for the rendered square.
        second_stage: A crop model.
        persons: How many people cross the rendered square, 2 or more.
        minutes: How long it is filmed for each camera and light.
        empty_frames: The length of the film of nobody, in frames, one a second.
        compare: A file that --json of an earlier run wrote. What is slower than then, beyond noise, is named, and
            the exit status is 1.
    """
    if empty_frames < 1:
        raise ValueError(f"empty_frames is {empty_frames}, expected 1 or more")
    from datasets import load_frames
    from datasets.plaza import write_plaza
    from search.models.model_files import ModelFiles
    from search.models.shipped import weights_folder, with_shipped
    from search.pipeline import PersonSearch

    square = weights_folder("detection") / "plaza.safetensors"
    files = ModelFiles(square) if root is None and model is None else with_shipped(ModelFiles(model, second_stage))
    settings = {
        "root": None if root is None else root.name, "models": files.to_dict(), "persons": persons,
        "minutes": minutes, "empty_frames": empty_frames,
    }  # fmt: skip
    run, load = Run.of("bench still", settings, compare), load_average()
    with tempfile.TemporaryDirectory() as name, Progress("Measuring", unit="step") as progress:
        folder = Path(name)
        if root is None:
            root = folder / "square"
            write_plaza(root, seed=7, persons=persons, minutes=minutes, test_fraction=0.95)
        samples = load_frames("custom", root, "gallery")
        search = PersonSearch.from_files(files, score_threshold=0.5)
        progress(1, 3)
        labelled = _Indexed(search, (root if root.is_file() else root / "test.json"), folder / "labelled")
        progress(2, 3)
        nobody = _film_of_nobody(samples, labelled.found[LOOKED], folder / "nobody.mp4", empty_frames)
        empty = None if nobody is None else _Indexed(search, nobody, folder / "empty")
        progress(3, 3)
    figures, measured = _figures(samples, labelled, empty)
    lines = [table(["", *figures["ways"][0]], [[LOOKED, *figures["ways"][0].values()],
                                               [SPARED, *figures["ways"][1].values()]])]  # fmt: skip
    if empty is None:
        lines.append("a camera that shows nobody was not measured: the models see somebody in each of these frames")
    else:
        share = figures["empty_share"]
        lines.append(f"a camera that shows nobody costs {share:.1%} of what it costs without {SPARED}")
    return run.outcome("\n".join(lines), figures, measured, ("torch", "opencv-python"), load=load)


class _Indexed:
    """A source indexed in both ways, one after the other.

    Attributes:
        taken: The seconds of each way.
        found: What each way found, by the names of the frames.
        passed_over: How many frames the models were spared, by way.
    """

    def __init__(self, search: "PersonSearch", source: Path, folder: Path) -> None:
        self.found: dict[str, Mapping[str, Detections]] = {}
        self.passed_over: dict[str, int] = {}
        folder.mkdir()

        def way(name: str, *, skip_still: bool) -> Way:
            from datasets.footage.reading import Reading

            def call() -> None:
                with search.open_gallery(folder / str(skip_still), create=True) as gallery:
                    summary = search.index(source, gallery, reading=Reading(skip_still=skip_still))
                    self.found[name], self.passed_over[name] = gallery.detections(), summary.still

            return call

        ways = {LOOKED: way(LOOKED, skip_still=False), SPARED: way(SPARED, skip_still=True)}
        self.taken: dict[str, Taken] = in_turns(ways, 1, warm=False)

    def share(self) -> float:
        """The processor time with the option, as a share of that without."""
        return self.taken[SPARED].processor[0] / self.taken[LOOKED].processor[0]


def _figures(
    samples: "Sequence[FrameSample]", labelled: _Indexed, empty: _Indexed | None
) -> tuple[dict[str, Any], list[Measured]]:
    from detection.metrics import recall_and_ap

    seen = [sample for sample in samples if sample.name in labelled.found[LOOKED]]
    truths = [sample.boxes for sample in seen]
    nobody = sum(not len(boxes) for boxes in truths)
    rows = []
    for name, found in labelled.found.items():
        recall, ap = recall_and_ap([found[sample.name] for sample in seen], truths)
        rows.append({
            "frames": len(seen), "without people": nobody, "passed over": labelled.passed_over[name],
            "recall": recall, "AP": ap, "processor s": labelled.taken[name].processor[0],
        })  # fmt: skip
    lost = rows[0]["recall"] - rows[1]["recall"]
    figures = {"ways": rows, "lost_recall": lost, "empty_share": None if empty is None else empty.share()}
    measured = [
        Measured("recall lost by --skip-still", lost, "", asked=MOST_LOST),
        Measured(
            "labeled frames with --skip-still", rows[1]["processor s"], baseline=LOOKED,
            baseline_value=rows[0]["processor s"],
        ),
    ]  # fmt: skip
    if empty is not None:
        most, took = empty.taken[LOOKED].processor[0], empty.taken[SPARED].processor[0]
        name = "a camera with nobody in it, with --skip-still"
        measured.append(Measured(name, took, baseline=LOOKED, baseline_value=most, asked_ratio=1 / MOST_OF_TIME))
    return figures, measured


def _film_of_nobody(
    samples: "Sequence[FrameSample]", found: "Mapping[str, Detections]", path: Path, count: int
) -> Path | None:
    """A film of the first frame in which nobody is and nobody was seen, with other noise in each picture."""
    from datasets.images import read_image
    from search.cases.film import film

    empty = [one for one in samples if one.name in found and not len(one.boxes) and not len(found[one.name])]
    if not empty:
        return None
    view = read_image(empty[0].path)
    random = np.random.default_rng(0)
    with film(path, width=view.shape[1], height=view.shape[0], rate=1.0) as written:
        for second in range(count):
            written.show(_noisy(view[: written.height, : written.width], random), second + 1.0)
    return path


def _noisy(view: NDArray[np.uint8], random: np.random.Generator) -> NDArray[np.uint8]:
    """(H, W, 3) uint8, a view with a sensor's noise."""
    noisy = view + random.normal(0, NOISE, view.shape)
    return np.clip(np.rint(noisy), 0, 255).astype(np.uint8)
