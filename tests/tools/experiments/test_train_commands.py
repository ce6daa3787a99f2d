"""The training commands: words that are grouped in values, and what an interrupted training says."""

import dataclasses
from pathlib import Path

import pytest

from datasets.augmentation import FrameAugmentation
from reid.runs.interruption import TrainingInterrupted
from tools.experiments.train import FrameData, JointStart, told_how_to_go_on
from tools.main import COMMANDS, main
from tools.parsing import parse
from tools.recipe_files import CropModelOptions, JointModelOptions, joint_preset


def values(words: str) -> dict[str, object]:
    import importlib

    name = " ".join(words.split()[:2])
    command = COMMANDS[name]
    function = getattr(importlib.import_module(command.module), command.function)
    return parse(name, function, words.split()[2:], command.flat).values


def test_words_of_earlier_command_lines_reach_the_values_they_are_grouped_in() -> None:
    given = values(
        "train joint DATA --output RUN --format prw --also A,B --weights coco --new-head --detector.min-size 320 "
        "--losses.toim 0.5 --training.epochs 3 --augmentation.flip 0"
    )
    assert given["data"] == FrameData("prw", [Path("A"), Path("B")])
    assert given["start"] == JointStart("coco", new_head=True)
    recipe = given["recipe"]
    assert isinstance(recipe, JointModelOptions)
    assert (recipe.detector.min_size, recipe.training.epochs) == (320, 3)
    assert (recipe.losses.toim, recipe.losses.oim, recipe.losses.sphere) == (0.5, 1.0, 0.0)
    assert recipe.augmentation == FrameAugmentation(flip=0)
    assert {"detector.min_size", "losses.toim"} <= given["given"]  # type: ignore[operator]
    crop = values("train crop DATA --output RUN --data.split-by identities --network.dimension 64 --losses.triplet 1")
    assert isinstance(crop["recipe"], CropModelOptions)
    assert (crop["recipe"].network.dimension, crop["recipe"].losses.triplet) == (64, 1.0)


def test_the_recipe_that_nobody_changes_is_the_published_one() -> None:
    assert values("train joint DATA --output RUN")["recipe"] == JointModelOptions()
    assert values("train crop DATA --output RUN")["recipe"] == CropModelOptions()
    assert values("bench joint --output O")["recipe"] == JointModelOptions()


@pytest.mark.parametrize("name", ["small", "plaza", "plaza_tables"])
def test_a_preset_is_the_same_from_the_command_line_and_from_python(name: str) -> None:
    command = "bench joint" if name == "plaza_tables" else "train joint DATA"
    assert values(f"{command} --output RUN --config {name}")["recipe"] == joint_preset(name)


def test_an_interrupted_training_says_how_it_goes_on() -> None:
    with pytest.raises(KeyboardInterrupt) as stop, told_how_to_go_on("the same command goes on from there"):
        raise TrainingInterrupted(Path("run"), 3, 80)
    assert str(stop.value) == "interrupted after step 3 of 80, which run keeps; the same command goes on from there"


def test_the_line_of_an_interrupted_training_is_what_the_user_reads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt("interrupted after step 3 of 80, which run keeps; the same command goes on from there")

    monkeypatch.setattr("tools.bench.joint._base", interrupted)
    assert main(["bench", "joint", "--output", str(tmp_path)]) == 130
    line = "personsearch: interrupted after step 3 of 80, which run keeps; the same command goes on from there\n"
    assert capsys.readouterr().err == line


def test_no_command_of_training_takes_more_than_eight_values() -> None:
    import importlib
    import inspect

    for name in ("train joint", "train crop", "bench joint", "bench tables", "bench training", "bench evaluation"):
        command = COMMANDS[name]
        function = getattr(importlib.import_module(command.module), command.function)
        assert len(inspect.signature(function).parameters) <= 8, name


def test_a_value_of_an_older_name_is_refused_with_the_new_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "crop", "DATA", "--output", "RUN", "--losses.metric-on", "pooled"]) == 2
    assert "--losses.metric-on features" in capsys.readouterr().err


def test_every_recipe_is_made_of_values_that_cannot_change() -> None:
    for options in (JointModelOptions(), CropModelOptions()):
        for part in dataclasses.fields(options):
            assert getattr(options, part.name).__dataclass_params__.frozen
