"""Is every package of this distribution really ours, and how are those loaded that take seconds?

The packages have plain names, and another distribution may own one of them (Hugging Face's `datasets` is the likely
one). Then an import would fail somewhere deep with a puzzling message, or worse, half work; so each command asks here
first.
"""

import contextlib
import gc
import importlib.util
import sys
from collections.abc import Iterator
from importlib.metadata import distributions
from pathlib import Path

from tools.errors import PACKAGES, ROOT, UsageError


def check_package_names() -> None:
    """Refuse to work where another distribution has taken the name of one of our packages.

    Raises:
        UsageError: A package is found elsewhere than beside this one, or another distribution wrote into its folder.
    """
    for name in PACKAGES:
        spec = importlib.util.find_spec(name)
        places = [Path(place).resolve() for place in (spec.submodule_search_locations or [])] if spec else []
        if ROOT / name not in places:
            found = places[0] if places else (spec.origin if spec else None)
            raise UsageError(_clash(name, f"is {found}" if found else "is not installed"))
    # In one site-packages folder the later distribution overwrites the files of the earlier one, without a word.
    for distribution in distributions(path=[str(ROOT)]):
        owner = distribution.metadata["Name"]
        if owner != "personsearch":
            listed = (distribution.read_text("top_level.txt") or "").split()
            tops = set(listed) or {file.parts[0] for file in distribution.files or ()}
            for name in PACKAGES:
                if name in tops:
                    raise UsageError(_clash(name, f"in {ROOT} is also that of the distribution {owner}"))


@contextlib.contextmanager
def loading() -> Iterator[None]:
    """Keep Python's collector of garbage still while libraries are imported that take seconds.

    Importing torch, torchvision and LanceDB makes two million objects that stay until the end. The collector would look
    through them again and again, for a quarter of the time. Afterwards it works as before, and leaves them alone.
    """
    if not gc.isenabled():
        yield
        return
    loaded = len(sys.modules)
    gc.disable()
    try:
        yield
    finally:
        if len(sys.modules) > loaded:
            gc.freeze()
        gc.enable()


def _clash(name: str, what: str) -> str:
    return (
        f"the package '{name}' {what}, expected personsearch's own in {ROOT / name}; install personsearch in an "
        "environment of its own: python3 -m venv ENV, then ENV/bin/python -m pip install personsearch"
    )
