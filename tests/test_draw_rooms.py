"""The rooms as the imports tell them, and their drawing."""

from pathlib import Path

from draw_rooms import drawing
from rooms import circles, imported, imports_between_rooms, module_file, room_of, room_sizes


def world(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


def test_every_import_counts_wherever_it_stands() -> None:
    source = "import a.b\ndef f():\n    from c.d import e, g\nif TYPE_CHECKING:\n    from h import i\n"
    assert sorted(imported(source)) == [(1, "a.b"), (3, "c.d.e"), (3, "c.d.g"), (5, "h.i")]


def test_a_name_is_looked_for_in_its_module_its_room_and_at_the_front_door() -> None:
    known = {Path(name) for name in ("reid/__init__.py", "reid/runs/__init__.py", "reid/runs/run.py")}
    assert module_file("reid.runs.run", known) == module_file("reid.runs.run.Run", known) == Path("reid/runs/run.py")
    assert module_file("reid.OIMLoss", known) == module_file("reid", known) == Path("reid/__init__.py")
    assert module_file("reid.runs", known) == Path("reid/runs/__init__.py")
    assert module_file("numpy.typing.NDArray", known) is None
    assert room_of(Path("reid/runs/run.py")) == room_of(Path("reid/runs/__init__.py")) == "reid/runs"
    assert room_of(Path("reid/__init__.py")) == "reid/__init__"


def test_rooms_that_import_each_other_are_a_circle_and_are_drawn_red(tmp_path: Path) -> None:
    files = {
        "datasets/a/one.py": "from datasets.b.two import x\n",
        "datasets/b/two.py": "def f():\n    from datasets.c import three\n",
        "datasets/c/three.py": "import datasets.a.one\n",
        "reid/four.py": "import datasets.c.three\n",
        "reid/__init__.py": "from reid.four import x\n",
    }
    graph = imports_between_rooms(world(tmp_path, files))
    assert graph["datasets/b"] == {"datasets/c": ["datasets/b/two.py:2"]}
    assert circles(graph) == [["datasets/a", "datasets/b", "datasets/c"]]
    sizes = room_sizes(tmp_path)
    assert sizes == {"datasets/a": 1, "datasets/b": 1, "datasets/c": 1, "reid": 1, "reid/__init__": 0}
    assert drawing(graph, sizes).count('class="circle"') == 3
    (tmp_path / "datasets/c/three.py").write_text("")
    graph = imports_between_rooms(tmp_path)
    assert circles(graph) == []
    shown = drawing(graph, sizes)
    assert 'class="circle"' not in shown
    assert shown.count('class="inside"') == 2
    assert "reid imports datasets" in shown
    assert shown.count('class="door"') == 1


def test_the_drawing_in_the_docs_is_of_todays_imports(repository: Path) -> None:
    shown = (repository / "docs" / "rooms.svg").read_text(encoding="utf-8")
    assert shown == drawing(imports_between_rooms(), room_sizes()), "`make rooms` draws it again"
