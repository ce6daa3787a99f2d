"""LanceDB, imported here and nowhere else.

When a module called `datasets` is loaded, LanceDB takes it for Hugging Face's and imports names from it that this
project's package of that name does not have. So while LanceDB is imported for the first time, the name stands for a
module with empty classes; LanceDB registers its converters for those, and nothing is ever an instance of them.
"""

import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from datasets.storage.connection import table_options
from datasets.storage.places import ObjectPath


def _import_lancedb() -> ModuleType:
    if "lancedb" in sys.modules:
        return sys.modules["lancedb"]
    own = sys.modules.get("datasets")
    stand_in = ModuleType("datasets")
    for name in ("Dataset", "DatasetDict"):
        setattr(stand_in, name, type(name, (), {}))
    sys.modules["datasets"] = stand_in
    try:
        import lancedb
    finally:
        if own is None:
            del sys.modules["datasets"]
        else:
            sys.modules["datasets"] = own
    return lancedb


lancedb = _import_lancedb()


def connect(folder: Path, **options: Any) -> Any:
    """The database in a folder, on this machine or on object storage.

    Args:
        folder: The folder of the tables.
        options: What `lancedb.connect` takes.
    """
    if isinstance(folder, ObjectPath):
        options["storage_options"] = dict(table_options())
    return lancedb.connect(str(folder), **options)
