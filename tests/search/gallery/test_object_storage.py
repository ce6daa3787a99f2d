"""A gallery on object storage: the same rows, answers and care as on a disk, whoever else writes."""

import multiprocessing
import os
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from asking import ask
from filled import DIM, MODEL, PEOPLE, add_frames, embeddings_of, make

from datasets.samples import Frame
from datasets.storage import leases
from datasets.storage.connection import file_system
from datasets.storage.places import ObjectPath, place
from detection.detections import Detections
from search.care import repairing
from search.care.compacting import Room, compact
from search.care.inspection import inspect
from search.care.merging import merge
from search.care.removal import Doomed, delete_sightings
from search.care.repairing import repair
from search.desk.desk import DeskSettings
from search.desk.opened_gallery import OpenedGallery
from search.gallery.gallery import Gallery
from search.gallery.store import version_files
from search.gallery.tables import readable
from search.nearest.resident import keep_in_memory

PROBE = embeddings_of("street", 3)[1]
FRAMES = 12


def people_of(bucket: str) -> Path:
    return place(f"{bucket}/cases/people")


def everything(folder: Path) -> dict[str, bytes]:
    """Every object of a gallery, by its name."""
    from pyarrow.fs import FileSelector

    assert isinstance(folder, ObjectPath)
    key = str(folder).removeprefix("s3://")
    found = file_system().get_file_info(FileSelector(key, recursive=True))
    return {one.path: file_system().open_input_stream(one.path).read() for one in found if one.is_file}


def test_it_has_the_rows_pictures_and_answers_that_a_folder_has(tmp_path: Path, bucket: str) -> None:
    there, here = make(people_of(bucket), "street", "garden"), make(tmp_path / "people", "street", "garden")
    assert there.path == people_of(bucket)
    assert str(there.path) == f"{bucket}/cases/people"
    opened = Gallery.open(f"{bucket}/cases/people")
    assert opened.summary() == here.summary()
    for one, other in zip(ask(opened, PROBE), ask(here, PROBE), strict=True):
        assert (one.key, one.similarity, one.box) == (other.key, other.similarity, other.box)
        assert opened.cutout(one.cutout) == here.cutout(other.cutout) is not None
    filtered = ask(opened, PROBE, cameras=("c1",), after=15.0, limit=4)
    assert [one.key for one in filtered] == [one.key for one in ask(here, PROBE, cameras=("c1",), after=15.0, limit=4)]
    assert opened.is_done("0003.jpg", source="street")
    assert not opened.is_done("0009.jpg", source="street")
    assert inspect(opened.path).problems == ()
    assert inspect(opened.path).pictures == 2 * 6 * PEOPLE
    assert not Path("s3:").exists(), "something was written to this machine"


def test_it_holds_no_credential(bucket: str) -> None:
    gallery = make(people_of(bucket), "street")
    compact(gallery)
    files = everything(gallery.path)
    assert any(name.endswith("gallery.json") for name in files)
    assert any(name.endswith(".pack") for name in files)
    assert any(name.endswith(".manifest") for name in files)
    assert not [name for name, content in files.items() if b"key-of-tests" in content or b"secret-of-tests" in content]


def test_a_search_in_memory_follows_what_others_write(bucket: str) -> None:
    writer = make(people_of(bucket), "street")
    reader = Gallery.open(writer.path)
    resident = keep_in_memory(reader)
    assert len(ask(reader, PROBE)) == len(resident) == 6 * PEOPLE
    add_frames(writer, "street", range(6, 8))
    assert len(ask(reader, PROBE)) == 8 * PEOPLE
    delete_sightings(writer, Doomed(cameras=("c1",)))
    assert {one.camera for one in ask(reader, PROBE)} == {"c0"}
    assert len(OpenedGallery(writer.path).catalog()) == 4


def test_what_is_deleted_is_in_no_object_any_more(bucket: str) -> None:
    gallery = make(people_of(bucket), "street", "garden")
    gone = embeddings_of("street", 2)[0].tobytes()
    stays = embeddings_of("garden", 2)[0].tobytes()
    before = b"\n".join(everything(gallery.path).values())
    assert gone in before
    assert stays in before
    done = delete_sightings(gallery, Doomed(source="street"))
    after = b"\n".join(everything(gallery.path).values())
    assert (done.sightings, done.left) == (6 * PEOPLE, 6 * PEOPLE)
    assert gone not in after
    assert stays in after
    assert b"street" not in after
    assert inspect(gallery.path).problems == ()
    assert Room.of(gallery.path).files > 0


def test_galleries_are_merged_from_and_to_it(tmp_path: Path, bucket: str) -> None:
    here = make(tmp_path / "people", "street")
    there = make(people_of(bucket), "garden")
    (taken,) = merge(there.path, [here.path])
    assert (taken.frames, taken.sightings) == (6, 6 * PEOPLE)
    (back,) = merge(tmp_path / "people", [there.path])
    assert (back.frames, back.known) == (6, 6)
    assert Gallery.open(tmp_path / "people").summary() == Gallery.open(there.path).summary()
    assert inspect(there.path).problems == inspect(tmp_path / "people").problems == ()
    with pytest.raises(ValueError, match="is to be merged with itself"):
        merge(there.path, [place(str(there.path))])


def test_a_lost_file_is_named_and_repaired_to_the_last_whole_state(bucket: str) -> None:
    gallery = make(people_of(bucket), "street")
    assert repair(gallery.path).dropped == ()
    number, newest = version_files(gallery.path, "sightings")[0]
    newest.write_bytes(newest.read_bytes()[:-9])
    with pytest.raises(OSError, match=r"the newest version of sightings.lance was cut short.*gallery repair s3://"):
        Gallery.open(gallery.path)
    assert len(inspect(gallery.path).problems) == 1
    done = repair(gallery.path)
    assert len(done.dropped) == 1
    assert f"version {number}" in done.dropped[0]
    assert inspect(gallery.path).problems == ()
    again = Gallery.open(gallery.path)
    add_frames(again, "street", range(6))
    assert len(again) == 6 * PEOPLE


