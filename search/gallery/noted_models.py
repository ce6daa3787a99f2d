"""Which model files search a gallery: those that it notes, unless others are named."""

from pathlib import Path

from search.gallery.description import GalleryDescription
from search.models.model_files import ModelFiles


def files_for(path: Path, described: GalleryDescription, named: ModelFiles) -> ModelFiles:
    """The files of a gallery's models. Nothing is loaded, and a detector is left out, for a search finds nobody anew.

    Args:
        path: The gallery's folder, for the messages.
        described: What the gallery says.
        named: Files that somebody names instead. A joint model alone leaves the second stage out.

    Raises:
        FileNotFoundError: A model is not where it was when the gallery was made.
        ValueError: The gallery says nothing of its models, as those of earlier versions, or a joint model is missing
            beside the second stage.
    """
    noted, two_stages = described.files, described.embedded_by.second_stage is not None
    if named.model is not None:
        return ModelFiles(named.model, named.second_stage)
    if named.second_stage is not None and not two_stages and noted.model is None:
        return ModelFiles(None, named.second_stage)
    if noted.owner is None and named.second_stage is not None:
        raise ValueError(f"gallery {path} was made with a joint model too; give --model beside --second-stage")
    if noted.owner is None:
        raise ValueError(
            f"no model is given, and gallery {path} does not say where its models are, as an earlier version made it; "
            "give --model JOINT, or --second-stage CROP_MODEL where it was made with --detector"
        )
    for option, file in (("--model", noted.model), ("--second-stage", noted.second_stage)):
        replaced = option == "--second-stage" and named.second_stage is not None
        if file is not None and not replaced and not file.exists():
            raise FileNotFoundError(
                f"the model of gallery {path} was {file}, which is not there any more; say where it is: {option} FILE"
            )
    return ModelFiles(noted.model, named.second_stage or noted.second_stage)
