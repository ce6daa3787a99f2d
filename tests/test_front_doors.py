"""Front doors: every exported name is there, and a package costs nothing until one of its names is used."""

import importlib
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]


def front_doors() -> list[str]:
    """The packages and rooms whose `__init__` exports names lazily."""
    packages = ("datasets", "reid", "detection", "search", "tools")
    files = [file for package in packages for file in (REPOSITORY / package).rglob("__init__.py")]
    return [
        ".".join(file.parent.relative_to(REPOSITORY).parts)
        for file in sorted(files)
        if "\n_HOMES = {" in file.read_text(encoding="utf-8")
    ]


@pytest.mark.parametrize("door", front_doors())
def test_every_exported_name_is_found_where_the_front_door_says(door: str) -> None:
    package = importlib.import_module(door)
    assert set(package.__all__) == set(package._HOMES)
    for name, home in package._HOMES.items():
        assert getattr(package, name) is getattr(importlib.import_module(home), name)
    with pytest.raises(AttributeError, match=rf"module '{door}' has no attribute 'nobody'"):
        _ = package.nobody


def test_a_front_door_loads_no_network_until_a_name_is_used() -> None:
    code = f"import sys, {', '.join(front_doors())}; print(*sorted({{'torch', 'cv2', 'numpy'}} & set(sys.modules)))"
    result = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert result.stdout.split() == []
