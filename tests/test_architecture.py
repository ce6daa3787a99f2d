"""The shape of the project: which package may import which, how long a file may be, and who may print."""

import ast
import functools
import importlib
import inspect
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from rooms import circles, imports_between_rooms, nodes, room_sizes

from tools.errors import PACKAGES
from tools.main import COMMANDS

# In the order of the imports: each package may import those before it.
ORDER = ("datasets", "reid", "detection", "search", "tools")
FOLDERS = {*ORDER, "tests"}
LONGEST_FILE = 400
LONGEST_FUNCTION = 60  # without its docstring
MOST_ARGUMENTS = 10
MAY_MOVE_FILES = {
    "datasets/files.py": "the one place",
    "datasets/plaza/recordings.py": "a recording may be a folder of pictures, which is moved whole",
    "reid/runs/run.py": "the model file follows once its resume point is written, or goes",
}
MOST_FILES = 15  # of a room
TESTS_OF_NO_ROOM = {"faults", "fuzz"}
FEWEST_FILES = 2  # a room of so few may be tested elsewhere
REPOSITORY = Path(__file__).resolve().parents[1]
SOURCES = sorted(file for package in ORDER for file in (REPOSITORY / package).rglob("*.py"))
FILES = [*SOURCES, *sorted((REPOSITORY / "tests").rglob("*.py"))]


def names(files: list[Path]) -> list[str]:
    return [str(file.relative_to(REPOSITORY)) for file in files]


@functools.cache
def nodes_of(file: Path) -> tuple[ast.AST, ...]:
    return nodes(file.read_text(encoding="utf-8"))


def tree(file: Path) -> ast.Module:
    module = nodes_of(file)[0]
    assert isinstance(module, ast.Module)
    return module


def imported_modules(file: Path) -> Iterator[tuple[int, str]]:
    for node in nodes_of(file):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}:{node.lineno} imports relatively, write the package's name"
            yield node.lineno, node.module or ""


def test_every_package_is_known() -> None:
    assert PACKAGES == ORDER


@pytest.mark.parametrize("package", ORDER)
def test_imports_point_one_way(package: str) -> None:
    later = ORDER[ORDER.index(package) + 1 :]
    wrong = [
        f"{file.relative_to(REPOSITORY)}:{line} imports {module}"
        for file in (REPOSITORY / package).rglob("*.py")
        for line, module in imported_modules(file)
        if module.split(".")[0] in {*later, "tests"}
    ]
    assert not wrong, f"{package} may import only what stands before it in {ORDER}: {wrong}"


def test_every_folder_with_code_is_a_package_or_tests() -> None:
    holders = {
        file.relative_to(REPOSITORY).parts[0]
        for folder in REPOSITORY.iterdir()
        if folder.is_dir() and not folder.name.startswith(".") and folder.name not in {"build", "dist", "runs"}
        for file in folder.rglob("*.py")
    }
    assert holders <= FOLDERS, f"code lives in {sorted(FOLDERS)}; found {sorted(holders - FOLDERS)} too"
    assert not list(REPOSITORY.glob("*.py")), "no module at the top"


def test_every_package_folder_is_importable_and_explained() -> None:
    for folder in {file.parent for file in SOURCES}:
        start = folder / "__init__.py"
        assert start.is_file(), f"{folder.relative_to(REPOSITORY)} lacks __init__.py"
        assert ast.get_docstring(tree(start)), f"{start} lacks a docstring"


@pytest.mark.parametrize("file", FILES, ids=names(FILES))
def test_no_file_is_too_long(file: Path) -> None:
    lines = len(file.read_text(encoding="utf-8").splitlines())
    assert lines <= LONGEST_FILE, f"{file.name} has {lines} lines, expected at most {LONGEST_FILE}: one idea a file"


def test_no_two_test_files_have_one_name() -> None:
    """pytest imports them by their names alone."""
    known = Counter(file.name for file in (REPOSITORY / "tests").rglob("test_*.py"))
    assert not [name for name, times in known.items() if times > 1]


def test_only_tools_print() -> None:
    wrong = [
        f"{file.relative_to(REPOSITORY)}:{node.lineno}"
        for file in SOURCES
        if file.relative_to(REPOSITORY).parts[0] != "tools"
        for node in nodes_of(file)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
    ]
    assert not wrong, f"libraries log, only tools print: {wrong}"


def test_no_file_is_a_drawer_of_odds_and_ends() -> None:
    odd = {"utils", "util", "misc", "common", "helpers"}
    wrong = [name for name in names(FILES) if odd & {part.removesuffix(".py") for part in Path(name).parts}]
    assert not wrong


def test_albumentations_is_told_not_to_look_for_updates() -> None:
    importers = [file for file in SOURCES if any(name == "albumentations" for _, name in imported_modules(file))]
    assert importers, "nothing imports albumentations: this test and the dependency can go"
    for file in importers:
        before, _, _ = file.read_text(encoding="utf-8").partition("import albumentations")
        assert "NO_ALBUMENTATIONS_UPDATE" in before, f"{file.name} must set NO_ALBUMENTATIONS_UPDATE before the import"
    assert len(importers) == 1, f"one module imports albumentations, expected no more: {names(importers)}"


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_a_documented_function(command: str) -> None:
    function = getattr(importlib.import_module(COMMANDS[command].module), COMMANDS[command].function)
    assert function.__doc__
    from tools.signature import argument_texts, options_of

    assert COMMANDS[command].summary
    options = options_of(function, COMMANDS[command].flat)
    assert not [option.name for option in options if not option.text], "options without a text in the Args section"
    assert set(argument_texts(function)) <= set(inspect.signature(function).parameters), "Args of no parameter"


