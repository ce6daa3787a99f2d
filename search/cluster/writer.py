"""The one writer of a gallery in a cluster, and the way of the rows to it."""

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from search.cluster.actors import Actors, Answer, Died, Handle
from search.gallery.description import GalleryDescription
from search.gallery.done import DoneFrames
from search.gallery.gallery import FLUSH_ROWS, FLUSH_SECONDS, Gallery
from search.gallery.tables import FrameRows

MOST_DEATHS = 5
"""A writer that died so many times without writing anything is not started again."""


@dataclass(frozen=True)
class Forget:
    """The frames of a file that was replaced are to be removed; arguments as of `Gallery.forget_file`."""

    file: str
    mark: str


class Writer:
    """Adds to a gallery, in a process of its own.

    Args:
        path: The gallery's folder.
        holds: What the gallery holds.
    """

    def __init__(self, path: Path, holds: GalleryDescription) -> None:
        self._path, self._holds = path, holds
        self._gallery: Gallery | None = None

    def write(self, parts: list[FrameRows | Forget]) -> None:
        """Write rows; on return they are on the disk. Writing the same again changes nothing.

        Args:
            parts: Rows of frames, and files whose earlier frames go; in order.

        Raises:
            OSError: The gallery cannot be written.
        """
        if self._gallery is None:
            self._gallery = Gallery.open_or_create(self._path, self._holds)
        for part in parts:
            if isinstance(part, Forget):
                self._gallery.forget_file(part.file, part.mark)
            else:
                self._gallery.put(part)
        self._gallery.flush()

    def close(self) -> None:
        """Tidy the gallery up."""
        if self._gallery is not None:
            self._gallery.close()
            self._gallery = None


class WrittenElsewhere:
    """A gallery whose rows a writer in another process writes; `search.source_runs.Store` for the runs.

    What is written stays here until the writer says that it is on the disk, so a writer that dies loses nothing: a new
    one is given the same rows again.

    Args:
        gallery: The gallery, which is read here and never written.
        actors: The cluster.
        say: Takes a line about a writer that died.
    """

    def __init__(self, gallery: Gallery, actors: Actors, say: Callable[[str], None]) -> None:
        self._gallery = gallery
        self._actors = actors
        self._say = say
        self._waiting: deque[FrameRows | Forget] = deque()
        self._rows = 0
        self._since = time.monotonic()
        self._sent: tuple[Answer, list[FrameRows | Forget]] | None = None
        self._deaths = 0
        self._writer: Handle | None = None

    @property
    def description(self) -> GalleryDescription:
        """What the gallery holds."""
        return self._gallery.description

    @property
    def known_frames(self) -> DoneFrames:
        """The frames that were in the gallery when this run began."""
        return self._gallery.known_frames

    def is_done(
        self, frame_name: str, *, source: str = "", location: str | None = None, file_state: str | None = None
    ) -> bool:
        """Tell whether a frame was in the gallery when this run began."""
        return self._gallery.is_done(frame_name, source=source, location=location, file_state=file_state)

    def has_changed(self, frame_name: str, *, source: str, location: str | None, file_state: str | None) -> bool:
        """Tell whether a frame was added from a file that has been replaced since."""
        return self._gallery.has_changed(frame_name, source=source, location=location, file_state=file_state)

    def frames_of_lost_folders(self) -> dict[str, set[str]]:
        """The sources that are folders which are not there now, with the names of their frames."""
        return self._gallery.frames_of_lost_folders()

    def forget_file(self, file: str, mark: str) -> None:
        """Remove all frames of a file that was replaced, before what is put after this."""
        self._waiting.append(Forget(file, mark))

    def put(self, rows: FrameRows) -> None:
        """Take what is stored of a frame; `advance` sends it on."""
        self._waiting.append(rows)
        self._rows += len(rows)

    @property
    def is_behind(self) -> bool:
        """Whether so much waits for the writer that looking at more frames should wait too."""
        return max(self._rows, len(self._waiting)) >= 4 * FLUSH_ROWS

    def advance(self) -> None:
        """See whether the writer has written, and send it what is due.

        Raises:
            OSError: The gallery cannot be written, or one writer after the other died.
        """
        if self._sent is not None and self._actors.ready([self._sent[0]], 0):
            self._settle()
        due = max(self._rows, len(self._waiting)) >= FLUSH_ROWS or time.monotonic() - self._since > FLUSH_SECONDS
        if due and self._sent is None:
            self._send()

    def finish(self) -> None:
        """Have everything written, and wait for it; then the writer ends.

        Raises:
            OSError: As `advance`.
        """
        while self._sent is not None or self._waiting:
            if self._sent is None:
                self._send()
            self._settle()
        if self._writer is None:
            return
        try:
            self._actors.result(self._actors.ask(self._writer, "close"))
        except Died:
            self._say("the writer died while it tidied up; nothing is lost")

    def close(self) -> None:
        """End the writer, whatever it is doing."""
        if self._writer is not None:
            self._actors.end(self._writer)

    def _started(self) -> Handle:
        return self._actors.start(Writer, self._gallery.path.absolute(), self._gallery.description, processors=0)

    def _send(self) -> None:
        self._since = time.monotonic()
        if not self._waiting:
            return
        if self._writer is None:
            self._writer = self._started()
        # As much as the gallery writes at once, so that it makes no pieces smaller than need be.
        rows = frames = 0
        parts: list[FrameRows | Forget] = []
        while self._waiting and max(rows, frames) < FLUSH_ROWS:
            parts.append(self._waiting.popleft())
            if isinstance(parts[-1], FrameRows):
                rows, frames = rows + len(parts[-1]), frames + 1
        self._rows -= rows
        self._sent = self._actors.ask(self._writer, "write", parts), parts

    def _settle(self) -> None:
        """Wait until what was sent is written; a new writer gets it where the other one died."""
        assert self._sent is not None  # something was sent
        answer, parts = self._sent
        try:
            self._actors.result(answer)
        except Died as death:
            self._deaths += 1
            if self._deaths >= MOST_DEATHS:
                raise OSError(
                    f"the writer of gallery {self._gallery.path} died {self._deaths} times: {death}; run again to go "
                    "on, what was written is safe"
                ) from None
            self._say(f"the writer died: {death}; a new one is started and writes the same rows again")
            self._actors.end(self._writer)  # where it only cannot be reached
            self._writer = self._started()
            self._sent = self._actors.ask(self._writer, "write", parts), parts
            return
        self._deaths = 0
        self._sent = None
