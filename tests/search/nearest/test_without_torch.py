"""A process that only searches loads neither torch nor what reads pictures and videos."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
from asking import ask

from datasets.samples import Frame
from detection.detections import Detections
from search.gallery.description import GalleryDescription
from search.gallery.gallery import Gallery
from search.models.embedded_by import EmbeddedBy
from search.nearest.resident import keep_in_memory
from tools.bench.galleries.filling import Crowd, fill

SEARCH = """
import json, sys
import numpy as np
from search import Filters, Gallery, Ranking
from search.nearest import keep_in_memory
from search.query.rank import EmbeddedProbe, rank_sightings

probe, others = np.array([1.0, 2.0, 3.0]), np.array([[-1.0, 0.0, 1.0]])
with Gallery.open(sys.argv[1]) as gallery:
    answers = [rank_sightings(gallery, EmbeddedProbe(probe), Filters(limit=5))]
    keep_in_memory(gallery)
    answers.append(rank_sightings(gallery, EmbeddedProbe(probe), Filters(limit=5)))
    asked = EmbeddedProbe(np.stack([probe, probe[::-1]]), combine="max", others=others)
    part = Filters(cameras="gate", after=3.0, limit=2)
    answers.append(rank_sightings(gallery, asked, part, Ranking(class_weighted=True)))
    gallery.cutout(answers[0][0].cutout), gallery.summary(), answers[0].to_table(), answers[0].to_dict()
heavy = ("torch", "torchvision", "cv2", "PIL", "av", "scipy", "matplotlib", "detection", "reid")
print(json.dumps([[name for name in heavy if name in sys.modules], [[one.id for one in each] for each in answers]]))
"""

MEASURE = """
import sys
from pathlib import Path
from tools.bench.galleries.filling import Crowd
from tools.bench.galleries.searching import measure

measured = measure(Path(sys.argv[1]), Crowd(8, 3, cameras=1), 1, 1)
assert 0 < measured.base_mb <= measured.resident_mb <= measured.peak_mb, measured
print([name for name in ("torch", "torchvision", "cv2", "PIL", "av") if name in sys.modules])
"""


def made(path: Path) -> Gallery:
    gallery = Gallery.create(path, GalleryDescription(3, EmbeddedBy("weights-1")))
    random = np.random.default_rng(0)
    for number in range(12):
        found = Detections(np.array([[1, 1, 9, 20], [5, 2, 9, 20]]), np.array([0.9, 0.4]), random.random((2, 3)))
        camera, picture = ("gate", "hall")[number % 2], np.zeros((24, 32, 3), np.uint8)
        gallery.add(Frame(f"{number}.jpg", picture, camera, float(number)), found)
    gallery.flush()
    return gallery


def run(code: str, gallery: Path) -> str:
    done = subprocess.run([sys.executable, "-c", code, str(gallery)], capture_output=True, text=True, check=False)
    assert not done.returncode, done.stderr
    return done.stdout


def test_a_search_by_an_embedding_loads_no_torch(tmp_path: Path) -> None:
    gallery = made(tmp_path / "people")
    loaded, answers = json.loads(run(SEARCH, gallery.path))
    assert loaded == []
    expected = [one.id for one in ask(gallery, np.array([1.0, 2.0, 3.0]), limit=5)]
    assert answers[0] == answers[1] == expected
    assert len(answers[2]) == 2
    keep_in_memory(gallery)
    assert [one.id for one in ask(gallery, np.array([1.0, 2.0, 3.0]), limit=5)] == expected


def test_the_bench_of_galleries_measures_such_a_process(tmp_path: Path) -> None:
    fill(tmp_path / "crowd", Crowd(8, 3, cameras=1), lambda done, total: None)
    assert run(MEASURE, tmp_path / "crowd").strip() == "[]"
