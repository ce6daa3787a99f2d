"""Recordings of colored people, a model that finds them by their colors, and galleries compared row by row."""

from pathlib import Path
from typing import Any

import av
import pyarrow as pa
from blob_scenes import HEIGHT, WIDTH, BlobModel, scene, write

from datasets.footage.planning import PlannedSource, planned
from datasets.footage.reading import Reading
from search.cluster.worker import Looking
from search.gallery.gallery import Gallery
from search.indexing import index_sources
from search.pipeline import PersonSearch
from search.source_runs import SourceRun
from search.tracks.settings import TrackletAveraging

CONFIDENCE = 0.5


def recording(path: Path, frames: int, *, seed: int = 0) -> Path:
    """A video of two frames a second with a key frame every two seconds."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as out:
        video = out.add_stream("mpeg4", rate=2, options={"g": "4"})
        video.width, video.height, video.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for number in range(frames):
            image = scene([seed % 5, (seed + 1) % 5, (seed + 3) % 5], number)
            out.mux(video.encode(av.VideoFrame.from_ndarray(image, "rgb24")))
        out.mux(video.encode())
    return path


def pictures(folder: Path, count: int) -> Path:
    for number in range(count):
        write(folder / f"{number}.png", scene([number % 5, 2], number))
    return folder


def searching(averaging: TrackletAveraging | None = None) -> PersonSearch:
    return PersonSearch(BlobModel(), batch_size=2, device="cpu", tracklets=averaging)


def sources(*paths: Path, **reading: Any) -> list[PlannedSource]:
    return planned([str(path) for path in paths], Reading(**{"every_seconds": 0.5, **reading}))[0]


def by_one_process(search: PersonSearch, path: Path, asked: list[PlannedSource]) -> list[SourceRun]:
    with search.open_gallery(path, create=True) as gallery:
        look = search.looking(gallery, CONFIDENCE)
        return index_sources(asked, gallery, look, batch_size=search.batch_size, averaging=search.tracklets)


def looking(search: PersonSearch, gallery: Gallery) -> Looking:
    return Looking.like(search, CONFIDENCE, gallery.description)


def rows(path: Path) -> tuple[pa.Table, pa.Table]:
    """Sightings and frames of a gallery, in order; where the pictures of people lie differs from run to run."""
    gallery = Gallery.open(path)
    key = [("source", "ascending"), ("frame", "ascending")]
    found = gallery.table.search().to_arrow().sort_by([*key, ("index", "ascending")])
    cutouts = [name for name in found.column_names if name in ("cutout_pack", "cutout_offset")]
    return found.drop_columns(cutouts), gallery.frames.search().to_arrow().sort_by(key)


def require_same(first: Path, second: Path) -> int:
    """The galleries hold the same to the last digit, pictures too; how many sightings there are."""
    (one, frames), (other, others) = rows(first), rows(second)
    assert others.equals(frames)
    assert other.equals(one)
    packs = [Gallery.open(path) for path in (first, second)]
    for name in set(one["source"].to_pylist()):
        own, also = (gallery.detections(source=name) for gallery in packs)
        assert list(own) == list(also)
    return len(one)
