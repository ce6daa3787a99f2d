"""The commands of cases, of the audit log, and the files that find writes, as a user types them."""

import csv
import errno
import getpass
import json
import os
import shutil
import subprocess
import sys
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


def test_an_export_is_logged_where_the_server_logs_and_by_the_user(
    case: str, gallery: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cases, log = tmp_path / "cases", tmp_path / "cases" / "audit.jsonl"
    words = ["case", "export", str(cases), case]
    more = ["--gallery", str(gallery), "--clips", "false", "--json", str(tmp_path / "e.json")]
    assert main([*words, str(tmp_path / "a.zip"), *more]) == 0
    assert f"The audit log {log} has the hash of the ZIP." in capsys.readouterr().out
    assert list(AuditLog(log).entries())[-1].who == getpass.getuser()
    assert json.loads((tmp_path / "e.json").read_text())["log"] == str(log)
    assert main(["case", "verify", str(tmp_path / "a.zip"), "--log", str(log)]) == 0
    assert f" by {getpass.getuser()} (" in capsys.readouterr().out
    log.unlink()
    assert main([*words, str(tmp_path / "b.zip"), *more, "--by", ""]) == 0
    assert (
        f"No audit log knows this export, as {cases} has no audit.jsonl; --log FILE names a log."
        in capsys.readouterr().out
    )
    assert not log.exists()
    assert main(["case", "verify", str(tmp_path / "b.zip")]) == 0
    assert " by " not in capsys.readouterr().out


def test_an_export_that_the_log_cannot_keep_is_none(
    case: str, gallery: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        assert (tmp_path / "a.zip").exists()
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "audit.jsonl")

    monkeypatch.setattr(AuditLog, "append", full)
    words = ["case", "export", str(tmp_path / "cases"), case, str(tmp_path / "a.zip"), "--gallery", str(gallery)]
    assert main([*words, "--clips", "false"]) == 2
    assert "audit.jsonl: No space left on device" in capsys.readouterr().err
    assert not (tmp_path / "a.zip").exists(), "a check with the log would call it a forgery"


def test_one_fault_is_one_fault(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = AuditLog(tmp_path / "audit.jsonl")
    log.append("search", "anna", {"case": "a"})
    whole = log.path.read_bytes()
    log.path.write_bytes(whole.replace(b"anna", b"emma"))
    assert main(["audit", "verify", str(log.path)]) == 1
    assert capsys.readouterr().out.startswith("not whole: 1 fault in 1 entry\n")
    log.path.write_bytes(whole)
    log.append("search", "anna", {"case": "b"})
    log.path.write_bytes(log.path.read_bytes().replace(b"anna", b"emma"))
    assert main(["audit", "verify", str(log.path)]) == 1
    assert capsys.readouterr().out.startswith("not whole: 2 faults in 2 entries\n")


def test_an_export_takes_no_place_of_another_file(
    case: str, gallery: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.zip").write_bytes(b"mine")
    words = ["case", "export", str(tmp_path / "cases"), case, str(tmp_path / "a.zip"), "--gallery", str(gallery)]
    assert main(words) == 2
    assert f"{tmp_path / 'a.zip'} exists; remove it, or name another file" in capsys.readouterr().err
    assert (tmp_path / "a.zip").read_bytes() == b"mine"


def test_a_folder_that_is_none_of_cases_is_refused(
    case: str, gallery: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for folder, expected in (
        ("nofolder", "there is no folder nofolder, expected one of cases"),
        (str(tmp_path / "cases" / case / "case.json"), "is a file, expected a folder of cases"),
        (str(tmp_path), f"holds no cases, but {tmp_path / 'cases'} is a folder of cases; give that one"),
    ):
        for words in (["list"], ["show", case], ["export", case, str(tmp_path / "a.zip"), "--gallery", str(gallery)]):
            assert main(["case", words[0], folder, *words[1:]]) == 2
            error = capsys.readouterr().err
            assert expected in error
            assert error.count("\n") == 1
    (tmp_path / "empty").mkdir()
    assert main(["case", "list", str(tmp_path / "empty")]) == 0
    assert capsys.readouterr().out == f"no case in {tmp_path / 'empty'}\n"


def test_lists_and_checks_load_what_takes_seconds_only_where_they_need_it(
    case: str, gallery: Path, tmp_path: Path
) -> None:
    cases, log, file = str(tmp_path / "cases"), str(tmp_path / "cases" / "audit.jsonl"), str(tmp_path / "a.zip")
    heavy = {"torch", "torchvision", "lancedb", "cv2"}
    export = ["case", "export", cases, case, file, "--gallery", str(gallery), "--clips", "true"]
    for words, allowed in (
        (export, {"lancedb", "cv2"}),
        (["case", "verify", file, "--log", log, "--sources"], set()),
        (["case", "list", cases], set()),
        (["case", "show", cases, case], set()),
        (["audit", "verify", log], set()),
    ):
        code = (
            "import sys\n"
            "from tools.main import main\n"
            f"assert main({words}) == 0\n"
            f"print(*sorted({heavy} & set(sys.modules)), file=sys.stderr)\n"
        )
        ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
        assert set(ended.stderr.split("\n")[-2].split()) <= allowed, words


def test_deleting_says_what_cases_keep(
    case: str, gallery: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    people = tmp_path / "people"
    shutil.copytree(gallery, people)
    with Gallery.open(people) as store:
        source = store.table.search().limit(1).to_list()[0]["source"]
    words = ["gallery", "delete", str(people), "--source", source, "--json", str(tmp_path / "e.json")]
    shutil.copytree(tmp_path / "cases", people / "cases")
    CaseFolder(people / "cases").create("Another")
    assert main(words) == 0
    out = capsys.readouterr().out
    assert "Cases keep uploaded pictures and the records of sightings" in out
    assert f"{people / 'cases' / case}: 'The red coat', 1 deleted sighting" in out
    assert "Another" not in out
    assert json.loads((tmp_path / "e.json").read_text())["cases"] == [
        {"case": case, "name": "The red coat", "sightings": 1}
    ]


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
