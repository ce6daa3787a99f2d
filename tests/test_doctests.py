"""The examples in docstrings are run, each module's on its own."""

import doctest
import importlib
from pathlib import Path

import pytest

PACKAGES = ("datasets", "reid", "detection", "search", "tools")
REPOSITORY = Path(__file__).resolve().parents[1]
FEWEST = 30
MODULES = sorted(
    ".".join(file.relative_to(REPOSITORY).with_suffix("").parts).removesuffix(".__init__")
    for package in PACKAGES
    for file in (REPOSITORY / package).rglob("*.py")
    if ">>> " in file.read_text(encoding="utf-8")
)


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_of_a_module_run(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = importlib.import_module(name)
    monkeypatch.chdir(tmp_path)
    result = doctest.testmod(module, optionflags=doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS)
    assert result.attempted, f"{name} has '>>>' and no example: it stands outside a docstring"
    assert not result.failed, "the difference is printed above"


def test_there_are_examples_at_the_front_doors() -> None:
    finder = doctest.DocTestFinder()
    examples = sum(len(test.examples) for name in MODULES for test in finder.find(importlib.import_module(name)))
    assert examples >= FEWEST
