"""What `find` says to wishes that cannot be met, and about a gallery that lost a file, in one line each."""

import shutil
from pathlib import Path

import pytest

from tools.main import main


@pytest.fixture
def words(square: Path, gallery: Path) -> list[str]:
    frame = sorted((square / "frames").iterdir())[0]
    return ["find", str(gallery), "--frame", str(frame), "--box", "10,10,40,80"]


def test_no_similarity_is_above_one(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*words, "--minimum-similarity", "5"]) == 2
    assert last_line(capsys) == "personsearch: --minimum-similarity 5, expected -1 to 1; the highest is 1"
    assert main([*words, "--minimum-similarity=-1"]) == 0


def test_a_share_of_a_second_stage_that_is_not_there_is_told(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*words, "--second-weight", "0.7"]) == 0
    assert "--second-weight 0.7 changes nothing: no second stage is used here" in capsys.readouterr().out
    assert main(words) == 0
    assert "changes nothing" not in capsys.readouterr().out


def test_a_lost_file_of_the_frames_is_told_in_one_line(
    words: list[str], gallery: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = tmp_path / "broken"
    shutil.copytree(gallery, broken)
    for file in (broken / "tables" / "frames.lance" / "data").iterdir():
        file.unlink()
    assert main(["find", str(broken), *words[2:]]) == 2
    assert last_line(capsys).startswith(f"personsearch: gallery {broken} is damaged: the file ")


def last_line(capsys: pytest.CaptureFixture[str]) -> str:
    return capsys.readouterr().err.splitlines()[-1]
