"""The models that a user has: those that come with the packages, and those in a folder, each described by its file."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from detection.checkpoints import FORMAT as JOINT
from detection.checkpoints import load_model
from detection.published.coco_detector import FORMAT as DETECTOR
from detection.published.coco_detector import load_coco_detector
from detection.published.loading import PUBLISHED, load_person_model
from detection.published.published_joint import PublishedJoint
from reid.crops.sphere_reid import FORMAT as CROP
from reid.crops.sphere_reid import SphereReID
from reid.runs.files import MODEL_FILE
from reid.runs.weight_files import model_file, read_any_header
from search.models.noted_paths import PACKAGES, weights_folder

_SEEN = "**What it has seen**"
_MADE_BY = "`train joint`, `train crop` or `models import`"


@dataclass(frozen=True)
class KnownModel:
    """One model, in words.

    Args:
        name: How commands may call it: "detection/people" for one that comes with the packages, else its file or the
            folder of its run.
        file: The file.
        kind: "joint model", "crop model" or "detector".
        trunk: The network that sees the picture.
        dimension: The length of an embedding, None for a detector.
        sees: What goes in, such as "crops of 192 x 96".
        bytes: The size of the file.
        fingerprint: 16 hexadecimal digits that two models share only if weights and structure are equal.
        seen: What it has learned from, as far as its card or its file says.
    """

    name: str
    file: Path
    kind: str
    trunk: str
    dimension: int | None
    sees: str
    bytes: int
    fingerprint: str
    seen: str


def shipped_files() -> dict[str, Path]:
    """The model files that come with the packages, by the names that commands know them by."""
    return {
        f"{package}/{file.stem}": file
        for package in PACKAGES
        for file in sorted(weights_folder(package).glob("*.safetensors"))
    }


def named_model(name: str) -> Path:
    """The file of a model.

    Args:
        name: A name of `shipped_files`, a file, or the folder of a run.

    Raises:
        FileNotFoundError: There is no such model.
    """
    shipped = shipped_files()
    if name in shipped and not Path(name).exists():
        return shipped[name]
    file = model_file(name)
    if not file.is_file():
        raise FileNotFoundError(f"model {name} does not exist, expected {', '.join(shipped)}, a file or a run's folder")
    return file


def model_files_below(folder: Path) -> Iterator[Path]:
    """The model files of this project in a folder and all folders below it.

    Files of other programs and hidden files, which somebody may just be writing, are passed over.

    Args:
        folder: The folder.
    """
    for file in sorted(folder.rglob("[!.]*.safetensors")):
        try:
            read_any_header(file, tuple(_DESCRIBED), made_by=_MADE_BY)
        except (OSError, ValueError):
            continue
        yield file


def described(file: Path, name: str | None = None) -> KnownModel:
    """A model in words. It is loaded, as its fingerprint is made of its weights.

    Args:
        file: The file.
        name: What to call it; None for its file, or its folder where that is a run's.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The file holds no model of this project, or is damaged.
    """
    header = read_any_header(file, tuple(_DESCRIBED), made_by=_MADE_BY)
    kind, trunk, dimension, sees, fingerprint = _DESCRIBED[header["format"]](file)
    own = str(file.parent if file.name == MODEL_FILE else file)
    seen = _seen(file, json.loads(header.get("notes", "{}")))
    return KnownModel(name or own, file, kind, trunk, dimension, sees, file.stat().st_size, fingerprint, seen)


def card_of(file: Path) -> str:
    """The card of a model: the text beside its file, or what its header says.

    Args:
        file: The model's file.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The file holds no model of this project, or is damaged.
    """
    header = read_any_header(file, tuple(_DESCRIBED), made_by=_MADE_BY)
    card = file.with_suffix(".md")
    if card.is_file():
        return card.read_text(encoding="utf-8").rstrip()
    model = described(file)
    lines = [
        f"# {model.name}: a {model.kind}",
        "",
        f"- {_SEEN.replace('has seen', 'is')}: {model.trunk}, {model.sees}.",
    ]
    lines += [f"- {_SEEN}: {model.seen}."]
    notes = json.loads(header.get("notes", "{}"))
    lines += [f"- **{name}**: {_words(value)}." for name, value in notes.items() if name != "data"]
    for part in ("detector", "embedding", "network"):
        if part in header:
            settings = ", ".join(f"{name} {_words(value)}" for name, value in json.loads(header[part]).items())
            lines.append(f"- **Settings of the {part}**: {settings}.")
    return "\n".join([*lines, f"- **Fingerprint**: {model.fingerprint}."])


def _joint(file: Path) -> tuple[str, str, int | None, str, str]:
    model = load_model(file, device="cpu")
    config = model.detector_config
    return "joint model", config.backbone, model.embedding_dim, f"frames of {config.min_size}", model.fingerprint()


def _crop(file: Path) -> tuple[str, str, int | None, str, str]:
    model = SphereReID.from_checkpoint(file, device="cpu")
    config = model.config
    sees = f"crops of {config.height} x {config.width}"
    return "crop model", config.backbone, model.embedding_dim, sees, model.fingerprint()


def _published(file: Path) -> tuple[str, str, int | None, str, str]:
    model = load_person_model(file, device="cpu")
    assert isinstance(model, PublishedJoint)
    sees = f"frames of {model.config.min_size}"
    return "joint model", f"{model.program} resnet50", model.embedding_dim, sees, model.fingerprint()


def _detector(file: Path) -> tuple[str, str, int | None, str, str]:
    model = load_coco_detector(file, device="cpu")
    size = model.config.min_size
    return "detector", model.config.network, None, f"frames of {size or 'the usual size'}", model.fingerprint()


_DESCRIBED: Mapping[str, Callable[[Path], tuple[str, str, int | None, str, str]]] = {
    JOINT: _joint,
    CROP: _crop,
    DETECTOR: _detector,
    **dict.fromkeys(PUBLISHED, _published),
}
"""Format of a file -> its kind, trunk, length of an embedding, what it sees, and fingerprint."""


def _seen(file: Path, notes: Mapping[str, Any]) -> str:
    card = file.with_suffix(".md")
    if card.is_file():
        _, found, after = card.read_text(encoding="utf-8").partition(f"{_SEEN}: ")
        if found:
            sentence, _, _ = " ".join(after.split("\n- ")[0].split()).partition(". ")
            return re.sub(r" \([^)]*\)", "", sentence).removesuffix(".")
    if "data" in notes:
        return _words(notes["data"])
    return f"{notes['people']} people" if "people" in notes else "not noted"


def _words(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_words(one)}" for name, one in value.items())
    return " ".join(map(_words, value)) if isinstance(value, list) else str(value)
