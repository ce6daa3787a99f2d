"""The audit log: what verify finds, what survives, and who may append at once."""

import json
import multiprocessing
import os
from pathlib import Path

import pytest

from search.cases.audit import NOTHING_BEFORE, TORN_LINE, AuditEntry, AuditLog, head_file, verify


@pytest.fixture
def log(tmp_path: Path) -> AuditLog:
    log = AuditLog(tmp_path / "new" / "audit.jsonl")
    for number in range(1, 7):
        log.append("search", "anna" if number % 2 else "bert", {"number": number, "similarity": 0.1 * number})
    return log


def lines(log: AuditLog) -> list[bytes]:
    return log.path.read_bytes().splitlines(keepends=True)


def put(log: AuditLog, content: list[bytes]) -> tuple[str, ...]:
    log.path.write_bytes(b"".join(content))
    return verify(log.path).problems


def test_entries_are_numbered_chained_and_read_back(log: AuditLog) -> None:
    entries = list(log.entries())
    assert [entry.number for entry in entries] == [1, 2, 3, 4, 5, 6]
    assert [entry.before for entry in entries] == [NOTHING_BEFORE, *(entry.hash for entry in entries[:-1])]
    assert entries[2].what == {"number": 3, "similarity": 0.1 * 3}
    report = verify(log.path)
    assert report.is_whole
    assert (report.entries, report.head, report.first) == (6, entries[-1].hash, entries[0].time)


def test_every_changed_byte_is_found(log: AuditLog) -> None:
    whole = log.path.read_bytes()
    for place in range(len(whole)):
        changed = bytes([whole[place] ^ 1])
        log.path.write_bytes(whole[:place] + changed + whole[place + 1 :])
        assert verify(log.path).problems, f"byte {place} of {len(whole)}"


def test_a_changed_entry_is_named(log: AuditLog) -> None:
    content = lines(log)
    content[2] = content[2].replace(b'"anna"', b'"emma"')
    assert "entry 3 (line 3) was changed" in put(log, content)[0]


def test_an_entry_written_anew_with_a_hash_that_fits_is_betrayed_by_the_next_one(log: AuditLog) -> None:
    content = lines(log)
    before = AuditEntry.from_line(content[1]).hash
    content[2] = AuditEntry.made(3, "emma", "search", {}, before).to_line()
    problems = put(log, content)
    assert len(problems) == 1
    assert "entry 3 or 4 was replaced" in problems[0]


@pytest.mark.parametrize(
    ("first", "last", "said"), [(2, 3, "entry 3 is missing"), (1, 4, "entries 2 to 4 are missing")]
)
def test_removed_entries_are_named(log: AuditLog, first: int, last: int, said: str) -> None:
    content = lines(log)
    problems = put(log, content[:first] + content[last:])
    assert len(problems) == 1
    assert said in problems[0]


def test_the_first_entry_cannot_be_removed(log: AuditLog) -> None:
    assert "entry 1 is missing" in put(log, lines(log)[1:])[0]


def test_moved_entries_are_named(log: AuditLog) -> None:
    content = lines(log)
    content[2], content[3] = content[3], content[2]
    assert "entry 3 (line 4) stands behind entry 4" in put(log, content)[0]


def test_an_inserted_entry_is_named(log: AuditLog) -> None:
    content = lines(log)
    forged = AuditEntry.made(4, "emma", "search", {}, AuditEntry.from_line(content[2]).hash).to_line()
    assert any("entry 4 is there twice" in problem for problem in put(log, [*content[:3], forged, *content[3:]]))


@pytest.mark.parametrize(
    "garbage",
    [b"{}\n", b"\n", b"\xff\xfe\n", b'{"number": 1}\n', b"[" * 5000 + b"\n", b'{"number": NaN}\n', b"null\n", b"7\n"],
)
def test_a_line_that_is_no_entry_is_named(log: AuditLog, garbage: bytes) -> None:
    content = lines(log)
    assert "line 4 is no whole entry" in put(log, [*content[:3], garbage, *content[3:]])[0]


