"""The commands of cases, of the audit log, and the files that find writes, as a user types them."""

import csv
import json
from pathlib import Path

import av
import pytest

from search.cases.audit import AuditLog
from search.cases.folder import CaseFolder
from search.cases.values import CaseSearch, CaseSighting
from search.gallery.gallery import Gallery
from search.gallery.tables import sighting_of
from search.query.results import RankedSightings
from tools.main import main


@pytest.fixture
def case(gallery: Path, tmp_path: Path) -> str:
    """A case with one search and a mark, in tmp_path/cases."""
    with Gallery.open(gallery) as store:
        one = sighting_of(store.table.search().limit(1).to_list()[0], 0.5)
        cases = CaseFolder(tmp_path / "cases")
        case = cases.create("The red coat", by="anna").case
        by = store.embedded_by.to_dict()
        answer = RankedSightings((one,), 3, no_verdict="none made")
        cases.add_search(case, CaseSearch.of(answer, by="anna", embedded_by=by))
        cases.mark(case, CaseSighting(one, 1), "confirmed", by="anna")
        cases.note(case, "asked for by the museum", by="bert")
    AuditLog(tmp_path / "cases" / "audit.jsonl").append("search", "anna", {"case": case})
    return case


def test_a_case_is_listed_shown_exported_and_verified(
    case: str, gallery: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cases, log, file = str(tmp_path / "cases"), str(tmp_path / "cases" / "audit.jsonl"), str(tmp_path / "new" / "a.zip")
    assert main(["case", "list", cases]) == 0
    out = capsys.readouterr().out
    assert case in out
    assert "The red coat" in out
    assert main(["case", "show", cases, case]) == 0
    out = capsys.readouterr().out
    assert "confirmed  anna" in out
    assert "asked for by the museum" in out
    words = ["case", "export", cases, case, file, "--gallery", str(gallery), "--log", log, "--by", "anna"]
    assert main([*words, "--json", str(tmp_path / "e.json")]) == 0
    digest = json.loads((tmp_path / "e.json").read_text())["sha256"]
    assert f"SHA-256 of the ZIP: {digest}" in capsys.readouterr().out
    assert main(["case", "verify", file, "--log", log, "--sources"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("whole: case 'The red coat'")
    assert "every source file is here and the same" in out
    assert main(["audit", "verify", log]) == 0
    assert "whole: 2 entries" in capsys.readouterr().out


def test_a_changed_export_and_a_changed_log_are_bad_news_and_no_traceback(
    case: str, gallery: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cases, log, file = tmp_path / "cases", tmp_path / "cases" / "audit.jsonl", tmp_path / "a.zip"
    words = ["case", "export", str(cases), case, str(file), "--gallery", str(gallery), "--clips", "false"]
    assert main(words) == 0
    content = file.read_bytes()
    place = content.index(b"asked for by the museum")
    file.write_bytes(content[:place] + b"A" + content[place + 1 :])
    capsys.readouterr()
    assert main(["case", "verify", str(file)]) == 1
    out = capsys.readouterr().out
    assert "not as it was exported" in out
    assert "was changed" in out
    log.write_bytes(log.read_bytes().replace(b"anna", b"emma"))
    assert main(["audit", "verify", str(log)]) == 1
    assert "entry 1 (line 1) was changed" in capsys.readouterr().out


@pytest.mark.parametrize(
    "words",
    [
        ["case", "show", "CASES", "0" * 16],
        ["case", "show", "CASES", "../x"],
        ["case", "export", "CASES", "0" * 16, "a.zip", "--gallery", "GALLERY"],
        ["case", "export", "CASES", "CASE", "CASES", "--gallery", "GALLERY"],
        ["case", "verify", "missing.zip"],
        ["case", "verify", "CASES"],
        ["audit", "verify", "missing.jsonl"],
        ["audit", "verify", "CASES"],
    ],
)
def test_wrong_words_are_one_line(
    words: list[str], case: str, gallery: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    places = {"CASES": str(tmp_path / "cases"), "GALLERY": str(gallery), "CASE": case}
    assert main([places.get(word, word) for word in words]) == 2
    error = capsys.readouterr().err
    assert error.startswith("personsearch: ")
    assert error.count("\n") == 1


def test_find_writes_a_montage_a_film_and_a_table(
    gallery: Path, square: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    frame = next((square / "frames").glob("*.jpg"))
    words = ["find", str(gallery), "--frame", str(frame), "--box", "20,20,60,120", "--limit", "3"]
    files = {name: tmp_path / "new" / f"a.{name}" for name in ("png", "mp4", "csv")}
    written = ["--montage", str(files["png"]), "--video", str(files["mp4"]), "--csv", str(files["csv"])]
    assert main([*words, *written]) == 0
    assert f"film: {files['mp4']}" in capsys.readouterr().out
    assert files["png"].read_bytes().startswith(b"\x89PNG")
    with files["csv"].open(encoding="utf-8-sig", newline="") as content:
        assert [row["rank"] for row in csv.DictReader(content)] == ["1", "2", "3"]
    with av.open(str(files["mp4"])) as container:
        assert container.streams.video[0].codec_context.name == "h264"
    for option, name in (("--video", "a.avi"), ("--montage", "a.gif"), ("--csv", ".")):
        assert main([*words, option, str(tmp_path / name)]) == 2
        assert option in capsys.readouterr().err
