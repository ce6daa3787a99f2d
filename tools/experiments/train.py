"""personsearch train: the joint model."""

import dataclasses
import json
import logging
import sys
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from datasets.catalog.table import FrameFormat
from datasets.samples import FrameSample
from reid.losses.settings import LOSSES, LossConfig
from reid.runs.interruption import TrainingInterrupted
from tools.outcome import Outcome, is_first_process, table
from tools.progress import Progress, say
from tools.recipe_files import JointModelOptions

if TYPE_CHECKING:
    from detection.training import JointTrainingTask
    from reid.crops.teacher import TaughtFrames
    from reid.runs.task import RunSummary

_log = logging.getLogger(__name__)
RESUME = "the same command with --resume goes on from there"


@dataclass(frozen=True)
class FrameData:
    """Which frames are trained on.

    Args:
        format: The layout of the data set.
        also: More data sets of the same layout to train on, as square2,square3; each has its own people and cameras.
        frames: How many of the training frames are used, drawn by --training.seed, to see what so many labelled frames
            are worth. By default all are.
    """

    format: FrameFormat = "custom"
    also: list[Path] | None = None
    frames: int | None = None


@dataclass(frozen=True)
class JointStart:
    """What the training starts from.

    Args:
        weights: The starting weights: shipped (those of personsearch, or none where they do not fit), none, imagenet,
            coco, or a file of torchvision or of this project. A model keeps its structure, but for options that are
            given.
        new_head: Whether to take the detector alone from that model. The embedding head is then the one asked for, and
            begins anew.
    """

    weights: str = "shipped"
    new_head: bool = False


def joint(
    root: Path,
    *,
    output: Path,
    data: FrameData = FrameData(),
    start: JointStart = JointStart(),
    teacher: Path | None = None,
    resume: bool = False,
    recipe: JointModelOptions = JointModelOptions(),  # noqa: B008
    given: Collection[str] | None = None,
) -> Outcome:
    """Train the joint model: a detector that also embeds each person it finds.

    The output folder receives model.safetensors (for index, evaluate), resume.pt, metrics.csv, TensorBoard events and
    config.json. Ctrl-C finishes the step and keeps it: `--resume` goes on from there. Where nothing else is asked for,
    the model that comes with personsearch is trained on; a machine without a GPU can do that. `--config small` begins
    at random with another small structure.

    Example:
        personsearch train joint my_data --output runs/first

    Args:
        root: The data set's folder, or for the custom layout its training JSON.
        output: The folder of the run.
        data: The data sets.
        start: What the training starts from.
        teacher: A crop model to learn from, the folder of a `train crop` run or the model.safetensors in it. The joint
            model learns to embed each person as the crop model does; --losses.teacher is the weight of that.
        resume: Whether to go on from the last resume point of the output folder.
        recipe: What the model is made of and how it is trained.
        given: The names of the options that were given, see `detection.start.start_model`.
    """
    from datasets import read_frames
    from datasets.catalog.drawn import draw_frames
    from datasets.catalog.joined import join_training_frames
    from reid.runs.processes import join_processes
    from reid.runs.run import TrainingRun

    fabric = join_processes()
    roots = [root, *(data.also or [])]
    _require_each_once(roots)
    read = {str(part): read_frames(data.format, part, "train") for part in roots}
    samples = join_training_frames({part: frames for part, (frames, _) in read.items()})
    if data.frames is not None:
        samples = draw_frames(samples, data.frames, seed=recipe.training.seed)
    _warn_of_idle_settings(recipe.losses, given or ())
    start, recipe = _decided(start, recipe, given, output if resume else None)
    names = [f"{data.format} {part.name}" for part in roots]
    task = _task(samples, output, start, recipe, resume, given, data=names, teacher=teacher)
    run = TrainingRun(task, output, fabric=fabric)
    if resume:
        run.resume()
    elif is_first_process():
        model = task.model
        made = dataclasses.replace(recipe, detector=model.detector_config, embedding=model.embedding_config)
        _write_config(output, roots, data, start, made, teacher=teacher)
    with told_how_to_go_on(RESUME), Progress("Training", unit="step") as progress:
        summary = run.run(
            lambda done, total, figures: progress(done, total, loss=figures["loss"], identity=figures["loss_identity"])
        )
    sizes = {"frames": len(task.frames), "identities": task.identities}
    failures = [line for _, lines in read.values() for line in lines]
    failures += [f"{name}: {reason}" for name, reason in summary.failures]
    return Outcome(training_text(output, summary, sizes), dataclasses.asdict(summary) | sizes, failures)


@contextmanager
def told_how_to_go_on(remedy: str) -> Iterator[None]:
    """Add to the line of an interrupted training how it goes on.

    Args:
        remedy: What is to be done, as the end of a sentence.
    """
    try:
        yield
    except TrainingInterrupted as stop:
        raise KeyboardInterrupt(f"{stop}; {remedy}") from None


def training_text(output: Path, summary: "RunSummary", facts: Mapping[str, object]) -> str:
    """What a person reads of a finished training.

    Args:
        output: The folder of the run.
        summary: What the training came to.
        facts: What else is known of it, such as the number of frames.
    """
    rows = [[name, value] for name, value in facts.items()]
    rows += [["epochs", summary.epochs], ["steps", summary.steps], ["minutes", f"{summary.seconds / 60:.1f}"]]
    rows += [[name, f"{value:.4f}"] for name, value in summary.losses.items()]
    return table(["training", str(output)], rows) + f"\nmodel: {summary.model_file}"


