"""Options that belong together are dataclasses: how their fields are typed, read from files, and renamed."""

import importlib
import json
from dataclasses import dataclass
from pathlib import Path

import pytest

from tools import renamed
from tools.main import COMMANDS, Command, main
from tools.outcome import Outcome
from tools.parsing import parse
from tools.signature import options_of


@dataclass(frozen=True)
class Linking:
    """How sightings are linked.

    Args:
        overlap: The least overlap of two boxes.
    """

    overlap: float = 0.5


@dataclass(frozen=True)
class Ranking:
    """How similarities are made.

    Args:
        second_weight: The share of the second stage, from 0 to 1.
        cameras: The cameras that count.
        rerank: Whether neighbors count.
        linking: How sightings are linked.
    """

    second_weight: float = 0.8
    cameras: list[str] | None = None
    rerank: bool = False
    linking: Linking = Linking()

    def __post_init__(self) -> None:
        if not 0 <= self.second_weight <= 1:
            raise OSError(f"second weight is {self.second_weight:g}, expected 0 to 1")


@dataclass(frozen=True)
class Training:
    """The recipe.

    Args:
        epochs: How often all of it is seen.
    """

    epochs: int = 3


def grouped(
    root: Path,
    *,
    ranking: Ranking = Ranking(rerank=True),
    training: Training = Training(epochs=5),
    given: set[str] | None = None,
) -> Outcome:
    """Hand the arguments back.

    Args:
        root: A folder.
        ranking: How similarities are made.
        training: The recipe.
        given: The names that were given.
    """
    return Outcome("", {"ranking": ranking, "training": training, "given": sorted(given or ())})


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.setitem(COMMANDS, "group it", Command(__name__, "grouped", "for the tests", flat=("ranking",)))
    monkeypatch.setattr(renamed, "RENAMED", {
        "group it --weight": "--second-weight",
        "group it --training.passes": "--training.epochs",
        "group it --rounds": "--training.epochs",
        "group it --cameras all": "--cameras null",
        "other --rerank": "--no-such-option",
    })  # fmt: skip
    return ["group", "it", "here"]


def figures(words: list[str], folder: Path) -> dict[str, object]:
    file = folder / "figures.json"
    assert main([*words, "--json", str(file)]) == 0
    return json.loads(file.read_text())


def test_a_flat_dataclass_gives_bare_options_and_arrives_whole(command: list[str], tmp_path: Path) -> None:
    usual = figures(command, tmp_path)
    ranking = {"second_weight": 0.8, "cameras": None, "rerank": True, "linking": {"overlap": 0.5}}
    assert usual["ranking"] == ranking, "the parameter's default wins over the field's"
    assert usual["training"] == {"epochs": 5}
    words = ["--second-weight", "0.25", "--cameras", "1,north", "--rerank=false", "--linking.overlap", "0.75"]
    chosen = figures([*command, *words, "--training.epochs", "7"], tmp_path)
    assert chosen["ranking"] == {
        "second_weight": 0.25, "cameras": ["1", "north"], "rerank": False, "linking": {"overlap": 0.75},
    }  # fmt: skip
    assert chosen["training"] == {"epochs": 7}
    given = chosen["given"]
    assert isinstance(given, list)
    assert {"second_weight", "cameras", "rerank", "linking.overlap", "training.epochs"} <= set(given)


def test_a_file_names_bare_options_at_the_top_and_dotted_ones_below(command: list[str], tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("second_weight: 0.5\nlinking: {overlap: 0.9}\ntraining: {epochs: 9}\n")
    read = figures([*command, "--config", str(file), "--second-weight", "0.4"], tmp_path)
    assert read["ranking"] == {"second_weight": 0.4, "cameras": None, "rerank": True, "linking": {"overlap": 0.9}}
    assert read["training"] == {"epochs": 9}


def test_a_value_that_a_dataclass_refuses_is_one_line(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*command, "--second-weight", "2"]) == 2
    assert capsys.readouterr().err == "personsearch: second weight is 2, expected 0 to 1\n"


@pytest.mark.parametrize(
    ("words", "old", "new"),
    [
        (["--weight", "0.5"], "--weight", "--second-weight"),
        (["--weight=0.5"], "--weight", "--second-weight"),
        (["--training.passes", "3"], "--training.passes", "--training.epochs"),
        (["--cameras", "all"], "--cameras all", "--cameras null"),
        (["--cameras=all"], "--cameras all", "--cameras null"),
    ],
)
def test_an_old_word_is_refused_with_the_new_one(
    words: list[str], old: str, new: str, command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*command, *words]) == 2
    assert capsys.readouterr().err == f"personsearch: group it: {old} is an old spelling, expected {new}\n"


