"""`--config`: the shipped presets and people's own YAML files, read and checked for the command they are given to."""

import difflib
import importlib
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from tools.errors import UsageError
from tools.help_page import entry
from tools.renamed import with_new_names
from tools.signature import options_of

PRESETS = Path(__file__).resolve().parent / "presets"


def read_configuration(command: str, name: str, known: Collection[str]) -> str:
    """The YAML text of a preset or of a file, by the option names of today.

    Args:
        command: The command that it is for.
        name: A preset's name, or a file's path.
        known: The names of the command's options, dotted for fields of dataclasses.

    Raises:
        UsageError: There is no such preset or file, it is no YAML mapping, or it sets an option that the command lacks.
    """
    file = Path(name)
    preset = None
    if not file.is_file():
        preset = file = PRESETS / f"{name}.yaml"
        if not file.is_file():
            raise UsageError(f"--config {name} is no file, expected a YAML file or a preset's name ({_named(known)})")
    try:
        settings = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UsageError(f"--config {name} cannot be read as YAML: {' '.join(str(error).split())}") from error
    if not isinstance(settings, dict):
        raise UsageError(f"--config {name} holds no options, expected YAML lines such as `limit: 20`")
    renamed = with_new_names(command, settings)
    strange = [option for option in setting_names(renamed) if not is_known(option, known)]
    if strange and preset is not None:
        raise UsageError(
            f"--config {name} is a preset of {' and '.join(commands_of_preset(preset))}, expected one of {command}: "
            f"{_named(known)}"
        )
    if strange:
        close = difflib.get_close_matches(strange[0], known, n=1)
        guess = f", did you mean {close[0]}?" if close else f"; `personsearch {command} --help-all` lists the options"
        raise UsageError(f"--config {name} sets {strange[0]}, which is no option of {command}{guess}")
    return file.read_text(encoding="utf-8") if renamed == settings else yaml.safe_dump(renamed)


def presets_of(known: Collection[str]) -> list[Path]:
    """The shipped presets that set nothing but options of these names."""
    return [file for file in sorted(PRESETS.glob("*.yaml")) if all(is_known(name, known) for name in _names_in(file))]


def commands_of_preset(file: Path) -> list[str]:
    """The names of the commands that a shipped preset is for."""
    from tools.main import COMMANDS

    fitting = []
    for name, command in COMMANDS.items():
        function = getattr(importlib.import_module(command.module), command.function)
        known = [option.name for option in options_of(function, command.flat)]
        if all(is_known(setting, known) for setting in _names_in(file)):
            fitting.append(name)
    return fitting


def list_presets(command: str, known: Collection[str]) -> str:
    """What `--config list` prints: the command's presets, each with the first sentence of its file."""
    files = presets_of(known)
    if not files:
        return f"{command} has no presets; `--config FILE` reads options from a YAML file"
    lines = [line for file in files for line in entry(file.stem, _first_sentence(file), indent=18)]
    return "\n".join([f"presets of {command}, for --config:", *lines])


def setting_names(settings: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    """The dotted names of all values of nested settings."""
    for name, value in settings.items():
        if isinstance(value, Mapping):
            yield from setting_names(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}"


def is_known(name: str, known: Collection[str]) -> bool:
    """Whether a setting is an option, or stands inside one whose value is a mapping."""
    parts = name.split(".")
    return any(".".join(parts[:length]) in known for length in range(1, len(parts) + 1))


def _names_in(file: Path) -> list[str]:
    return list(setting_names(yaml.safe_load(file.read_text(encoding="utf-8"))))


def _named(known: Collection[str]) -> str:
    return ", ".join(file.stem for file in presets_of(known)) or "this command has none"


def _first_sentence(file: Path) -> str:
    comment = []
    for line in file.read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            break
        comment.append(line.lstrip("# "))
    return " ".join(comment).split(". ")[0].rstrip(".")
