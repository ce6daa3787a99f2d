"""Checking an exported case: is every file the one that was exported, and is nothing missing or added?"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from datasets.footage.names import file_of
from search.cases.archive import CASE_FORMAT, MANIFEST, MANIFEST_FORMAT, Contents, read_through, sha256_of
from search.cases.audit import EXPORTED, LOG_FILE, AuditEntry, AuditLog, verify

MOST_JSON = 256_000_000
"""Bytes of a JSON file in an export at most; a larger one is not looked into."""

_KEPT = (MANIFEST, "case.json", LOG_FILE)


@dataclass(frozen=True)
class CaseReport:
    """What a check of an export found.

    Args:
        file: The ZIP.
        sha256: The hash of the whole ZIP, to compare with the one that the export printed.
        files: How many files are in it.
        bytes: How many bytes they have.
        name: The name of the case; empty where it cannot be read.
        exported: When it was exported, ISO 8601 in UTC; empty where it cannot be read.
        by: Who exported it; empty where nobody is known.
        problems: One line for each thing that is wrong; empty where all is as it was exported.
        sources: One line for each source file that is not here, or is another one now; empty where nobody asked.
    """

    file: str
    sha256: str
    files: int
    bytes: int
    name: str
    exported: str
    by: str
    problems: tuple[str, ...]
    sources: tuple[str, ...] = ()

    @property
    def is_whole(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems

    def to_dict(self) -> dict[str, Any]:
        """The fields as JSON knows them."""
        return {**asdict(self), "problems": list(self.problems), "sources": list(self.sources), "whole": self.is_whole}


def verify_case(path: Path, *, audit: Path | None = None, sources: bool = False) -> CaseReport:
    """Check an exported case. The ZIP is read once from its first byte to its last; nothing is unpacked.

    Without the audit log the check shows that the ZIP is whole, and not that nobody made it anew with a manifest that
    fits. The log knows the hash of the ZIP that was exported.

    Args:
        path: The ZIP.
        audit: The log of who did what, which is checked too; it must hold an entry about the export of this very ZIP.
        sources: Whether the source files are hashed again and compared, where they are on this machine.

    Raises:
        OSError: The ZIP or the log cannot be read.
        ValueError: It is no ZIP file.
    """
    path = Path(path)
    contents = read_through(path, lambda name: name in _KEPT, most_kept=MOST_JSON)
    problems = list(contents.problems)
    if MANIFEST in contents.torn:
        problems.append(f"{MANIFEST} was changed: it has another check sum than when it was packed")
    manifest = _json_of(contents, MANIFEST, problems)
    problems += _differences(contents, manifest)
    about = _json_of(contents, "case.json", problems)
    case = about.get("case") if isinstance(about.get("case"), dict) else {}
    problems += _contradictions(contents, manifest, about, case or {})
    problems += _entry_problems(contents)
    digest = sha256_of(path)
    if audit is not None:
        problems += _log_problems(audit, digest, about)
    exported = about.get("exported") if isinstance(about.get("exported"), dict) else {}
    return CaseReport(
        str(path),
        digest,
        len(contents.files),
        sum(size for _, size in contents.files.values()),
        str((case or {}).get("name", "")),
        str((exported or {}).get("at", "")),
        str((exported or {}).get("by", "")),
        tuple(problems),
        tuple(_changed_sources(about)) if sources else (),
    )


def _json_of(contents: Contents, name: str, problems: list[str]) -> dict[str, Any]:
    """A JSON object of the ZIP, empty where it cannot be read; what is wrong is added to the problems."""
    if name not in contents.files:
        problems.append(f"{name} is missing, without which this is no export of a case")
        return {}
    try:
        content = json.loads(contents.kept.get(name, b""))
        if not isinstance(content, dict):
            raise ValueError("no object")
    except (ValueError, RecursionError) as error:
        problems.append(f"{name} cannot be read as JSON ({error or type(error).__name__})")
        return {}
    return content


def _differences(contents: Contents, manifest: Mapping[str, Any]) -> Iterator[str]:
    """A line for each file that is changed, missing or added."""
    listed = manifest.get("files")
    if not manifest:
        return
    if manifest.get("format") != MANIFEST_FORMAT or not isinstance(listed, dict):
        yield f"{MANIFEST} has another form than this version writes; check it with the version that exported it"
        return
    renamed = dict(_renamed(contents, listed))
    for old, new in renamed.items():
        yield f"{new[:120]!r} is {old[:120]!r} in {MANIFEST}: one of them or {MANIFEST} was changed"
    for name, known in sorted(listed.items()):
        if name in renamed:
            continue
        if name not in contents.files:
            yield f"{name!r} is missing"
        elif not isinstance(known, dict) or contents.files[name] != (known.get("sha256"), known.get("bytes")):
            # Whose own check sum is right stands beside a manifest whose check sum is not.
            which = "or the manifest " if MANIFEST in contents.torn and name not in contents.torn else ""
            yield f"{name!r} {which}was changed: its SHA-256 is {contents.files[name][0][:16]}..., not the manifest's"
    for name in sorted(contents.files):
        if name != MANIFEST and name not in listed and name not in renamed.values():
            yield f"{name[:120]!r} was added: the manifest does not name it"


def _renamed(contents: Contents, listed: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Each name in the manifest that no file has, with the file that the manifest does not name and that fits it."""
    added: dict[tuple[Any, Any], str]
    added = {contents.files[name]: name for name in contents.files if name != MANIFEST and name not in listed}
    for name, known in sorted(listed.items()):
        if name not in contents.files and isinstance(known, dict):
            fitting = added.pop((known.get("sha256"), known.get("bytes")), None)
            if fitting is not None:
                yield name, fitting


