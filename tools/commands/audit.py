"""personsearch audit: is the log of who did what whole?"""

from pathlib import Path

from tools.outcome import Outcome, counted


def verify(log: Path, *, head: str | None = None) -> Outcome:
    """Check that nobody changed, removed, inserted or moved a line of an audit log, and name the entry if somebody did.

    Every entry holds the hash of the entry before it. The last line that is printed is the hash of the last entry. Keep
    it elsewhere: with --head it shows later whether lines were cut off at the end, or the whole log was written anew.

    Example:
        personsearch audit verify people/cases/audit.jsonl

    Args:
        log: The log's file.
        head: The hash that an earlier check printed last, or that an exported case holds. It must still be in the log.
    """
    from search.cases.audit import verify as verified

    report = verified(log, head=head)
    lines = list(report.problems)
    entries = counted(report.entries, "entry", "entries")
    if report.is_whole:
        span = f", from {report.first} to {report.last}" if report.entries else ""
        lines.append(f"whole: {entries}{span}")
    else:
        lines.insert(0, f"not whole: {counted(len(report.problems), 'fault')} in {entries}")
    lines += [f"last hash: {report.head}"] if report.head is not None else []
    return Outcome("\n".join(lines), {"log": log, **report.to_dict()}, failed=not report.is_whole)
