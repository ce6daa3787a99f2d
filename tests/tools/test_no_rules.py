"""The commands hold no rule of the domain: what a program needs of them is in the packages."""

import ast
from pathlib import Path

import pytest
from rooms import nodes

TOOLS = Path(__file__).resolve().parents[2] / "tools"
COMMANDS_OF_SEARCH = sorted(file for file in (TOOLS / "commands").glob("[a-z]*.py") if file.stem != "demo")
SEARCH_COMMANDS = [
    *COMMANDS_OF_SEARCH,
    *(TOOLS / "experiments" / f"{name}.py" for name in ("evaluate", "evaluate_tracking")),
]
ARITHMETIC = {"numpy", "torch", "scipy", "cv2"}


@pytest.mark.parametrize("command", SEARCH_COMMANDS, ids=lambda file: file.stem)
def test_a_search_command_computes_nothing(command: Path) -> None:
    """No arrays and no networks: whoever computes with them stands in a package, where a server can call it."""
    tree = ast.parse(command.read_text(encoding="utf-8"))
    for_types = {
        id(inner)
        for node in tree.body
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if id(node) in for_types:
            continue
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        assert not {name.split(".")[0] for name in names} & ARITHMETIC, f"{command.name}:{node.lineno} computes"


@pytest.mark.parametrize("command", SEARCH_COMMANDS, ids=lambda file: file.stem)
def test_a_search_command_offers_nothing_but_the_command_and_its_options(command: Path) -> None:
    """Public functions are commands, which give an Outcome; all else is an option's dataclass or begins with "_"."""
    tree = ast.parse(command.read_text(encoding="utf-8"))
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
            assert isinstance(node.returns, ast.Name), node.name
            assert node.returns.id == "Outcome", f"{command.name}: {node.name} belongs into a package"
        if isinstance(node, ast.ClassDef):
            decorated = [one.func.id for one in node.decorator_list if isinstance(one, ast.Call)]  # type: ignore[attr-defined]
            assert decorated == ["dataclass"], f"{command.name}: {node.name} is no group of options"


def test_the_packages_name_no_command(repository: Path) -> None:
    for package in ("datasets", "reid", "detection", "search"):
        for file in (repository / package).rglob("*.py"):
            for node in nodes(file.read_text(encoding="utf-8")):
                module = node.module if isinstance(node, ast.ImportFrom) else None
                assert (module or "").split(".")[0] != "tools", file
