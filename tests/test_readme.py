"""What the README and the pages of docs/ promise: examples run, commands bind, files, pages and chapters are there."""

import contextlib
import importlib
import itertools
import json
import re
import shlex
import shutil
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import NamedTuple

import cv2
import numpy as np
import pytest

from tools.main import COMMANDS, main
from tools.parsing import Call, build_parser

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "BENCHMARKS.md", *sorted((ROOT / "docs").glob("*.md"))]
PAGES += [ROOT / "detection" / "weights" / "plaza.md", ROOT / "deploy" / "README.md"]
LINKING = [*PAGES, ROOT / "CHANGELOG.md"]
TOPS = ("datasets", "reid", "detection", "search", "tools")
WALK = "<!-- executed by the tests -->"


class Walk(NamedTuple):
    """The folder of the first steps, and the files that `find` went through: each chain of calls, outermost first."""

    folder: Path
    chains: set[tuple[str, ...]]


class Typed(NamedTuple):
    """A command that a page shows: where, its name ("" for none that there is), the words after it.

    `mentioned` says that it stands inside a sentence, where the name alone may stand for the command.
    """

    page: str
    command: str
    words: tuple[str, ...]
    mentioned: bool


def name_of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def fenced(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", text, flags=re.DOTALL | re.MULTILINE)


def shown_lines(text: str) -> Iterator[tuple[str, bool]]:
    """What a page shows as typed: the lines of its indented blocks, and the code inside its sentences (True)."""
    text = re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)
    for line in re.sub(r"\\\n\s*", "", text).splitlines():
        if line.startswith("    "):
            yield re.sub(r"\s+# .*", "", line.strip()), False
    for code in re.findall(r"`([^`]+)`", re.sub(r"^    .*", "", text, flags=re.MULTILINE)):
        yield " ".join(code.split()), True


def typed(page: Path, text: str) -> Iterator[Typed]:
    for line, mentioned in shown_lines(text):
        starts = [name for name in COMMANDS if f"{line} ".startswith(f"{name} ")]
        if line.startswith("personsearch "):
            line = line.removeprefix("personsearch ")
        elif line.startswith("torchrun "):
            line = line.split("-m tools.main ")[1]
        elif not starts or (mentioned and " " not in line):
            continue  # no command; `index` and `demo` alone may be words of the sentence
        command = next((name for name in COMMANDS if f"{line} ".startswith(f"{name} ")), "")
        yield Typed(name_of(page), command, tuple(shlex.split(line.removeprefix(command))), mentioned)


def all_typed() -> list[Typed]:
    found = [one for page in PAGES for one in typed(page, page.read_text(encoding="utf-8"))]
    return list({one[1:]: one for one in found}.values())


