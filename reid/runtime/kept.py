"""What is kept on disk from one run to the next: converted networks, and what was measured on this machine."""

import contextlib
import hashlib
import json
import logging
import os
import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from datasets.files import write_whole

_log = logging.getLogger(__name__)

VERSION = 1
"""Counts up where a converted network or a measurement of an earlier version of the project no longer fits."""


def kept_folder() -> Path:
    """The folder in the user's cache: `personsearch/runtime` below XDG_CACHE_HOME, which is ~/.cache by default.

    Raises:
        RuntimeError: The user has no home, and the variable is not set.
    """
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "personsearch" / "runtime"


def machine() -> str:
    """8 hexadecimal digits that stand for the kind of this machine's processor and the number of its cores."""
    kind = platform.processor() or platform.machine()
    with contextlib.suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        kind += "".join(sorted({line for line in lines if line.startswith(("model name", "flags"))}))
    return hashlib.sha256(f"{kind} {os.cpu_count()}".encode()).hexdigest()[:8]


def read_measurement(name: str) -> dict[str, Any] | None:
    """What `keep_measurement` kept under a name; None where there is nothing that can be read.

    Args:
        name: A name that is a file's too.
    """
    try:
        content = json.loads((kept_folder() / f"{name}.json").read_text(encoding="utf-8"))
    except (OSError, ValueError, RuntimeError):
        return None
    return content if isinstance(content, dict) else None


def keep_measurement(name: str, content: Mapping[str, Any]) -> None:
    """Keeps what was measured; where nothing can be written it is measured again the next time.

    Args:
        name: A name that is a file's too.
        content: What was measured, JSON-able.
    """
    try:
        write_whole(kept_folder() / f"{name}.json", json.dumps(dict(content), indent=1))
    except (OSError, RuntimeError) as error:
        _log.debug("measurement %s is not kept: %s", name, error)