def test_other_values_and_other_commands_keep_their_words(command: list[str], tmp_path: Path) -> None:
    read = figures([*command, "--cameras", "alley", "--rerank"], tmp_path)
    assert read["ranking"] == {"second_weight": 0.8, "cameras": ["alley"], "rerank": True, "linking": {"overlap": 0.5}}


def test_old_words_in_a_file_keep_working(command: list[str], tmp_path: Path) -> None:
    file = tmp_path / "old.yaml"
    file.write_text("weight: 0.5\ntraining: {passes: 4}\n")
    read = figures([*command, "--config", str(file)], tmp_path)
    assert read["ranking"] == {"second_weight": 0.5, "cameras": None, "rerank": True, "linking": {"overlap": 0.5}}
    assert read["training"] == {"epochs": 4}
    file.write_text("rounds: 6\nrerank: false\n")
    read = figures([*command, "--config", str(file)], tmp_path)
    assert (read["training"], read["ranking"]["rerank"]) == ({"epochs": 6}, False)  # type: ignore[index]


@pytest.mark.parametrize(
    ("words", "new"),
    [(["--recordings", "videos"], "--make"), (["--recordings=none"], "--make dataset"), (["--recordings"], "--make")],
)
def test_the_old_words_of_plaza_are_refused_with_the_new_ones(
    words: list[str], new: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["data", "plaza", str(tmp_path / "raw"), *words]) == 2
    assert capsys.readouterr().err.endswith(f"is an old spelling, expected {new}\n")


def test_every_renamed_word_leads_to_an_option_of_its_command() -> None:
    for old, new in renamed.RENAMED.items():
        name, option = old.split(" --")
        command = COMMANDS[name]
        function = getattr(importlib.import_module(command.module), command.function)
        known = {one.typed for one in options_of(function, command.flat)}
        assert new.split()[0] in known, old
        assert " " in option or f"--{option}" not in known, f"{old} is an option today"


@pytest.mark.parametrize("typed", ["[losses,toim]", "losses,toim", '["losses", "toim"]', "[losses, toim]"])
def test_lists_of_words_are_typed_with_brackets_or_without(typed: str) -> None:
    from tools.bench.joint import joint

    flat = COMMANDS["bench joint"].flat
    given = parse("bench joint", joint, ["--output", "here", "--tables", typed, "--seeds", "[0,1]"], flat).values
    assert (given["tables"], given["seeds"]) == (["losses", "toim"], [0, 1])


@pytest.mark.parametrize(
    ("typed", "files"),
    [
        ("suspect, gate.png", ["suspect, gate.png"]),
        ("[cam1] suspect.png", ["[cam1] suspect.png"]),
        ("[1, 2].png", ["[1, 2].png"]),
        ("a.png,suspect, gate.png,b.png", ["a.png", "suspect, gate.png", "b.png"]),
        ("a.png,b.png", ["a.png", "b.png"]),
        ('["a, x.png", "b.png"]', ["a, x.png", "b.png"]),
        ("missing, x.png", ["missing", " x.png"]),
        (" blank.png", [" blank.png"]),
    ],
)
def test_a_file_whose_name_has_a_comma_or_brackets_is_one_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, typed: str, files: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("suspect, gate.png", "[cam1] suspect.png", "[1, 2].png", "a.png", "b.png", " blank.png"):
        (tmp_path / name).touch()
    from tools.commands.find import find

    for words in (["--crop", typed], [f"--crop={typed}"]):
        values = parse("find", find, ["people", *words], COMMANDS["find"].flat).values
        assert values["probe"].crop == [Path(name) for name in files]


@pytest.mark.parametrize(
    ("typed", "cameras"),
    [("1,4", ["1", "4"]), ("[1] gate", ["[1] gate"]), ("01", ["01"]), ("Hall, north", ["Hall", " north"])],
)
def test_cameras_are_texts(typed: str, cameras: list[str]) -> None:
    from tools.commands.find import find

    assert parse("find", find, ["people", "--camera", typed], COMMANDS["find"].flat).values["choice"].camera == cameras
