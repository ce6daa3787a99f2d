"""From the words after a command to the typed arguments of its function, by jsonargparse."""

import dataclasses
import difflib
import inspect
import itertools
import json
import re
from argparse import HelpFormatter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

import yaml
from jsonargparse import ActionConfigFile, ArgumentError, ArgumentParser

from tools.errors import UsageError
from tools.outcome import Outcome
from tools.progress import Progress, When
from tools.renamed import refuse_renamed, with_new_names

PRESETS = Path(__file__).resolve().parent / "presets"
COMMON = ("config", "json", "progress", "debug")
"""Options of every command; no function may have a parameter of these names."""
GIVEN = "given"
"""A parameter of this name is no option: it receives the names of the options that were given, as `detector.min_size`,
on the command line or by `--config`."""


@dataclass(frozen=True)
class Call:
    """A command ready to run: its function, the values for it, and what every command knows."""

    command: str
    function: Callable[..., object]
    values: dict[str, Any]
    json: Path | None
    progress: When

    def run(self) -> int:
        """Call the function, print and write its Outcome, and give the exit status."""
        if self.json is not None:
            # Hours of work must not end in a file that cannot be written.
            if self.json.is_dir():
                raise UsageError(f"--json {self.json} is a folder, expected a file; give a file name in it")
            self.json.parent.mkdir(parents=True, exist_ok=True)
        Progress.when = self.progress
        outcome = self.function(**self.values)
        if not isinstance(outcome, Outcome):
            raise TypeError(f"{self.command} returned {type(outcome).__name__}, expected an Outcome")
        return outcome.report(self.command, self.json)


class Parser(ArgumentParser):
    """jsonargparse's parser, whose help writes option names with dashes and types as plain words."""

    command = ""
    """The command's name, as "train joint"."""

    def format_help(self, formatter: HelpFormatter | None = None) -> str:
        """The help text of the command."""
        text = re.sub(r"--[a-z][\w.]*", lambda match: match[0].replace("_", "-"), super().format_help(formatter))
        text = re.sub(r"type:\s+<class\s+'([\w.]+)'>", r"type: \1", text)
        return re.sub(r"default:(\s+)null", r"default:\1none", text)


class PresetOrFile(ActionConfigFile):
    """`--config`: the name of a preset that is shipped, or a YAML file."""

    def __call__(self, parser: Any, cfg: Any, values: Any, option_string: str | None = None) -> None:
        """Read the preset or the file into the configuration."""
        file = Path(values)
        if not file.is_file():
            file = PRESETS / f"{values}.yaml"
            if not file.is_file():
                names = ", ".join(sorted(preset.stem for preset in PRESETS.glob("*.yaml"))) or "none is shipped"
                raise UsageError(f"--config {values} is no file, expected a YAML file or a preset's name ({names})")
        super().__call__(parser, cfg, _with_new_names(parser.command, file), option_string)


def _with_new_names(command: str, file: Path) -> str:
    """What jsonargparse reads: the file's name, or its text where a name in it has another spelling today."""
    try:
        settings = yaml.safe_load(file.read_text(encoding="utf-8"))
    except yaml.YAMLError:
        return str(file)  # jsonargparse says what is wrong with it
    if not isinstance(settings, dict):
        return str(file)
    renamed = with_new_names(command, settings)
    return str(file) if renamed == settings else yaml.safe_dump(renamed)


def parse(command: str, function: Callable[..., object], words: Sequence[str], flat: Sequence[str] = ()) -> Call:
    """Bind the words to the function's parameters.

    Args:
        command: The command's name, for the help and for error lines.
        function: Its parameters before the `*` are positional words, those after it are options.
        words: What stood behind the command; option names with dashes or underscores.
        flat: The parameters whose type is a dataclass and whose fields are typed without the parameter's name:
            `--second-weight`, not `--ranking.second-weight`.

    Raises:
        UsageError: An option is unknown, missing or of the wrong type, or `--config` names nothing that can be read.
        SystemExit: The words asked for the help, which has been printed.
    """
    refuse_renamed(command, words)
    parser = build_parser(command, function, flat)
    kinds = dict(_option_types(function, flat))
    try:
        read = _configurations_first(list(_as_jsonargparse_reads(words, kinds)))
        namespace = parser.parse_args(read)
        given = parser.parse_args(read, defaults=False) if GIVEN in inspect.signature(function).parameters else None
    except (ArgumentError, TypeError) as error:
        remedy = f"`personsearch {command} --help` explains the options"
        raise UsageError(f"{command}: {_readable(str(error), list(kinds))}; {remedy}") from error
    values = dict(vars(parser.instantiate(namespace)))
    common = {name: values.pop(name) for name in COMMON}
    for name in flat:
        group = _dataclass_of(function, name)
        values[name] = group(**{field.name: values.pop(field.name) for field in dataclasses.fields(group)})
    if given is not None:
        values[GIVEN] = set(given.keys())
    return Call(command, function, values, common["json"], common["progress"])


