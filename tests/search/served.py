"""A small gallery of colored people, seen by two cameras and in one video, and a real server in front of it."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import httpx
import numpy as np
from blob_scenes import BlobModel, scene, write

from datasets.samples import Frame
from search.desk.desk import Desk, DeskSettings
from search.gallery.gallery import Gallery
from search.gallery.originals import file_state
from search.pipeline import PersonSearch
from search.query.calibration_files import StoredCalibrations
from search.server.app import WEB, make_app
from search.server.running import listening_socket, uvicorn_server
from search.server.settings import ServerSettings

BEGAN = 1_790_000_000.0
"""When the recordings began: a Monday in September 2026."""

TOKEN = "a-long-enough-token-for-tests"


@dataclass
class Served:
    """A server that runs: its address and its desk."""

    address: str
    desk: Desk
    settings: ServerSettings

    def client(self, **options: Any) -> httpx.Client:
        return httpx.Client(base_url=self.address, timeout=20, trust_env=False, **options)

    def actions(self) -> list[str]:
        return [entry.action for entry in self.desk.record.entries()]


def blob_search() -> PersonSearch:
    none = StoredCalibrations(Path("model.calibration.json"))
    return PersonSearch(BlobModel(), device="cpu", calibrations=none)


def write_video(path: Path, seconds: int = 8, rate: int = 4) -> None:
    """Person 0 and person 2 walk side by side, `rate` frames a second."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=rate, options={"crf": "12"})
        stream.width, stream.height, stream.pix_fmt = 160, 120, "yuv420p"
        for number in range(seconds * rate):
            frame = av.VideoFrame.from_ndarray(scene([0, 2], number // rate), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def fill(folder: Path) -> Path:
    """The gallery of footage that is written into a folder: cameras north and south/east, and a video of camera gate.

    North sees person 1 always and person 0 in the even frames; south/east sees persons 1, 3 and 4.
    """
    search = blob_search()
    source = folder / "footage"
    with search.open_gallery(folder / "people", create=True) as gallery:
        for number in range(6):
            _add(
                gallery,
                search,
                source,
                f"north/{number}.png",
                "north",
                scene([1, 0] if number % 2 == 0 else [1, 2], number),
                number,
            )
            _add(gallery, search, source, f"south/{number}.png", "south/east", scene([1, 3, 4], number), number)
        write_video(source / "gate.mp4")
        search.index(source / "gate.mp4", gallery, camera="gate", start_time=BEGAN)
    return folder / "people"


def _add(
    gallery: Gallery, search: PersonSearch, source: Path, name: str, camera: str, image: np.ndarray, number: int
) -> None:
    file = source / name
    write(file, image)
    frame = Frame(name, image, camera, BEGAN + 10 * number)
    (found,) = search.detect([image])
    place = {"source": str(source), "location": str(file.resolve()), "file_state": file_state(str(file.resolve()))}
    gallery.add(frame, found, **place)


@contextmanager
def serving(
    gallery: Path, settings: ServerSettings | None = None, *, desk: Desk | None = None, web: Path = WEB
) -> Iterator[Served]:
    """A real uvicorn in a thread, at a free port."""
    settings = settings or ServerSettings(port=0)
    desk = desk or Desk(DeskSettings(gallery), blob_search())
    with listening_socket(settings) as sock:
        served = Served(settings.address(sock.getsockname()[1]), desk, settings)
        app = make_app(desk, settings, web=web)
        server = uvicorn_server(app, settings)
        thread = threading.Thread(target=lambda: server.run(sockets=[sock]), daemon=True)
        thread.start()
        while not server.started:
            time.sleep(0.01)
        try:
            yield served
        finally:
            server.should_exit = True
            thread.join(10)
            desk.close()
