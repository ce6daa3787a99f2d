"""Which exceptions are the user's to mend, and the one line that says so."""

import dis
import errno
from pathlib import Path

PACKAGES = ("datasets", "reid", "detection", "search", "tools")
ROOT = Path(__file__).resolve().parents[1]
"""The folder that holds our packages: the checkout, or site-packages."""


class UsageError(ValueError):
    """Wrong usage of the command line: the value met, what was expected, the remedy."""


def one_line(error: BaseException) -> str | None:
    """The line a user reads instead of a traceback, or None where the exception is a defect and needs its traceback.

    An OSError is about the user's files wherever it was raised. A ValueError is a message to the user only where a
    `raise` of our own code made it; one from a library, also from its compiled code, says that we called it wrongly.
    """
    if isinstance(error, OSError):
        if not error.strerror:
            return _joined(error)
        where = "" if error.filename is None else f"{error.filename}: "
        remedy = "; make room and run the same command again" if error.errno == errno.ENOSPC else ""
        return f"{where}{error.strerror}{remedy}"
    if isinstance(error, UsageError) or (isinstance(error, ValueError) and _raised_here(error)):
        return _joined(error)
    return None


def _joined(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__


def _raised_here(error: BaseException) -> bool:
    traceback = error.__traceback__
    if traceback is None:
        return False
    while traceback.tb_next is not None:
        traceback = traceback.tb_next
    code = traceback.tb_frame.f_code
    # Compiled code (NumPy, say) leaves no frame of its own: the instruction tells a `raise` from a call.
    raised = dis.opname[code.co_code[traceback.tb_lasti]] == "RAISE_VARARGS"
    file = Path(code.co_filename).resolve()
    return raised and any(file.is_relative_to(ROOT / name) for name in PACKAGES)
