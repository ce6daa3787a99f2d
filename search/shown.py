"""Somebody as a searcher shows them: pictures, boxes in frames, and sightings of the gallery."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from search.gallery.gallery import Gallery
from search.gallery.sightings import Sighting
from search.models.opening import SearchModels
from search.models.probes import box_probe, embed_box, embed_crops
from search.models.second_look import embed_boxes
from search.query.feedback import stored_embeddings
from search.query.rank import EmbeddedProbe

Image = NDArray[np.uint8]

MOST_SHOWN = 10
"""So many pictures of one person are compared at most."""


@dataclass(frozen=True, eq=False)
class Shown:
    """Pictures of one person, or of several who are all somebody else.

    Args:
        crops: Pictures (H, W, 3) uint8 RGB that show one person each.
        boxes: Whole frames (H, W, 3) uint8 RGB, each with the box x1, y1, x2, y2 of a person in its pixels.
        sightings: Sightings of the gallery that is searched, for example of an earlier answer.

    Raises:
        ValueError: There are more than `MOST_SHOWN` in all.
    """

    crops: Sequence[Image] = ()
    boxes: Sequence[tuple[Image, ArrayLike]] = ()
    sightings: Sequence[Sighting] = ()

    def __post_init__(self) -> None:
        if len(self) > MOST_SHOWN:
            raise ValueError(f"{len(self)} pictures are given, expected at most {MOST_SHOWN}; keep the best ones")

    def __len__(self) -> int:
        return len(self.crops) + len(self.boxes) + len(self.sightings)

    def embedded(self, models: SearchModels, gallery: Gallery) -> tuple[Tensor, Tensor | None]:
        """(P, D) by the first stage and (P, E) by the second one, None without one: crops, boxes, then sightings.

        Args:
            models: The models of the gallery.
            gallery: The gallery that holds the sightings.

        Raises:
            ValueError: A box lies outside its frame, or a sighting is not in the gallery.
        """
        first, second = stored_embeddings(gallery, self.sightings)
        if len(self) == len(self.sightings):
            return first, second if models.second is not None else None
        parts = [embed_crops(models.first, self.crops)] if self.crops else []
        parts += [embed_box(models.first, frame, box)[None] for frame, box in self.boxes]
        if models.second is None:
            return torch.cat([*parts, first]), None
        again = [models.second.embed(list(self.crops))] if self.crops else []
        for frame, box in self.boxes:
            again += embed_boxes(models.second, [frame], [torch.from_numpy(box_probe(frame, box))[None]])
        known = [] if second is None or not len(second) else [second]
        return torch.cat([*parts, first]), torch.cat([*again, *known])


def person_shown(
    crop: Image | Iterable[Image] | None,
    frame: Image | Sequence[Image] | None,
    box: ArrayLike | Sequence[ArrayLike] | None,
    like: Sequence[Sighting],
) -> Shown:
    """The person of a search, from the arguments of `PersonSearch.find`.

    Raises:
        ValueError: Nobody is shown, there is not one box for each frame, or more than `MOST_SHOWN` pictures are given.
    """
    crops = [] if crop is None else [crop] if isinstance(crop, np.ndarray) else list(crop)
    frames = [] if frame is None else [frame] if isinstance(frame, np.ndarray) else list(frame)
    boxes: list[ArrayLike] = [] if box is None else [box] if isinstance(frame, np.ndarray) else list(box)  # type: ignore
    if len(boxes) != len(frames) or not (crops or frames or like):
        raise ValueError("a probe is a crop, a frame and a box in it, or a sighting; give one of them or several")
    return Shown(crops, list(zip(frames, boxes, strict=True)), like)


def probe_of(
    models: SearchModels, gallery: Gallery, person: Shown, others: Shown | None, combine: str = "mean"
) -> EmbeddedProbe:
    """The vectors that a gallery is asked by.

    Args:
        models: The models of the gallery.
        gallery: The gallery.
        person: The person looked for.
        others: People who are somebody else; None where nobody is shown.
        combine: How several pictures count, see `search.query.feedback.Examples`.

    Raises:
        ValueError: As `Shown.embedded`.
    """
    first, second = person.embedded(models, gallery)
    if others is None or not len(others):
        return EmbeddedProbe(first, second, combine)
    away, away_again = others.embedded(models, gallery)
    return EmbeddedProbe(first, second, combine, None, away, away_again)
