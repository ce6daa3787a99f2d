"""From the words after a command to the typed arguments of its function, by jsonargparse."""

import dataclasses
import difflib
import functools
import inspect
import itertools
import json
import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import yaml
from jsonargparse import ActionConfigFile, ArgumentError, ArgumentParser

from datasets.storage.places import place
from tools.configurations import list_presets, read_configuration
from tools.errors import UsageError
from tools.help_page import help_page
from tools.outcome import Outcome
from tools.progress import Progress, When
from tools.renamed import refuse_renamed
from tools.signature import GIVEN, REQUIRED, Option, dataclass_of, options_of, typed_name
from tools.wording import expectation, is_flag, is_list, members

COMMON: dict[str, Any] = {"config": Path, "json": Path, "progress": When, "debug": bool, "print_config": bool}
"""Options of every command, and their types; no function may have a parameter of these names."""


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
    """jsonargparse's parser, which knows the command it is for and the names of that command's options."""

    command: str
    known: Sequence[str]


class PresetOrFile(ActionConfigFile):
    """`--config`: the name of a preset that is shipped, or a YAML file."""

    def __call__(self, parser: Any, cfg: Any, values: Any, option_string: str | None = None) -> None:
        """Read the preset or the file into the configuration."""
        text = read_configuration(parser.command, str(values), parser.known)
        super().__call__(parser, cfg, text, option_string)


def parse(
    command: str,
    function: Callable[..., object],
    words: Sequence[str],
    flat: Sequence[str] = (),
    shown: Sequence[str] = (),
    instead: str = "",
) -> Call:
    """Bind the words to the function's parameters.

    Args:
        command: The command's name, for the help and for error lines.
        function: Its parameters before the `*` are positional words, those after it are options.
        words: What stood behind the command; option names with dashes or underscores.
        flat: The parameters whose type is a dataclass and whose fields are typed without the parameter's name:
            `--second-weight`, not `--ranking.second-weight`.
        shown: The options of the short help; the function's own where it is empty.
        instead: The option that may stand in place of a list of words; "" where nothing may.

    Raises:
        UsageError: An option is unknown, missing or of the wrong type, or `--config` names nothing that can be read.
        SystemExit: The words asked for the help or for the list of presets, which has been printed.
    """
    if asked := {"-h", "--help", "--help-all"}.intersection(words):
        print(help_page(command, function, flat, shown, whole="--help-all" in asked))
        raise SystemExit(0)
    refuse_renamed(command, words)
    options = options_of(function, flat)
    hints = COMMON | {option.name: option.hint for option in options}
    if "--config=list" in words or ("--config", "list") in itertools.pairwise(words):
        print(list_presets(command, hints))
        raise SystemExit(0)
    parser = build_parser(command, function, tuple(flat))
    read, typed = _as_jsonargparse_reads(words, hints)
    read = _words_together(read, [option for option in options if option.positional])
    try:
        namespace = parser.parse_args(read)
        wanted = GIVEN in inspect.signature(function).parameters and GIVEN not in flat
        given = parser.parse_args(read, defaults=False) if wanted else None
    except (ArgumentError, TypeError) as error:
        positional = [option.name for option in options if option.positional]
        remedy = f"`personsearch {command} --help` explains the options"
        raise UsageError(f"{command}: {_readable(str(error), hints, positional, typed)}; {remedy}") from error
    values = dict(vars(parser.instantiate(namespace)))
    if instead and not values[instead] and not values[(last := [one for one in options if one.positional][-1]).name]:
        raise UsageError(f"{command}: {last.typed} is missing, expected it or {typed_name(instead)}; name at least one")
    values = {name: _placed(value) for name, value in values.items()}
    common = {name: values.pop(name) for name in COMMON if name in values}
    for name in flat:
        group = dataclass_of(function, name)
        values[name] = group(**{field.name: values.pop(field.name) for field in dataclasses.fields(group)})
    if given is not None:
        values[GIVEN] = set(given.keys())
    return Call(command, function, values, common["json"], common["progress"])