def test_a_server_that_does_not_answer_is_not_taken_for_damage(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A repair while the network is gone would otherwise drop what is whole."""
    gallery = make(people_of(bucket), "street")
    before = [number for number, _ in version_files(gallery.path, "sightings")]
    answer = "lance error: LanceError(IO): Generic S3 error: Error performing list request as key-of-tests"
    with pytest.raises(OSError, match=r"gallery s3://\S+ could not be read: lance error.*AWS_ENDPOINT_URL") as caught:  # noqa: SIM117
        with readable(gallery.path):
            raise RuntimeError(answer)
    assert "damaged" not in str(caught.value)
    assert "key-of-tests" not in str(caught.value)

    def refused(table: object) -> None:
        raise RuntimeError(answer)

    monkeypatch.setattr(repairing, "rows_of", refused)
    with pytest.raises(OSError, match="could not be read to its end, and nothing was dropped: lance error"):
        repair(gallery.path)
    assert [number for number, _ in version_files(gallery.path, "sightings")] == before


def test_a_lost_piece_is_named_and_repaired(bucket: str) -> None:
    gallery = make(people_of(bucket), "street")
    known = {file.name for file in (gallery.path / "tables" / "sightings.lance" / "data").iterdir()}
    add_frames(gallery, "street", range(6, 8))
    new = [file for file in (gallery.path / "tables" / "sightings.lance" / "data").iterdir() if file.name not in known]
    new[0].unlink()
    with pytest.raises(OSError, match=r"is damaged: the file /\S+\.lance is missing; `personsearch gallery repair"):
        ask(Gallery.open(gallery.path), PROBE)
    assert repair(gallery.path).dropped
    assert inspect(gallery.path).problems == ()
    assert len(Gallery.open(gallery.path)) == 6 * PEOPLE


def test_cases_need_a_folder_of_this_machine(tmp_path: Path, bucket: str) -> None:
    with pytest.raises(ValueError, match="is on object storage, expected --cases with a folder of this machine"):
        DeskSettings(people_of(bucket))
    assert DeskSettings(people_of(bucket), cases=tmp_path).case_folder == tmp_path


def test_there_is_no_gallery_where_none_was_made(bucket: str) -> None:
    with pytest.raises(FileNotFoundError, match=rf"no gallery at {bucket}/nobody .*personsearch index"):
        Gallery.open(f"{bucket}/nobody")
    make(people_of(bucket), "street")
    with pytest.raises(FileExistsError, match=r"is a gallery already"):
        Gallery.create(people_of(bucket), MODEL)
    with pytest.raises(FileNotFoundError, match="there is no bucket s3://no-such-bucket, expected one; make it first"):
        Gallery.create("s3://no-such-bucket/people", MODEL)


def index_all(path: Path, start: Any) -> None:
    """What each of two indexers does: the same frames of one source, two people in each."""
    gallery = Gallery.open_or_create(path, MODEL)
    start.wait()
    random = np.random.default_rng(0)
    image = np.full((60, 80, 3), 120, dtype=np.uint8)
    for number in range(FRAMES):
        embeddings = random.standard_normal((2, DIM)).astype(np.float32)
        found = Detections([[1, 1, 20, 40], [5, 5, 30, 60]], [0.9, 0.8], embeddings)
        gallery.add(Frame(f"{number}.jpg", image, "1", float(number)), found, source="street")
        gallery.flush()


@pytest.mark.slow
def test_two_indexers_of_one_source_never_double_rows_there(bucket: str) -> None:
    Gallery.create(people_of(bucket), MODEL)
    processes = multiprocessing.get_context("spawn")
    start = processes.Barrier(2)
    both = [processes.Process(target=index_all, args=(people_of(bucket), start)) for _ in range(2)]
    for one in both:
        one.start()
    for one in both:
        one.join()
    assert [one.exitcode for one in both] == [0, 0]
    gallery = Gallery.open(people_of(bucket))
    rows = gallery.table.search().select(["source", "frame", "index"]).to_arrow()
    keys = Counter(zip(*(rows[name].to_pylist() for name in ("source", "frame", "index")), strict=True))
    assert keys == Counter({("street", f"{number}.jpg", index): 1 for number in range(FRAMES) for index in range(2)})
    assert gallery.summary().frames == FRAMES
    assert inspect(gallery.path).problems == ()


WRITER = """
import sys
from filled import add_frames
from search.gallery.gallery import Gallery

gallery, first, count = Gallery.open(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
for number in range(first, first + count):
    add_frames(gallery, "street", range(number, number + 1))
    print(number, flush=True)
"""


def start_writer(gallery: Gallery, first: int, count: int) -> subprocess.Popen[str]:
    repository = Path(__file__).resolve().parents[3]
    paths = os.pathsep.join([str(repository), str(repository / "tests" / "search")])
    command = [sys.executable, "-c", WRITER, str(gallery.path), str(first), str(count)]
    environment = {**os.environ, "PYTHONPATH": paths}
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)


@pytest.mark.slow
def test_who_tidies_up_waits_for_indexers_and_they_for_it(bucket: str) -> None:
    """Pictures that an indexer has written, and whose rows are still to come, must not be taken for nobody's."""
    gallery = make(people_of(bucket), frames=0)
    writers = [start_writer(gallery, first, 15) for first in (0, 100)]
    for _ in range(4):
        assert writers[0].stdout is not None
        writers[0].stdout.readline()  # both are at work
        compact(gallery)
    assert any(one.poll() is None for one in writers), "nobody was waited for"
    assert [one.wait(timeout=120) for one in writers] == [0, 0]
    found = inspect(gallery.path)
    assert found.problems == ()
    assert (found.frames, found.sightings, found.pictures) == (30, 30 * PEOPLE, 30 * PEOPLE)


@pytest.mark.slow
def test_a_killed_indexer_loses_nothing_acknowledged_there(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    gallery = make(people_of(bucket), frames=0)
    writer = start_writer(gallery, 0, 10**6)
    assert writer.stdout is not None
    acknowledged = [int(writer.stdout.readline()) for _ in range(5)][-1]
    writer.send_signal(signal.SIGKILL)
    acknowledged = max([acknowledged, *map(int, writer.stdout.read().split())])
    writer.wait()
    assert all(gallery.is_done(f"{number:04d}.jpg", source="street") for number in range(acknowledged + 1))
    assert inspect(gallery.path).problems == ()
    monkeypatch.setattr(leases, "LEASE_SECONDS", 10.0)  # the killed one's may still be there
    monkeypatch.setattr(leases, "RENEWED_SECONDS", 1.0)
    compact(gallery)
    add_frames(gallery, "street", range(acknowledged + 3))
    assert len(gallery) == (acknowledged + 3) * PEOPLE
    found = inspect(gallery.path)
    assert (found.problems, found.frames) == ((), acknowledged + 3)
