"""A slice: some frames of one source that one worker reads and looks at; what it found in them."""

from dataclasses import dataclass

from datasets.footage.reading import Reading
from datasets.footage.videos import Item
from search.gallery.tables import FrameRows

BATCHES = 8
"""So many batches make a slice: enough to begin reading somewhere in a video, few enough to lose with a worker."""


@dataclass(frozen=True)
class Slice:
    """Frames of one source, in its order.

    Args:
        source: The number of the source, from 0.
        number: The number of the slice in its source, from 0.
        items: The frames, named and not decoded.
        reading: How the source is read.
        place: How the gallery names the source.
    """

    source: int
    number: int
    items: tuple[Item, ...]
    reading: Reading
    place: str

    @property
    def words(self) -> str:
        """Which frames these are, for people."""
        first, last = self.items[0].name, self.items[-1].name
        return first if first == last else f"{first} to {last}"


@dataclass(frozen=True)
class Found:
    """What a worker found in a slice.

    Args:
        rows: What is stored of each frame that could be read, in order, without where it can be read again.
        failures: (name, reason) of what could not be read.
        broken: What broke the reading of the source, in one line; empty where nothing did.
        still: How many of the frames the models were spared, see `Reading.skip_still`.
    """

    rows: tuple[FrameRows, ...]
    failures: tuple[tuple[str, str], ...] = ()
    broken: str = ""
    still: int = 0
