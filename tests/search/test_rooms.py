"""The rooms of `search`: which may import which, and what the front door costs."""

import ast
import importlib
import subprocess
import sys
from pathlib import Path

import pytest
from separate_processes import finish, start

ROOMS = (
    "models", "gallery", "care", "nearest", "query", "tracks", "evaluation", "pages", "cases", "desk", "server",
    "cluster",
)  # fmt: skip
"""In the order of the imports; `pipeline` and `indexing` stand on top of the first five."""

ON_TOP = {
    "desk": {"pipeline"},
    "server": {"pipeline"},
    "cluster": {"pipeline", "indexing", "source_runs", "still_scenes"},
}
"""The rooms that ask the predictor or index, and so stand above it, with what they ask."""


def imported(file: Path) -> set[str]:
    """The names after `search.` of what a file imports."""
    modules = [
        node.module
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom) and node.module
    ]
    return {module.split(".")[1] for module in modules if module.startswith("search.")} | {
        "search" for module in modules if module == "search"
    }


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_imports_only_what_stands_before_it(repository: Path, room: str) -> None:
    allowed = set(ROOMS[: ROOMS.index(room) + 1]) | ON_TOP.get(room, set())
    for file in (repository / "search" / room).glob("*.py"):
        assert imported(file) <= allowed, f"{file} imports {sorted(imported(file) - allowed)}"


def test_every_room_is_known(repository: Path) -> None:
    folders = {file.parent.name for file in (repository / "search").glob("*/__init__.py")}
    assert folders == set(ROOMS)


def test_what_stands_on_top_draws_no_page(repository: Path) -> None:
    for name in ("pipeline", "indexing"):
        assert "pages" not in imported(repository / "search" / f"{name}.py")


@pytest.mark.parametrize("room", ["search", *(f"search.{room}" for room in ROOMS)])
def test_every_front_door_gives_what_it_lists(room: str) -> None:
    door = importlib.import_module(room)
    modules = {file.stem for folder in door.__path__ for file in Path(folder).glob("*.py")}
    assert not modules & set(door.__all__), "a module of that name would shadow what the door exports"
    for name in door.__all__:
        assert getattr(door, name).__name__ == name
    with pytest.raises(AttributeError, match="has no attribute 'nobody'"):
        door.nobody  # noqa: B018 - asking is the test


def test_the_front_door_exports_its_names_and_loads_nothing_before_they_are_used(
    repository: Path, tmp_path: Path
) -> None:
    first = """
import sys
import search
assert "torch" not in sys.modules and "search.pipeline" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", first], cwd=repository, check=True)
    then = """
import sys
assert not [name for name in sys.modules if name.split(".")[0] == "search"]
import search
assert "search.pipeline" not in sys.modules
from search import Filters, Gallery, PersonSearch, Ranking, evaluate_search
assert all(getattr(search, name) for name in search.__all__)
assert PersonSearch.__module__ == "search.pipeline"
"""
    finish(start(exec, then, {}, said=tmp_path / "said"), tmp_path / "said")
