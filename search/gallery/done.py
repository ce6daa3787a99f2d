"""Which frames a gallery has: by name, by the place they were read from, and by the state of their file."""

from collections.abc import Iterable
from typing import Any, Self

from datasets.footage.names import VIDEO_MARK, told_rate
from search.gallery.tables import FILE_STATE, FrameKey, FrameRows


class DoneFrames:
    """The frames that are done, each with the state of its file when it was read; None where that is not known."""

    def __init__(self) -> None:
        self._states: dict[FrameKey, str | None] = {}
        self._keys_at: dict[str, list[FrameKey]] = {}
        self._rates: dict[str, float | None] = {}  # of each video the rate that the user told, None for none

    @classmethod
    def of(cls, frames: Any) -> Self:
        """Read them from the table of frames of a gallery, which may be of an earlier version.

        Args:
            frames: The table of frames.
        """
        done = cls()
        columns = ["source", "frame", "location", *([FILE_STATE] if FILE_STATE in frames.schema.names else [])]
        rows = frames.search().select(columns).to_arrow()
        lists = [rows[name].to_pylist() for name in columns]
        states = lists[3] if len(lists) > 3 else [None] * len(rows)
        for source, frame, location, state in zip(*lists[:3], states, strict=True):
            done._add((source, frame), location, state)
        return done

    def add(self, rows: Iterable[FrameRows]) -> None:
        """Take frames that were written."""
        for one in rows:
            location, state = one.frame["location"], one.frame.get(FILE_STATE)
            self._add(one.key, None if location is None else str(location), None if state is None else str(state))

    def _add(self, key: FrameKey, location: str | None, state: str | None) -> None:
        known = key in self._states
        self._states[key] = state
        file, mark, _ = (location or "").rpartition(VIDEO_MARK)
        if location is not None and mark:
            self._rates[file] = told_rate(location)
        if location is not None and not known:
            self._keys_at.setdefault(location, []).append(key)

    def is_done(self, key: FrameKey, location: str | None, state: str | None) -> bool:
        """Tell whether a frame is there, under its own name or through another source, and its file has not changed.

        Args:
            key: Its source and name.
            location: Where it is read from; None for a stream.
            state: The present state of its file; None does not compare.
        """
        keys = self._keys(key, location)
        return bool(keys) and not any(self._differs(one, state) for one in keys)

    def has_changed(self, key: FrameKey, location: str | None, state: str | None) -> bool:
        """Tell whether a frame is there, but of a file that was replaced since; arguments as of `is_done`."""
        return any(self._differs(one, state) for one in self._keys(key, location))

    def has_another_rate(self, location: str) -> bool:
        """Tell whether a video is there whose frames were numbered by another rate than the one in `location`."""
        file = location.rpartition(VIDEO_MARK)[0]
        return file in self._rates and self._rates[file] != told_rate(location)

    def told_rate(self, folder: str) -> float | None:
        """The rate that the user told for videos in a folder; None where it told none, or several."""
        told = {rate for file, rate in self._rates.items() if file.startswith(f"{folder}/") and rate is not None}
        return told.pop() if len(told) == 1 else None

    def forget(self, file: str, mark: str) -> None:
        """Take out the frames of a file; `mark` stands between a video's path and the seconds of a frame in it."""
        gone = [place for place in self._keys_at if place == file or place.startswith(file + mark)]
        for place in gone:
            for key in self._keys_at.pop(place):
                self._states.pop(key, None)
        self._rates.pop(file, None)

    def _keys(self, key: FrameKey, location: str | None) -> list[FrameKey]:
        own = [key] if key in self._states else []
        return own + [one for one in self._keys_at.get(location or "", ()) if one != key and one in self._states]

    def _differs(self, key: FrameKey, state: str | None) -> bool:
        stored = self._states[key]
        return stored is not None and state is not None and stored != state