def test_no_room_is_full_and_none_stands_in_a_circle() -> None:
    full = {room: size for room, size in room_sizes().items() if size > MOST_FILES}
    assert not full, f"a room holds at most {MOST_FILES} files besides its __init__: {full}"
    graph = imports_between_rooms()
    ways = {
        f"{a} -> {b}": graph[a][b][:3] for circle in circles(graph) for a in circle for b in circle if b in graph[a]
    }
    assert not ways, f"these rooms import each other: {ways}"


def test_nothing_subclasses_the_training_loop() -> None:
    loop = REPOSITORY / "reid" / "runs" / "run.py"
    classes = {file: [one for one in nodes_of(file) if isinstance(one, ast.ClassDef)] for file in SOURCES}
    own = {one.name for one in classes[loop]}
    assert own
    wrong = [
        f"{file.relative_to(REPOSITORY)}:{one.lineno} {one.name}"
        for file, found in classes.items()
        for one in found
        if any(own & {node.id for node in ast.walk(base) if isinstance(node, ast.Name)} for base in one.bases)
    ]
    assert not wrong, f"a training is given to the loop, it doesn't inherit from it: {wrong}"


def test_tests_mirror_the_rooms() -> None:
    rooms = {room for room in room_sizes() if not room.endswith("__init__")}
    folders = {str(file.parent.relative_to(REPOSITORY / "tests")) for file in (REPOSITORY / "tests").rglob("test_*.py")}
    odd = sorted(folders - rooms - {"."} - TESTS_OF_NO_ROOM)
    assert not odd, f"tests/{odd} stand for no room"
    untested = sorted(room for room, size in room_sizes().items() if size > FEWEST_FILES and room not in folders)
    assert not untested, f"rooms without tests of their own: {untested}"


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_takes_at_most_eight_values(command: str) -> None:
    function = getattr(importlib.import_module(COMMANDS[command].module), COMMANDS[command].function)
    taken = set(inspect.signature(function).parameters) - {"given"}
    assert len(taken) <= 8, f"{command} takes {len(taken)}: options that belong together are one dataclass"


def test_every_command_gives_its_figures_for_programs_too() -> None:
    files = [
        file
        for file in SOURCES
        if {file.parent.name, file.parent.parent.name} & {"commands", "experiments", "bench"} and "tools" in file.parts
    ]
    calls = [
        (file.name, node)
        for file in files
        for node in nodes_of(file)
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("Outcome", "run.outcome")
    ]
    assert len(calls) >= len(COMMANDS) - 1
    assert not [name for name, call in calls if len(call.args) < 2], "an Outcome without figures leaves --json empty"


def functions(file: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    return (node for node in nodes_of(file) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def arguments(function: ast.FunctionDef | ast.AsyncFunctionDef) -> list[str]:
    given = [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]
    return [argument.arg for argument in given if argument.arg not in ("self", "cls")]


def test_no_function_takes_too_many_arguments() -> None:
    wrong = [
        f"{file.relative_to(REPOSITORY)}:{function.lineno} {function.name}: {len(arguments(function))}"
        for file in SOURCES
        for function in functions(file)
        if len(arguments(function)) > MOST_ARGUMENTS
    ]
    assert not wrong, f"at most {MOST_ARGUMENTS} arguments, what belongs together is a frozen dataclass: {wrong}"


def test_no_function_is_too_long() -> None:
    wrong = []
    for file in SOURCES:
        for function in functions(file):
            first = function.body[1 if len(function.body) > 1 and ast.get_docstring(function) else 0]
            lines = (function.end_lineno or 0) - first.lineno + 1
            if lines > LONGEST_FUNCTION:
                wrong.append(f"{file.relative_to(REPOSITORY)}:{function.lineno} {function.name}: {lines} lines")
    assert not wrong, f"at most {LONGEST_FUNCTION} lines after the docstring: {wrong}"


def test_files_are_written_whole_in_one_place() -> None:
    """Moving a file into its place is the end of writing it whole: only that place does so."""
    wrong = []
    for file in SOURCES:
        if str(file.relative_to(REPOSITORY)) in MAY_MOVE_FILES:
            continue
        for node in nodes_of(file):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and not node.keywords:
                # str.replace takes two words, Path.replace one.
                moves = node.func.attr == "rename" or (node.func.attr == "replace" and len(node.args) == 1)
                of_system = isinstance(node.func.value, ast.Name) and node.func.value.id == "os"
                if (
                    moves
                    or (of_system and node.func.attr in ("replace", "renames", "link"))
                    or node.func.attr == "mkstemp"
                ):
                    wrong.append(f"{file.relative_to(REPOSITORY)}:{node.lineno} {ast.unparse(node)[:60]}")
    assert not wrong, f"datasets/files.py writes files whole or not at all: {wrong}"


def test_arguments_are_described_in_full() -> None:
    fragment = re.compile(r"\s+\w+: (of [a-z]|likewise|as there|as above|see above|as of )")
    wrong = [
        f"{file.relative_to(REPOSITORY)}:{number} {line.strip()[:60]}"
        for file in SOURCES
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1)
        if fragment.match(line)
    ]
    assert not wrong, f"an argument's text says what it is, as a sentence of its own would: {wrong}"
