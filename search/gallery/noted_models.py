"""Which model files search or fill a gallery: those that it notes, unless others are named."""

from pathlib import Path

from search.gallery.description import DESCRIPTION_FILE, GalleryDescription, read_description
from search.models.model_files import ModelFiles
from search.models.shipped import with_shipped


def files_to_index(path: Path, named: ModelFiles) -> ModelFiles:
    """The files of the models that fill a gallery: the shipped ones for a new gallery where no others are named.

    A gallery that is there keeps the models that it was made with. Whether files that are named fit it is seen when
    they are loaded.

    Args:
        path: The gallery's folder, which need not be there.
        named: Files that somebody names instead.

    Raises:
        FileNotFoundError: A model is not where it was when the gallery was made, or the shipped models are missing.
        ValueError: The gallery is there and does not say where its models are, or its description is damaged.
    """
    if named.model is not None or not (path / DESCRIPTION_FILE).exists():
        return with_shipped(named)
    described = read_description(path)
    noted = described.files
    if named.second_stage is not None and named.detector is not None:
        return named
    if named.detector is not None:
        return with_shipped(ModelFiles(None, noted.second_stage, named.detector))
    chosen = files_for(path, described, named)
    if chosen.model is not None:
        return chosen
    return with_shipped(ModelFiles(None, chosen.second_stage, noted.detector))


def finds_people(path: Path, named: ModelFiles) -> bool:
    """Whether the models that search a gallery can find people in pictures too, without anything being downloaded.

    Args:
        path: The gallery's folder.
        named: Files that somebody names instead.

    Raises:
        FileNotFoundError: No gallery is there.
        ValueError: Its description is damaged.
    """
    noted = read_description(path).files
    detector = named.detector or noted.detector
    joint = named.model is not None or (noted.model is not None and named.second_stage is None)
    return joint or (detector is not None and Path(detector).is_file())


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
