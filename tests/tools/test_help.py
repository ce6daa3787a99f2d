"""The help of a command: purpose first, words instead of types, and what a preset is for; nothing heavy is loaded."""

import importlib
import re
from pathlib import Path
from typing import Any, Literal

import pytest

from tools.configurations import PRESETS, commands_of_preset, list_presets
from tools.main import COMMANDS, main
from tools.signature import argument_texts, options_of, purpose
from tools.wording import display, expectation, place


def documented(first: int, *, second: str = "") -> None:
    """Say what this is for.

    It has a second paragraph
    of two lines.

    Args:
        first: The number of things,
            of which there are many: 3, say.
        second: A text.

    Raises:
        ValueError: never.
    """


def function_of(name: str) -> Any:
    return getattr(importlib.import_module(COMMANDS[name].module), COMMANDS[name].function)


def test_a_docstring_gives_purpose_and_texts_in_one_line_each() -> None:
    assert purpose(documented) == ["Say what this is for.", "It has a second paragraph of two lines."]
    assert argument_texts(documented) == {
        "first": "The number of things, of which there are many: 3, say.", "second": "A text.",
    }  # fmt: skip


@pytest.mark.parametrize("name", COMMANDS)
def test_the_short_help_begins_with_the_purpose_and_names_no_type(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*name.split(), "--help"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith(f"usage: personsearch {name}")
    assert " ".join(lines[2:]).startswith(purpose(function_of(name))[0])
    assert main([*name.split(), "--help-all"]) == 0
    whole = capsys.readouterr().out
    for word in ("Optional[", "tuple[", "list[", "Union[", "NoneType", "CONFIG", "<class", "Path"):
        assert word not in whole
    for option in options_of(function_of(name), COMMANDS[name].flat):
        assert re.search(rf"^  {re.escape(option.typed)}\b", whole, flags=re.MULTILINE), option.typed


@pytest.mark.parametrize("columns", ["80", "100"])
def test_the_short_help_of_training_fits_a_screen_and_counts_the_rest(
    columns: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    assert main(["train", "joint", "--help"]) == 0
    short = capsys.readouterr().out
    assert len(short.splitlines()) < 50
    assert "--detector.backbone" not in short
    command = COMMANDS["train joint"]
    options = options_of(function_of("train joint"), command.flat)
    hidden = len([one for one in options if not one.positional and one.name not in command.shown])
    ending = " ".join(short.split("`personsearch train joint --help-all`")[1].split())
    common = ["--progress", "--print-config", "--debug"]
    assert ending.startswith(f"explains {hidden + len(common)} more options: ")
    assert ending.endswith(f", {', '.join(common)}.")
    assert "--training.* (" in ending
    assert "--training.epochs" not in ending


@pytest.mark.parametrize("name", COMMANDS)
def test_the_short_help_names_every_option_that_it_does_not_explain(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*name.split(), "--help"]) == 0
    explained, ending = capsys.readouterr().out.split(f"`personsearch {name} --help-all`")
    for option in options_of(function_of(name), COMMANDS[name].flat):
        if option.positional or re.search(rf"^  {re.escape(option.typed)}\b", explained, flags=re.MULTILINE):
            continue
        prefix, dot, _ = option.typed.rpartition(".")
        assert re.search(rf"{re.escape(f'{prefix}.*' if dot else option.typed)}[ ,.]", " ".join(ending.split()))


def test_options_of_the_short_help_are_options() -> None:
    for name, command in COMMANDS.items():
        known = {option.name for option in options_of(function_of(name), command.flat)}
        assert set(command.shown) <= known, name
        assert len(command.shown) <= 12, name


@pytest.mark.parametrize(
    ("name", "hint", "behind", "expected"),
    [
        ("limit", int, "NUMBER", "a whole number"),
        ("share", float | None, "NUMBER", "a number"),
        ("box", tuple[float, float, float, float] | None, "X1,Y1,X2,Y2", "four numbers x1,y1,x2,y2"),
        ("pair", tuple[int, int], "NUMBER,NUMBER", "two whole numbers separated by commas"),
        ("crop", list[Path] | None, "FILE,...", "files separated by commas"),
        ("root", Path, "FOLDER", "a folder"),
        ("camera", list[str] | None, "CAMERA,...", "texts separated by commas"),
        ("rerank", bool, "", "true or false"),
        ("combine", Literal["mean", "max"], "mean|max", "one of mean, max"),
        ("sizes", tuple[tuple[int, ...], ...], "[[NUMBER,...],...]", "lists of numbers such as [[24,32],[45,64]]"),
        ("after", str | None, "TIME", "a time such as 2026-05-01T08:00 or a number of seconds"),
    ],
)
def test_types_are_told_in_words(name: str, hint: Any, behind: str, expected: str) -> None:
    assert place(name, hint) == behind
    assert expectation(name, hint) == expected


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "none"),
        (True, "true"),
        (0.00001, "1e-05"),
        ((1, 2), "1,2"),
        (((24, 32), (45,)), "[[24,32],[45]]"),
        ((), "none"),
    ],
)
def test_defaults_are_shown_as_they_are_typed(value: object, shown: str) -> None:
    assert display(value) == shown


def test_every_preset_is_for_a_command_and_says_what_it_is() -> None:
    files = sorted(PRESETS.glob("*.yaml"))
    assert files
    for file in files:
        commands = commands_of_preset(file)
        assert commands, f"{file.name} fits no command"
        known = [option.name for option in options_of(function_of(commands[0]), COMMANDS[commands[0]].flat)]
        (_, entry) = list_presets(commands[0], known).split(f"  {file.stem} ", maxsplit=1)
        assert len(entry.split("\n")[0].split()) > 3, f"{file.name} begins without a sentence"


def test_the_list_of_presets_is_the_commands_own(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "joint", "--config", "list"]) == 0
    listed = capsys.readouterr().out
    assert "  small " in listed
    assert "sphere_reid" not in listed
    assert main(["find", "--config=list"]) == 0
    assert "has no presets" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            ["train", "joint", "data", "--output", "run", "--config", "sphere_reid"],
            "--config sphere_reid is a preset of train crop and bench crop-training, expected one of train joint: "
            "mobile, people, plaza, small",
        ),
        (
            ["train", "joint", "data", "--output", "run", "--config", "smal"],
            "a preset's name (mobile, people, plaza, small)",
        ),
        (["find", "people", "--config", "smal"], "a preset's name (this command has none)"),
    ],
)
def test_a_preset_of_another_command_is_refused_with_its_own(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert said in line