def build_parser(command: str, function: Callable[..., object], flat: Sequence[str] = ()) -> Parser:
    """The parser of a command: the function's parameters and the options that every command has."""
    description = (inspect.getdoc(function) or "").split("\n\nArgs:")[0].split("\n\nReturns:")[0]
    parser = Parser(
        prog=f"personsearch {command}",
        description=description,
        exit_on_error=False,
        allow_abbrev=False,
        print_config="--print_config",
    )
    parser.command = command
    words: set[str | int] = {GIVEN, *flat}
    options: set[str | int] = {GIVEN, *flat}
    parameters = inspect.signature(function).parameters
    for name, parameter in parameters.items():
        (options if parameter.kind is parameter.KEYWORD_ONLY else words).add(name)
    parser.add_function_arguments(function, as_group=False, as_positional=True, skip=options)
    parser.add_function_arguments(function, as_group=False, as_positional=False, skip=words)
    for name in flat:
        default = parameters[name].default
        preset = None if default is inspect.Parameter.empty else default
        parser.add_class_arguments(_dataclass_of(function, name), None, default=preset, instantiate=False)
    parser.add_argument("--config", action=PresetOrFile, help="a preset's name or a YAML file with options")
    parser.add_argument("--json", type=Path | None, default=None, metavar="FILE", help="write the figures to this file")
    parser.add_argument("--progress", type=When, default="auto", help="show bars: auto is on a terminal only")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    return parser


def _dataclass_of(function: Callable[..., object], name: str) -> Any:
    """The dataclass that is the type of a parameter."""
    hint = get_type_hints(function)[name]
    if not dataclasses.is_dataclass(hint):
        raise TypeError(f"parameter {name} of {function.__name__} is flat, expected a dataclass as its type")
    return hint


def _option_types(owner: Any, flat: Sequence[str] = (), prefix: str = "") -> Iterator[tuple[str, Any]]:
    """The option names of a function, as its parameters spell them, and their types; dotted for dataclasses."""
    hints = get_type_hints(owner)
    for name in ("return", GIVEN):
        hints.pop(name, None)
    for name, hint in hints.items():
        if name in flat:
            yield from _option_types(hint)
            continue
        yield prefix + name, hint
        if dataclasses.is_dataclass(hint):
            yield from _option_types(hint, (), f"{prefix}{name}.")


def _as_jsonargparse_reads(words: Sequence[str], types: dict[str, Any]) -> Iterator[str]:
    """What people type as jsonargparse reads it: `--frame-width`, `--flag` alone, `--box 1,2,3,4` without brackets."""
    remaining = list(words)
    while remaining:
        word = remaining.pop(0)
        match = re.fullmatch(r"--([A-Za-z][\w.-]*)(=.*)?", word, flags=re.DOTALL)
        if match is None:
            yield word
            continue
        name, value = match[1].replace("-", "_"), match[2]
        members = _members(types.get(name))
        if bool in members and value is None and (not remaining or remaining[0].lower() not in ("true", "false")):
            value = "=true"
        elif lists := [member for member in members if get_origin(member) in (list, tuple)]:
            if value is None and remaining and not remaining[0].startswith("--"):
                value = "=" + remaining.pop(0)
            if value is not None and value[1:2] != "[" and value != "=null":
                texts = get_args(lists[0])[0] in (str, Path)
                items = value[1:].split(",")
                value = "=" + json.dumps(items if texts else [_number_or_text(item) for item in items])
        yield f"--{name}{value or ''}"


def _configurations_first(words: list[str]) -> list[str]:
    """`--config` before all else: what is typed counts more than what a file says, wherever it stands."""
    first: list[str] = []
    others: list[str] = []
    remaining = iter(words)
    for word in remaining:
        if word == "--config":
            first += [word, *itertools.islice(remaining, 1)]
        else:
            (first if word.startswith("--config=") else others).append(word)
    return first + others


def _number_or_text(item: str) -> float | str:
    """One item of a typed list; the caller quotes text, which may hold what YAML would read as something else."""
    try:
        number = float(item)
    except ValueError:
        return item
    return int(item) if item.lstrip("-").isdecimal() else number


def _members(hint: Any) -> tuple[Any, ...]:
    return get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)


def _readable(message: str, names: Sequence[str]) -> str:
    """Several lines of jsonargparse about one value as one line in our terms.

    Args:
        message: its text.
        names: the command's options, to guess what was meant.
    """
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    key = re.match(r'Parser key "([\w.]+)":?', lines[0])
    details = dict(re.findall(r"^(Subtypes|Given value): (.*)$", "\n".join(lines), flags=re.MULTILINE))
    if key and "Given value" in details:
        subtypes = details.get("Subtypes", "[another type]").removeprefix("[").removesuffix("]")
        return f"{_option(key[1])} is {details['Given value']}, expected {_type_words(subtypes)}"
    simple = re.fullmatch(r"Expected an? (.*)\. Got value: (.*)", " ".join(lines[1:])) if key else None
    if key and simple:
        return f"{_option(key[1])} is {simple[2]}, expected {_type_words(simple[1])}"
    text = re.sub(r'Parser key "([\w.]+)":?', lambda match: _option(match[1]) + ":", " ".join(lines))
    text = re.sub(r"--[a-z][\w.]*", lambda match: match[0].replace("_", "-"), text)
    unknown = re.match(r"unrecognized arguments: --([\w.-]+)", text) or re.match(r"Option '([\w.]+)'", text)
    close = difflib.get_close_matches(unknown[1].replace("-", "_"), names, n=1) if unknown else []
    return f"{text}, did you mean {_option(close[0])}?" if close else text


def _option(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _type_words(words: str) -> str:
    literal = re.fullmatch(r"typing\.Literal\[(.*)\]", words)
    if literal:
        return "one of " + literal[1].replace("'", "")
    return re.sub(r"<class '([\w.]+)'>", r"\1", words).replace(", NoneType", " or nothing")
