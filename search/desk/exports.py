"""A case as one ZIP file, made when it is asked for; it lies in a private folder until it was sent."""

import re
import tempfile
import threading
import uuid
from pathlib import Path

from search.cases.audit import AuditLog
from search.cases.export import export_case
from search.cases.folder import CaseFolder
from search.desk.jobs import Jobs
from search.desk.refusals import TooMany
from search.gallery.gallery import Gallery

MOST_WAITING = 3


class Exports:
    """Exports cases, one at a time.

    Args:
        gallery: The gallery's folder.
        cases: The cases.
        record: The log of who did what; its entries about a case go into the case's ZIP.
        jobs: Shows what is being made.
    """

    def __init__(self, gallery: Path, cases: CaseFolder, record: AuditLog, jobs: Jobs) -> None:
        self._gallery, self._cases, self._record, self._jobs = gallery, cases, record, jobs
        self._folder = tempfile.TemporaryDirectory(prefix="personsearch-")
        self._making = threading.Lock()
        self._waiting = threading.BoundedSemaphore(MOST_WAITING)

    def export(self, case: str, by: str) -> Path:
        """Write a case into a ZIP file, which the caller removes when it was sent.

        Args:
            case: The case's name.
            by: Who exports it.

        Raises:
            NoCase: There is no such case.
            TooMany: Too many exports are waited for.
            ValueError: A file of the case is damaged, or the export would be too large.
        """
        self._cases.open(case)  # a case that is not there need not wait
        if not self._waiting.acquire(blocking=False):
            raise TooMany("exports_busy")
        try:
            path = Path(self._folder.name) / f"{uuid.uuid4().hex}.zip"
            with self._making, Gallery.open(self._gallery) as own:
                text = "A case is being exported."
                with self._jobs.running("export", text) as step:
                    export_case(self._cases, case, own, path, by=by, audit=self._record, on_progress=step)
            return path
        finally:
            self._waiting.release()

    def close(self) -> None:
        """Remove the folder with what was not sent."""
        self._folder.cleanup()


def file_name(name: str) -> str:
    """The name of a case's ZIP file: letters, digits and a few signs of the case's name.

    >>> file_name("The red coat / gate: 1")
    'The red coat _ gate_ 1.zip'

    Args:
        name: What people call the case.
    """
    safe = re.sub(r"[^\w .-]", "_", name).strip(" .")[:60]
    return f"{safe or 'case'}.zip"
