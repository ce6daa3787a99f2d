"""What the README promises: its example runs, its commands and files are there."""

import re
from pathlib import Path

import cv2
import numpy as np
import pytest

from tools.main import COMMANDS


@pytest.fixture(scope="module")
def text(repository: Path) -> str:
    return (repository / "README.md").read_text(encoding="utf-8")


def examples(text: str) -> list[str]:
    return re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)


def test_a_crop_is_embedded_in_three_lines(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from reid.crops.sphere_reid import SphereReID, SphereReIDConfig

    _, example = examples(text)
    assert len([line for line in example.splitlines() if line.strip()]) == 3
    model = SphereReID(SphereReIDConfig(backbone="resnet18", dimension=8))
    model.save(tmp_path / "runs" / "market" / "model.safetensors")
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {name: np.full((90, 40, 3), 7 * len(name), np.uint8) for name in ("crop_a", "crop_b")}
    exec(compile(example, "README.md", "exec"), names)
    assert names["embeddings"].shape == (2, 8)


def test_the_example_runs_on_frames_of_the_square(
    text: str, repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As it stands, in a folder with some footage and the shipped model."""
    from datasets.plaza import write_plaza

    example = examples(text)[0]
    lines = [line for line in example.splitlines() if line.strip()]
    assert len(lines) == 12
    assert [int(hop) for hop in re.findall(r"# (\d) ", example)] == [1, 2, 3, 4, 5, 6]
    write_plaza(tmp_path / "world", seed=500, persons=8, minutes=0.05, frame_width=480)
    (tmp_path / "footage").mkdir()
    for picture in sorted((tmp_path / "world" / "frames").iterdir())[:6]:
        picture.rename(tmp_path / "footage" / picture.name)
    (tmp_path / "detection").symlink_to(repository / "detection")
    # Nobody stands in the last frame.
    cv2.imwrite(str(tmp_path / "footage" / "z.jpg"), np.full((270, 480, 3), 90, np.uint8))
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    exec(compile(example, "README.md", "exec"), names)
    assert len(names["sightings"]) > 1
    assert names["search"].mirrored
    assert "data:image/jpeg;base64" in (tmp_path / "find.html").read_text(encoding="utf-8")


def test_every_command_and_option_of_the_readme_exists(text: str) -> None:
    import importlib

    from tools.parsing import build_parser

    used = re.findall(r"personsearch ((?:[a-z]+ ?){1,2})([^\n`]*)", text)
    assert len(used) > 8
    for words, rest in used:
        name = next(known for known in (words.strip(), words.split()[0]) if known in COMMANDS)
        command = COMMANDS[name]
        function = getattr(importlib.import_module(command.module), command.function)
        parser = build_parser(name, function, command.flat)
        known = {option.replace("_", "-") for action in parser._actions for option in action.option_strings}
        for option in re.findall(r"--[a-z][a-z._-]*", rest.split("#")[0]):
            assert option in known, f"{name} has no {option}"


def test_every_file_that_the_readme_links_is_there(text: str, repository: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", text):
        assert (repository / target).is_file(), target
