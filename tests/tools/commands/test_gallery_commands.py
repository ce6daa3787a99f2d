"""personsearch gallery ...: what people and programs read, and the exit statuses."""

import json
from pathlib import Path

import pytest
from filled import PEOPLE, make

from search.gallery.store import version_files
from tools.main import main


def test_a_gallery_from_its_contents_to_its_repair(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    people, figures = tmp_path / "people", tmp_path / "figures.json"
    make(people, "street", "garden")
    assert main(["gallery", "info", str(people), "--json", str(figures)]) == 0
    text = capsys.readouterr().out
    for words in ("sightings", "36", "c0", "street", "00:00:50", "safe"):
        assert words in text
    assert json.loads(figures.read_text())["sources"][0] == {
        "source": "garden",
        "frames": 6,
        "sightings": 18,
        "first": 0.0,
        "last": 50.0,
    }
    assert main(["gallery", "check", str(people), "--json", str(figures)]) == 0
    assert "everything is whole" in capsys.readouterr().out
    assert json.loads(figures.read_text())["check"]["problems"] == []
    newest = version_files(people, "sightings")[0][1]
    newest.write_bytes(newest.read_bytes()[:40])
    assert main(["gallery", "check", str(people)]) == 1
    seen = capsys.readouterr()
    assert "one thing is wrong" in seen.out
    assert "gallery repair" in seen.err
    assert main(["gallery", "info", str(people)]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert f"`personsearch gallery repair {people}`" in error
    assert main(["gallery", "repair", str(people), "--json", str(figures)]) == 0
    text = capsys.readouterr().out
    assert "lost: 18 sightings; 6 frames are to be looked at again" in text
    assert json.loads(figures.read_text())["repair"]["lost"] == 18
    assert main(["gallery", "repair", str(people)]) == 0
    assert "it was whole already" in capsys.readouterr().out


def test_deleting_merging_and_compacting(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    people, figures = tmp_path / "people", tmp_path / "figures.json"
    make(people, "street", "garden")
    make(tmp_path / "more", "square", frames=2)
    both = ["--camera", "c0,c1", "--before", "20", "--source", "street", "--json", str(figures)]
    assert main(["gallery", "delete", str(people), *both]) == 0
    assert f"deleted: {2 * PEOPLE} sightings, 2 frames" in capsys.readouterr().out
    assert json.loads(figures.read_text())["deleted"]["left"] == 10 * PEOPLE
    assert main(["gallery", "delete", str(people)]) == 2
    assert "give --before, --source or --camera" in capsys.readouterr().err
    assert main(["gallery", "merge", str(people), "--others", str(tmp_path / "more"), "--json", str(figures)]) == 0
    assert f"has {12 * PEOPLE} sightings now" in capsys.readouterr().out
    assert json.loads(figures.read_text())["merged"][0]["frames"] == 2
    assert main(["gallery", "compact", str(people)]) == 0
    assert "bytes of tables" in capsys.readouterr().out
    assert main(["gallery", "check", str(tmp_path / "nowhere")]) == 2
    assert "no gallery at" in capsys.readouterr().err
