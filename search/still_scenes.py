"""Frames in which nothing has changed since nobody was seen there: the models need not look at them again."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from datasets.samples import Frame
from detection.detections import Detections

Answer: TypeAlias = tuple[Detections, Tensor | None]
"""The people of one image with embeddings, and (N, E) embeddings of the second stage, None without one."""

Look: TypeAlias = Callable[[Sequence[NDArray[np.uint8]]], Sequence[Answer]]
"""A function that finds the people of some images (H, W, 3) uint8 RGB."""

CELLS = 48
"""So many cells lie along the longer side of a picture. In a cell the noise of single pixels averages out."""

CHANGE = 8.0
"""A cell has changed where a color's mean differs by more than this, of 255. Noise and compression change less, people
more. Both values were chosen on recordings of the synthetic square and on one real recording."""

LOOK_AGAIN = 30
"""After so many frames in a row the models look all the same: they may have overlooked somebody who stands still."""


@dataclass
class _Empty:
    """A view in which nobody was seen, and what the models said of it."""

    view: NDArray[np.float32]
    answer: Answer
    passed_over: int = 0

    def differs(self, view: NDArray[np.float32]) -> bool:
        """Whether a cell of another view (h, w, 3) of the same size has changed."""
        return bool(np.abs(view - self.view).max() > CHANGE)


class StillScenes:
    """What the models are spared: each camera's frames that look like its last frame in which nobody was seen.

    Somebody who stands still is looked at in every frame, because the frame differs from the empty one.

    Attributes:
        passed_over: How many frames the models did not look at.

    Example:
        >>> import torch
        >>> nobody = Detections(torch.zeros(0, 4), torch.zeros(0), torch.zeros(0, 8))
        >>> scenes, empty = StillScenes(), Frame("1", np.zeros((90, 160, 3), np.uint8))
        >>> for _ in range(3):
        ...     _ = scenes.look([empty], lambda images: [(nobody, None) for _ in images])
        >>> scenes.passed_over
        2
    """

    def __init__(self) -> None:
        self.passed_over = 0
        self._empty: dict[tuple[object, ...], _Empty] = {}

    def look(self, frames: Sequence[Frame], look: Look) -> list[Answer]:
        """Have the models look at those frames that need it.

        Args:
            frames: Frames of one source, in its order.
            look: Finds the people of some images; it is not called where no frame needs it.

        Returns:
            What `look` says of each frame; nobody, where the frame is passed over.
        """
        views = [_view(frame.image) for frame in frames]
        answers = [self._known(frame, view) for frame, view in zip(frames, views, strict=True)]
        asked = [number for number, answer in enumerate(answers) if answer is None]
        again = self._looked(frames, views, asked, answers, look)
        # Somebody stands still who was overlooked: the frames after the one that showed it are looked at too.
        self._looked(frames, views, again, answers, look)
        self.passed_over += len(frames) - len(asked) - len(again)
        return [answer for answer in answers if answer is not None]

    def _looked(
        self,
        frames: Sequence[Frame],
        views: Sequence[NDArray[np.float32]],
        asked: Sequence[int],
        answers: list[Answer | None],
        look: Look,
    ) -> list[int]:
        """Have the models look at some frames; which of those passed over follow one that shows somebody overlooked."""
        found = look([frames[number].image for number in asked]) if asked else []
        again: set[int] = set()
        for number, answer in zip(asked, found, strict=True):
            answers[number] = answer
            key = _key(frames[number])
            if not len(answer[0]):
                self._empty[key] = _Empty(views[number], answer)
            elif key in self._empty and not self._empty[key].differs(views[number]):
                del self._empty[key]  # somebody is there, who was overlooked
                later = range(number + 1, len(frames))
                again.update(other for other in later if other not in asked and _key(frames[other]) == key)
        return sorted(again)

    def _known(self, frame: Frame, view: NDArray[np.float32]) -> Answer | None:
        """What was said of the camera's empty view, where the frame looks like it."""
        empty = self._empty.get(_key(frame))
        if empty is None or empty.differs(view):
            return None
        if empty.passed_over >= LOOK_AGAIN:
            empty.passed_over = 0  # one frame is looked at again, not all that come together with it
            return None
        empty.passed_over += 1
        return empty.answer


def _key(frame: Frame) -> tuple[object, ...]:
    return frame.camera, frame.image.shape


def _view(image: NDArray[np.uint8]) -> NDArray[np.float32]:
    """(h, w, 3) the mean color of each cell of an image (H, W, 3)."""
    height, width = image.shape[:2]
    scale = min(1.0, CELLS / max(height, width))
    size = max(1, round(scale * width)), max(1, round(scale * height))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), dtype=np.float32)