def refusal(one: Typed, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> str:
    """What the command line says instead of doing the work: nothing where command, options and values are known."""
    if one.command and one.mentioned and not one.words:
        return ""  # the command's name alone
    monkeypatch.setattr(Call, "run", lambda call: 0)
    status = main([*one.command.split(), *one.words])
    return "" if status == 0 else capsys.readouterr().err


def slug(title: str) -> str:
    """The anchor of a chapter: lower case, words joined by dashes, other signs left out."""
    return re.sub(r"[^\w\- ]", "", title.strip().lower()).replace(" ", "-")


def chapters(file: Path) -> list[str]:
    return [slug(title) for title in re.findall(r"^#+ (.*)$", file.read_text(encoding="utf-8"), flags=re.MULTILINE)]


def broken_links(page: Path, text: str) -> list[str]:
    missing = []
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if "://" in target:
            continue
        path, _, chapter = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        if not file.is_file() or (chapter and chapter not in chapters(file)):
            missing.append(target)
    return missing


@pytest.mark.parametrize("one", all_typed(), ids=lambda one: f"{one.page}: {one.command} {' '.join(one.words)}"[:90])
def test_a_command_of_the_pages_binds_as_it_stands(
    one: Typed, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert not refusal(one, monkeypatch, capsys)


def test_every_command_has_a_page_that_shows_its_use() -> None:
    shown = {one.command for one in all_typed() if one.words or not one.mentioned}
    assert len(all_typed()) > 60
    assert not set(COMMANDS) - shown, "commands that no page shows how to use"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("    personsearch find people --crop a.jpg --camra 2", "camra"),
        ("    personsearch fnd people", "fnd"),
        ("    personsearch index --gallery people", "SOURCE"),
        ("Type `personsearch train joint my_data --output run --config smal`.", "smal"),
        ("Type `find people --limit many`.", "limit"),
        (
            "    torchrun --nproc-per-node 4 -m tools.main train joint my_data --output run --traning.epochs 2",
            "traning",
        ),
    ],
)
def test_a_wrong_command_option_or_value_is_noticed(
    text: str, said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (wrong,) = typed(ROOT / "README.md", text)
    assert said in refusal(wrong, monkeypatch, capsys)


@pytest.fixture(scope="module")
def known_options() -> set[str]:
    parsers = [
        build_parser(name, getattr(importlib.import_module(command.module), command.function), command.flat)
        for name, command in COMMANDS.items()
    ]
    actions = [action for parser in parsers for action in parser._actions]
    return {option.replace("_", "-") for action in actions for option in action.option_strings}


def mentioned_options(text: str) -> set[str]:
    """The options that stand in a page by themselves, without their command."""
    alone = [line for line, mentioned in shown_lines(text) if mentioned and line.startswith("--")]
    return {option for line in alone for option in re.findall(r"--[a-z][\w.-]*", line)}


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_options_that_stand_alone_are_options_of_a_command(page: Path, known_options: set[str]) -> None:
    assert not mentioned_options(page.read_text(encoding="utf-8")) - known_options


def test_a_wrong_option_that_stands_alone_is_noticed(known_options: set[str]) -> None:
    assert mentioned_options("With `--rerank` and `--rernk 2`.") - known_options == {"--rernk"}


@pytest.mark.parametrize("page", LINKING, ids=name_of)
def test_every_link_leads_to_a_file_and_a_chapter(page: Path) -> None:
    assert not broken_links(page, page.read_text(encoding="utf-8"))


def test_a_wrong_link_is_noticed() -> None:
    text = "[a](docs/searching.md) [b](docs/nowhere.md) [c](docs/searching.md#nowhere) [d](#read-on)"
    assert broken_links(ROOT / "README.md", text) == ["docs/nowhere.md", "docs/searching.md#nowhere"]


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_file_and_make_target_that_a_page_names_is_there(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    targets = re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE)
    for line, _ in shown_lines(text):
        if line.startswith("make "):
            assert line.split()[1] in targets, line
        if re.fullmatch(r"(datasets|reid|detection|search|tools|tests|docs)/[\w./-]*", line):
            assert (ROOT / line).exists(), line


def test_the_readme_is_short_and_leads_to_every_page() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 150
    assert len(list((ROOT / "docs").glob("*.md"))) <= 12
    linked = "".join(page.read_text(encoding="utf-8") for page in PAGES)
    for page in (ROOT / "docs").glob("*.md"):
        assert f"({page.name})" in linked or f"(docs/{page.name})" in text, page


def test_the_map_of_contributing_has_every_room() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    listed = re.findall(r"^\| `([a-z/]+)/` \|", text, flags=re.MULTILINE)
    rooms = [file.parent for top in TOPS for file in (ROOT / top).rglob("__init__.py")]
    assert set(listed) == {room.relative_to(ROOT).as_posix() for room in rooms} | {"tests", "tools/presets"}


def rooms_and_their_files() -> str:
    """A paragraph for each room: its folder, then the names of its files."""
    lines = []
    for top in TOPS:
        for room in sorted(file.parent for file in (ROOT / top).rglob("__init__.py")):
            names = " ".join(sorted(file.stem for file in room.glob("*.py") if file.stem != "__init__"))
            folder = f"{room.relative_to(ROOT).as_posix()}/".ljust(20)
            lines += textwrap.wrap(names, 128, initial_indent=folder, subsequent_indent=" " * 20)
    return "".join(f"{line}\n" for line in lines)


def test_the_list_of_files_is_the_one_on_disk() -> None:
    (told,) = fenced((ROOT / "docs" / "how_it_is_built.md").read_text(encoding="utf-8"), "text")
    there = rooms_and_their_files()
    assert told == there, f"write this into docs/how_it_is_built.md:\n{there}"


def crop_model(folder: Path) -> None:
    """A crop model where the pages say that one is."""
    from reid import SphereReID, SphereReIDConfig

    model = SphereReID(SphereReIDConfig(backbone="resnet18", dimension=8))
    model.save(folder / "runs" / "market" / "model.safetensors")


@contextlib.contextmanager
def recorded_chains() -> Iterator[set[tuple[str, ...]]]:
    """The product's files on the stack, outermost first, at every call of a function of the product."""
    chains: set[tuple[str, ...]] = set()
    stack: list[str] = []

    def note(frame: FrameType, event: str, _: object) -> None:
        if event == "call":
            file = frame.f_code.co_filename.removeprefix(f"{ROOT}/")
            own = file.startswith(TOPS) and file.endswith(".py") and frame.f_code.co_name != "<module>"
            stack.append(file if own else "")
            if own:
                chains.add(tuple(name for name, _ in itertools.groupby(filter(None, stack))))
        elif event == "return" and stack:
            stack.pop()

    sys.setprofile(note)
    try:
        yield chains
    finally:
        sys.setprofile(None)


@pytest.fixture(scope="module")
def walked(tmp_path_factory: pytest.TempPathFactory) -> Walk:
    """The first steps of docs/searching.md, made exactly as they stand there."""
    folder = tmp_path_factory.mktemp("walk")
    (folder / "detection").symlink_to(ROOT / "detection")
    block = (ROOT / "docs" / "searching.md").read_text(encoding="utf-8").split(WALK)[1].split("\n\n")[1]
    steps = [shlex.split(line) for line in block.splitlines()]
    assert [step[1] for step in steps] == ["data", "index", "find"]
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for step in steps[:2]:
            assert main(step[1:]) == 0, step
        with recorded_chains() as chains:
            assert main(steps[2][1:]) == 0
    return Walk(folder, chains)


def test_a_probe_goes_the_way_that_the_page_tells_and_never_back_up(walked: Walk) -> None:
    """Each file of the list is entered, at most ten stand on one another, and none is entered again from below."""
    text = (ROOT / "docs" / "how_it_is_built.md").read_text(encoding="utf-8")
    told = re.findall(r"^\d+\. `([\w/]+\.py)`", text, flags=re.MULTILINE)
    assert 5 <= len(told) <= 10
    entered = {file for chain in walked.chains for file in chain}
    assert not set(told) - entered
    assert max(map(len, walked.chains)) <= 10
    assert not [chain for chain in walked.chains if len(set(chain)) < len(chain)]
    places = [[told.index(file) for file in chain if file in told] for chain in walked.chains]
    assert all(place == sorted(place) for place in places), "a file calls one that stands above it in the list"


def test_the_first_steps_find_the_person_in_other_cameras(walked: Walk, monkeypatch: pytest.MonkeyPatch) -> None:
    """The table that the page shows is the one that comes out."""
    monkeypatch.chdir(walked.folder)
    text = (ROOT / "docs" / "searching.md").read_text(encoding="utf-8")
    rows = re.findall(r"^ +\d+ +(\d) +(\S+Z) +(\S+) +([\d,]+) +(0\.\d+) +(match|possible)", text, flags=re.MULTILINE)
    answer = json.loads((walked.folder / "answer.json").read_text(encoding="utf-8"))["sightings"]
    assert len(rows) >= 3
    assert [(one["camera"], one["time"], one["frame"], one["verdict"]) for one in answer[: len(rows)]] == [
        (camera, time, frame, verdict) for camera, time, frame, _, _, verdict in rows
    ]
    assert [one["score"] for one in answer[: len(rows)]] == pytest.approx([float(row[4]) for row in rows], abs=0.004)
    assert "data:image/jpeg;base64" in (walked.folder / "answer.html").read_text(encoding="utf-8")


def test_a_search_from_python_gives_the_same_table(walked: Walk, monkeypatch: pytest.MonkeyPatch) -> None:
    (example,) = fenced((ROOT / "docs" / "searching.md").read_text(encoding="utf-8"), "python")
    frame = cv2.imread(str(walked.folder / "square" / "frames" / "c3_000017.jpg"))
    monkeypatch.chdir(walked.folder)
    cv2.imwrite("suspect.jpg", frame[71:149, 134:170])
    names: dict[str, object] = {}
    exec(compile(example, "searching.md", "exec"), names)
    assert len(names["sightings"]) > 3


def test_the_way_of_the_data_runs_on_frames_of_the_square(
    walked: Walk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As it stands, in a folder with some footage, the shipped model and a crop model."""
    example, _ = fenced((ROOT / "docs" / "how_it_is_built.md").read_text(encoding="utf-8"), "python")
    assert [int(hop) for hop in re.findall(r"# (\d) ", example)] == [1, 2, 3, 4, 5, 6]
    (tmp_path / "footage").mkdir()
    for picture in sorted((walked.folder / "square" / "frames").glob("c3_*"))[-6:]:
        shutil.copy(picture, tmp_path / "footage")
    (tmp_path / "detection").symlink_to(ROOT / "detection")
    crop_model(tmp_path)
    # Nobody stands in the last frame.
    cv2.imwrite(str(tmp_path / "footage" / "z.jpg"), np.full((360, 640, 3), 90, np.uint8))
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    exec(compile(example, "how_it_is_built.md", "exec"), names)
    assert len(names["sightings"]) > 1
    assert names["gallery"].embedded_by.second_stage is not None
    assert "data:image/jpeg;base64" in (tmp_path / "find.html").read_text(encoding="utf-8")


def test_the_names_that_other_code_relies_on_are_there() -> None:
    _, names = fenced((ROOT / "docs" / "how_it_is_built.md").read_text(encoding="utf-8"), "python")
    exec(compile(names, "how_it_is_built.md", "exec"), {})


def test_a_crop_is_embedded_in_three_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (example,) = fenced((ROOT / "docs" / "crops.md").read_text(encoding="utf-8"), "python")
    assert len([line for line in example.splitlines() if line.strip()]) == 3
    crop_model(tmp_path)
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {name: np.full((90, 40, 3), 7 * len(name), np.uint8) for name in ("crop_a", "crop_b")}
    exec(compile(example, "crops.md", "exec"), names)
    assert names["embeddings"].shape == (2, 8)


def test_the_file_that_the_page_of_data_sets_shows_is_read(tmp_path: Path) -> None:
    from datasets import load_frames

    (content,) = fenced((ROOT / "docs" / "data_sets.md").read_text(encoding="utf-8"), "json")
    (tmp_path / "train.json").write_text(content, encoding="utf-8")
    (tmp_path / "frames").mkdir()
    cv2.imwrite(str(tmp_path / "frames" / "c1_000012.jpg"), np.full((360, 640, 3), 90, np.uint8))
    (sample,) = load_frames("custom", tmp_path, "train")
    assert sample.boxes.tolist() == [[69, 116, 93, 168]]
    assert sample.original_ids.tolist() == [35]
    assert (sample.camera, sample.timestamp) == (1, 1777622412.0)
