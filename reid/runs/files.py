"""The files of a training's run directory: what it was started with, its figures of each step, its resume point."""

import csv
import dataclasses
import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from datasets.files import whole_file, write_whole

if TYPE_CHECKING:
    from torch import Tensor

MODEL_FILE = "model.safetensors"
RESUME_FILE = "resume.pt"
METRICS_FILE = "metrics.csv"
RENAMED_VALUES = {("losses.metric_on", "pooled"): "features"}
"""Values of resume points that were written when a setting's value had another name: (setting, old) -> new."""


class DivergedError(ValueError):
    """The loss is not finite any more."""


class MetricLog:
    """Figures of each step as a CSV file and as TensorBoard events, both cut back to the step a run resumes from.

    Args:
        directory: The folder of the run.
        columns: The names of the figures. The first two, step and epoch, are whole numbers.
        resume_step: The step that the run goes on from; rows of later steps are dropped.
    """

    def __init__(self, directory: Path, columns: Sequence[str], *, resume_step: int) -> None:
        from torch.utils.tensorboard import SummaryWriter  # two seconds that only a training pays

        path = directory / METRICS_FILE
        self._columns = tuple(columns)
        rows: list[list[str]] = []
        if resume_step and path.is_file():
            with path.open(newline="", encoding="utf-8") as file:
                # A run that was killed may have left half a row at the end.
                whole = [row for row in list(csv.reader(file))[1:] if len(row) == len(self._columns)]
            rows = [row for row in whole if int(row[0]) <= resume_step]
        with whole_file(path) as unfinished, unfinished.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([self._columns, *rows])
        self._file = path.open("a", newline="", encoding="utf-8")
        self._writer = csv.writer(self._file)
        self._events = SummaryWriter(str(directory / "tensorboard"), purge_step=resume_step + 1)

    def add(self, figures: Mapping[str, float]) -> None:
        """Write the figures of a step.

        Args:
            figures: A value for each of the columns.
        """
        row = [figures[name] for name in self._columns]
        self._writer.writerow([*(str(int(value)) for value in row[:2]), *(f"{value:.6g}" for value in row[2:])])
        for name, value in zip(self._columns[2:], row[2:], strict=True):
            self._events.add_scalar(name, value, int(figures["step"]))

    def flush(self) -> None:
        """Put everything so far on the disk, before the resume point that refers to it."""
        self._file.flush()
        self._events.flush()

    def close(self) -> None:
        """Close both files."""
        self._file.close()
        self._events.close()


def write_config(run_directory: Path, config: Mapping[str, object]) -> None:
    """Keep what a run was started with in config.json; a folder that holds another run is refused.

    A run that ended before its first resume point has nothing to keep and is started over.

    Args:
        run_directory: The folder of the run, which is made where it is missing.
        config: What is kept, as JSON takes it.

    Raises:
        FileExistsError: There is a run in the folder.
    """
    require_no_run(run_directory)
    run_directory.mkdir(parents=True, exist_ok=True)
    write_whole(run_directory / "config.json", json.dumps(config, indent=2) + "\n")


def require_no_run(run_directory: Path) -> None:
    """Refuses a folder in which a training left something to keep.

    Args:
        run_directory: The folder.

    Raises:
        FileExistsError: There is a run in it.
    """
    if any((run_directory / name).exists() for name in (RESUME_FILE, MODEL_FILE)):
        raise FileExistsError(f"{run_directory} holds a run already; choose another --output, or continue it: --resume")


def write_resume_point(run_directory: Path, state: Mapping[str, object]) -> None:
    """Write resume.pt whole or not at all, with the state of the random generators.

    Args:
        run_directory: The folder of the run.
        state: Tensors and plain values. Its entry "recipe" holds what must be the same when the run goes on.

    Raises:
        OSError: The file could not be written.
    """
    import torch

    randomness = {
        "random_state": torch.get_rng_state(),
        "gpu_random_states": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
    }
    path = run_directory / RESUME_FILE
    try:
        with whole_file(path, durable=True) as unfinished, unfinished.open("wb") as file:
            torch.save({**state, **randomness}, file)
    except RuntimeError as error:
        raise OSError(f"{path} could not be written ({error}); is the disk full?") from None


