"""A file is written whole or not at all."""

import ast
import os
import stat
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from datasets.files import whole_file, write_whole

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture(params=[0o022, 0o027, 0o077, 0o002])
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def permissions(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("content", ["a\r\nb\n", "grüße", b"\x00\xff\r\n", "", b""])
def test_the_content_arrives_byte_by_byte_and_nothing_else_lies_there(tmp_path: Path, content: str | bytes) -> None:
    write_whole(tmp_path / "new" / "folder" / "file.txt", content)
    assert (tmp_path / "new/folder/file.txt").read_bytes() == (
        content if isinstance(content, bytes) else content.encode()
    )
    assert [path.name for path in (tmp_path / "new/folder").iterdir()] == ["file.txt"]


def test_a_file_has_the_permissions_of_the_umask(tmp_path: Path, umask: int) -> None:
    write_whole(tmp_path / "text.json", "{}")
    assert permissions(tmp_path / "text.json") == 0o666 & ~umask


def test_a_model_file_has_the_permissions_of_the_umask_whatever_the_library_does(tmp_path: Path, umask: int) -> None:
    with whole_file(tmp_path / "model.safetensors") as unfinished:
        save_file({"weight": torch.zeros(2)}, unfinished)
        unfinished.chmod(0o600)
    assert permissions(tmp_path / "model.safetensors") == 0o666 & ~umask


def test_an_error_leaves_what_was_there_and_no_half_file(tmp_path: Path) -> None:
    path = tmp_path / "file.txt"
    write_whole(path, "before")

    def interrupted() -> None:
        with whole_file(path) as unfinished:
            unfinished.write_text("half")
            assert path.read_text() == "before"
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert path.read_text() == "before"
    assert [one.name for one in tmp_path.iterdir()] == ["file.txt"]


def test_the_unfinished_file_is_hidden_and_keeps_the_suffix(tmp_path: Path) -> None:
    with whole_file(tmp_path / "rows.npz") as unfinished:
        assert unfinished.parent == tmp_path
        assert unfinished.name.startswith(".")
        assert unfinished.suffix == ".npz"
        np.savez(unfinished, rows=np.arange(3))  # NumPy adds .npz to names without it
    assert np.load(tmp_path / "rows.npz")["rows"].tolist() == [0, 1, 2]


def test_a_library_that_removes_the_file_again_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), whole_file(tmp_path / "x.bin") as unfinished:
        unfinished.unlink()
    assert not list(tmp_path.iterdir())


def test_threads_that_write_one_file_do_not_mix_their_contents(tmp_path: Path) -> None:
    contents = [str(number) * 100_000 for number in range(8)]
    threads = [threading.Thread(target=write_whole, args=(tmp_path / "one", content)) for content in contents]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (tmp_path / "one").read_text() in contents
    assert len(list(tmp_path.iterdir())) == 1


def test_a_durable_file_is_on_the_disk_before_its_name_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    events: list[str] = []
    replace = Path.replace
    monkeypatch.setattr(os, "fsync", lambda _: events.append("fsync"))
    monkeypatch.setattr(Path, "replace", lambda self, target: (events.append("replace"), replace(self, target))[1])
    write_whole(tmp_path / "a", b"1", durable=True)
    assert events == ["fsync", "replace", "fsync"], "the folder is last: it holds the name"
    events.clear()
    write_whole(tmp_path / "a", b"2")
    assert events == ["replace"]


def test_a_folder_in_the_place_of_the_file_is_refused_and_stays(tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken/inside").touch()
    with pytest.raises(OSError, match="taken"):
        write_whole(tmp_path / "taken", "text")
    assert [path.name for path in tmp_path.iterdir()] == ["taken"]


def test_nobody_else_writes_unfinished_files_by_hand() -> None:
    """`os.replace` and `Path.replace` on an unfinished file belong into datasets/files.py."""
    allowed = {
        "datasets/files.py",
        "datasets/plaza/recordings.py",  # a whole folder of pictures
        "reid/runs/run.py",  # swaps two finished files
    }
    found = set()
    for package in ("datasets", "reid", "detection", "search", "tools"):
        for file in (REPOSITORY / package).rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
                    continue
                owner = node.func.value
                replaces_text = len(node.args) > 1 or node.keywords
                if node.func.attr in ("rename", "renames", "mkstemp", "NamedTemporaryFile") or (
                    node.func.attr == "replace"
                    and (not replaces_text or (isinstance(owner, ast.Name) and owner.id == "os"))
                ):
                    found.add(file.relative_to(REPOSITORY).as_posix())
    assert found <= allowed
