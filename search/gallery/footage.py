"""Which footage sightings are of: the cameras that filmed it, and whether a program rendered it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from datasets.samples import FrameSample, camera_name

UNKNOWN_CAMERA = ""
"""Stands in `Footage.cameras` for frames of which nobody knows the camera."""

KIND_COLUMNS = ["source", "camera", "frame_width", "frame_height"]
"""What a gallery's table of frames says about footage."""

MOST_NAMED = 4
"""A sentence names so many cameras at most."""


@dataclass(frozen=True)
class Footage:
    """Which footage a gallery holds, or a calibration was made on.

    A camera is known by its name and by the size of its pictures. The name alone would not do, because many people
    number their cameras from 1.

    >>> square = Footage(("1 at 448x252", "2 at 448x252"), rendered=True)
    >>> square.difference(Footage(("2 at 448x252",), rendered=True))
    ''
    >>> square.difference(Footage(("6 at 720x576",), rendered=False))
    'on rendered footage, and this gallery holds real footage'

    Args:
        cameras: Names such as "gate at 1280x720", sorted; `UNKNOWN_CAMERA` stands for frames of an unknown camera.
        rendered: Whether a program rendered it; None where some of it is rendered and some is real.
    """

    cameras: tuple[str, ...]
    rendered: bool | None = False

    @classmethod
    def of_samples(cls, samples: Sequence[FrameSample], *, rendered: bool) -> Self:
        """The footage of a data set.

        Args:
            samples: Its frames. Where the data set does not state the size of a picture, the first picture of each
                camera is looked at.
            rendered: Whether a program rendered it.

        Raises:
            OSError: A picture cannot be read.
        """
        from datasets.images import header_size  # what reads pictures, which a search has no need of

        sizes: dict[str | None, set[tuple[int, int] | None]] = {}
        for sample in samples:
            name = camera_name(sample.camera)
            if name is not None and sample.size is None and name not in sizes:
                with sample.path.open("rb") as file:
                    sizes[name] = {header_size(file)}
            sizes.setdefault(name, set()).add(sample.size)
        return cls.of_sizes(
            {name: {one for one in known if one is not None} for name, known in sizes.items()}, rendered
        )

    @classmethod
    def of_frames(
        cls, frames: Sequence[Mapping[str, Any]], rendered_sources: Sequence[str], cameras: Sequence[str] | None = None
    ) -> Self:
        """The footage of a gallery.

        Args:
            frames: Rows with `KIND_COLUMNS`; each kind of frame need occur only once.
            rendered_sources: The sources whose frames a program rendered.
            cameras: Only frames of these cameras; None takes all.
        """
        chosen = [one for one in frames if cameras is None or one["camera"] in cameras]
        sizes: dict[str | None, set[tuple[int, int]]] = {}
        for one in chosen:
            sizes.setdefault(one["camera"], set()).add((one["frame_width"], one["frame_height"]))
        rendered = {one["source"] in rendered_sources for one in chosen}
        return cls.of_sizes(sizes, None if len(rendered) > 1 else True in rendered)

    @classmethod
    def of_sizes(cls, sizes: Mapping[str | None, set[tuple[int, int]]], rendered: bool | None) -> Self:
        """The footage of some cameras.

        Args:
            sizes: The (width, height) in pixels of each camera's pictures; the camera None is an unknown one.
            rendered: Whether a program rendered the footage; None where some is rendered.
        """
        known = {f"{name} at {width}x{height}" for name, own in sizes.items() if name for width, height in own}
        return cls(tuple(sorted(known | ({UNKNOWN_CAMERA} if None in sizes else set()))), rendered)

    def difference(self, gallery: Self) -> str:
        """Say in which way a gallery's footage is other than this one, which a calibration was made on.

        Args:
            gallery: The footage of the sightings that are judged.

        Returns:
            Words that go on after "the calibration was made"; empty where this footage is of the same kind and has
            all cameras of the gallery.
        """
        kinds = {True: "rendered footage", False: "real footage", None: "rendered and real footage together"}
        if gallery.rendered is not self.rendered or gallery.rendered is None:
            return f"on {kinds[self.rendered]}, and this gallery holds {kinds[gallery.rendered]}"
        if UNKNOWN_CAMERA in gallery.cameras:
            return "on certain cameras, and this gallery holds frames of which the camera is unknown"
        if strange := [name for name in gallery.cameras if name not in self.cameras]:
            more = f" and {len(strange) - MOST_NAMED} more" if len(strange) > MOST_NAMED else ""
            return f"on other cameras than {', '.join(strange[:MOST_NAMED])}{more}, which filmed this gallery"
        return ""

    def covers(self, gallery: Self) -> bool:
        """Tell whether this footage, an earlier state of the same gallery, had all of its present cameras."""
        return set(gallery.cameras) <= set(self.cameras)

    def same_kind(self, gallery: Self) -> bool:
        """Tell whether both are rendered or both are real; footage of other cameras may be judged on demand then."""
        return self.rendered is gallery.rendered and self.rendered is not None

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Self:
        """The value that JSON holds.

        Raises:
            TypeError, ValueError: A field is missing or has a wrong value.
        """
        cameras, rendered = content["cameras"], content["rendered"]
        if not isinstance(cameras, list) or not all(isinstance(one, str) for one in cameras):
            raise ValueError(f"cameras {cameras!r}, expected a list of names")
        if rendered not in (True, False, None):
            raise ValueError(f"rendered is {rendered!r}, expected true, false or null")
        return cls(tuple(cameras), rendered)
