"""What a case holds: searches with their answers, marks and notes, as frozen values that check themselves."""

import dataclasses
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal, Self

from search.gallery.filters import Filters
from search.gallery.sightings import ClockZones, Sighting
from search.query.ranking import Ranking
from search.query.results import RankedSightings
from search.query.verdict import Level

Mark = Literal["confirmed", "rejected"]

MARKS: tuple[Mark, ...] = ("confirmed", "rejected")
LONGEST_NAME = 200
LONGEST_NOTE = 20_000


@dataclass(frozen=True)
class CaseSighting:
    """A sighting as a search ranked it or somebody marked it.

    Args:
        sighting: The sighting, as the gallery had it.
        rank: Its place in the answer, 1 for the first; None where no search found it.
        level: The verdict on it; None without a calibration.

    Raises:
        ValueError: The rank is below 1, or a coordinate or the similarity is not finite.
    """

    sighting: Sighting
    rank: int | None = None
    level: Level | None = None

    def __post_init__(self) -> None:
        if self.rank is not None and self.rank < 1:
            raise ValueError(f"rank {self.rank}, expected 1 or more")
        if not all(map(math.isfinite, (*self.sighting.box, self.sighting.score, self.sighting.similarity or 0.0))):
            raise ValueError(f"sighting {self.sighting.id} has a box or a similarity that is no finite number")

    @property
    def key(self) -> str:
        """The sighting's name in its gallery."""
        return self.sighting.key

    def to_dict(self, zones: ClockZones = ClockZones()) -> dict[str, Any]:  # noqa: B008 - frozen
        """JSON-able, what a program reads: the key, the rank, the verdict, and the fields of the sighting."""
        return {"sighting": self.key, "rank": self.rank, "verdict": self.level, **self.sighting.to_dict(zones)}


@dataclass(frozen=True)
class MarkedSighting:
    """A sighting of which somebody said that it shows the person, or somebody else.

    Args:
        seen: The sighting.
        mark: "confirmed" for the person, "rejected" for somebody else.
        by: Who said it, as the caller knows them; empty where nobody is known.
        at: When, ISO 8601 in UTC.
    """

    seen: CaseSighting
    mark: Mark
    by: str
    at: str

    def to_dict(self, zones: ClockZones = ClockZones()) -> dict[str, Any]:  # noqa: B008 - frozen
        """JSON-able: the mark, by whom and when, and the sighting."""
        return {"mark": self.mark, "by": self.by, "at": self.at, **self.seen.to_dict(zones)}


@dataclass(frozen=True)
class Note:
    """A text in a case.

    Args:
        text: What somebody wrote, 1 to LONGEST_NOTE letters.
        by: Who wrote it; empty where nobody is known.
        at: When, ISO 8601 in UTC.

    Raises:
        ValueError: The text is empty or too long.
    """

    text: str
    by: str
    at: str

    def __post_init__(self) -> None:
        require_text("the note", self.text, LONGEST_NOTE)

    def to_dict(self) -> dict[str, Any]:
        """The fields as JSON knows them."""
        return dataclasses.asdict(self)


@dataclass(frozen=True)
class CaseSearch:
    """A search that was made for a case, with everything that made its answer.

    Args:
        by: Who searched; empty where nobody is known.
        at: When, ISO 8601 in UTC.
        examples: What showed the person, one object each, as the caller describes it: a picture's name and a box, or
            the key of a sighting.
        others: What showed other people, likewise.
        filters: As `Filters.to_dict` gives them.
        ranking: As `Ranking.to_dict` gives it.
        embedded_by: The fingerprints of the models, as `EmbeddedBy.to_dict` gives them.
        models: Where the files of the models were, as `ModelFiles.to_dict` gives them; may be empty.
        searched: How many sightings were compared.
        verdict: As `Verdict.to_dict` gives it with its words in "text" and "rates"; None without a calibration.
        no_verdict: Why there is no verdict; empty where there is one.
        sightings: The ranked sightings, best first.
        probes: The names of the pictures of the person in the case's folder, see `CaseFolder.add_search`.
    """

    by: str
    at: str
    examples: tuple[dict[str, Any], ...]
    others: tuple[dict[str, Any], ...]
    filters: dict[str, Any]
    ranking: dict[str, Any]
    embedded_by: dict[str, Any]
    models: dict[str, Any]
    searched: int
    verdict: dict[str, Any] | None
    no_verdict: str
    sightings: tuple[CaseSighting, ...]
    probes: tuple[str, ...] = ()

    @classmethod
    def of(
        cls,
        answer: RankedSightings,
        *,
        by: str = "",
        examples: Sequence[Mapping[str, Any]] = (),
        others: Sequence[Mapping[str, Any]] = (),
        filters: Filters | None = None,
        ranking: Ranking | None = None,
        embedded_by: Mapping[str, Any],
        models: Mapping[str, Any] | None = None,
    ) -> Self:
        """The answer of a search, of this moment.

        Args:
            answer: What `PersonSearch.find` answered.
            by: Who searched.
            examples: What showed the person.
            others: What showed other people.
            filters: The filters of the search.
            ranking: How it was ranked.
            embedded_by: The fingerprints of the models, as `EmbeddedBy.to_dict` gives them.
            models: Where the files of the models are, as `ModelFiles.to_dict` gives them.
        """
        verdict = answer.verdict
        words = {} if verdict is None else {"text": verdict.headline(), "rates": verdict.meaning()}
        return cls(
            by=by,
            at=now(),
            examples=tuple(_as_read(one) for one in examples),
            others=tuple(_as_read(one) for one in others),
            filters=_as_read((filters or Filters()).to_dict()),
            ranking=_as_read((ranking or Ranking()).to_dict()),
            embedded_by=_as_read(embedded_by),
            models=_as_read(models or {}),
            searched=answer.searched,
            verdict=None if verdict is None else _as_read({**verdict.to_dict(), **words}),
            no_verdict=answer.no_verdict,
            sightings=tuple(
                CaseSighting(one, rank, answer.level_of(one)) for rank, one in enumerate(answer.sightings, start=1)
            ),
        )

    @property
    def level(self) -> str | None:
        """The level of the whole search; None without a verdict."""
        return None if self.verdict is None else str(self.verdict["level"])

    def to_dict(self, zones: ClockZones = ClockZones()) -> dict[str, Any]:  # noqa: B008 - frozen
        """JSON-able, with the sightings as programs read them."""
        plain = {item.name: getattr(self, item.name) for item in dataclasses.fields(self)}
        lists = {name: list(plain[name]) for name in ("examples", "others", "probes")}
        return {**plain, **lists, "level": self.level, "sightings": [one.to_dict(zones) for one in self.sightings]}