def _task(
    samples: Sequence[FrameSample],
    output: Path,
    start: JointStart,
    recipe: JointModelOptions,
    resume: bool,
    given: Collection[str] | None,
    *,
    data: list[str],
    teacher: Path | None,
) -> "JointTrainingTask":
    """The training, with the model that it starts from or goes on with."""
    from detection.start import resumed_model, start_model
    from detection.training import JointTrainingTask, require_teacher
    from reid.runs.files import require_no_run, require_resume_point

    structure = (recipe.detector, recipe.embedding)
    seed = recipe.training.seed
    if resume:
        require_resume_point(output)
        model = resumed_model(output, start.weights, *structure, new_head=start.new_head, given=given)
        notes = _notes(output)
        started_from, taught_by = notes.get("weights", "none"), notes.get("taught_by")
    else:
        model = start_model(start.weights, *structure, seed=seed, new_head=start.new_head, given=given)
        started_from, taught_by = Path(start.weights).name, None
    require_teacher(recipe.losses, given=teacher is not None)
    if not resume and is_first_process():
        require_no_run(output)
    return JointTrainingTask(
        model,
        samples,
        config=recipe.training,
        losses=recipe.losses,
        augmentation=recipe.augmentation,
        notes={"data": data, "weights": started_from, "seed": seed},
        taught=None
        if teacher is None
        else _taught(teacher, samples, output, dimension=model.embedding_dim, before=taught_by),
    )


def _decided(
    start: JointStart, recipe: JointModelOptions, given: Collection[str] | None, resumed: Path | None
) -> tuple[JointStart, JointModelOptions]:
    """The start with the shipped model's file in place of its name, or with none; a line says what it is.

    A recipe that goes on from it is a careful one, also where a run is resumed.
    """
    from detection.start import careful_training, choose_weights
    from reid.runs.starts import SHIPPED
    from search.models.shipped import shipped_start

    if start.weights != SHIPPED:
        return start, recipe
    careful = dataclasses.replace(recipe, training=careful_training(recipe.training, given))
    if resumed is not None:
        return start, recipe if _notes(resumed).get("weights", "none") == "none" else careful
    structure = (recipe.detector, recipe.embedding)
    chosen = choose_weights(start.weights, shipped_start(), *structure, given=given, new_head=start.new_head)
    say(chosen.said)
    if chosen.weights == "none":
        return dataclasses.replace(start, weights=chosen.weights), recipe
    if careful.training != recipe.training:
        say(
            f"its trunk, which knows much already, learns at {careful.training.trunk_rate:g} of the learning rate; "
            "--training.trunk-rate changes that"
        )
    return dataclasses.replace(start, weights=chosen.weights), careful


def _notes(output: Path) -> dict[str, Any]:
    """What the model file of a run keeps beside the weights, such as the name of the weights that it started from."""
    from detection.checkpoints import read_header
    from reid.runs.files import require_resume_point

    require_resume_point(output)
    notes: dict[str, Any] = json.loads(read_header(output)["notes"])
    return notes


def _taught(
    teacher: Path, samples: Sequence[FrameSample], output: Path, *, dimension: int, before: str | None
) -> "TaughtFrames":
    """What the teacher makes of everybody in the frames, kept in the folder of the run.

    Args:
        teacher: The crop model's file, or the folder of its run.
        samples: The training frames.
        output: The folder of the run.
        dimension: The length of the joint model's embeddings.
        before: The fingerprint of the teacher of the run that is gone on with, None where none is known. Another one is
            refused before what the first one made is written over.
    """
    from reid.crops.sphere_reid import SphereReID
    from reid.crops.teacher import TEACHER_FILE, teach_frames

    model = SphereReID.from_checkpoint(teacher)
    if before is not None and model.fingerprint() != before:
        raise ValueError(
            f"{output} learns from another teacher than {teacher}; resume with the --teacher of the first call"
        )
    file = output / TEACHER_FILE
    with Progress("Teacher", unit="crop") as progress:
        taught = teach_frames(model, samples, file, dimension=dimension, on_progress=progress)
    for name, reason in taught.failures:
        _log.warning("the teacher cannot see %s: %s", name, reason)
    return taught


def _write_config(
    output: Path,
    roots: Sequence[Path],
    data: FrameData,
    start: JointStart,
    recipe: JointModelOptions,
    *,
    teacher: Path | None,
) -> None:
    from reid.runs.files import write_config

    settings = {
        "command": sys.argv[1:],
        "roots": [str(part) for part in roots],
        "format": data.format,
        "frames": data.frames,
        "teacher": None if teacher is None else str(teacher),
        **dataclasses.asdict(start),
        **dataclasses.asdict(recipe),
    }
    write_config(output, settings)


def _require_each_once(roots: Sequence[Path]) -> None:
    twice = [str(part) for part in roots if sum(part.resolve() == other.resolve() for other in roots) > 1]
    if twice:
        raise ValueError(f"{twice[0]} is given twice, expected every data set once; leave it out of --also")


def _warn_of_idle_settings(losses: LossConfig, given: Collection[str]) -> None:
    """Name what was set of losses that are off."""
    for name in sorted(given):
        loss = next((one for one in LOSSES if name.startswith(f"losses.{one}_")), None)
        if loss is not None and not losses.weight(loss):
            _log.warning("--%s has no effect: the weight of %s is 0", name.replace("_", "-"), loss)
