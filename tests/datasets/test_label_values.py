"""Values of label files: every way of writing one value is that value, and what is unclear is refused."""

import unicodedata
from pathlib import Path
from typing import Any

import pytest

from datasets.label_values import (
    camera_value,
    decoded_text,
    means_person,
    name_key,
    person_number,
    whole_number,
    written_name,
    yes_or_no,
)
from datasets.samples import UNLABELLED, canonical_camera


@pytest.mark.parametrize("value", [7, 7.0, "7", " 7 ", "7.0", "+7", "007"])
def test_a_whole_number_may_be_written_in_many_ways(value: Any) -> None:
    assert whole_number(value) == 7
    assert type(whole_number(value)) is int


@pytest.mark.parametrize("value", [7.5, "7.5", "seven", "", None, True, float("nan"), float("inf"), [7], "7e0", "0x7"])
def test_what_is_no_whole_number_is_refused(value: Any) -> None:
    with pytest.raises(ValueError, match="no whole number"):
        whole_number(value)


@pytest.mark.parametrize(
    ("values", "meaning"),
    [
        ([0, 0.0, "0", "0.0", " 0 ", "false", "FALSE", "False", False, None, "", "00"], False),
        ([1, 1.0, "1", "1.0", "true", "True", True], True),
    ],
)
def test_a_flag_is_never_true_because_it_is_a_text(values: list[Any], meaning: bool) -> None:
    assert [yes_or_no(value) for value in values] == [meaning] * len(values)


@pytest.mark.parametrize("value", ["maybe", 2, "2", -1, 0.5, "0.5", [], {}, "crowd", float("nan")])
def test_an_unclear_flag_is_refused(value: Any) -> None:
    with pytest.raises(ValueError, match="expected 0 or 1"):
        yes_or_no(value)


@pytest.mark.parametrize(
    ("value", "person"), [(None, -1), (-1, -1), ("-1", -1), (4.0, 4), ("4", 4), ("4.0", 4), (0, 0)]
)
def test_an_identity_is_a_number_or_unknown(value: Any, person: int) -> None:
    assert person_number(value) == person
    assert UNLABELLED == -1


@pytest.mark.parametrize("value", [-2, "x", 4.5, True, "4.5", 2**62, []])
def test_other_identities_are_refused(value: Any) -> None:
    with pytest.raises(ValueError, match="expected a whole number >= 0, or -1"):
        person_number(value)


@pytest.mark.parametrize("value", [3, 3.0, "3", " 3", "3.0"])
def test_one_camera_is_written_in_one_way(value: Any) -> None:
    assert camera_value(value) == 3
    assert type(camera_value(value)) is int


def test_other_cameras_stay_apart() -> None:
    names = ["01", "1", "1a", "-1", "Gate", "gate", "1.5", "\N{ARABIC-INDIC DIGIT ONE}"]
    assert len({camera_value(name) for name in names}) == len(names)
    assert camera_value("") is camera_value("  ") is camera_value(None) is None
    for value in (3.5, True, [], {}):
        with pytest.raises(ValueError, match="camera_id is"):
            camera_value(value)


def test_letters_composed_in_two_ways_are_one_camera() -> None:
    written = {unicodedata.normalize(form, "Tür") for form in ("NFC", "NFD")}
    assert len(written) == 2
    assert len({canonical_camera(name) for name in written}) == 1


@pytest.mark.parametrize(
    "name", ["person", "Person ", "PEDESTRIANS", "people", "human", "Human_Being", "human-beings", "\uff50\uff45rson"]
)
def test_names_that_mean_a_person(name: str) -> None:
    assert means_person(name)


@pytest.mark.parametrize("name", ["car", "person on vehicle", "personal computer", "", None, "rider", "mannequin", 1])
def test_names_that_do_not(name: Any) -> None:
    assert not means_person(name)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_a_byte_order_mark_is_no_part_of_the_text(encoding: str) -> None:
    assert decoded_text("1,Tür\n".encode(encoding)) == "1,Tür\n"


def test_other_bytes_are_no_text() -> None:
    with pytest.raises(UnicodeDecodeError):
        decoded_text(b"\xff\x00" * 5 + b"\x80")


def test_a_file_is_found_however_its_name_is_written(tmp_path: Path) -> None:
    (tmp_path / "frames").mkdir()
    (tmp_path / "frames" / "a.jpg").touch()
    (tmp_path / unicodedata.normalize("NFD", "Tür.jpg")).touch()
    assert written_name(tmp_path, "frames\\a.jpg") == "frames/a.jpg"
    assert written_name(tmp_path, "frames/a.jpg") == "frames/a.jpg"
    found = written_name(tmp_path, unicodedata.normalize("NFC", "Tür.jpg"))
    assert (tmp_path / found).exists()
    assert written_name(tmp_path, "none\\b.jpg") == "none/b.jpg"


def test_a_file_whose_name_has_a_backslash_keeps_it(tmp_path: Path) -> None:
    (tmp_path / "a\\b.jpg").touch()
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "b.jpg").touch()
    assert written_name(tmp_path, "a\\b.jpg") == "a\\b.jpg"


def test_two_ways_to_one_file_have_one_key() -> None:
    assert name_key("./a/b.jpg") == name_key("a//b.jpg") == name_key("a/c/../b.jpg")
    assert name_key("a/b.jpg") != name_key("a/B.jpg")
