"""What a command can be told: the words and options that its function and the function's dataclasses declare."""

import dataclasses
import inspect
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, get_type_hints

GIVEN = "given"
"""A parameter of this name is no option: it receives the names of the options that were given, as `detector.min_size`,
on the command line or by `--config`."""
REQUIRED = inspect.Parameter.empty
"""The default of an option that has none."""


@dataclass(frozen=True)
class Option:
    """A positional word or an option of a command.

    Args:
        name: The name as the function spells it: "frame_width", or "training.epochs" for a field of a dataclass.
        hint: The type annotation.
        text: What the docstring's Args say about it.
        default: The value where nothing is given; REQUIRED where something must be.
        group: The heading it stands under, which is the Args text of the dataclass's parameter; "" for the function's
            own parameters.
        positional: Whether it is typed without its name.
    """

    name: str
    hint: Any
    text: str
    default: Any = REQUIRED
    group: str = ""
    positional: bool = False

    @property
    def typed(self) -> str:
        """The name as people type it."""
        return self.name.upper() if self.positional else typed_name(self.name)


def typed_name(name: str) -> str:
    """An option's name as people type it: `--frame-width` for "frame_width"."""
    return f"--{name.replace('_', '-')}"


def options_of(function: Callable[..., object], flat: Sequence[str] = ()) -> list[Option]:
    """All words and options of a command, the function's own first, then the fields of each dataclass.

    Args:
        function: Its parameters before the `*` are positional words, those after it are options.
        flat: The parameters whose dataclass gives its fields without the parameter's name and a dot.
    """
    hints, texts = get_type_hints(function), argument_texts(function)
    own: list[Option] = []
    grouped: list[Option] = []
    for name, parameter in inspect.signature(function).parameters.items():
        if name == GIVEN and GIVEN not in flat:
            continue
        hint, text = hints[name], texts.get(name, "")
        if dataclasses.is_dataclass(hint):
            default = None if parameter.default is REQUIRED else parameter.default
            grouped += _fields(hint, default, "" if name in flat else f"{name}.", text)
        else:
            positional = parameter.kind is not parameter.KEYWORD_ONLY
            own.append(Option(name, hint, text, parameter.default, positional=positional))
    return own + grouped


def dataclass_of(function: Callable[..., object], name: str) -> Any:
    """The dataclass that is the type of a parameter."""
    hint = get_type_hints(function)[name]
    if not dataclasses.is_dataclass(hint):
        raise TypeError(f"parameter {name} of {function.__name__} is flat, expected a dataclass as its type")
    return hint


def purpose(owner: Any) -> list[str]:
    """The paragraphs of a docstring before its sections, each in one line."""
    text = re.split(r"\n\n(?=\w+:\n)", inspect.getdoc(owner) or "")[0]
    return [" ".join(paragraph.split()) for paragraph in text.split("\n\n")]


def examples(owner: Any) -> list[str]:
    """The lines of a docstring's Example section: commands as somebody types them."""
    match = re.search(r"(?:^|\n)Example:\n((?:    .*\n?)+)", inspect.getdoc(owner) or "")
    return [] if match is None else [line.strip() for line in match[1].splitlines()]


def argument_texts(owner: Any) -> dict[str, str]:
    """The Args section of a Google style docstring: name -> text, in one line each."""
    match = re.search(r"(?:^|\n)Args:\n((?:    .*\n?|\n)+)", inspect.getdoc(owner) or "")
    if match is None:
        return {}
    entries = re.findall(r"^    (\w+): ?(.*(?:\n(?:        .*)?)*)", match[1], flags=re.MULTILINE)
    return {name: " ".join(text.split()) for name, text in entries}


def _fields(owner: Any, default: Any, prefix: str, group: str) -> Iterator[Option]:
    hints, texts = get_type_hints(owner), argument_texts(owner)
    nested = []
    for field in dataclasses.fields(owner):
        hint = hints[field.name]
        if default is not None:
            value = getattr(default, field.name)
        elif field.default is not dataclasses.MISSING:
            value = field.default
        else:
            value = REQUIRED if field.default_factory is dataclasses.MISSING else field.default_factory()
        text = texts.get(field.name, "")
        if dataclasses.is_dataclass(hint):
            nested += list(_fields(hint, None if value is REQUIRED else value, f"{prefix}{field.name}.", text))
        else:
            yield Option(prefix + field.name, hint, text, value, group)
    yield from nested
