"""The command `personsearch`: finds the command's module, binds what was typed to its function, prints what comes back.

How to add a command:

1. Write a function with full type annotations and a Google style docstring in a module of this folder. Parameters
   before the `*` are positional words (`root: Path` is ROOT; a list, as the last of them, takes all further words),
   parameters after it are options: `frame_width: int = 640`
   is `--frame-width`, one without a default is required, a bool is a flag, a list or tuple is typed `1,2,3`. The
   docstring and its Args become the command's help. A command has at most eight parameters: what belongs together is
   one parameter whose type is a frozen dataclass, with a default for every field and an Args section for the help. The
   fields are dotted options (`training: JointTrainingConfig` gives `--training.epochs`); a parameter that its line in
   COMMANDS names in `flat` gives its fields bare (`ranking: Ranking` gives `--second-weight`), and the function still
   receives the dataclass. Defaults are the fields' own, or those of the parameter's default.
2. The function prints nothing; it returns an Outcome: the text a person reads and the same figures for `--json`, and in
   `failures` one line for each item that could not be done while the rest was (exit status 1).
3. Wrong input is a ValueError or an OSError with one line that says the value met, what was expected and the remedy: it
   becomes exit status 2. Long work passes a `tools.progress.Progress("Indexing")` as `on_progress(done, total)`.
4. Add a line to COMMANDS below. The module is imported when the command is chosen, also for its help and to refuse a
   wrong option: torch and other slow packages are imported inside the function, and its types come from modules that
   import none of them.
5. An option that gets another name has a line in tools/renamed.py: typed, the old word is refused with the new one; in
   a `--config` file it keeps working.

`--config NAME` reads tools/presets/NAME.yaml (or a YAML file of that path) whose keys are the command's options;
options typed after it win. `--config`, `--json`, `--progress` and `--debug` belong to every command and never reach the
function. What a run really used is printed by `--print-config`.
"""

import difflib
import importlib
import os
import sys
from collections.abc import Callable, Sequence
from typing import NamedTuple

from tools.errors import UsageError, one_line


class Command(NamedTuple):
    """Where a command's function is, and the line that the overview says about it.

    Args:
        module: The module that holds the function.
        function: The function's name.
        summary: What the command is for, in one line.
        flat: The parameters of the function whose dataclass gives its fields as options without a dot.
        shown: The options of the short help, by their names in the function; its own parameters where this is empty.
        instead: The option that may stand in place of the command's list of words; "" where there is none.
    """

    module: str
    function: str
    summary: str
    flat: tuple[str, ...] = ()
    shown: tuple[str, ...] = ()
    instead: str = ""


COMMANDS = {
    "demo": Command(
        "tools.commands.demo", "demo", "the whole way on a synthetic square: train, index, find, evaluate, one report"
    ),
    "data check": Command("tools.experiments.data", "check", "list every broken record of a data set"),
    "data convert": Command("tools.experiments.data", "convert", "write a data set in the custom layout"),
    "data build": Command(
        "tools.experiments.data_build",
        "build",
        "make a data set of recordings, boxes and identities",
        ("division", "pictures"),
    ),
    "data statistics": Command(
        "tools.experiments.data_statistics", "statistics", "boxes per camera and period, heights, a page"
    ),
    "data plaza": Command(
        "tools.experiments.data",
        "plaza",
        "render the synthetic square, or many small worlds",
        ("world", "many"),
        ("make", "seed", "persons", "minutes", "frame_width", "test_fraction", "workers", "worlds"),
    ),
    "train joint": Command(
        "tools.experiments.train",
        "joint",
        "train the detector that also embeds people",
        ("data", "start", "recipe"),
        ("output", "format", "also", "weights", "resume", "training.epochs", "training.batch_size", "training.workers"),
    ),
    "train crop": Command(
        "tools.experiments.train_crop",
        "crop",
        "train the crop model: SphereReID, TOIM, bag of tricks",
        ("recipe",),
        ("output", "format", "weights", "resume", "training.epochs", "training.workers"),
    ),
    "evaluate detection": Command(
        "tools.experiments.evaluate", "detection", "recall and average precision of the boxes", flat=("inference",)
    ),
    "evaluate search": Command(
        "tools.experiments.evaluate",
        "search",
        "the published search protocols, mAP and top-k",
        flat=("models", "protocol", "ranking", "averaging", "detecting"),
        shown=(
            "model",
            "second_stage",
            "format",
            "gallery_size",
            "unlabelled",
            "rerank",
            "context",
            "tracklets",
            "report",
        ),
    ),
    "evaluate crop": Command(
        "tools.experiments.evaluate_crop",
        "crop",
        "every crop protocol of a crop model, thresholds, a page",
        ("further", "embedding"),
        ("format", "rerank", "expand", "multi_query", "batch_size", "report"),
    ),
    "evaluate tracking": Command(
        "tools.experiments.evaluate_tracking",
        "tracking",
        "MOTA, IDF1, HOTA within and across cameras",
        flat=("models", "instead", "truth", "linking"),
        shown=("model", "second_stage", "public", "tracks", "format", "across_cameras", "output"),
    ),
    "bench all": Command(
        "tools.bench.benchmarks", "measure_all", "every figure of BENCHMARKS.md measured anew, half an hour"
    ),
    "bench page": Command("tools.bench.benchmarks", "page", "the tables of BENCHMARKS.md from those figures"),
    "bench annotations": Command(
        "tools.bench.peers.annotations", "annotations", "loading CUHK-SYSU's TestG4000 beside SciPy", ("protocol",)
    ),
    "bench coco": Command(
        "tools.bench.peers.coco", "coco", "COCO's detection figures by pycocotools and by faster-coco-eval", ("frames",)
    ),
    "bench evaluation": Command(
        "tools.bench.speed.evaluation",
        "evaluation",
        "seconds and memory of evaluating and re-ranking crops",
        ("problem",),
    ),
    "bench gallery": Command(
        "tools.bench.galleries.gallery", "gallery", "filling, disk, memory and answers of a large gallery"
    ),
    "bench index": Command(
        "tools.bench.speed.indexing",
        "index",
        "frames a second from a video to the gallery, by each library",
        ("recordings",),
    ),
    "bench inference": Command(
        "tools.bench.speed.inference", "inference", "processor time of a frame and of a crop, by each library"
    ),
    "bench memory": Command(
        "tools.bench.peers.memory",
        "memory",
        "a step of OIM and TOIM beside loops over rows",
        ("step",),
    ),
    "bench rendering": Command(
        "tools.bench.speed.rendering",
        "rendering",
        "processor seconds of rendering worlds, by place and stage",
        ("crowds",),
    ),
    "bench search-evaluation": Command(
        "tools.bench.peers.search_evaluation",
        "search_evaluation",
        "seconds and memory of evaluating full frames",
        ("problem",),
    ),
    "bench still": Command("tools.bench.speed.still", "still", "what index --skip-still saves, and whom it overlooks"),
    "bench startup": Command(
        "tools.bench.galleries.startup", "startup", "seconds until the help, a search and a served search answer"
    ),
    "bench training": Command(
        "tools.bench.trainings.training",
        "training",
        "frames a second and memory of joint training",
        ("frames", "recipe"),
    ),
    "bench crop-training": Command(
        "tools.bench.trainings.crop_training", "crop_training", "crops a second of training the crop model", ("recipe",)
    ),
    "bench joint": Command(
        "tools.bench.joint",
        "joint",
        "identity losses and parts of the joint model, over seeds",
        ("data", "start", "recipe"),
        ("output", "root", "format", "tables", "seeds", "weights", "detector_epochs", "training.epochs"),
    ),
    "bench tables": Command(
        "tools.bench.tables",
        "tables",
        "train and measure the papers' tables again",
        ("asked",),
        ("output", "format", "tables", "seeds", "weights", "cross"),
    ),
    "index": Command(
        "tools.commands.index",
        "index",
        "find the people in pictures or videos and keep them in a gallery",
        flat=("models", "footage", "averaging", "work"),
        shown=("gallery", "cameras", "model", "second_stage", "camera", "start_time", "every_seconds", "tracklets"),
        instead="cameras",
    ),
    "calibrate": Command(
        "tools.commands.calibrate",
        "calibrate",
        "how similar strangers get, for the verdicts of find",
        flat=("models", "whom", "rates", "similarity", "averaging", "work"),
        shown=("from_gallery", "model", "second_stage", "format", "match_rate", "possible_rate", "tracklets", "report"),
    ),
    "gallery info": Command("tools.commands.gallery_contents", "info", "what a gallery holds, and what it takes"),
    "gallery check": Command("tools.commands.gallery_care", "check", "read a whole gallery, name what is wrong"),
    "gallery repair": Command(
        "tools.commands.gallery_care", "repair", "a gallery's last whole state after a power cut"
    ),
    "gallery compact": Command("tools.commands.gallery_care", "compact", "a smaller and faster gallery"),
    "gallery second-stage": Command(
        "tools.commands.gallery_care", "second_stage", "a crop model looks again at everybody in a gallery"
    ),
    "gallery delete": Command("tools.commands.gallery_retention", "delete", "people out of a gallery for good"),
    "gallery set": Command(
        "tools.commands.gallery_corrections", "set_right", "the right camera and time of footage in a gallery"
    ),
    "gallery merge": Command("tools.commands.gallery_retention", "merge", "several galleries into one"),
    "export": Command("tools.commands.export", "export", "a trained model as one file to pass on"),
    "models list": Command(
        "tools.commands.models", "list_models", "the models that there are, and what they have seen"
    ),
    "models card": Command("tools.commands.models", "card", "what a model is, and how good"),
    "models export-onnx": Command(
        "tools.commands.models", "export_onnx", "a model as an ONNX file, which other programs compute"
    ),
    "models import": Command(
        "tools.commands.models", "import_model", "a published checkpoint as a model of this project", ("unsaid",)
    ),
    "serve": Command(
        "tools.commands.serve",
        "serve",
        "search a gallery on a page in the browser",
        flat=("listening",),
        shown=("host", "port", "token", "token_file", "tls_cert", "tls_key"),
    ),
    "find": Command(
        "tools.commands.find",
        "find",
        "show the sightings that look most like a person",
        flat=("models", "probe", "choice", "ranking", "files", "where"),
        shown=(
            "crop",
            "frame",
            "box",
            "limit",
            "camera",
            "after",
            "before",
            "html",
            "montage",
            "video",
            "csv",
            "model",
        ),
    ),
    "case list": Command("tools.commands.case", "list_cases", "the cases in which searches, marks and notes are kept"),
    "case show": Command("tools.commands.case", "show", "what is in a case"),
    "case export": Command("tools.commands.case", "export", "a case as one ZIP: page, tables, pictures, clips, hashes"),
    "case verify": Command("tools.commands.case", "verify", "check that nobody changed an exported case"),
    "audit verify": Command("tools.commands.audit", "verify", "check that nobody changed the log of who did what"),
}

INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        arguments: The words after `personsearch`. Without them those of this process are taken.

    Returns:
        The exit status: 0 done, 1 the work failed or failed in part, 2 wrong usage or bad input, 130 interrupted.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    try:
        try:
            status = _run(words)
        except SystemExit as asked:  # --help and --print-config print and leave
            status = int(asked.code or 0)
        sys.stdout.flush()
        return status
    except KeyboardInterrupt as interrupt:
        _end_workers()
        print(f"personsearch: {str(interrupt) or 'interrupted; what was written before is kept'}", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        # The reader of a pipe (`| head`) has gone: there is nobody to tell.
        _forget_unwritten()
        return 1
    except Exception as error:
        line = one_line(error)
        if line is None or "--debug" in words:
            raise
        print(f"personsearch: {line}", file=sys.stderr)
        _forget_unwritten()
        return 2


def _forget_unwritten() -> None:
    """Give up what standard output does not take, so that the flush at exit does not fail once more."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _end_workers() -> None:
    """End the processes that the command started: interrupted pools may wait for them for ever at exit."""
    if "multiprocessing" in sys.modules:
        for child in sys.modules["multiprocessing"].active_children():
            child.terminate()


def _run(words: Sequence[str]) -> int:
    if not words or words[0] in ("-h", "--help", "help"):
        print(_overview(""))
        return 0
    if words[0] == "--version":
        from importlib.metadata import version

        print(f"personsearch {version('personsearch')}")
        return 0
    name = words[0] if words[0] in COMMANDS else " ".join(words[:2])
    if name not in COMMANDS:
        group = [command for command in COMMANDS if command.startswith(words[0] + " ")]
        if group and words[1:] in (["-h"], ["--help"]):
            print(_overview(words[0] + " "))
            return 0
        raise UsageError(_unknown(words, group))

    from tools.installation import check_package_names

    check_package_names()  # before anything else of ours is imported
    from tools.parsing import parse

    command = COMMANDS[name]
    function: Callable[..., object] = getattr(importlib.import_module(command.module), command.function)
    call = parse(name, function, words[len(name.split()) :], command.flat, command.shown, command.instead)
    return call.run()


def _unknown(words: Sequence[str], group: Sequence[str]) -> str:
    if group:
        given = f"{words[0]} {words[1]}" if len(words) > 1 else f"{words[0]} alone"
        return f"{given} is no command, expected one of: {', '.join(group)}; `personsearch --help` explains them"
    typed = " ".join(words[:2])
    close = difflib.get_close_matches(typed, COMMANDS, n=1) or difflib.get_close_matches(words[0], COMMANDS, n=1)
    guess = f"did you mean `personsearch {close[0]}`? " if close else ""
    return f"{words[0]} is no command; {guess}`personsearch --help` lists them"


def _overview(prefix: str) -> str:
    width = max(map(len, COMMANDS)) + 2
    rows = [f"  {name:<{width}}{command.summary}" for name, command in COMMANDS.items() if name.startswith(prefix)]
    return "\n".join(
        [
            "usage: personsearch COMMAND ...",
            "",
            "Find a person in surveillance footage.",
            "",
            *rows,
            "",
            "`personsearch COMMAND --help` lists a command's options. Every command takes --json FILE (its figures for",
            "programs). Exit status: 0 done, 1 the work failed or failed in part, 2 wrong usage or bad input.",
        ]
    )


if __name__ == "__main__":
    sys.exit(main())