def _placed(value: Any) -> Any:
    """The same value; paths that are addresses on object storage lead there."""
    if isinstance(value, Path):
        return place(value)
    return [_placed(one) for one in value] if isinstance(value, list) else value


@functools.cache
def build_parser(command: str, function: Callable[..., object], flat: tuple[str, ...] = ()) -> Parser:
    """The parser of a command: the function's parameters and the options that every command has. It is made once."""
    parser = Parser(
        prog=f"personsearch {command}",
        exit_on_error=False,
        allow_abbrev=False,
        add_help=False,
        print_config="--print_config",
    )
    parser.command = command
    parser.known = [*COMMON, *(option.name for option in options_of(function, flat))]
    words: set[str | int] = {GIVEN, *flat}
    options: set[str | int] = {GIVEN, *flat}
    parameters = inspect.signature(function).parameters
    for name, parameter in parameters.items():
        (options if parameter.kind is parameter.KEYWORD_ONLY else words).add(name)
    parser.add_function_arguments(function, as_group=False, as_positional=True, skip=options)
    parser.add_function_arguments(function, as_group=False, as_positional=False, skip=words)
    for name in flat:
        default = parameters[name].default
        fields = None if default is REQUIRED else default
        parser.add_class_arguments(dataclass_of(function, name), None, default=fields, instantiate=False)
    parser.add_argument("--config", action=PresetOrFile)
    parser.add_argument("--json", type=Path | None, default=None)
    parser.add_argument("--progress", type=When, default="auto")
    parser.add_argument("--debug", action="store_true")
    return parser


def _as_jsonargparse_reads(words: Sequence[str], hints: Mapping[str, Any]) -> tuple[list[str], dict[str, str]]:
    """What people type as jsonargparse reads it: `--frame-width`, `--flag` alone, `--box 1,2,3,4` without brackets.

    Returns:
        The words, `--config` first: what is typed counts more than what a file says, wherever it stands. Then the
        values as they were typed, by option, for error lines.
    """
    first: list[str] = []
    others: list[str] = []
    typed: dict[str, str] = {}
    remaining = list(words)
    while remaining:
        word = remaining.pop(0)
        match = re.fullmatch(r"--([A-Za-z][\w.-]*)(=.*)?", word, flags=re.DOTALL)
        if match is None:
            others.append(word)
            continue
        name, value = match[1].replace("-", "_"), match[2]
        hint = hints.get(name)
        if name in ("debug", "print_config"):
            others.append(f"--{name}{value or ''}")
            continue
        if is_flag(hint) and value is None and (not remaining or remaining[0].lower() not in ("true", "false")):
            value = "=true"
        elif name in hints and value is None and remaining and not remaining[0].startswith("--"):
            value = "=" + remaining.pop(0)
        typed[name] = (value or "=")[1:]
        if value is not None and is_list(hint) and value != "=null" and not _is_bracketed(value[1:], hint):
            value = "=" + _bracketed(value[1:], hint)
        (first if name == "config" else others).append(f"--{name}{value or ''}")
    return first + others, typed


def _words_together(words: Sequence[str], positional: Sequence[Option]) -> list[str]:
    """The words with those of a list in one: where the last positional word of a command is a list, it takes the rest.

    Args:
        words: As jsonargparse reads them: every option in one word with its value.
        positional: The positional words of the command.
    """
    if not positional or not is_list(positional[-1].hint):
        return list(words)
    bare = [word for word in words if not word.startswith("--")]
    listed = bare[len(positional) - 1 :]
    options = [word for word in words if word.startswith("--")]
    # jsonargparse knows a word that may be left out as an option only.
    name = "" if positional[-1].default is REQUIRED else f"--{positional[-1].name}="
    return bare[: len(positional) - 1] + ([name + json.dumps(listed)] if listed else []) + options


