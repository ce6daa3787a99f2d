"""What a search is asked by: people in uploaded pictures, boxes in frames, and sightings of the gallery."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from datasets.boxes import cut
from datasets.images import encode_jpeg
from search.desk.hints import Hint, hints_of_person
from search.desk.opened_gallery import OpenedGallery
from search.desk.pictures import Image, Pictures
from search.desk.probes import ProbeStore
from search.desk.refusals import NotThere, Unusable
from search.gallery.sightings import Sighting
from search.models.probes import box_probe
from search.models.second_look import embed_boxes
from search.pipeline import PersonSearch

PICTURE_SIDE = 384
"""Pixels of the longest side of an example's picture that a case keeps."""

Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Example:
    """One example of a person: exactly one of a sighting, somebody in an upload, and a box in an upload or a frame.

    Args:
        sighting: The key of a sighting in the gallery.
        probe: The name of an uploaded picture.
        person: The number of somebody found in that picture, from 0 on.
        frame: The key of a frame in the gallery.
        box: x1, y1, x2, y2 in the pixels of the picture or the frame.
    """

    sighting: str | None = None
    probe: str | None = None
    person: int | None = None
    frame: str | None = None
    box: Box | None = None

    def __post_init__(self) -> None:
        given = tuple(
            name for name in ("sighting", "probe", "person", "frame", "box") if getattr(self, name) is not None
        )
        if given not in (("sighting",), ("probe", "person"), ("probe", "box"), ("frame", "box")):
            raise Unusable("example_is_none", given=", ".join(given) or "nothing")


@dataclass
class EmbeddedExamples:
    """The examples of one person as vectors.

    Args:
        embeddings: One (D,) of each example.
        second: One (E,) of each example by the second stage; empty without one.
        own_frames: Source and name of the frames of the gallery that examples were taken from.
        hints: What makes an example a weak one.
        pictures: The JPEG picture of each example, of those that have one.
        uploads: (H, W, 3) uint8 RGB of the uploaded pictures.
    """

    embeddings: list[Tensor] = field(default_factory=list)
    second: list[Tensor] = field(default_factory=list)
    own_frames: list[tuple[str, str]] = field(default_factory=list)
    hints: list[Hint] = field(default_factory=list)
    pictures: list[bytes] = field(default_factory=list)
    uploads: list[Image] = field(default_factory=list)

    def stacked(self) -> tuple[Tensor, Tensor | None]:
        """(P, D) and (P, E) of the P examples; None without a second stage."""
        return torch.stack(self.embeddings), torch.stack(self.second) if self.second else None


class ExampleReader:
    """Makes vectors of examples.

    Args:
        gallery: Holds the vectors of sightings.
        pictures: Gives the frames that boxes lie in.
        probes: The uploaded pictures.
    """

    def __init__(self, gallery: OpenedGallery, pictures: Pictures, probes: ProbeStore) -> None:
        self._gallery, self._pictures, self._probes = gallery, pictures, probes

    def embedded(self, examples: Sequence[Example], search: PersonSearch) -> EmbeddedExamples:
        """The vectors of some examples; what the gallery stores of a sighting is taken as it is.

        Raises:
            NotThere: A sighting, picture or frame is not there.
            Unusable: A person or box is not in its picture.
        """
        made = EmbeddedExamples()
        for one in examples:
            if one.sighting is not None:
                self._add_sighting(self._gallery.sighting(one.sighting), search, made)
                continue
            image, box = self._seen(one, made)
            try:
                box_probe(image, box)
            except ValueError as error:
                raise Unusable("cannot_be_met", why=f"The {error}.") from error
            made.embeddings.append(search.embed_box(image, box))
            if search.second_stage is not None:
                rows = torch.from_numpy(box_probe(image, box))[None]
                made.second.append(embed_boxes(search.second_stage, [image], [rows])[0][0].cpu())
            made.hints += hints_of_person(image, box)
            made.pictures.append(encode_jpeg(cut(image, box), longest_side=PICTURE_SIDE))
        return made

    def _add_sighting(self, sighting: Sighting, search: PersonSearch, made: EmbeddedExamples) -> None:
        ((first, second),) = self._gallery.vectors([sighting])
        made.embeddings.append(torch.from_numpy(np.asarray(first, dtype=np.float32)))
        if search.second_stage is not None and second is not None:
            made.second.append(torch.from_numpy(np.asarray(second, dtype=np.float32)))
        made.own_frames.append((sighting.source, sighting.frame))
        made.pictures += [picture for picture in [self._gallery.cutout(sighting)] if picture]
        # The stored cut-out is smaller than the person, so only size and place are looked at.
        blank = np.broadcast_to(np.uint8(0), (sighting.frame_height, sighting.frame_width, 3))
        made.hints += [hint for hint in hints_of_person(blank, sighting.box) if hint.code != "blurred"]

    def _seen(self, example: Example, made: EmbeddedExamples) -> tuple[Image, Box]:
        """The picture of an example and the box in it; a frame of the gallery is noted as the example's own."""
        if example.frame is not None:
            frame = self._gallery.frame(example.frame)
            made.own_frames.append((frame.source, frame.frame))
            assert example.box is not None
            return self._pictures.original(frame), example.box
        assert example.probe is not None
        probe = self._probes.get(example.probe)
        made.uploads.append(probe.image)
        if example.box is not None:
            return probe.image, example.box
        assert example.person is not None
        if not 0 <= example.person < len(probe.found):
            raise NotThere("no_person", person=example.person, people=len(probe.found))
        x1, y1, x2, y2 = probe.found.boxes[example.person].tolist()
        return probe.image, (x1, y1, x2, y2)
