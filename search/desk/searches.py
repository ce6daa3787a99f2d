"""A search as a reader asks for it: by examples, with filters, answered in plain words."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from search.desk.examples import EmbeddedExamples, Example, ExampleReader
from search.desk.hints import Hint
from search.desk.jobs import Jobs
from search.desk.loaded_models import LoadedModels
from search.desk.opened_gallery import OpenedGallery
from search.desk.refusals import Unusable, said_plainly
from search.gallery.filters import Filters
from search.gallery.gallery import Gallery
from search.query.named import frames_that_show
from search.query.rank import EmbeddedProbe
from search.query.results import RankedSightings

MOST_EXAMPLES = 30
MOST_PICTURES = 10
"""So many examples of the person may be uploaded pictures or boxes drawn by hand; the others are sightings."""

MOST_OTHERS = 50
MOST_ANSWERS = 1000

MOST_COPIES = 10
"""So many of the best sightings are compared with uploaded pictures, pixel by pixel."""

OWN_FRAME = "An uploaded picture is a frame of this gallery; that frame is left out of the answer."


@dataclass(frozen=True)
class Question:
    """What is looked for.

    Args:
        examples: The person, from 1 to 30 times; up to ten of them are pictures, the others are sightings.
        others: People who are not that person, up to 50.
        filters: Which sightings may answer.
    """

    examples: Sequence[Example]
    others: Sequence[Example] = ()
    filters: Filters = Filters()  # noqa: RUF009 - frozen

    def __post_init__(self) -> None:
        if not 1 <= len(self.examples) <= MOST_EXAMPLES:
            raise Unusable("too_many_examples", most=MOST_EXAMPLES, given=len(self.examples))
        if sum(one.sighting is None for one in self.examples) > MOST_PICTURES:
            raise Unusable("too_many_pictures", most=MOST_PICTURES)
        if len(self.others) > MOST_OTHERS:
            raise Unusable("too_many_others", most=MOST_OTHERS, given=len(self.others))
        if self.filters.limit > MOST_ANSWERS:
            raise Unusable("too_many_answers", most=MOST_ANSWERS, given=self.filters.limit)


@dataclass(frozen=True)
class Answer:
    """What was found.

    Args:
        ranked: The sightings and the verdict.
        cameras: The cameras whose sightings were compared.
        seconds: How long the search took, without loading the models.
        hints: What makes an example a weak one, each thing once.
        filters: Which sightings could answer.
        models: Where the files of the models are, as JSON knows them.
        people: The JPEG picture of each example.
    """

    ranked: RankedSightings
    cameras: tuple[str, ...]
    seconds: float
    hints: tuple[Hint, ...]
    filters: Filters
    models: dict[str, Any]
    people: tuple[bytes, ...]


class Searches:
    """Asks the gallery.

    Args:
        gallery: The gallery that is searched.
        models: The models behind it.
        reader: Makes vectors of examples.
        jobs: Shows what is running.
    """

    def __init__(self, gallery: OpenedGallery, models: LoadedModels, reader: ExampleReader, jobs: Jobs) -> None:
        self._gallery, self._models, self._reader, self._jobs = gallery, models, reader, jobs

    def ask(self, question: Question) -> Answer:
        """Look for a person. The frames that examples were taken from are left out of the answer.

        Raises:
            NotThere: An example is not there.
            Unusable: A filter or a box cannot be met.
            NotReady: The models cannot be loaded.
        """
        with self._jobs.running("search", "The gallery is being searched."), self._models.used() as search:
            began = time.monotonic()
            examples = self._reader.embedded(question.examples, search)
            others = self._reader.embedded(question.others, search)
            filters = replace(question.filters, exclude_frames=tuple(dict.fromkeys(examples.own_frames)))
            probe, kind = _probe(examples, others), "box" if search.model.sees_surroundings else None
            with said_plainly(self._gallery.path, self._gallery.name), self._gallery.searched() as gallery:
                ranked = search.find_embedded(gallery, probe, len(question.examples), kind, filters)
                copies = _copies(gallery, examples, ranked)
                if copies:
                    examples.hints.append(Hint("own_frame", OWN_FRAME))
                    filters = replace(filters, exclude_frames=(*filters.exclude_frames, *copies))
                    ranked = search.find_embedded(gallery, probe, len(question.examples), kind, filters)
                cameras = filters.camera_names or gallery.cameras()
        self._gallery.remember(ranked.sightings)
        hints = tuple({hint.code: hint for hint in examples.hints}.values())
        seconds = time.monotonic() - began
        models = search.files.to_dict()
        return Answer(ranked, cameras, seconds, hints, filters, models, tuple(examples.pictures))


def _probe(examples: EmbeddedExamples, others: EmbeddedExamples) -> EmbeddedProbe:
    """The vectors of the person and of others, as the ranking takes them."""
    first, second = examples.stacked()
    if not others.embeddings:
        return EmbeddedProbe(first, second)
    other, second_other = others.stacked()
    return EmbeddedProbe(first, second, others=other, second_others=second_other)


def _copies(gallery: Gallery, examples: EmbeddedExamples, ranked: RankedSightings) -> tuple[tuple[str, str], ...]:
    """The frames among the best answers that are an uploaded picture itself, which would only find itself."""
    best = ranked.sightings[:MOST_COPIES]
    found = [frame for image in examples.uploads for frame in frames_that_show(gallery, image, best)]
    return tuple(dict.fromkeys(found))