def _is_bracketed(value: str, hint: Any) -> bool:
    """Whether a list was typed in brackets, `[losses,parts]`; a file or a camera may be called "[1] gate" too."""
    if not value.startswith("[") or _element(hint) not in (str, Path):
        return value.startswith("[")
    try:
        return isinstance(yaml.safe_load(value), list) and not (_element(hint) is Path and os.path.lexists(value))
    except yaml.YAMLError:
        return False


def _bracketed(value: str, hint: Any) -> str:
    """A list that was typed with commas, as JSON; a file whose name holds a comma stays whole."""
    items = value.split(",")
    if _element(hint) is Path:
        return json.dumps(_existing_files(items))
    return json.dumps(items if _element(hint) is str else [_number_or_text(item) for item in items])


def _element(hint: Any) -> Any:
    """The type of the items of a list."""
    return next(get_args(member)[0] for member in members(hint) if get_args(member))


def _existing_files(parts: Sequence[str]) -> list[str]:
    """Parts between commas, joined again where the longest run of them is the name of a file that exists."""
    files: list[str] = []
    at = 0
    while at < len(parts):
        ends = (end for end in range(len(parts), at + 1, -1) if os.path.lexists(",".join(parts[at:end])))
        end = next(ends, at + 1)
        files.append(",".join(parts[at:end]))
        at = end
    return files


def _number_or_text(item: str) -> float | str:
    """One item of a typed list; the caller quotes text, which may hold what YAML would read as something else."""
    try:
        number = float(item)
    except ValueError:
        return item
    return int(item) if item.lstrip("-").isdecimal() else number


def _readable(message: str, hints: Mapping[str, Any], positional: Sequence[str], typed: Mapping[str, str]) -> str:
    """What jsonargparse says about one value, in our terms and in one line.

    Args:
        message: Its text, of several lines.
        hints: The types of the command's options, to say what was expected and to guess what was meant.
        positional: The names of the command's positional words.
        typed: The values that were typed, by option; one that a file gave stands in the text.
    """
    text = " ".join(message.split())
    key = re.search(r'[Kk]ey "([\w.]+)"', text)
    if key and key[1] in hints:
        value = re.search(r"(?:Given value|Got value): (\S+)", text)
        shown = typed.get(key[1], value[1] if value else "")
        return f"{typed_name(key[1])} is {shown}, expected {expectation(key[1], hints[key[1]])}"
    if missing := re.search(r"arguments are required: (.*)", text):
        names = str(missing[1]).split(", ")
        typed_names = [name.upper() if name in positional else typed_name(name) for name in names]
        return f"{' and '.join(typed_names)} {'is' if len(names) == 1 else 'are'} missing"
    if alone := re.search(r"argument --([\w.]+): expected one argument", text):
        expected = expectation(alone[1], hints[alone[1]])
        return f"{typed_name(alone[1])} stands without a value, expected {expected} behind it"
    if extra := re.match(r"[Uu]nrecognized arguments: ((?!--).*)", text):
        return f"{extra[1]} is one word too many, expected options from there on"
    text = re.sub(r"--[a-z][\w.]*", lambda match: match[0].replace("_", "-"), text)
    unknown = re.match(r"[Uu]nrecognized arguments: --([\w.-]+)", text)
    if unknown is None:
        return text
    word = unknown[1].replace("-", "_")
    if word in positional:
        return f"--{unknown[1]} is no option of this command: its value stands without a name, as the usage line shows"
    last_words = {name.rpartition(".")[2]: name for name in hints}
    close = difflib.get_close_matches(word, hints, n=1)
    close = close or [last_words[name] for name in difflib.get_close_matches(word, last_words, n=1)]
    guess = f", did you mean {typed_name(close[0])}?" if close else ""
    return f"--{unknown[1]} is no option of this command{guess}"
