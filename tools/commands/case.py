"""personsearch case: list, show, export and verify the cases in which searches, marks and notes are kept."""

from pathlib import Path
from typing import TYPE_CHECKING

from tools.outcome import Outcome, counted, table
from tools.progress import Progress

if TYPE_CHECKING:
    from search.cases.values import Case


def list_cases(cases: Path) -> Outcome:
    """Show the cases in a folder, those that changed last first.

    Example:
        personsearch case list people/cases

    Args:
        cases: The folder of cases; `personsearch serve` keeps it in the gallery, as `cases`.
    """
    from search.cases.folder import CaseFolder

    found = CaseFolder.existing(cases).list()
    if not found:
        return Outcome(f"no case in {cases}", {"cases": []})
    rows = [
        [one.case, one.name, one.changed[:16].replace("T", " "), one.searches, one.confirmed, one.rejected, one.notes]
        for one in found
    ]
    header = ["case", "name", "changed (UTC)", "searches", "confirmed", "rejected", "notes"]
    failures = [one.problem for one in found if one.problem]
    return Outcome(table(header, rows), {"cases": [one.to_dict() for one in found]}, failures)


def show(cases: Path, case: str) -> Outcome:
    """Show what is in a case: its searches with their verdicts, its marks and its notes.

    Example:
        personsearch case show people/cases 3f9a6c0d12b7e845

    Args:
        cases: The folder of cases.
        case: The case, as `personsearch case list` names it.
    """
    from search.cases.folder import CaseFolder

    opened = CaseFolder.existing(cases).open(case)
    return Outcome("\n".join(_lines(opened)), opened.to_dict())


def export(
    cases: Path,
    case: str,
    zip_file: Path,
    *,
    gallery: Path,
    by: str | None = None,
    log: Path | None = None,
    clips: bool = True,
) -> Outcome:
    """Write a case into one ZIP file: a page that opens by itself, tables, pictures, clips, and hashes of everything.

    The last line that is printed is the hash of the ZIP. Keep it elsewhere: whoever has it can tell later that the ZIP
    is the same. The audit log keeps it too, so that `personsearch case verify --log` knows the ZIP.

    Example:
        personsearch case export people/cases 3f9a6c0d12b7e845 case.zip --gallery people

    Args:
        cases: The folder of cases.
        case: The case, as `personsearch case list` names it.
        zip_file: The ZIP file to write, which must not exist.
        gallery: The folder of the gallery that was searched.
        by: Who exports it; the ZIP and the log say so. Without this option it is the user of this machine.
        log: The audit log. What it says about the case goes into the ZIP, and it gets an entry with the hash of the
            ZIP. Without this option it is audit.jsonl in CASES, where there is one.
        clips: Make films of the confirmed sightings, which takes longest; --clips false leaves them out.
    """
    from search.cases.audit import LOG_FILE, AuditLog
    from search.cases.export import export_case
    from search.cases.folder import CaseFolder
    from search.gallery.gallery import Gallery
    from search.server.access import user_here

    if zip_file.is_dir():
        raise ValueError(f"{zip_file} is a folder, expected a file; give a file name in it")
    if zip_file.exists():
        raise FileExistsError(f"{zip_file} exists; remove it, or name another file")
    folder = CaseFolder.existing(cases)
    audit = AuditLog.kept_in(cases) if log is None else AuditLog(log)
    who = user_here() if by is None else by
    zip_file.parent.mkdir(parents=True, exist_ok=True)
    with Gallery.open(gallery) as store, Progress("Exporting", "step") as progress:
        made = export_case(folder, case, store, zip_file, by=who, audit=audit, clips=clips, on_progress=progress)
    logged = (
        f"No audit log knows this export, as {cases} has no {LOG_FILE}; --log FILE names a log."
        if audit is None
        else f"The audit log {audit.path} has the hash of the ZIP."
    )
    lines = [f"{made.files:,} files in {made.path}", *made.missing, logged, f"SHA-256 of the ZIP: {made.sha256}"]
    return Outcome("\n".join(lines), {**made.to_dict(), "log": None if audit is None else audit.path})


def verify(zip_file: Path, *, log: Path | None = None, sources: bool = False) -> Outcome:
    """Check an exported case: name every file that was changed, removed or added since the export.

    Nothing is unpacked. With --log the check also proves that the ZIP is the very one that was exported, as the audit
    log knows its hash.

    Example:
        personsearch case verify case.zip

    Args:
        zip_file: The ZIP file of `personsearch case export` or of the page.
        log: The audit log; it is checked too.
        sources: Hash the source files again, where they are on this machine, and compare.
    """
    from search.cases.verification import verify_case

    report = verify_case(zip_file, audit=log, sources=sources)
    what = f"{report.files:,} files, {report.bytes:,} bytes"
    whose = f"case {report.name!r}, exported {report.exported}" + (f" by {report.by}" if report.by else "")
    if report.is_whole:
        lines = [f"whole: {whose} ({what})"]
    else:
        lines = [f"not as it was exported: {counted(len(report.problems), 'difference')} in {zip_file} ({what})"]
        lines += report.problems
    if sources:
        lines += report.sources or ["every source file is here and the same"]
    lines.append(f"SHA-256 of the ZIP: {report.sha256}")
    return Outcome("\n".join(lines), report.to_dict(), failed=not report.is_whole or bool(report.sources))


def _lines(case: "Case") -> list[str]:
    """What a person reads of a case."""
    from search.gallery.sightings import NO_CAMERA, display_time, printable

    lines = [
        printable(case.name),
        f"case {case.case}, begun {case.created}" + (f" by {case.by}" if case.by else ""),
        "",
    ]
    if case.searches:
        rows = [
            [place, one.at, one.by or "-", len(one.sightings), one.searched, one.level or "-"]
            for place, one in enumerate(case.searches, start=1)
        ]
        lines += [table(["search", "at", "by", "shown", "compared", "verdict"], rows), ""]
    if case.marks:
        rows = []
        for one in case.marks:
            seen = one.seen.sighting
            camera = NO_CAMERA if seen.camera is None else printable(seen.camera)
            rows.append([one.mark, one.by or "-", one.at, camera, display_time(seen.timestamp), printable(seen.frame)])
        lines += [table(["mark", "by", "at", "camera", "time", "frame"], rows), ""]
    for note in case.notes:
        lines.append(f"{note.at} {note.by or '-'}: {' '.join(map(printable, note.text.split()))}")
    return lines
