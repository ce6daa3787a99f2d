"""What may stand in a request's JSON: every field has its type and its range, and unknown fields are refused."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from datasets.moments import seconds_of
from search.desk.examples import Example
from search.desk.searches import MOST_ANSWERS, MOST_EXAMPLES, MOST_OTHERS, Question
from search.gallery.filters import Filters
from search.query.asked_times import AskedTimes

FARTHEST = 1e12
"""No time and no coordinate lies farther from zero."""

Number = Annotated[float, Field(ge=-FARTHEST, le=FARTHEST, allow_inf_nan=False)]


LONGEST_TIME = 40
"""Characters of a time that is text."""


def _checked(value: Any) -> Any:
    """A time that is text, if it is one; what is no text is left to the check of numbers."""
    if isinstance(value, str):
        seconds_of(value[:LONGEST_TIME])  # whatever the zone, it is a time or none
        return value[:LONGEST_TIME]
    return value


Moment = Annotated[Number | str, BeforeValidator(_checked)]
"""A time: a date such as 2026-05-01T08:30:00+02:00 or 2026-05-01T08:30, or seconds; `Desk.times` reads it."""

ZoneName = Annotated[str, Field(min_length=1, max_length=60)]


Key = Annotated[str, Field(min_length=1, max_length=64)]
CameraName = Annotated[str, Field(min_length=1, max_length=200)]


class Strict(BaseModel):
    """A JSON object without unknown fields, whose values have the types that are asked for."""

    model_config = ConfigDict(extra="forbid", strict=True)


class GivenExample(Strict):
    """An example of a person: {sighting}, {probe, person}, {probe, box} or {frame, box}."""

    sighting: Key | None = None
    probe: Key | None = None
    person: Annotated[int, Field(ge=0, le=10_000)] | None = None
    frame: Key | None = None
    box: Annotated[list[Number], Field(min_length=4, max_length=4)] | None = None

    def example(self) -> Example:
        """The same as the desk takes it."""
        box = None if self.box is None else (self.box[0], self.box[1], self.box[2], self.box[3])
        return Example(self.sighting, self.probe, self.person, self.frame, box)


class GivenFilters(Strict):
    """Which sightings may answer."""

    cameras: Annotated[list[CameraName], Field(max_length=1000)] | None = None
    after: Moment | None = None
    before: Moment | None = None
    time_zone: ZoneName | None = None
    minimum_similarity: Annotated[float, Field(ge=-1, le=1, allow_inf_nan=False)] | None = None
    limit: Annotated[int, Field(ge=1, le=MOST_ANSWERS)] = 100

    def filters(self, times: AskedTimes) -> Filters:
        """The same as the library takes it, with its times as the desk read them."""
        return Filters(self.cameras or None, times.after, times.before, self.minimum_similarity, self.limit)


class GivenSearch(Strict):
    """A search: examples of the person, of others, filters, and the case that it belongs to."""

    examples: Annotated[list[GivenExample], Field(min_length=1, max_length=MOST_EXAMPLES)]
    others: Annotated[list[GivenExample], Field(max_length=MOST_OTHERS)] = []
    filters: GivenFilters = GivenFilters()
    case: Key | None = None

    def question(self, times: AskedTimes) -> Question:
        """The same as the desk takes it, with its times as the desk read them."""
        examples, others = ([one.example() for one in given] for given in (self.examples, self.others))
        return Question(examples, others, self.filters.filters(times))


class GivenLogin(Strict):
    """What is typed where a token is needed."""

    token: Annotated[str, Field(max_length=500)]
    name: Annotated[str, Field(max_length=200)] = ""


class GivenName(Strict):
    """The name of a new case."""

    name: Annotated[str, Field(min_length=1, max_length=200)]


class GivenMark(Strict):
    """What somebody says of a sighting; null takes the mark away."""

    sighting: Key
    mark: Literal["confirmed", "rejected"] | None


class GivenNote(Strict):
    """A note of a case."""

    text: Annotated[str, Field(min_length=1, max_length=20_000)]
