"""On Ray itself, with processes that are killed: the gallery and the answers of one process."""

import json
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import pytest
from blob_scenes import scene
from footage_world import pictures, recording, require_same, sources
from stand_ins import write_stand_ins

from search.cluster import connected, index_on_cluster, indexing, writer
from search.cluster.worker import Looking
from search.indexing import index_sources
from search.models.model_files import ModelFiles
from search.pipeline import PersonSearch
from search.source_runs import SourceRun
from tools.main import main

pytestmark = pytest.mark.slow

CONFIDENCE = 0.05


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> ModelFiles:
    folder = tmp_path_factory.mktemp("models")
    write_stand_ins(folder / "detection", folder / "reid")
    weights = "weights/people.safetensors"
    return ModelFiles(folder / "detection" / weights, folder / "reid" / weights)


def titles(role: str) -> dict[int, str]:
    """The actors of a class that this process has begun: process number -> what it is doing."""
    found, above = {}, {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            title = (folder / "cmdline").read_bytes().split(b"\0")[0].decode(errors="replace")
            above[int(folder.name)] = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
        if title.startswith(f"ray::{role}"):
            found[int(folder.name)] = title

    def is_own(process: int) -> bool:
        return process == os.getpid() or (process in above and is_own(above[process]))

    return {process: title for process, title in found.items() if is_own(process)}


@contextmanager
def killing(role: str, method: str, times: int) -> Iterator[list[int]]:
    """Kill an actor of a class while it runs a method, so many different ones one after another."""
    killed: list[int] = []
    stopped = threading.Event()

    def watch() -> None:
        while not stopped.is_set() and len(killed) < times:
            for process, title in titles(role).items():
                if process not in killed and title == f"ray::{role}.{method}":
                    os.kill(process, signal.SIGKILL)
                    killed.append(process)
                    break
            time.sleep(0.005)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield killed
    finally:
        stopped.set()
        thread.join()


def one_after_the_other(killed: list[int]) -> Callable[[Sequence[SourceRun]], None]:
    """A worker is killed each time frames were found: each of those that began, once."""
    first: set[int] = set()

    def kill(_: Sequence[SourceRun]) -> None:
        running = titles("Worker")
        if len(first) < 4:
            first.update(running)
        left = [process for process in sorted(first & set(running)) if process not in killed]
        if left and len(killed) < 4:
            os.kill(left[0], signal.SIGKILL)
            killed.append(left[0])

    return kill


def test_four_workers_each_killed_once_and_the_writer_give_the_gallery_of_one_process(
    files: ModelFiles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "FLUSH_ROWS", 60)
    monkeypatch.setattr(indexing, "BATCHES", 2)
    search = PersonSearch.from_files(files, score_threshold=CONFIDENCE, batch_size=2, device="cpu")
    recording(tmp_path / "street" / "part1.mp4", 60)
    recording(tmp_path / "street" / "part2.mp4", 40, seed=1)
    asked = sources(tmp_path / "street", recording(tmp_path / "gate.mp4", 50, seed=2), pictures(tmp_path / "hall", 10))
    with search.open_gallery(tmp_path / "one", create=True) as gallery:
        one = index_sources(asked, gallery, search.looking(gallery, CONFIDENCE), batch_size=2)
    said: list[str] = []
    killed: list[int] = []
    with connected("local", 4) as actors, search.open_gallery(tmp_path / "many", create=True) as gallery:
        looking = Looking.like(search, CONFIDENCE, gallery.description)
        with killing("Writer", "write", 1) as writers:
            runs = index_on_cluster(
                asked, gallery, actors, looking, workers=4, say=said.append, on_progress=one_after_the_other(killed)
            )
    assert len(set(killed)) == 4
    assert len(writers) == 1
    assert sum(line.startswith("worker ") and "died" in line for line in said) == 4
    assert sum(line.startswith("the writer died: its process was ended") for line in said) == 1
    assert require_same(tmp_path / "one", tmp_path / "many") > 300
    assert [(run.summary().frames, run.summary().sightings, run.error) for run in runs] == [
        (run.summary().frames, run.summary().sightings, run.error) for run in one
    ]
    assert not titles("Worker")
    assert not titles("Writer")


def test_the_commands_answer_on_a_cluster_as_without(
    files: ModelFiles, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    gate, yard = (str(recording(tmp_path / name, 30, seed=len(name))) for name in ("gate.mp4", "yards.mp4"))
    cv2.imwrite(str(tmp_path / "probe.png"), scene([1])[30:70, 8:26, ::-1])
    models = ["--model", str(files.model), "--second-stage", str(files.second_stage)]

    def figures(*words: str) -> dict[str, Any]:
        assert main([*words, "--json", str(tmp_path / "out.json")]) == 0
        return dict(json.loads((tmp_path / "out.json").read_text()))

    gallery, cluster = str(tmp_path / "people"), ["--cluster", "local", "--workers", "2"]
    options = [*models, "--every-seconds", "0.5", "--minimum-confidence", str(CONFIDENCE)]
    made = figures("index", gate, "--gallery", gallery, *options)
    more = figures("index", yard, "--gallery", gallery, *options, *cluster)
    assert made["run"]["frames"] == more["run"]["frames"] == 30
    figures("index", gate, yard, "--gallery", str(tmp_path / "one"), *options)
    require_same(tmp_path / "one", tmp_path / "people")
    find = ["find", gallery, "--crop", str(tmp_path / "probe.png")]
    plain = figures(*find)
    assert len(plain["sightings"]) == 20
    assert figures(*find, *cluster) == plain
    filtered = ["--camera", "yards", "--after", "3", "--before", "12", "--limit", "7", "--class-weighted"]
    some = figures(*find, *filtered)
    assert len(some["sightings"]) == 7
    assert figures(*find, *filtered, *cluster) == some
    text = capsys.readouterr()
    assert "(raylet)" not in text.out + text.err
