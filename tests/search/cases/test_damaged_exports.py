"""What a check says of an export in which single bytes are other ones: the cause first, and nothing that is untrue."""

from collections.abc import Callable
from pathlib import Path

import pytest

from search.cases.archive import archive, read_through
from search.cases.verification import verify_case

DAMAGED_LIST = "the list of files at the end of the ZIP is damaged, or bytes were added to it"
LINE, END = b"PK\x01\x02", b"PK\x05\x06"


@pytest.fixture
def export(tmp_path: Path) -> Path:
    path = tmp_path / "a.zip"
    with archive(path, {"case": "x", "exported": "2026-05-01T08:00:00.000Z", "by": "anna"}) as target:
        target.add("audit.jsonl", "")
        target.add("people/1.jpg", bytes(range(200)))
        target.add("case.json", '{"format": 1, "case": {"case": "x", "name": "a"}}')
        target.add("index.html", "page")
    assert verify_case(path).is_whole
    return path


def flipped(path: Path, place: int) -> Path:
    whole = path.read_bytes()
    other = path.parent / "other.zip"
    other.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
    return other


def test_any_changed_byte_of_the_end_is_one_line_about_the_list(export: Path) -> None:
    whole = export.read_bytes()
    for place in range(whole.index(END), len(whole)):
        assert verify_case(flipped(export, place)).problems == (DAMAGED_LIST,), place


def test_a_changed_byte_of_the_list_is_never_taken_for_another_program(export: Path) -> None:
    whole = export.read_bytes()
    for place in range(whole.index(LINE), whole.index(END)):
        problems = verify_case(flipped(export, place)).problems
        assert problems == (DAMAGED_LIST,) or "do not fit the list of files" in problems[0], (place, problems)
        assert len(problems) <= 3


@pytest.mark.parametrize("change", [lambda whole: whole + b"x", lambda whole: whole[:-2] + b"\1\0x"])
def test_bytes_behind_the_end_are_named(export: Path, change: Callable[[bytes], bytes]) -> None:
    export.write_bytes(change(export.read_bytes()))
    assert verify_case(export).problems == (DAMAGED_LIST,)


def test_a_changed_content_is_named_behind_a_damaged_list(export: Path) -> None:
    place = export.read_bytes().index(bytes(range(200)))
    both = flipped(flipped(export, place), len(export.read_bytes()) - 5)
    assert verify_case(both).problems[0] == DAMAGED_LIST
    assert "'people/1.jpg' was changed" in verify_case(both).problems[1]
    assert len(verify_case(both).problems) == 2


def test_a_changed_name_in_the_manifest_is_one_name_and_not_two(export: Path) -> None:
    place = export.read_bytes().index(b'"audit.jsonl"') + 3
    first, second = verify_case(flipped(export, place)).problems
    assert first == "manifest.json was changed: it has another check sum than when it was packed"
    assert second == "'audit.jsonl' is 'aueit.jsonl' in manifest.json: one of them or manifest.json was changed"


@pytest.mark.parametrize("text", [b'"by": "anna"', b'"exported": "2026', b'"sha256": "', b'"bytes": 2', b'"files"'])
def test_every_byte_of_the_manifest_counts(export: Path, text: bytes) -> None:
    place = export.read_bytes().index(text) + len(text) - 1
    problems = verify_case(flipped(export, place)).problems
    assert problems[0] == "manifest.json was changed: it has another check sum than when it was packed"
    assert not [line for line in problems if line.startswith("'") and "or the manifest was changed" not in line]


def test_a_flipped_byte_before_a_content_names_its_file(export: Path) -> None:
    place = export.read_bytes().index(b"people/1.jpg") - 10
    (problem,) = verify_case(flipped(export, place)).problems
    assert problem.startswith("'people/1.jpg': the bytes before it")


def test_a_check_sum_that_was_changed_is_no_changed_content(export: Path) -> None:
    whole = export.read_bytes()
    before_content, in_list = (
        whole.rindex(start, 0, whole.rindex(b"manifest.json")) for start in (b"PK\x03\x04", LINE)
    )
    for place in (before_content + 14, in_list + 16):
        (problem,) = verify_case(flipped(export, place)).problems
        assert problem.startswith("'manifest.json': the bytes before it do not fit the list of files")


def test_a_file_whose_check_sum_is_another_is_known(export: Path) -> None:
    place = export.read_bytes().index(bytes(range(200))) + 7
    assert read_through(flipped(export, place), lambda name: False, most_kept=0).torn == {"people/1.jpg"}
    assert read_through(export, lambda name: False, most_kept=0).torn == frozenset()
