"""The help of a command: its purpose first, then what is needed most, and with `--help-all` everything."""

import re
import shutil
import textwrap
from collections.abc import Callable, Sequence

from tools.signature import REQUIRED, Option, examples, options_of, purpose
from tools.wording import choices, display, is_flag, is_list, place

COMMON_TEXTS = {
    "--config NAME": "Take options from a preset or a YAML file; those typed beside it win. `--config list` names the "
    "presets of this command.",
    "--json FILE": "Write the result to this file as JSON.",
    "--progress auto|always|never": "Show how far the work is: a bar on a terminal, else a line every half minute.",
    "--print-config": "Print all options with their values as YAML, for `--config`, and stop.",
    "--debug": "Show the traceback of an error.",
}
"""The options that every command has; the first two stand in the short help too."""
SHORT_COMMON = 2
INDENT = 26


def help_page(
    command: str,
    function: Callable[..., object],
    flat: Sequence[str] = (),
    shown: Sequence[str] = (),
    *,
    whole: bool = False,
) -> str:
    """The help as people read it.

    Args:
        command: The command's name.
        function: The command's function.
        flat: The parameters whose dataclass gives its fields without a dot.
        shown: The options of the short help, by the names of the parameters; the function's own where it is empty.
        whole: Whether every option is explained, which `--help-all` asks for.
    """
    options = options_of(function, flat)
    words = [option for option in options if option.positional]
    others = [option for option in options if not option.positional]
    short = sorted((option for option in others if _is_short(option, shown)), key=lambda one: _rank(one, shown))
    listed = others if whole else short
    paragraphs = purpose(function) if whole else purpose(function)[:1]
    lines = [" ".join(["usage: personsearch", command, *map(_word, words), "[options]"])]
    for paragraph in paragraphs:
        lines += ["", *_wrapped(paragraph, "")]
    if typed := examples(function):
        lines += ["", *(f"    {line}" for line in typed)]
    if words:
        lines.append("")
    for word in words:
        lines += entry(_word(word), word.text)
    for group in dict.fromkeys(option.group for option in listed):
        members = [option for option in listed if option.group == group]
        lines += ["", *_wrapped(_heading(group, members), "")]
        for option in members:
            lines += entry(f"{option.typed} {place(option.name, option.hint)}".rstrip(), _text(option))
    lines += ["", "Options of every command:"]
    for name, text in list(COMMON_TEXTS.items())[: None if whole else SHORT_COMMON]:
        lines += entry(name, text)
    hidden = [_hidden_words(option) for option in others if option not in listed]
    hidden += [] if whole else [name.split()[0] for name in list(COMMON_TEXTS)[SHORT_COMMON:]]
    lines += ["", *_wrapped(_ending(command, hidden), "")]
    return "\n".join(lines)


def entry(name: str, text: str, indent: int = INDENT) -> list[str]:
    """The lines of a name and its text beside each other; below each other where the name is long."""
    lines = _wrapped(text, " " * indent)
    if len(name) + 4 > indent or not lines:
        return [f"  {name}", *lines]
    return [f"  {name}".ljust(indent) + lines[0][indent:], *lines[1:]]


def _word(option: Option) -> str:
    """A positional word as the usage line has it: SOURCE... where several may be typed."""
    return f"{option.typed}..." if is_list(option.hint) else option.typed


def _is_short(option: Option, shown: Sequence[str]) -> bool:
    if option.default is REQUIRED:
        return True
    return option.name in shown if shown else not option.group


def _rank(option: Option, shown: Sequence[str]) -> int:
    """Where an option stands in the short help: as `shown` has it, what is required and not named there first."""
    return shown.index(option.name) if option.name in shown else -1


def _heading(group: str, options: Sequence[Option]) -> str:
    if not group:
        return "Options:"
    prefix, dot, _ = options[0].typed.rpartition(".")
    return f"{group.rstrip('.')}{f' ({prefix}.*)' if dot else ''}:"


def _text(option: Option) -> str:
    notes = []
    values = choices(option.hint)
    if values and place(option.name, option.hint) in ("NAME", "LAYOUT"):
        notes.append(f"one of {', '.join(map(str, values))}")
    if option.default is REQUIRED:
        notes.append("required")
    elif option.default is not None and not (is_flag(option.hint) and option.default is False):
        notes.append(f"default: {display(option.default)}")
    return f"{option.text} ({'; '.join(notes)})" if notes else option.text


def _ending(command: str, hidden: Sequence[str]) -> str:
    if not hidden:
        return "A flag is typed alone to turn it on, and with false behind it to turn it off."
    listed = ", ".join(dict.fromkeys(hidden))
    return f"`personsearch {command} --help-all` explains {len(hidden)} more options: {listed}."


def _hidden_words(option: Option) -> str:
    """How a hidden option is named: by its name, or with its group as `--tracker.*` and what the group is about."""
    prefix, dot, _ = option.typed.rpartition(".")
    if not dot:
        return option.typed
    about = re.split(r"[.,;:]", option.group)[0]
    return f"{prefix}.* ({about[:1].lower()}{about[1:]})" if about else f"{prefix}.*"


def _wrapped(text: str, indent: str) -> list[str]:
    width = max(60, min(100, shutil.get_terminal_size((100, 24)).columns))
    return textwrap.wrap(
        text, width, initial_indent=indent, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )
