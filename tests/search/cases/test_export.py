"""The export of a case and its check: what is in the ZIP, and that every change is found and named."""

import csv
import dataclasses
import io
import json
import re
import zipfile
from pathlib import Path

import pytest
from cases_world import seen

from datasets.footage.cameras import CameraDescription
from datasets.images import encode_jpeg, read_image
from search.cases.archive import MANIFEST, archive, bad_name, read_through
from search.cases.audit import AuditLog
from search.cases.export import EXPORTED, export_case
from search.cases.folder import CaseFolder, NoCase
from search.cases.rows import csv_text
from search.cases.sources import sha256_of
from search.cases.values import CaseSearch, CaseSighting
from search.cases.verification import verify_case
from search.gallery.filters import Filters
from search.gallery.gallery import Gallery
from search.query.results import RankedSightings

NASTY = "<script>alert('x')</script> & \"quoted\""


@pytest.fixture(scope="module")
def exported(filled: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, AuditLog, str]:
    """A ZIP of a case with a search, marks and notes; the log; and the case's name."""
    root = tmp_path_factory.mktemp("exported")
    gallery, cases, log = Gallery.open(filled), CaseFolder(root / "cases"), AuditLog(root / "audit.jsonl")
    case = cases.create(f"Red {NASTY}", by="anna").case
    log.append("search", "anna", {"case": case})
    log.append("search", "bert", {"case": "another"})
    red = [seen(gallery, "hall", 0, second) for second in (2, 3, 6)]
    found = (*red, seen(gallery, "hall", 2, 1), seen(gallery, "yard", 0, 1))
    answer = RankedSightings(found, 20, 0.9, None, "none made")
    probe = encode_jpeg(read_image(Path(red[0].location or "").parents[1] / "yard" / "000.png"))
    search = CaseSearch.of(answer, by="anna", examples=[{"picture": "=1+1"}], embedded_by=gallery.embedded_by.to_dict())
    cases.add_search(case, search, [probe])
    for one in red:
        cases.mark(case, CaseSighting(one, 1), "confirmed", by="anna")
    cases.mark(case, CaseSighting(answer[3], 4), "rejected", by="bert")
    cases.note(case, f"note {NASTY}", by="bert")
    made = export_case(cases, case, gallery, root / "case.zip", by=f"anna {NASTY}", audit=log)
    assert made.missing == ()
    assert made.sha256 == sha256_of(root / "case.zip")
    return root / "case.zip", log, case


def contents(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as source:
        assert source.testzip() is None
        return {name: source.read(name) for name in source.namelist()}


def repacked(path: Path, files: dict[str, bytes]) -> Path:
    """The files in a ZIP that is packed as an export is, but with the manifest as it was."""
    other = path.parent / "other.zip"
    with zipfile.ZipFile(other, "w") as target:
        for name, content in files.items():
            entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            entry.external_attr, entry.create_system = 0o100644 << 16, 3
            target.writestr(entry, content)
    return other


def test_the_zip_holds_what_it_promises(exported: tuple[Path, AuditLog, str]) -> None:
    path, log, case = exported
    files = contents(path)
    about = json.loads(files["case.json"])
    assert about["case"]["case"] == case
    assert [one["mark"] for one in about["case"]["marks"]] == ["confirmed"] * 3 + ["rejected"]
    keys = {one["sighting"] for search in about["case"]["searches"] for one in search["sightings"]}
    assert {f"people/{key}.jpg" for key in keys} <= set(files)
    assert set(about["frames"].values()) <= set(files)
    assert set(about["frames"]) == keys
    (clip,) = about["clips"]
    assert b"ftyp" in files[clip["file"]][:12], "an MP4 file"
    assert len(clip["sightings"]) == 3, "one walk past one camera is one clip"
    assert sum(name.startswith("probes/") for name in files) == 1
    (hall, yard) = about["sources"]
    assert hall["sha256"] == sha256_of(Path(hall["file"]))
    assert (hall["state"], hall["sightings"], yard["sightings"]) == ("as indexed", 4, 1)
    assert about["gallery"]["embedded_by"]["model"] == "blobs"
    lines = [json.loads(line) for line in files["audit.jsonl"].splitlines()]
    assert [line["what"]["case"] for line in lines] == [case]
    last = list(log.entries())[-1]
    assert (last.action, last.what["sha256"]) == (EXPORTED, sha256_of(path))
    manifest = json.loads(files[MANIFEST])
    assert set(manifest["files"]) == set(files) - {MANIFEST}


def test_tables_open_in_a_spreadsheet_and_run_nothing(exported: tuple[Path, AuditLog, str]) -> None:
    files = contents(exported[0])
    ranked = list(csv.DictReader(io.StringIO(files["sightings.csv"].decode("utf-8-sig"))))
    assert [row["rank"] for row in ranked] == ["1", "2", "3", "4", "5"]
    assert [row["mark"] for row in ranked] == ["confirmed"] * 3 + ["rejected", ""]
    marks = list(csv.DictReader(io.StringIO(files["marks.csv"].decode("utf-8-sig"))))
    assert [row["by"] for row in marks] == ["anna"] * 3 + ["bert"]
    for text in ("=1", "+1", "-x", "@a", "\tb"):
        assert csv_text(["a"], [{"a": text}]).splitlines()[1].lstrip('"').startswith("'")
    assert csv_text(["a"], [{"a": -1.5}]).splitlines()[1] == "-1.5"


def test_the_page_opens_by_itself_and_names_are_only_text(exported: tuple[Path, AuditLog, str]) -> None:
    text = contents(exported[0])["index.html"].decode()
    assert "<script" not in text
    assert "&lt;script&gt;" in text
    plain = re.sub(r"base64,[A-Za-z0-9+/=]+", "", text)
    assert not re.search(r"https?://|//[a-z]|@import|url\(", plain)
    linked = set(re.findall(r'(?:src|href)="([^"#:]+)"', plain))
    assert linked
    assert linked <= set(contents(exported[0]))


def test_a_whole_export_is_whole_with_its_log_and_its_sources(exported: tuple[Path, AuditLog, str]) -> None:
    path, log, _ = exported
    report = verify_case(path, audit=log.path, sources=True)
    assert report.is_whole
    assert report.sources == ()
    assert report.name.startswith("Red <script>")
    assert report.files == len(contents(path))


def test_every_flipped_byte_outside_of_the_contents_is_found(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with archive(path, {"case": "x"}) as target:
        target.add("a.txt", "hello")
        target.add("b/c.bin", bytes(range(64)))
    whole = path.read_bytes()
    right = read_through(path, lambda name: True, most_kept=10**6)
    assert right.problems == ()
    for place in range(len(whole)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        try:
            found = read_through(path, lambda name: True, most_kept=10**6)
        except ValueError:
            continue
        assert found.problems or found.files != right.files, f"byte {place} of {len(whole)}"


def test_a_changed_missing_or_added_file_is_named(exported: tuple[Path, AuditLog, str]) -> None:
    path = exported[0]
    files = contents(path)
    name = next(name for name in files if name.startswith("people/"))
    changed = files | {name: files[name][:-1] + b"x"}
    assert any(name in line and "was changed" in line for line in verify_case(repacked(path, changed)).problems)
    without = {key: value for key, value in files.items() if key != name}
    assert any(name in line and "is missing" in line for line in verify_case(repacked(path, without)).problems)
    added = files | {"people/new.exe": b"x"}
    assert any("people/new.exe' was added" in line for line in verify_case(repacked(path, added)).problems)
    clip = json.loads(files["case.json"])["clips"][0]["file"]
    without = {key: value for key, value in files.items() if key != clip}
    assert any("case.json names" in line for line in verify_case(repacked(path, without)).problems)


def test_a_zip_of_another_program_is_read_and_said_to_be_one(exported: tuple[Path, AuditLog, str]) -> None:
    path = exported[0]
    files = contents(path)
    other = path.parent / "deflated.zip"
    with zipfile.ZipFile(other, "w", zipfile.ZIP_DEFLATED) as target:
        for name, content in files.items():
            target.writestr(name, content if name != "marks.csv" else b"")
    problems = verify_case(other).problems
    assert "packed anew by another program" in problems[0]
    assert any("'marks.csv' was changed" in line for line in problems)
    assert len(problems) == 2


@pytest.mark.parametrize("name", ["../evil.txt", "/etc/evil", "a/../../evil", "C:evil", "a\\b", "a//b", "./a", "a\nb"])
def test_names_that_lead_elsewhere_are_named_and_refused(exported: tuple[Path, AuditLog, str], name: str) -> None:
    path = exported[0]
    problems = verify_case(repacked(path, contents(path) | {name: b"x"})).problems
    assert any("must not be there" in line for line in problems)
    assert all("\n" not in line for line in problems)
    assert bad_name(name)
    with pytest.raises(ValueError, match="no name for a new file"), archive(path.parent / "b.zip", {}) as target:
        target.add(name, b"x")


@pytest.mark.parametrize("file", [MANIFEST, "case.json", "audit.jsonl"])
@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff", b'{"files": 7}', b"[" * 100_000])
def test_broken_json_is_named(exported: tuple[Path, AuditLog, str], file: str, content: bytes) -> None:
    path = exported[0]
    problems = verify_case(repacked(path, contents(path) | {file: content})).problems
    assert any(file in line for line in problems)


def test_an_entry_of_the_log_that_was_rewritten_is_named(exported: tuple[Path, AuditLog, str]) -> None:
    path = exported[0]
    files = contents(path)
    lines = files["audit.jsonl"].replace(b'"anna"', b'"emma"')
    problems = verify_case(repacked(path, files | {"audit.jsonl": lines})).problems
    assert any("entry 1 was changed" in line for line in problems)


def test_an_export_made_anew_fits_its_manifest_but_not_the_log(exported: tuple[Path, AuditLog, str]) -> None:
    path, log, case = exported
    files = contents(path)
    forged = path.parent / "forged.zip"
    with archive(forged, {"case": case, "exported": "", "by": ""}) as target:
        for name, content in files.items():
            if name != MANIFEST:
                target.add(name, content if name != "marks.csv" else b"nobody")
    assert verify_case(forged).is_whole
    assert any("not the exported file" in line for line in verify_case(forged, audit=log.path).problems)


@pytest.mark.parametrize("content", [b"", b"no zip", b"PK\x03\x04" + b"\0" * 40])
def test_what_is_no_zip_is_one_line(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.zip").write_bytes(content)
    with pytest.raises(ValueError, match="is no ZIP file of an export"):
        verify_case(tmp_path / "a.zip")


def test_a_cut_zip_is_refused(exported: tuple[Path, AuditLog, str]) -> None:
    short = exported[0].parent / "short.zip"
    short.write_bytes(exported[0].read_bytes()[:-100])
    with pytest.raises(ValueError, match="is no ZIP file"):
        verify_case(short)


def test_two_exports_differ_in_times_only(gallery: Gallery, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from search.cases import export as export_module

    monkeypatch.setattr(export_module, "now", lambda: "2026-05-01T08:00:00.000Z")
    cases = CaseFolder(tmp_path / "cases")
    case = cases.create("a").case
    cases.mark(case, CaseSighting(seen(gallery, "hall", 0, 2)), "confirmed")
    for name in ("a.zip", "b.zip"):
        export_case(cases, case, gallery, tmp_path / name)
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()


def test_an_empty_case_is_exported_and_whole(gallery: Gallery, tmp_path: Path) -> None:
    cases = CaseFolder(tmp_path / "cases")
    case = cases.create("a").case
    export_case(cases, case, gallery, tmp_path / "a.zip")
    assert verify_case(tmp_path / "a.zip").is_whole
    with pytest.raises(NoCase):
        export_case(cases, "0" * 16, gallery, tmp_path / "b.zip")
    assert not (tmp_path / "b.zip").exists()


def test_what_cannot_be_exported_is_said(footage: Path, filled: Path, tmp_path: Path) -> None:
    gallery, cases = Gallery.open(filled), CaseFolder(tmp_path / "cases")
    case = cases.create("a").case
    gone = dataclasses.replace(seen(gallery, "hall", 0, 2), location=f"{tmp_path}/gone.mp4#t=000002.000")
    cases.mark(case, CaseSighting(gone), "confirmed")
    made = export_case(cases, case, gallery, tmp_path / "a.zip")
    assert [line.split(":")[0] for line in made.missing] == ["no clip", "no whole frame", "no hash"]
    report = verify_case(tmp_path / "a.zip", sources=True)
    assert report.is_whole
    assert b"is not there any more" in contents(tmp_path / "a.zip")["index.html"]


def test_times_are_those_of_the_cameras_clock(gallery: Gallery, tmp_path: Path) -> None:
    berlin = CameraDescription("hall", "Hall", None, "Europe/Berlin")
    gallery.description = dataclasses.replace(gallery.description, cameras=(berlin,))
    cases = CaseFolder(tmp_path / "cases")
    case = cases.create("a").case
    cases.mark(case, CaseSighting(seen(gallery, "hall", 0, 2)), "confirmed")
    export_case(cases, case, gallery, tmp_path / "a.zip")
    files = contents(tmp_path / "a.zip")
    assert json.loads(files["case.json"])["case"]["marks"][0]["time"] == "2026-05-01T10:00:02+02:00"
    assert b"2026-05-01T10:00:02+02:00" in files["marks.csv"]
    assert b"2026-05-01T10:00:02+02:00" in files["index.html"]


def test_a_camera_without_a_noted_zone_has_one_clock_on_the_whole_page(gallery: Gallery, tmp_path: Path) -> None:
    berlin = CameraDescription("yard", "Yard", None, "Europe/Berlin")
    gallery.description = dataclasses.replace(gallery.description, cameras=(berlin,))
    cases = CaseFolder(tmp_path / "cases")
    case, one = cases.create("a").case, seen(gallery, "hall", 0, 2)
    filters = Filters(after=one.timestamp)
    answer = RankedSightings((one,), 20, 0.9, None, "none made")
    search = CaseSearch.of(answer, filters=filters, embedded_by=gallery.embedded_by.to_dict())
    cases.add_search(case, search)
    cases.mark(case, CaseSighting(one, 1), "confirmed")
    export_case(cases, case, gallery, tmp_path / "a.zip")
    files = contents(tmp_path / "a.zip")
    page = files["index.html"].decode()
    assert "2026-05-01T08:00:02Z, last seen 2026-05-01T08:00:02Z" in page
    assert "after 2026-05-01T08:00:02Z" in page
    assert "2026-05-01 UTC" in page
    assert "T10:00:02" not in page + files["marks.csv"].decode() + files["sightings.csv"].decode()
    assert "CEST" not in page
