"""The commands on a gallery that lies in a bucket: the same words, figures and answers as on a disk."""

import json
import shutil
import subprocess
import sys
import threading
import urllib.request
from pathlib import Path
from typing import Any

import cv2
import pytest
from filled import PEOPLE, make

from datasets.storage.places import place
from search.gallery.description import read_description
from search.gallery.gallery import Gallery
from tools.main import main


def said(capsys: pytest.CaptureFixture[str], *words: object, status: int = 0) -> str:
    assert main([str(word) for word in words]) == status
    seen = capsys.readouterr()
    return seen.out + seen.err


def test_a_gallery_is_brought_there_looked_after_and_brought_back(
    tmp_path: Path, bucket: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    make(tmp_path / "here", "street", "garden")
    people, figures = f"{bucket}/people", tmp_path / "figures.json"
    assert f"gallery {people} has {12 * PEOPLE} sightings now" in said(
        capsys, "gallery", "merge", people, "--others", "here"
    )
    assert "everything is whole" in said(capsys, "gallery", "check", people, "--json", figures)
    content = json.loads(figures.read_text())
    assert (content["gallery"], content["check"]["pictures"]) == (people, 12 * PEOPLE)
    assert "c1" in said(capsys, "gallery", "info", people)
    said(capsys, "gallery", "set", people, "--camera", "c1", "--name", "gate")
    assert read_description(place(people)).camera("c1").name == "gate"
    assert f"deleted: {6 * PEOPLE} sightings" in said(capsys, "gallery", "delete", people, "--source", "street")
    assert "bytes of tables" in said(capsys, "gallery", "compact", people)
    assert "it was whole already" in said(capsys, "gallery", "repair", people)
    assert f"has {6 * PEOPLE} sightings now" in said(capsys, "gallery", "merge", "back", "--others", people)
    assert "everything is whole" in said(capsys, "gallery", "check", "back")
    assert sorted(one.name for one in tmp_path.iterdir()) == ["back", "figures.json", "here"]


def test_what_is_missing_or_unfit_is_said_in_one_line(
    tmp_path: Path, bucket: str, capsys: pytest.CaptureFixture[str]
) -> None:
    make(tmp_path / "here", "street")
    for words, expected in {
        ("gallery", "info", f"{bucket}/nobody"): "no gallery at",
        ("gallery", "merge", "s3://no-such-bucket/people", "--others", tmp_path / "here"): "there is no bucket",
        ("serve", f"{bucket}/people"): "expected --cases with a folder of this machine",
        ("find", f"{bucket}/nobody", "--crop", f"{bucket}/suspect.jpg"): "no gallery at",
    }.items():
        error = said(capsys, *words, status=2)
        assert expected in error
        assert error.count("\n") == 1
        assert "secret-of-tests" not in error


def answers(capsys: pytest.CaptureFixture[str], gallery: object, probe: Path, folder: Path) -> list[Any]:
    said(capsys, "find", gallery, "--crop", probe, "--json", folder / "answer.json", "--html", folder / "answer.html")
    found = json.loads((folder / "answer.json").read_text())["sightings"]
    return [(one["frame"], one["box"], one["similarity"]) for one in found]


@pytest.mark.slow
def test_footage_is_indexed_into_a_bucket_searched_and_served(
    square: Path, tmp_path: Path, bucket: str, capsys: pytest.CaptureFixture[str]
) -> None:
    frames = square / "frames"
    for gallery in (tmp_path / "people", f"{bucket}/people"):
        said(capsys, "index", frames, "--gallery", gallery)
    assert "frames known before            30" in said(capsys, "index", frames, "--gallery", f"{bucket}/people")
    box = json.loads((square / "test.json").read_text())["images"][0]
    picture = cv2.imread(str(frames / Path(box["file_name"]).name))
    probe = tmp_path / "probe.png"
    cv2.imwrite(str(probe), picture[:, : picture.shape[1] // 4])
    here = answers(capsys, tmp_path / "people", probe, tmp_path)
    assert here
    assert answers(capsys, f"{bucket}/people", probe, tmp_path) == here
    words = ["serve", f"{bucket}/people", "--cases", str(tmp_path / "cases"), "--port", "0"]
    serving = subprocess.Popen([sys.executable, "-m", "tools.main", *words], stdout=subprocess.PIPE, text=True)
    timer = threading.Timer(120, serving.kill)
    timer.start()
    try:
        assert serving.stdout is not None
        address = serving.stdout.readline().split()[-1]
        with urllib.request.urlopen(f"{address}", timeout=30) as page:
            assert b"<html" in page.read()[:500]
    finally:
        serving.terminate()
        serving.wait(timeout=30)
        timer.cancel()


@pytest.mark.slow
def test_a_cluster_writes_the_gallery_in_a_bucket_that_one_process_writes_on_a_disk(
    square: Path, tmp_path: Path, bucket: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "frames").mkdir()
    for file in sorted((square / "frames").glob("c1_*.jpg"))[:4]:
        shutil.copy(file, tmp_path / "frames")
    said(capsys, "index", tmp_path / "frames", "--gallery", tmp_path / "people")
    said(capsys, "index", tmp_path / "frames", "--gallery", f"{bucket}/people", "--cluster", "local", "--workers", 1)
    here, there = Gallery.open(tmp_path / "people"), Gallery.open(f"{bucket}/people")
    assert len(here) > 0
    for table in ("table", "frames"):
        rows = [getattr(gallery, table).search().to_arrow().to_pylist() for gallery in (here, there)]
        keys = [sorted((row["source"], row["frame"], row.get("index", 0)) for row in each) for each in rows]
        assert keys[0] == keys[1]
    assert "everything is whole" in said(capsys, "gallery", "check", f"{bucket}/people")
