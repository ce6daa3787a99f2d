"""What a published checkpoint does not say of itself, and a user may know."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Unsaid:
    """What no weight tells. What is left out is as its publishers have it.

    Args:
        height: The rows of crops that a crop model was trained on, in pixels: 384 for fast-reid with a learned GeM
            pooling (its SBS), 256 for all others.
        width: The columns of those crops.
        last_stride: The stride of the last group of layers, 1 or 2: 1 for the bag of tricks and fast-reid, 2 for
            torchreid.
        pooling: How a crop model's map becomes features where no weight tells: "mean", or "gem", the generalized mean
            with a power of 3, which fast-reid's AGW has.
        neck: Whether a crop model embeds "after" its BatchNorm neck, as the bag of tricks and fast-reid do, or
            "before".
        min_size: The shorter side of frames for a detector or joint model, in pixels.
        max_size: The largest longer side of those frames.

    Raises:
        ValueError: A value is out of its range.
    """

    height: int | None = None
    width: int = 128
    last_stride: int | None = None
    pooling: Literal["mean", "gem"] | None = None
    neck: Literal["after", "before"] = "after"
    min_size: int | None = None
    max_size: int | None = None

    def __post_init__(self) -> None:
        for name in ("height", "width", "min_size", "max_size"):
            value = getattr(self, name)
            if value is not None and value < 32:
                raise ValueError(f"{name} is {value}, expected 32 pixels or more")
        if self.last_stride not in (None, 1, 2):
            raise ValueError(f"last_stride is {self.last_stride}, expected 1 or 2")
        if self.pooling not in (None, "mean", "gem"):
            raise ValueError(f"pooling is {self.pooling!r}, expected 'mean' or 'gem'")
        if self.neck not in ("after", "before"):
            raise ValueError(f"neck is {self.neck!r}, expected 'after' or 'before'")