@dataclass(frozen=True)
class Case:
    """A case: what somebody looks for, and what was found.

    Args:
        case: Its name in its folder of cases, made by `CaseFolder.create`.
        name: What people call it, 1 to LONGEST_NAME letters.
        created: When it was made, ISO 8601 in UTC.
        changed: When something in it changed last.
        by: Who made it; empty where nobody is known.
        searches: The searches in the order in which they were made.
        marks: The marked sightings, by the time of their marks; a sighting has one mark.
        notes: The notes in the order in which they were written.

    Raises:
        ValueError: The name is empty or too long, or a sighting has two marks.
    """

    case: str
    name: str
    created: str
    changed: str
    by: str = ""
    searches: tuple[CaseSearch, ...] = ()
    marks: tuple[MarkedSighting, ...] = ()
    notes: tuple[Note, ...] = field(default=())

    def __post_init__(self) -> None:
        require_text("the name of a case", self.name, LONGEST_NAME)
        keys = [one.seen.key for one in self.marks]
        if len(set(keys)) < len(keys):
            raise ValueError(f"case {self.case} has two marks on one sighting, expected one")

    def mark_of(self, key: str) -> Mark | None:
        """The mark on the sighting of a key, None without one."""
        return next((one.mark for one in self.marks if one.seen.key == key), None)

    @property
    def confirmed(self) -> tuple[MarkedSighting, ...]:
        """The sightings that show the person."""
        return tuple(one for one in self.marks if one.mark == "confirmed")

    @property
    def rejected(self) -> tuple[MarkedSighting, ...]:
        """The sightings that show somebody else."""
        return tuple(one for one in self.marks if one.mark == "rejected")

    def to_dict(self, zones: ClockZones = ClockZones()) -> dict[str, Any]:  # noqa: B008 - frozen
        """JSON-able: everything in the case; the zones are those in which the times of sightings are written."""
        heads = {name: getattr(self, name) for name in ("case", "name", "created", "changed", "by")}
        parts = {name: [one.to_dict(zones) for one in getattr(self, name)] for name in ("searches", "marks")}
        return {**heads, **parts, "notes": [note.to_dict() for note in self.notes]}


@dataclass(frozen=True)
class CaseSummary:
    """A case in a list.

    Args:
        case: Its name in its folder of cases.
        name: What people call it.
        created: When it was made, ISO 8601 in UTC.
        changed: When something in it changed last.
        searches: How many searches it has.
        confirmed: How many sightings are confirmed.
        rejected: How many sightings are rejected.
        notes: How many notes it has.
        problem: Why it cannot be opened, in one line; empty where it can. The other fields are then empty too.
    """

    case: str
    name: str
    created: str = ""
    changed: str = ""
    searches: int = 0
    confirmed: int = 0
    rejected: int = 0
    notes: int = 0
    problem: str = ""

    def to_dict(self) -> dict[str, Any]:
        """The fields as JSON knows them."""
        return dataclasses.asdict(self)


def now() -> str:
    """This moment, ISO 8601 in UTC with milliseconds."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def require_text(what: str, text: str, longest: int) -> None:
    """Refuse a text that is empty or too long.

    Raises:
        ValueError: It has no letter, or more than `longest`.
    """
    if not text.strip():
        raise ValueError(f"{what} is empty, expected a text; write something")
    if len(text) > longest:
        raise ValueError(f"{what} has {len(text):,} letters, expected at most {longest:,}; shorten it")


def _as_read(content: Mapping[str, Any]) -> dict[str, Any]:
    """An object as it is when it was written as JSON and read back: with lists in place of tuples."""
    plain: dict[str, Any] = json.loads(json.dumps(dict(content)))
    return plain
