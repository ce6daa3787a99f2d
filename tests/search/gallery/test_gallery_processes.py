"""Several processes on one gallery, and an abrupt end of one of them."""

import signal
import time
from pathlib import Path

import numpy as np
import torch
from asking import ask
from separate_processes import finish, start

from datasets.samples import Frame
from detection.detections import Detections
from search.gallery.description import GalleryDescription
from search.gallery.gallery import Gallery
from search.models.embedded_by import EmbeddedBy

DIM = 16
IMAGE = np.full((90, 160, 3), 120, dtype=np.uint8)
PROBE = np.ones(DIM, dtype=np.float32)


def write(path: Path, writer: int, batches: int) -> None:
    """What another process does: it adds batches of twenty frames, and says the number of each when it is stored."""
    gallery = Gallery.open(path)
    image = np.zeros((60, 80, 3), np.uint8)
    random = np.random.default_rng(writer)
    for batch in range(batches):
        for number in range(20):
            found = Detections([[5, 5, 20, 40]] * 3, [0.9] * 3, random.standard_normal((3, 16)).astype("float32"))
            gallery.add(Frame(f"{writer}-{batch:05d}-{number}.jpg", image, writer), found, source="folder")
        gallery.flush()
        print(batch, flush=True)


def wait_for(said: Path, batches: int) -> None:
    """Wait until a writer has said so many batches."""
    until = time.monotonic() + 240
    while not said.is_file() or len(said.read_text().split()) < batches:
        assert time.monotonic() < until, said.read_text()
        time.sleep(0.01)


def test_a_killed_writer_loses_nothing_acknowledged(tmp_path: Path) -> None:
    path = tmp_path / "people"
    Gallery.create(path, GalleryDescription(DIM, EmbeddedBy("weights-1")))
    said = tmp_path / "said"
    writer = start(write, path, 1, 10**6, said=said)
    wait_for(said, 5)
    time.sleep(0.03)  # somewhere in the middle of a write
    writer.kill()
    acknowledged = max(map(int, finish(writer, said, status=-signal.SIGKILL).split()))
    after = Gallery.open(path)
    done = [
        after.is_done(f"1-{batch:05d}-{number}.jpg", source="folder")
        for batch in range(acknowledged + 1)
        for number in range(20)
    ]
    assert all(done)
    assert len(after) >= 60 * (acknowledged + 1)
    batch = acknowledged + 1  # whatever its state, indexing it again leaves it exactly once
    two = Detections(torch.tensor([[1.0, 1, 9, 9]] * 2), torch.ones(2), torch.eye(2, DIM))
    for number in range(20):
        after.add(Frame(f"1-{batch:05d}-{number}.jpg", IMAGE), two, source="folder")
    after.flush()
    assert len(after) == 60 * (acknowledged + 1) + 40
    assert all(after.cutout(one.cutout) for one in ask(after, PROBE, limit=1000))


def test_two_writers_and_a_reader(tmp_path: Path) -> None:
    path = tmp_path / "people"
    Gallery.create(path, GalleryDescription(DIM, EmbeddedBy("weights-1")))
    said = tmp_path / "said"
    other = start(write, path, 1, 6, said=said)
    own, reader = Gallery.open(path), Gallery.open(path)
    one = Detections(torch.tensor([[1.0, 1, 9, 9]]), torch.ones(1), torch.eye(1, DIM))
    counts, written = [], 0
    wait_for(said, 1)  # it has begun
    while other.is_alive() or written < 5:
        own.add(Frame(f"2-{written}.jpg", IMAGE, 2), one, source="folder")
        own.flush()
        written += 1
        answer = ask(reader, PROBE, limit=5)
        scores = [sighting.score for sighting in answer]
        assert scores == sorted(scores, reverse=True)
        assert len(answer) == min(5, answer.searched)
        counts.append(answer.searched)
    finish(other, said)
    assert counts == sorted(counts)
    assert len(set(counts)) > 1
    assert len(reader) == 6 * 20 * 3 + written
    assert reader.cameras() == ("1", "2")