def _contradictions(
    contents: Contents, manifest: Mapping[str, Any], about: Mapping[str, Any], case: Mapping[str, Any]
) -> Iterator[str]:
    """A line for each thing that case.json says and the rest of the ZIP does not bear out."""
    if not about:
        return
    if about.get("format") != CASE_FORMAT or not case:
        yield "case.json has another form than this version writes; check it with the version that exported it"
        return
    if manifest and manifest.get("case") != case.get("case"):
        yield f"{MANIFEST} and case.json are of two different cases"
    frames = about.get("frames")
    named = list(frames.values()) if isinstance(frames, dict) else []
    clips = about.get("clips")
    named += [one.get("file") for one in clips if isinstance(one, dict)] if isinstance(clips, list) else []
    for name in sorted({str(one) for one in named} - set(contents.files)):
        yield f"case.json names {name[:120]!r}, which is missing"
    if "index.html" not in contents.files:
        yield "'index.html' is missing, the page of the case"


def _entry_problems(contents: Contents) -> Iterator[str]:
    """A line for each entry of the audit log in the ZIP that was changed, or that stands at another place."""
    before = 0
    for place, line in enumerate(contents.kept.get(LOG_FILE, b"").splitlines(keepends=True), start=1):
        try:
            entry = AuditEntry.from_line(line)
        except ValueError as error:
            yield f"audit.jsonl, line {place} {error}"
            continue
        if not entry.is_unchanged() or line != entry.to_line():
            yield f"audit.jsonl, entry {entry.number} was changed: its hash is another one"
        if entry.number <= before:
            yield f"audit.jsonl, entry {entry.number} stands behind entry {before}"
        before = max(before, entry.number)


def _log_problems(audit: Path, digest: str, about: Mapping[str, Any]) -> Iterator[str]:
    """A line for each thing that is wrong with the log, and one where it does not know this ZIP."""
    known = about.get("audit")
    log = known.get("log") if isinstance(known, dict) else None
    head = log.get("head") if isinstance(log, dict) else None
    report = verify(audit, head=head if isinstance(head, str) else None)
    yield from (f"audit log: {problem}" for problem in report.problems)
    if report.problems:
        return
    exports = [entry for entry in AuditLog(audit).entries() if entry.action == EXPORTED]
    if not any(entry.what.get("sha256") == digest for entry in exports):
        yield f"the audit log knows no export with the hash of this ZIP, {digest[:16]}...: it is not the exported file"


def _changed_sources(about: Mapping[str, Any]) -> Iterator[str]:
    """A line for each source file that is not on this machine, or is another one now."""
    listed = about.get("sources")
    for source in listed if isinstance(listed, list) else []:
        name, digest = source.get("file"), source.get("sha256")
        if not isinstance(name, str) or not isinstance(digest, str):
            continue
        try:
            now = sha256_of(file_of(name))
        except (OSError, ValueError):
            yield f"{name} is not here"
            continue
        if now != digest:
            yield f"{name} is another file now: its SHA-256 is {now[:16]}..., at the export it was {digest[:16]}..."
