"""How much the second stage should count for a pair of models: learned once, and kept beside the joint model.

The file `model.share.json` lies next to `model.safetensors`. It holds a share for each crop model that the joint model
was tried with, by the fingerprints of both, so that a share never speaks for other weights.
"""

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from datasets.files import write_whole
from search.models.embedded_by import known_fields
from search.models.model_files import ModelFiles
from search.models.noted_paths import written_copy

FORMAT = "personsearch-share-1"


@dataclass(frozen=True)
class LearnedShare:
    """The share of the second stage that was best on some labeled frames, and how sure that is.

    Args:
        model: The fingerprint of the joint model.
        second_stage: The fingerprint of the crop model.
        second_weight: The share of the crop model in the similarity, from 0 to 1.
        data: The name of the labeled data that it was learned on.
        probes: How many searches for a person of these data were made.
        people: How many people were searched for.
        sightings: How many sightings each search was compared with.
        spread: Between which shares the best one lies nine times in ten, where the people are drawn anew.
        shares: The K shares that were tried, rising.
        mean_aps: The mAP at each of them, from 0 to 1.

    Raises:
        ValueError: A fingerprint is empty, a share is not in [0, 1], or there is not one mAP for each share.
    """

    model: str
    second_stage: str
    second_weight: float
    data: str
    probes: int = 0
    people: int = 0
    sightings: int = 0
    spread: tuple[float, float] = (0.0, 1.0)
    shares: tuple[float, ...] = ()
    mean_aps: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if not self.model or not self.second_stage:
            raise ValueError("a fingerprint is empty, expected those of both models' weights")
        wrong = [one for one in (self.second_weight, *self.spread, *self.shares) if not 0 <= one <= 1]
        if wrong or len(self.spread) != 2:
            raise ValueError(f"share {wrong[0] if wrong else self.spread}, expected shares from 0 to 1")
        if len(self.shares) != len(self.mean_aps):
            raise ValueError(f"{len(self.mean_aps)} mAPs for {len(self.shares)} shares, expected one for each")

    @property
    def words(self) -> str:
        """What a command says where this share counts because nobody gave another one."""
        return (
            f"the second stage counts {self.second_weight:g} of the similarity, as was learned for these two models on "
            f"{self.data}"
        )

    @classmethod
    def from_dict(cls, content: Any) -> Self:
        """The value that JSON held.

        Raises:
            ValueError: A field is unknown, missing or out of its range.
        """
        known = known_fields(cls, content)
        try:
            pairs = {name: tuple(map(float, known.get(name, ()))) for name in ("shares", "mean_aps")}
            low, high = map(float, known.get("spread", (0.0, 1.0)))
            return cls(**known | pairs | {"spread": (low, high), "second_weight": float(known["second_weight"])})
        except (KeyError, TypeError) as error:
            raise ValueError(f"share {content!r} lacks {error}, expected all fields of LearnedShare") from None


def share_file(model: Path | str) -> Path:
    """Where the learned shares of a joint model are.

    >>> share_file("runs/first/model.safetensors").name
    'model.share.json'

    Args:
        model: The model's file, or the folder of its run.
    """
    from reid.runs.weight_files import model_file

    return model_file(model).with_suffix(".share.json")


def learned_shares(model: Path | str) -> tuple[LearnedShare, ...]:
    """All learned shares beside a joint model, the user's own before those of a package; none where nobody learned any.

    Raises:
        ValueError: The file is damaged, or has another format.
    """
    beside = share_file(model)
    written = written_copy(beside)
    return _shares_of(beside) if written == beside else (*_shares_of(written), *_shares_of(beside))


def _shares_of(file: Path) -> tuple[LearnedShare, ...]:
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        if content["format"] != FORMAT:
            raise ValueError(f"format {content['format']!r}, expected {FORMAT!r}")
        return tuple(LearnedShare.from_dict(one) for one in content["shares"])
    except (FileNotFoundError, NotADirectoryError):
        return ()
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        reason = f"lacks {error}" if isinstance(error, KeyError) else str(error).splitlines()[0]
        raise ValueError(
            f"{file} is damaged ({reason}); remove it and run `personsearch calibrate --learn-second-weight` again"
        ) from None


def share_of(files: ModelFiles, model: str, second_stage: str | None) -> LearnedShare | None:
    """The share that was learned for a pair of models; None without a second stage, or where nobody learned one.

    Args:
        files: Where the models are; the share lies beside the joint model.
        model: The fingerprint of the joint model.
        second_stage: The fingerprint of the crop model, None without a second stage.

    Raises:
        ValueError: The file of the shares is damaged.
    """
    if files.model is None or second_stage is None:
        return None
    asked = (model, second_stage)
    return next((one for one in learned_shares(files.model) if (one.model, one.second_stage) == asked), None)


def store_share(model: Path | str, share: LearnedShare) -> Path:
    """Put a share beside the joint model. That of the same pair is replaced, those of other pairs stay.

    The file is written whole or not at all. For a model that comes with a package it lies in the user's folder.

    Returns:
        The file that was written.

    Raises:
        ValueError: The file is there already, and it is damaged.
        OSError: The file cannot be written.
    """
    own = (share.model, share.second_stage)
    file = written_copy(share_file(model))
    file.parent.mkdir(parents=True, exist_ok=True)
    kept = [one for one in _shares_of(file) if (one.model, one.second_stage) != own]
    content = {"format": FORMAT, "shares": [dataclasses.asdict(one) for one in [*kept, share]]}
    write_whole(file, json.dumps(content, indent=1, allow_nan=False) + "\n")
    return file


def pass_shares_on(model: Path | str, before: str, file: Path, after: str) -> int:
    """Put the shares of a joint model beside a file that holds the same weights, or the same ones rounded.

    Args:
        model: The model's file, or the folder of its run.
        before: The fingerprint of its weights.
        file: The new file.
        after: The fingerprint of the weights in it.

    Returns:
        How many shares were written.

    Raises:
        ValueError: The file of the shares is damaged.
        OSError: A file cannot be written.
    """
    own = [one for one in learned_shares(model) if one.model == before]
    for one in own:
        store_share(file, dataclasses.replace(one, model=after))
    return len(own)
