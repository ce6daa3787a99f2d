"""Where compiled loops are kept: beside the program, in the user's cache, or nowhere that others may write."""

from pathlib import Path

import pytest

from datasets.rendering import textures
from datasets.rendering.textures import _place_to_keep


def test_a_read_only_installation_keeps_machine_code_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nowhere = tmp_path / "file"
    nowhere.write_text("no folder can be made below a file, whoever asks")
    monkeypatch.setattr(textures, "_HERE", tmp_path)
    assert _place_to_keep() == tmp_path / "__pycache__"
    monkeypatch.setattr(textures, "_HERE", nowhere)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert _place_to_keep() == tmp_path / "cache" / "personsearch"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert _place_to_keep() == tmp_path / ".cache" / "personsearch"
    monkeypatch.setenv("HOME", str(nowhere))
    private = _place_to_keep()
    assert private.is_dir()
    assert private.stat().st_mode & 0o077 == 0, "others could put machine code there"
    assert _place_to_keep() != private
