"""What every import has in common: weights that must fill the whole model, and the words for what was done."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor, nn

from detection.published.coco_detector import with_counts
from detection.published.reading import PublishedFile


@dataclass(frozen=True)
class Imported:
    """A model file that was made of a published checkpoint.

    Args:
        kind: "crop model", "joint model" or "detector".
        program: The program whose form the checkpoint has.
        fingerprint: That of the model.
        notes: What the model file keeps beside the weights.
        done: What was taken and what was left out, one sentence each.
        assumed: What no weight tells and was therefore assumed, one sentence each.
    """

    kind: str
    program: str
    fingerprint: str
    notes: Mapping[str, object]
    done: tuple[str, ...]
    assumed: tuple[str, ...]


def fill(model: nn.Module, state: Mapping[str, Tensor]) -> None:
    """Loads weights that must be all of the model's, in its shapes, and puts it into evaluation mode.

    Args:
        model: The model.
        state: Name -> tensor, in the model's names.

    Raises:
        ValueError: A part is missing, unknown or of another shape; the text names it.
    """
    own = model.state_dict()
    given = with_counts(state, own)
    missing, unknown = sorted(own.keys() - given.keys()), sorted(given.keys() - own.keys())
    for names, what in ((missing, "are missing"), (unknown, "are unknown")):
        if names:
            raise ValueError(
                f"{len(names)} parts {what}, the first is {names[0]}; the model would not be the published one"
            )
    wrong = [name for name in own if name in given and given[name].shape != own[name].shape]
    if wrong:
        shapes = f"{tuple(given[wrong[0]].shape)}, expected {tuple(own[wrong[0]].shape)}"
        raise ValueError(f"{len(wrong)} parts have another shape, {wrong[0]} {shapes}")
    model.load_state_dict(given)
    model.eval()


def notes_of(published: PublishedFile, program: str, people: int | None) -> dict[str, object]:
    """What the model file keeps of where it comes from.

    Args:
        published: The checkpoint.
        program: The program whose form it has.
        people: How many people its training told apart, None where it does not say.
    """
    notes: dict[str, object] = {"imported_from": published.path.name, "sha256": published.sha256, "program": program}
    return notes if people is None else notes | {"people": people}


def told(
    published: PublishedFile, structure: str, left_out: Iterable[str] = (), never_used: Iterable[str] = ()
) -> tuple[str, ...]:
    """What was taken and what was left out, one sentence each.

    Args:
        published: The checkpoint.
        structure: The structure in words.
        left_out: The names of what only training needs.
        never_used: The names of what the published network has and does not compute with.
    """
    left_out, never_used = tuple(left_out), tuple(never_used)
    taken = len(published.state) - len(left_out) - len(never_used)
    lines = [f"structure: {structure}", f"{taken} of {len(published.state)} tensors are taken, none is random"]
    if left_out:
        lines.append(f"left out, because only training needs them: {', '.join(left_out)}")
    if never_used:
        lines.append(f"left out, because the published network never uses them: {', '.join(never_used)}")
    if published.beside:
        lines.append(f"not read beside the weights: {', '.join(published.beside)}")
    return tuple(lines)


def card_text(output: Path, imported: Imported) -> str:
    """The card of an imported model, in Markdown.

    Args:
        output: The model's file.
        imported: What was done.
    """
    people = imported.notes.get("people")
    seen = "the file does not say" if people is None else f"{people} people; which ones, the file does not say"
    lines = [
        f"# {output.name}: an imported {imported.kind}",
        "",
        f"- **What it is**: {imported.done[0].removeprefix('structure: ')}.",
        f"- **What it has seen**: {seen}.",
        f"- **How it was made**: imported from {imported.notes['imported_from']} in the form of {imported.program} "
        f"(SHA-256 {imported.notes['sha256']}).",
        *(f"  - {line}." for line in imported.done[1:]),
        "- **Assumed**, because no weight says it:",
        *(f"  - {line}." for line in imported.assumed),
        "- **Not measured** here: `personsearch evaluate` says how good it is, `personsearch calibrate` sets limits",
        "  for its verdicts.",
        "- **License**: that of the published weights and of the data they have seen; ask their publisher.",
    ]
    return "\n".join(lines) + "\n"
