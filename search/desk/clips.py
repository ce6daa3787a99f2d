"""The seconds around a sighting as a film, made when it is asked for and kept for a while in a private folder."""

import tempfile
import threading
from collections import OrderedDict
from pathlib import Path

from search.cases.clip import write_clip
from search.cases.footage import NoFootage
from search.desk.catalog import CatalogFrame
from search.desk.jobs import Jobs
from search.desk.pictures import missing_footage
from search.desk.refusals import NotThere, TooMany
from search.gallery.gallery import Gallery
from search.gallery.sightings import Sighting

MOST_KEPT = 20
MOST_WAITING = 6
LONGEST_SECONDS = 60.0


class Clips:
    """Makes clips, one at a time; the folder that they lie in is readable for its owner alone and goes with the server.

    Args:
        gallery: The gallery's folder.
        jobs: Shows what is being made.
    """

    def __init__(self, gallery: Path, jobs: Jobs) -> None:
        self._gallery, self._jobs = gallery, jobs
        self._folder = tempfile.TemporaryDirectory(prefix="personsearch-")
        self._making = threading.Lock()
        self._waiting = threading.BoundedSemaphore(MOST_WAITING)
        self._kept: OrderedDict[tuple[str, float], Path] = OrderedDict()

    def clip(self, frame: CatalogFrame, sighting: Sighting, seconds: float) -> bytes:
        """A clip as the bytes of an MP4 file.

        Args:
            frame: The frame of the sighting.
            sighting: Whose box is drawn; it is in the middle of the clip.
            seconds: How long the clip is; it is shorter where the recording begins or ends.

        Raises:
            NotThere: The footage is gone, or was replaced.
            TooMany: Too many clips are waited for.
        """
        if why := missing_footage(frame):
            raise NotThere(why)
        if not self._waiting.acquire(blocking=False):
            raise TooMany("clips_busy")
        try:
            with self._making:
                return self._made(sighting, seconds).read_bytes()
        finally:
            self._waiting.release()

    def close(self) -> None:
        """Remove the folder with the clips."""
        self._folder.cleanup()

    def _made(self, sighting: Sighting, seconds: float) -> Path:
        key = (sighting.key, seconds)
        if key in self._kept:
            self._kept.move_to_end(key)
            return self._kept[key]
        path = Path(self._folder.name) / f"{sighting.key}-{seconds:g}.mp4"
        text = "The seconds around a sighting are being made a film."
        with self._jobs.running("clip", text, total=max(1, round(seconds))) as step, Gallery.open(self._gallery) as own:
            try:
                write_clip(path, own, sighting, seconds=seconds, on_progress=step)
            except NoFootage as error:  # its text names the file's place on the disk
                raise NotThere("footage_unreadable") from error
        self._kept[key] = path
        while len(self._kept) > MOST_KEPT:
            self._kept.popitem(last=False)[1].unlink(missing_ok=True)
        return path