def require_resume_point(run_directory: Path) -> Path:
    """The file of the last resume point.

    Args:
        run_directory: The folder of the run.

    Raises:
        FileNotFoundError: There is none.
    """
    path = run_directory / RESUME_FILE
    if not path.is_file():
        raise FileNotFoundError(f"{path} does not exist, nothing to resume; start without --resume")
    return path


def read_resume_point(run_directory: Path, recipe: Mapping[str, object]) -> dict[str, Any]:
    """The state of the last resume point, after its random generators were put back.

    Args:
        run_directory: The folder of the run.
        recipe: What the run that goes on is made of, by the names of the settings. Everything that the resume point
            names must be the same.

    Raises:
        FileNotFoundError: There is nothing to resume from.
        ValueError: The resume point is damaged, or belongs to other data, another model or another recipe.
    """
    import torch

    path = require_resume_point(run_directory)
    try:
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged file fails in whatever the unpickler happens to meet
        reason = str(error).splitlines()[0] if str(error) else "it ends too early"
        raise ValueError(f"{path} is damaged ({reason}); remove the run directory and train anew") from None
    for name, stored in state["recipe"].items():
        value = RENAMED_VALUES.get((name, str(stored)), stored)
        if recipe.get(name) != value:
            raise ValueError(
                f"{path} was made with {name} = {value}, this call has {recipe.get(name)}; resume with the arguments "
                f"of the first call, or start in another run directory"
            )
    torch.set_rng_state(state["random_state"])
    if len(state["gpu_random_states"]) == torch.cuda.device_count():
        torch.cuda.set_rng_state_all(state["gpu_random_states"])
    return state


def read_criterion(run_directory: Path) -> dict[str, "Tensor"]:
    """The criterion's state at the end of a finished run: classifiers and tables.

    Args:
        run_directory: The folder of the run.

    Raises:
        FileNotFoundError: The run has no resume point.
    """
    import torch

    state = torch.load(run_directory / RESUME_FILE, map_location="cpu", weights_only=True)
    criterion: dict[str, Tensor] = state["criterion"]
    return criterion


def digest_of(descriptions: Sequence[bytes]) -> str:
    """16 hexadecimal digits that tell data sets apart, also those of as many pictures and people.

    Args:
        descriptions: What describes each picture and its labels.

    Example:
        >>> digest_of([b"first", b"second"]) == digest_of([b"second", b"first"])
        False
    """
    digest = hashlib.sha256()
    for description in descriptions:
        digest.update(description)
    return digest.hexdigest()[:16]


def mean_of_end(run_directory: Path, column: str, share: float = 0.1) -> float:
    """The mean of one column of a run's metrics.csv over the last steps of the training.

    Args:
        run_directory: The folder of the run.
        column: The name of the column.
        share: The share of the steps that are averaged, counted from the last one, more than 0 and at most 1. At least
            one step is taken.
    """
    with (run_directory / METRICS_FILE).open(newline="", encoding="utf-8") as file:
        values = [float(row[column]) for row in csv.DictReader(file)]
    last = values[-max(1, round(share * len(values))) :]
    return sum(last) / len(last)


def departures(settings: object) -> object:
    """The fields of nested dataclasses that are not at their default, as plain values.

    Trainings and the structures of models are named by them, so that a setting that is added later leaves the names of
    those made before as they are.

    Args:
        settings: A dataclass; any other value is given back as it is.

    Example:
        >>> from reid.losses.criterion import LossConfig
        >>> departures(LossConfig(oim=0.5, sphere=1.0))
        {'oim': 0.5}
    """
    if not dataclasses.is_dataclass(settings):
        return settings
    values = {}
    for entry in dataclasses.fields(settings):
        value = getattr(settings, entry.name)
        default = entry.default if entry.default_factory is dataclasses.MISSING else entry.default_factory()
        if value != default:
            values[entry.name] = departures(value)
    return values
