"""A gallery that a cluster makes is the one that one process makes, whoever dies on the way."""

import pickle
from collections.abc import Sequence
from pathlib import Path

import pytest
from asking import ask
from blob_scenes import scene, write
from footage_world import (
    by_one_process,
    looking,
    pictures,
    recording,
    require_same,
    rows,
    searching,
    sources,
)
from inline import AFTER, BEFORE, Fate, Inline, Process

from datasets.footage.planning import PlannedSource
from datasets.footage.reading import Reading
from search.cluster import crew, indexing, writer
from search.cluster.indexing import index_on_cluster
from search.cluster.shards import searched_by
from search.cluster.worker import Looking
from search.gallery.gallery import Gallery
from search.pipeline import PersonSearch
from search.source_runs import SourceRun
from search.tracks.settings import TrackletAveraging


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Slices of a few frames, a writer that writes often, and a model that is in no file."""
    monkeypatch.setattr(indexing, "BATCHES", 2)
    monkeypatch.setattr(writer, "FLUSH_ROWS", 20)
    monkeypatch.setattr(indexing, "_WAIT_SECONDS", 0.01)
    monkeypatch.setattr(Looking, "search", lambda self: searching(self.averaging))


def by_cluster(
    search: PersonSearch, path: Path, asked: Sequence[PlannedSource], actors: Inline, workers: int = 3
) -> tuple[list[SourceRun], list[str]]:
    said: list[str] = []
    with search.open_gallery(path, create=True) as gallery:
        how = looking(search, gallery)
        runs = index_on_cluster(asked, gallery, actors, how, workers=workers, say=said.append)
    assert not [one for one in actors.started if not one.dead], "nobody is left behind"
    return runs, said


def figures(runs: Sequence[SourceRun]) -> list[tuple[object, ...]]:
    told = [(run.summary(), run.total, run.ended, run.cameras, str(run.error)) for run in runs]
    return [(one.frames, one.sightings, one.skipped, sorted(one.failures), one.tracklets, *rest) for one, *rest in told]


def nth(role: str, method: str, calls: dict[int, str]) -> Fate:
    return lambda asked, called, count: calls.get(count) if (asked, called) == (role, method) else None


def test_workers_pass_over_still_frames_too_and_say_how_many(tmp_path: Path) -> None:
    for number in range(12):
        write(tmp_path / "hall" / f"{number:02}.png", scene([1] if number in (5, 10) else [], number))
    search, asked = searching(), sources(tmp_path / "hall", skip_still=True)
    (one,) = by_one_process(search, tmp_path / "one", asked)
    (run,), _ = by_cluster(search, tmp_path / "many", asked, Inline())
    assert require_same(tmp_path / "one", tmp_path / "many") == 2
    # A batch has two frames. A slice of two batches knows no empty view when it begins; 5 is in such a first batch.
    assert (one.still, run.still) == (12 - 2 - 2, 12 - 3 * 2 - 1)


@pytest.mark.parametrize("averaged", [False, True])
def test_it_is_the_gallery_of_one_process(tmp_path: Path, averaged: bool) -> None:
    search = searching(averaging=TrackletAveraging(lookahead=5) if averaged else None)
    corner = (((0.0, 0.0), (30.0, 0.0), (30.0, 120.0), (0.0, 120.0)),)
    recording(tmp_path / "street" / "part1.mp4", 9)
    recording(tmp_path / "street" / "part2.mp4", 7, seed=1)
    pictures(tmp_path / "hall", 5)
    asked = [
        *sources(tmp_path / "street", leave_out=corner, start_time=1.7e9),
        *sources(tmp_path / "hall", rotation=90),
    ]
    one = by_one_process(search, tmp_path / "one", asked)
    actors = Inline()
    runs, said = by_cluster(search, tmp_path / "many", asked, actors)
    assert require_same(tmp_path / "one", tmp_path / "many") >= 40
    assert figures(runs) == figures(one)
    assert said == []
    assert actors.calls["Worker", "look"] == 4 + 2
    assert actors.calls["Writer", "write"] > 1
    again, _ = by_cluster(search, tmp_path / "many", asked, idle := Inline())
    assert [(run.looked, run.summary().skipped, run.error) for run in again] == [(0, 16, None), (0, 5, None)]
    assert not idle.started, "nothing to do starts nobody"


@pytest.mark.parametrize("averaged", [False, True])
def test_whoever_dies_nothing_is_lost_or_doubled(tmp_path: Path, averaged: bool) -> None:
    search = searching(averaging=TrackletAveraging(lookahead=5) if averaged else None)
    asked = sources(recording(tmp_path / "gate.mp4", 20), recording(tmp_path / "yard.mp4", 20, seed=1))
    one = by_one_process(search, tmp_path / "one", asked)

    def fate(role: str, method: str, count: int) -> str | None:
        if (role, method) == ("Worker", "look"):
            return {2: BEFORE, 3: AFTER, 6: BEFORE, 7: AFTER}.get(count)
        if (role, method) == ("Worker", "begin"):
            return BEFORE if count == 2 else None
        return {1: BEFORE, 2: AFTER, 4: AFTER}.get(count) if method == "write" else BEFORE

    actors = Inline(fate)
    runs, said = by_cluster(search, tmp_path / "many", asked, actors)
    require_same(tmp_path / "one", tmp_path / "many")
    assert figures(runs) == figures(one)
    looks = [line for line in said if "its frames go to another worker, and a new one is started" in line]
    assert len(looks) == 4
    assert all("mp4#t=" in line and "its process was ended" in line for line in looks)
    assert sum("the writer died: its process was ended; a new one is started" in line for line in said) == 3
    assert sum("died before it had begun" in line for line in said) == 1
    assert said[-1] == "the writer died while it tidied up; nothing is lost"


def test_frames_that_kill_every_worker_leave_their_source_out(tmp_path: Path) -> None:
    search = searching()
    asked = sources(recording(tmp_path / "gate.mp4", 12), pictures(tmp_path / "hall", 6))

    class Poisoned(Inline):
        def called(self, process: Process, method: str, values: bytes) -> bytes | BaseException:
            self.fate = lambda *_: BEFORE if method == "look" and b"t=000002.000" in values else None
            return super().called(process, method, values)

    actors = Poisoned()
    runs, said = by_cluster(search, tmp_path / "many", asked, actors)
    (broken,) = [run for run in runs if run.error is not None]
    assert str(broken.error) == (
        "3 workers died at gate.mp4#t=000002.000 to gate.mp4#t=000003.500; leave that part of it out"
    )
    assert sum("died at gate.mp4#t=000002.000" in line for line in said) == crew.MOST_TRIES
    assert "the source is left out" in said[-1]
    _, frames = rows(tmp_path / "many")
    names = frames["frame"].to_pylist()
    assert sum(name.endswith(".png") for name in names) == 6
    assert "gate.mp4#t=000000.000" in names
    assert "gate.mp4#t=000002.000" not in names
    again, _ = by_cluster(search, tmp_path / "many", asked, Inline())
    assert all(run.error is None for run in again)
    by_one_process(search, tmp_path / "one", asked)
    require_same(tmp_path / "one", tmp_path / "many")


def test_sources_that_cannot_be_read_are_named_as_by_one_process(tmp_path: Path) -> None:
    search = searching()
    (tmp_path / "bad.mp4").write_bytes(b"no video")
    (tmp_path / "half").mkdir()
    (tmp_path / "half" / "broken.png").write_bytes(b"\x89PNG\r\n")
    pictures(tmp_path / "half", 3)
    asked = sources(tmp_path / "bad.mp4", tmp_path / "half", tmp_path / "none", recording(tmp_path / "gate.mp4", 4))
    one = by_one_process(search, tmp_path / "one", asked)
    runs, _ = by_cluster(search, tmp_path / "many", asked, Inline())
    assert figures(runs) == figures(one)
    assert [type(run.error) for run in runs] == [type(run.error) for run in one]
    assert sum(run.error is not None for run in runs) == 2
    require_same(tmp_path / "one", tmp_path / "many")


@pytest.mark.parametrize("death", [None, BEFORE, AFTER])
def test_a_replaced_file_loses_its_old_sightings_once(tmp_path: Path, death: str | None) -> None:
    search = searching()
    video = recording(tmp_path / "gate.mp4", 20)
    asked = sources(video)
    by_cluster(search, tmp_path / "many", asked, Inline())
    before = set(rows(tmp_path / "many")[1]["file_state"].to_pylist())
    recording(video, 14, seed=2)
    dies = nth("Writer", "write", {1: death, 3: death}) if death else None
    runs, _ = by_cluster(search, tmp_path / "many", asked, Inline(dies))
    by_one_process(search, tmp_path / "one", asked)
    require_same(tmp_path / "one", tmp_path / "many")
    assert not before & set(rows(tmp_path / "many")[1]["file_state"].to_pylist())
    assert "1 file was replaced since they were indexed: their old sightings are removed" in runs[0].summary().notes


def test_workers_that_cannot_begin_are_left_out_and_without_any_it_ends(tmp_path: Path) -> None:
    search = searching()
    asked = sources(recording(tmp_path / "gate.mp4", 20))
    deaths = nth("Worker", "begin", dict.fromkeys([1, 3, 4], BEFORE))
    some, said = by_cluster(search, tmp_path / "some", asked, Inline(deaths), workers=2)
    assert some[0].error is None
    assert any("died 3 times before it had begun: its process was ended; it is left out" in line for line in said)
    everybody = Inline(lambda role, method, _: BEFORE if method == "begin" else None)
    with pytest.raises(OSError, match=r"no worker could load the models: its process .*take fewer --workers"):
        by_cluster(search, tmp_path / "none", asked, everybody)


def test_a_gallery_that_cannot_be_written_ends_it_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    search = searching()
    asked = sources(recording(tmp_path / "gate.mp4", 20))
    always: Fate = lambda role, method, _: BEFORE if method == "write" else None  # noqa: E731
    with pytest.raises(OSError, match=r"the writer of gallery .*people died 5 times: .*; run again to go on"):
        by_cluster(search, tmp_path / "people", asked, Inline(always))

    def full(self: Gallery) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Gallery, "flush", full)
    with pytest.raises(OSError, match="No space left on device"):
        by_cluster(search, tmp_path / "other", asked, Inline())


def test_an_interruption_keeps_what_was_found(tmp_path: Path) -> None:
    search = searching()
    asked = sources(recording(tmp_path / "gate.mp4", 20))
    seen = 0

    def interrupt(runs: Sequence[SourceRun]) -> None:
        nonlocal seen
        seen = runs[0].looked
        if seen >= 8:
            raise KeyboardInterrupt

    actors = Inline()
    with search.open_gallery(tmp_path / "many", create=True) as gallery, pytest.raises(KeyboardInterrupt):
        index_on_cluster(asked, gallery, actors, looking(search, gallery), workers=2, say=print, on_progress=interrupt)
    assert Gallery.open(tmp_path / "many").summary().frames == seen
    assert all(one.dead for one in actors.started)
    by_cluster(search, tmp_path / "many", asked, Inline())
    by_one_process(search, tmp_path / "one", asked)
    require_same(tmp_path / "one", tmp_path / "many")


def test_workers_share_gpus_and_a_full_cluster_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    search = searching()
    asked = sources(recording(tmp_path / "gate.mp4", 6))
    actors = Inline(gpus=2)
    by_cluster(search, tmp_path / "many", asked, actors, workers=3)
    assert [one.gpu for one in actors.started if one.role.__name__ == "Worker"] == [0.5] * 3
    assert [one.gpu for one in actors.started if one.role.__name__ == "Writer"] == [0]
    monkeypatch.setattr(crew, "SILENT_SECONDS", 0.0)

    class Full(Inline):
        rounds = 0

        def ready(self, answers: Sequence[int], seconds: float) -> list[int]:
            self.rounds += bool(answers)
            return super().ready(answers, seconds) if self.rounds > 3 else []

    _, said = by_cluster(search, tmp_path / "later", asked, Full())
    assert said
    assert set(said) == {"no worker has begun yet: no processor of the cluster is free, or the models are being loaded"}


def test_what_travels_names_whole_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process on another machine stands in another folder."""
    monkeypatch.chdir(tmp_path)
    recording(tmp_path / "gate.mp4", 4)
    pictures(tmp_path / "hall", 2)
    search = searching()
    paths: list[Path] = []

    class Watched(Inline):
        def called(self, process: Process, method: str, values: bytes) -> bytes | BaseException:
            if method == "look":
                (piece,) = pickle.loads(values)
                paths.extend(getattr(item.decode, "path", None) or item.decode.args[0] for item in piece.items)
            return super().called(process, method, values)

    actors = Watched()
    runs, _ = by_cluster(search, Path("people"), sources(Path("gate.mp4"), Path("hall")), actors)
    assert [run.error for run in runs] == [None, None]
    assert len(paths) == 6
    (writing,) = [one for one in actors.started if one.role.__name__ == "Writer"]
    paths.append(pickle.loads(writing.values)[0])
    assert all(path.is_absolute() for path in paths)
    gallery = Gallery.open("people")
    with searched_by(gallery, actors := Inline(), 2, print):
        ask(gallery, [1.0, 0.0, 0.0])
    assert all(pickle.loads(one.values)[0].is_absolute() for one in actors.started)


@pytest.mark.parametrize("source", ["rtsp://me:secret@10.0.0.7/live", "webcam://0"])
def test_streams_are_refused(source: str) -> None:
    with pytest.raises(ValueError, match="is a stream, and a cluster looks at recordings only") as met:
        indexing.require_files([*sources(Path("a.mp4")), PlannedSource("gate", source, Reading())])
    assert "secret" not in str(met.value)
