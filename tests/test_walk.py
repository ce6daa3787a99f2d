"""The walk of docs/case.md, executed as it stands: six cameras, one gallery, a search over HTTP, a case, its ZIP."""

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "docs" / "case.md").read_text(encoding="utf-8")
ADDRESS = "http://127.0.0.1:8420/"
PROGRAM = [sys.executable, "-m", "tools.main"]


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, flags=re.DOTALL | re.MULTILINE)


def commands() -> list[list[str]]:
    text = re.sub(r"^```.*?^```", "", PAGE, flags=re.DOTALL | re.MULTILINE)
    return [shlex.split(line) for line in text.splitlines() if line.startswith("    personsearch ")]


def typed(words: list[str], folder: Path) -> str:
    """Execute a command of the page in a folder."""
    ended = subprocess.run([*PROGRAM, *words[1:]], cwd=folder, env=environment(), capture_output=True, text=True)
    assert ended.returncode == 0, f"{' '.join(words)}: {ended.stdout[-2000:]}{ended.stderr[-2000:]}"
    return ended.stdout


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT)}


@contextmanager
def serving(words: list[str], folder: Path) -> Iterator[str]:
    """The command of the page that serves; a free port stands in for its own, which others may use."""
    server = subprocess.Popen(
        [*PROGRAM, *words[1:], "--port", "0"], cwd=folder, env=environment(), stdout=subprocess.PIPE, text=True
    )
    assert server.stdout is not None
    try:
        yield server.stdout.readline().split()[-1]
    finally:
        server.send_signal(signal.SIGINT)
        server.communicate(timeout=60)
    assert server.returncode == 0


def door(folder: Path) -> None:
    """The recording of one's own: real people where there are any, and otherwise the square at another time of day."""
    real = ROOT.parent / "shared" / "data" / "video" / "one-by-one-person-detection.mp4"
    shutil.copyfile(real if real.is_file() else folder / "square" / "c4p2.mp4", folder / "door.mp4")


def test_the_walk_of_the_page_as_it_stands(tmp_path: Path) -> None:
    render, index, check, serve, verify, audit = commands()
    assert [words[1] for words in (render, index, check, serve, verify, audit)] == [
        "data", "index", "gallery", "serve", "case", "audit",
    ]  # fmt: skip
    typed(render, tmp_path)
    door(tmp_path)
    (cameras,) = blocks("yaml")
    (tmp_path / "cameras.yaml").write_text(cameras, encoding="utf-8")
    said = typed(index, tmp_path)
    assert re.search(r"^sources read +6 of 6$", said, flags=re.MULTILINE), said
    assert "door, east, lamp, north, south, west" in said
    typed(check, tmp_path)
    (program,) = blocks("python")
    assert ADDRESS in program
    with serving(serve, tmp_path) as address:
        steps = {**environment(), "no_proxy": "*"}
        ended = subprocess.run(
            [sys.executable, "-c", program.replace(ADDRESS, address)],
            cwd=tmp_path,
            env=steps,
            capture_output=True,
            text=True,
        )
        assert ended.returncode == 0, ended.stderr[-2000:]
    lines = ended.stdout.splitlines()
    assert lines[0] == "['door', 'east', 'lamp', 'north', 'south', 'west']"
    assert lines[2].split()[0] in {"door", "east", "lamp", "north", "west"}
    assert "whole" in typed(verify, tmp_path)
    typed(audit, tmp_path)
    check_the_export(tmp_path / "case.zip")


def check_the_export(file: Path) -> None:
    """The ZIP holds what the program did: two searches, two marks, a note, and the hash of every source it names."""
    with zipfile.ZipFile(file) as archive:
        (name,) = [one for one in archive.namelist() if one.rpartition("/")[2] == "case.json"]
        case = json.loads(archive.read(name))
        assert any(one.endswith("index.html") for one in archive.namelist())
    assert [len(one["sightings"]) > 0 for one in case["case"]["searches"]] == [True, True]
    assert [one["text"] for one in case["case"]["notes"]] == ["The same coat, seconds later."]
    assert sorted(one["mark"] for one in case["case"]["marks"]) == ["confirmed", "rejected"]
    assert case["missing"] == []
    sources = case["sources"]
    assert sources
    assert all(one["state"] == "as indexed" and len(one["sha256"]) == 64 for one in sources)
