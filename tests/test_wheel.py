"""The wheel holds all that the commands need and nothing else, and works from another folder in a fresh environment."""

import os
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

PACKAGES = ("datasets", "reid", "detection", "search", "tools")
DATA = {
    ".pyi",
    ".yaml",
    ".j2",
    ".json",
    ".safetensors",
    ".md",
    ".html",
    ".css",
    ".js",
    ".svg",
    ".woff2",
    ".txt",
    ".typed",
}


def run(words: list[str | Path], folder: Path) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    return subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True, timeout=300, check=False)


@pytest.fixture(scope="module")
def wheel(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    # Built from a copy: setuptools leaves a build folder behind, whose stale files would enter the next wheel.
    source = tmp_path_factory.mktemp("source")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(repository / name, source)
    for name in PACKAGES:
        shutil.copytree(repository / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(repository / "tests", source / "tests", ignore=shutil.ignore_patterns("__pycache__"))
    target = tmp_path_factory.mktemp("wheel")
    options = ["--no-deps", "--no-build-isolation", "--disable-pip-version-check", "--wheel-dir", str(target)]
    built = run([sys.executable, "-m", "pip", "wheel", *options, str(source)], source)
    assert built.returncode == 0, built.stderr
    (file,) = target.glob("*.whl")
    return file


@pytest.fixture(scope="module")
def environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh environment with the wheel; the libraries, hundreds of MB, are lent by the one that runs the tests."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=False, symlinks=True)
    python = folder / "bin" / "python"
    options = ["--no-deps", "--no-index", "--disable-pip-version-check", "--quiet"]
    installed = run([sys.executable, "-m", "pip", "--python", str(python), "install", *options, str(wheel)], folder)
    assert installed.returncode == 0, installed.stderr
    lenders = sorted({sysconfig.get_path("purelib"), sysconfig.get_path("platlib")})
    (site_packages(folder) / "lent.pth").write_text("\n".join(lenders) + "\n", encoding="utf-8")
    return folder


def site_packages(environment: Path) -> Path:
    (folder,) = environment.glob("lib/python*/site-packages")
    return folder


def test_it_holds_every_module_and_data_file_and_no_tests(wheel: Path, repository: Path) -> None:
    expected = {
        str(file.relative_to(repository))
        for name in PACKAGES
        for file in (repository / name).rglob("*")
        if file.suffix in {".py", *DATA}
    }
    with zipfile.ZipFile(wheel) as archive:
        packed = {name for name in archive.namelist() if ".dist-info/" not in name}
        licenses = [name for name in archive.namelist() if name.endswith("LICENSE")]
    assert packed == expected
    assert licenses


def test_it_runs_from_another_folder(environment: Path, tmp_path: Path) -> None:
    helped = run([environment / "bin" / "personsearch", "--help"], tmp_path)
    assert helped.returncode == 0, helped.stderr
    assert "data plaza" in helped.stdout
    places = run(
        [
            environment / "bin" / "python",
            "-c",
            f"import {', '.join(PACKAGES)} as last; print(last.__file__, datasets.__file__)",
        ],
        tmp_path,
    )
    assert places.returncode == 0, places.stderr
    for place in places.stdout.split():
        assert Path(place).is_relative_to(site_packages(environment))


def test_it_renders_a_square_and_checks_it(environment: Path, tmp_path: Path) -> None:
    command = environment / "bin" / "personsearch"
    options = ["--seed", "3", "--persons", "4", "--minutes", "0.03", "--frame-width", "160"]
    rendered = run([command, "data", "plaza", "square", *options, "--json", "square.json"], tmp_path)
    assert rendered.returncode == 0, rendered.stderr
    assert (tmp_path / "square.json").is_file()
    assert list((tmp_path / "square").rglob("*.jpg"))
    checked = run([command, "data", "check", "square"], tmp_path)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_it_refuses_a_folder_shared_with_another_distribution(environment: Path, tmp_path: Path) -> None:
    other = site_packages(environment) / "other_datasets-1.0.dist-info"
    other.mkdir()
    (other / "METADATA").write_text("Metadata-Version: 2.1\nName: other-datasets\nVersion: 1.0\n", encoding="utf-8")
    (other / "RECORD").write_text("datasets/__init__.py,,\n", encoding="utf-8")
    try:
        refused = run([environment / "bin" / "personsearch", "data", "check", "square"], tmp_path)
    finally:
        shutil.rmtree(other)
    assert refused.returncode == 2
    assert len(refused.stderr.splitlines()) == 1
    assert "'datasets'" in refused.stderr
    assert "other-datasets" in refused.stderr
    assert "venv" in refused.stderr
