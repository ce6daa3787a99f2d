"""Filters: cameras in whatever spelling, and times that a gallery could never answer."""

from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from search.gallery.filters import Filters, contents_line, matching_cameras, require_times

KNOWN = ("01", "1", "Hall", "Hall, north", "T\u00fcr", "north")


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        (["Hall, north"], ("Hall, north",)),
        (["Hall", " north"], ("Hall, north",)),  # typed with a comma: a camera that exists wins over the list
        (["Hall", "north"], ("Hall", "north")),
        (["1", " Hall", " north", " 01"], ("1", "Hall, north", "01")),
        (["01"], ("01",)),
        (["1"], ("1",)),
        ([" 1 "], ("1",)),
        (["Tu\u0308r"], ("T\u00fcr",)),
        (["north", "north"], ("north",)),
    ],
)
def test_cameras_are_found_as_they_are_typed(asked: list[str], found: tuple[str, ...]) -> None:
    assert matching_cameras(Path("people"), asked, KNOWN) == found


def test_old_spellings_of_a_gallery_are_found() -> None:
    assert matching_cameras(Path("people"), ["T\u00fcr"], ["Tu\u0308r", "T\u00fcr"]) == ("Tu\u0308r", "T\u00fcr")
    assert matching_cameras(Path("people"), ["9"], []) == ("9",)


@pytest.mark.parametrize("asked", [["2"], ["1", "001"], ["hall"], ["Hall, south"], [""]])
def test_a_camera_that_is_not_there_is_refused(asked: list[str]) -> None:
    with pytest.raises(ValueError, match="is not in gallery people; it has: 01, 1, Hall"):
        matching_cameras(Path("people"), asked, KNOWN)


MAY = 1777624200.0


@pytest.mark.parametrize(
    ("span", "asked", "what"),
    [
        (None, [30.0], "has no times"),
        ((0.0, 60.0), [MAY], "since the start of a recording, asked for is 2026-05-01"),
        ((MAY, MAY + 60), [30.0], "has dates, from 2026-05-01T08:30:00Z to .*, asked for is 30 seconds"),
        ((MAY, MAY + 60), [MAY, 30.0], "has dates"),
        ((MAY, 1000 * MAY), [MAY], "beyond the year 2200: they were given in milliseconds"),
    ],
)
def test_times_that_nothing_can_have_are_refused(
    span: tuple[float, float] | None, asked: list[float], what: str
) -> None:
    with pytest.raises(ValueError, match=what):
        require_times(Path("people"), span, asked)


def test_times_that_fit_are_taken() -> None:
    require_times(Path("people"), (0.0, 60.0), [30.0])
    require_times(Path("people"), (MAY, MAY + 60), [MAY + 90])
    require_times(Path("people"), (0.0, MAY), [30.0])  # recordings with a date and without


def test_what_a_gallery_holds() -> None:
    assert contents_line(3, 0, ["1"], None) == "the gallery holds nobody: no person was found in its frames (3)"
    assert contents_line(3, 1, [], None) == "the gallery holds 1 sighting of unknown cameras, without times"
    many = contents_line(99, 99, [str(number) for number in range(20)], (MAY, MAY + 60))
    assert "of cameras 0, 1," in many
    assert "11, ..., from 2026-05-01T08:30:00Z to 2026-05-01T08:31:00Z" in many


def test_what_is_asked_for_is_written_in_words() -> None:
    asked = Filters(cameras=["gate", "yard"], after=1714552200.0, minimum_similarity=0.5, limit=1200)
    assert asked.words() == [
        "cameras gate, yard", "after 2024-05-01T08:30:00Z", "minimum similarity 0.5", "at most 1,200 sightings",
    ]  # fmt: skip
    assert Filters(limit=1).words() == ["at most 1 sighting"]
    berlin = ZoneInfo("Europe/Berlin")
    assert Filters(before=1777617000.0).words(berlin) == ["before 2026-05-01T08:30:00+02:00", "at most 20 sightings"]
