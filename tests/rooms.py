"""Which room imports which, from the source files; `make rooms` draws it.

A room is a folder of modules; its name is its path, such as "search/query". The front door of a package, its
`__init__.py`, stands apart as "search/__init__": it names what the rooms behind it offer, and those don't go through
it.
"""

import ast
import functools
from collections.abc import Iterator
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
# From the lowest floor to the highest: each package may import those before it.
FLOORS = ("datasets", "reid", "detection", "search", "tools")


def sources(repository: Path = REPOSITORY) -> list[Path]:
    """Every source file of the packages, from the repository's root."""
    return sorted(file.relative_to(repository) for floor in FLOORS for file in (repository / floor).rglob("*.py"))


@functools.cache
def nodes(source: str) -> tuple[ast.AST, ...]:
    """The module of a source file's text, first, and everything in it; many tests look at the same files."""
    return tuple(ast.walk(ast.parse(source)))


def imported(source: str) -> Iterator[tuple[int, str]]:
    """Every import of a source file, those in functions and those for types alone too: the line and what is imported.

    `from a.b import c` gives "a.b.c", whether c is a module or a name in one.
    """
    for node in nodes(source):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from ((node.lineno, f"{node.module}.{alias.name}") for alias in node.names)


def module_file(name: str, known: set[Path]) -> Path | None:
    """The source file in which an imported name lives, None for a name of another project."""
    path = Path(*name.split("."))
    for place in (path, path.parent) if len(path.parts) > 1 else (path,):
        for file in (place.with_suffix(".py"), place / "__init__.py"):
            if file in known:
                return file
    return None


def room_of(file: Path) -> str:
    """The room of a source file, such as "search/query"; a package's front door is a room of its own."""
    return file.with_suffix("").as_posix() if file.name == "__init__.py" and len(file.parts) == 2 else str(file.parent)


def room_sizes(repository: Path = REPOSITORY) -> dict[str, int]:
    """How many files each room has besides its `__init__.py`."""
    files = sources(repository)
    rooms = sorted({room_of(file) for file in files})
    return {room: sum(room_of(file) == room and file.name != "__init__.py" for file in files) for room in rooms}


def imports_between_rooms(repository: Path = REPOSITORY) -> dict[str, dict[str, list[str]]]:
    """For every room the other rooms that it imports, each with the places as "file:line"."""
    files = sources(repository)
    known = set(files)
    graph: dict[str, dict[str, list[str]]] = {room_of(file): {} for file in files}
    for file in files:
        for line, name in imported((repository / file).read_text(encoding="utf-8")):
            target = module_file(name, known)
            if target is not None and room_of(target) != room_of(file):
                graph[room_of(file)].setdefault(room_of(target), []).append(f"{file}:{line}")
    return graph


def circles(graph: dict[str, dict[str, list[str]]]) -> list[list[str]]:
    """Groups of rooms of which each can be reached from each other; empty where imports go one way."""

    def reached(start: str) -> set[str]:
        seen: set[str] = set()
        waiting = [start]
        while waiting:
            for room in graph[waiting.pop()]:
                if room not in seen:
                    seen.add(room)
                    waiting.append(room)
        return seen

    known = {room: reached(room) for room in graph}
    found = {frozenset(other for other in known[room] if room in known[other]) for room in graph if room in known[room]}
    return sorted(sorted(group) for group in found)
