"""How the place of a model file is noted: what comes with the packages by its package, any other file by its path."""

import os
from importlib.resources import files
from pathlib import Path

MARK = "shipped:"
"""How the note of a file begins that comes with a package, as in shipped:detection/weights/people.safetensors."""

PACKAGES = ("detection", "reid")
"""The packages that bring model files, each in its folder `weights`."""


def weights_folder(package: str) -> Path:
    """The folder of the model files that a package brings, wherever the package is installed.

    >>> weights_folder("detection").name
    'weights'
    """
    return Path(str(files(package))) / "weights"


def is_shipped(path: Path) -> bool:
    """Whether a file lies in the folder of model files that a package brings."""
    return any(path.resolve().parent == weights_folder(package).resolve() for package in PACKAGES)


def written_copy(path: Path) -> Path:
    """Where a file that belongs beside a model is written: there, or in the user's folder beside a shipped model.

    So a package stays as it was installed, for everybody who uses it. The user's folder is `personsearch/models` below
    XDG_DATA_HOME, which is ~/.local/share by default.

    >>> written_copy(Path("runs/first/model.share.json"))
    PosixPath('runs/first/model.share.json')

    Args:
        path: The file beside the model.

    Raises:
        RuntimeError: The user has no home, and the variable is not set.
    """
    if not is_shipped(path):
        return path
    data = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(data) / "personsearch" / "models" / path.resolve().parts[-3] / path.name


def noted(path: Path) -> str:
    """The note of a file, which stays true for a shipped file when the packages move.

    >>> noted(weights_folder("detection") / "people.safetensors")
    'shipped:detection/weights/people.safetensors'
    """
    path = path.resolve() if is_shipped(path) else path
    return MARK + "/".join(path.parts[-3:]) if is_shipped(path) else str(path)


def noted_path(note: str) -> Path:
    """The file of a note, where the packages are today.

    Earlier versions noted shipped files by their path: where nothing is there any more, the file of the same name that
    comes with the package is meant. Whoever loads it compares fingerprints.

    Raises:
        ValueError: The note begins as that of a shipped file, but names none of a package's folder `weights`.
    """
    parts = Path(note.removeprefix(MARK)).parts
    inside = len(parts) >= 3 and parts[-3] in PACKAGES and parts[-2] == "weights"
    if note.startswith(MARK):
        if not inside or len(parts) != 3 or parts[-1] == "..":
            raise ValueError(f"the model file is noted as {note}, expected {MARK}PACKAGE/weights/NAME")
        return weights_folder(parts[0]) / parts[2]
    shipped = weights_folder(parts[-3]) / parts[-1] if inside else None
    return shipped if shipped is not None and shipped.is_file() and not Path(note).exists() else Path(note)