def test_a_number_beyond_all_bounds_takes_no_memory(log: AuditLog) -> None:
    far = AuditEntry.made(10**15, "emma", "search", {}, "0" * 64).to_line()
    assert any("are missing" in problem for problem in put(log, [*lines(log), far]))


def test_a_cut_tail_is_found_by_the_file_beside_the_log(log: AuditLog) -> None:
    assert "entries 5 to 6 are missing at the end" in put(log, lines(log)[:4])[0]
    assert "entries 1 to 6 are missing" in put(log, [])[0]


def test_a_cut_tail_is_found_by_a_head_that_somebody_kept(log: AuditLog) -> None:
    head = verify(log.path).head
    assert not verify(log.path, head=head).problems
    log.append("view", "anna", {})
    assert not verify(log.path, head=head).problems, "the log may have grown since"
    head_file(log.path).unlink()
    assert put(log, lines(log)[:4]) == ()
    assert "lines were cut off" in verify(log.path, head=head).problems[0]


def test_a_whole_log_in_place_of_another_one_is_found(log: AuditLog, tmp_path: Path) -> None:
    other = AuditLog(tmp_path / "other.jsonl")
    for number in range(8):
        other.append("search", "emma", {"number": number})
    assert "written anew" in put(log, lines(other))[0]


def test_an_unfinished_line_is_removed_and_the_log_says_so(log: AuditLog) -> None:
    content = log.path.read_bytes()
    log.path.write_bytes(content + b'{"action":"sea')
    assert verify(log.path).problems
    assert len(list(log.entries())) == 6
    log.append("view", "anna", {})
    assert verify(log.path).is_whole
    entries = list(log.entries())
    assert [entry.action for entry in entries[6:]] == [TORN_LINE, "view"]
    assert entries[6].what["bytes"] == 14


def test_an_unfinished_first_line_is_removed_too(tmp_path: Path) -> None:
    (tmp_path / "audit.jsonl").write_bytes(b"{")
    log = AuditLog(tmp_path / "audit.jsonl")
    log.append("view", "anna", {})
    assert [entry.action for entry in log.entries()] == [TORN_LINE, "view"]
    assert verify(log.path).is_whole


def test_nothing_is_appended_to_a_broken_last_line(log: AuditLog) -> None:
    log.path.write_bytes(log.path.read_bytes() + b"no entry\n")
    with pytest.raises(ValueError, match="last line is no whole entry"):
        log.append("view", "anna", {})


def test_a_full_disk_leaves_the_log_as_it_was(log: AuditLog, monkeypatch: pytest.MonkeyPatch) -> None:
    content = log.path.read_bytes()

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        log.append("view", "anna", {})
    assert log.path.read_bytes() == content


@pytest.mark.parametrize("what", [{"path": Path("x")}, {"number": float("nan")}])
def test_details_that_json_does_not_know_are_refused_untouched(tmp_path: Path, what: dict[str, object]) -> None:
    log = AuditLog(tmp_path / "audit.jsonl")
    with pytest.raises((TypeError, ValueError)):
        log.append("view", "anna", what)
    assert not log.path.exists()


def test_entries_longer_than_what_is_read_at_once_are_followed(tmp_path: Path) -> None:
    log = AuditLog(tmp_path / "audit.jsonl")
    log.append("note", "anna", {"text": "a" * 200_000})
    log.append("note", "ünal \ud800", {"text": "\n"})
    assert verify(log.path).is_whole
    assert len(list(log.entries())) == 2


def _append_some(path: Path, who: str) -> None:
    log = AuditLog(path)
    for number in range(8):
        log.append("search", who, {"number": number})


def test_several_processes_append_at_once(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    context = multiprocessing.get_context("fork")
    writers = [context.Process(target=_append_some, args=(path, who)) for who in ("anna", "bert", "emma")]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    report = verify(path)
    assert report.is_whole
    assert report.entries == 24
    for who in ("anna", "bert", "emma"):
        assert [entry.what["number"] for entry in AuditLog(path).entries() if entry.who == who] == list(range(8))


def test_what_is_written_is_one_json_object_a_line(log: AuditLog) -> None:
    assert [sorted(json.loads(line)) for line in lines(log)] == [
        ["action", "before", "hash", "number", "time", "what", "who"]
    ] * 6
