"""Which models come with the packages, how they complete those that are named, and notes that outlive a move."""

import json
import shutil
from pathlib import Path

import pytest
import torch

from detection.checkpoints import read_header
from reid.crops.sphere_reid import FORMAT
from reid.runs.weight_files import read_weight_header
from search.gallery.description import GalleryDescription, read_description, require_same_models, write_description
from search.gallery.noted_models import files_to_index
from search.models import noted_paths
from search.models.embedded_by import EmbeddedBy
from search.models.model_files import ModelFiles
from search.models.noted_paths import PACKAGES, noted, noted_path, weights_folder
from search.models.opening import open_models
from search.models.shipped import said_of, shipped_models, with_shipped

BY = EmbeddedBy("0123456789abcdef")


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of packages that bring a detector, a crop model and the older joint model; nobody opens them."""
    for file in ("detection/weights/people", "reid/weights/people", "detection/weights/plaza"):
        (tmp_path / "site" / f"{file}.safetensors").parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "site" / f"{file}.safetensors").write_bytes(file.encode())
    monkeypatch.setattr(noted_paths, "files", lambda package: tmp_path / "site" / package)
    return tmp_path / "site"


def pair(packages: Path) -> ModelFiles:
    detector = packages / "detection" / "weights" / "people.safetensors"
    return ModelFiles(None, packages / "reid" / "weights" / "people.safetensors", str(detector))


def test_the_shipped_files_are_models_that_search(repository: Path) -> None:
    """Tests what is shipped: every file opens, has at most 8 MiB and a card, and the usual pair makes a search."""
    shipped = [file for package in PACKAGES for file in weights_folder(package).glob("*.safetensors")]
    assert repository / "detection" / "weights" / "plaza.safetensors" in shipped
    for file in shipped:
        assert file.stat().st_size <= 8 * 2**20, file
        assert file.with_suffix(".md").is_file(), file
        header = (
            read_header(file)
            if file.parent.parent.name == "detection"
            else read_weight_header(file, FORMAT, made_by="")
        )
        assert json.loads(header["notes"])["data"]
    models = open_models(shipped_models(), score_threshold=0.5, device="cpu")
    found = models.first.detect([torch.zeros(3, 90, 120)])
    assert found[0].embeddings is not None
    assert found[0].embeddings.shape == (len(found[0]), models.first.embedding_dim)


def test_both_files_make_the_usual_search_and_the_older_model_stands_in(packages: Path) -> None:
    assert shipped_models() == pair(packages)
    (packages / "reid" / "weights" / "people.safetensors").unlink()
    older = packages / "detection" / "weights" / "plaza.safetensors"
    assert shipped_models() == ModelFiles(older)
    older.unlink()
    with pytest.raises(FileNotFoundError, match=r"come with personsearch are missing in .*; install it again, or give"):
        shipped_models()


def test_what_is_not_named_is_the_shipped_one(packages: Path, tmp_path: Path) -> None:
    usual, own = pair(packages), tmp_path / "own.safetensors"
    assert with_shipped(ModelFiles()) == usual
    assert with_shipped(ModelFiles(own)) == ModelFiles(own)
    assert with_shipped(ModelFiles(own, own)) == ModelFiles(own, own)
    assert with_shipped(ModelFiles(None, own)) == ModelFiles(None, own, usual.detector)
    assert with_shipped(ModelFiles(None, None, "coco")) == ModelFiles(None, usual.second_stage, "coco")
    assert with_shipped(ModelFiles(None, own, "coco")) == ModelFiles(None, own, "coco")
    (packages / "reid" / "weights" / "people.safetensors").unlink()
    older = packages / "detection" / "weights" / "plaza.safetensors"
    assert with_shipped(ModelFiles(None, own)) == ModelFiles(None, own, str(older))
    with pytest.raises(ValueError, match="cannot tell them apart"):
        with_shipped(ModelFiles(None, None, "coco")).require_usable()


def test_the_line_says_what_is_shipped_and_what_is_not(packages: Path) -> None:
    said = said_of(pair(packages))
    assert said == "detector people (comes with personsearch), crop model people (comes with personsearch)"
    assert said_of(ModelFiles(Path("runs/a"), Path("runs/b"))) == "joint model runs/a, crop model runs/b"


def test_shipped_files_are_noted_by_their_package_and_others_by_their_path(packages: Path, tmp_path: Path) -> None:
    content = pair(packages).to_dict()
    assert content == {
        "second_stage": "shipped:reid/weights/people.safetensors",
        "detector": "shipped:detection/weights/people.safetensors",
    }
    assert ModelFiles.from_dict(content) == pair(packages)
    own = ModelFiles(tmp_path / "detection" / "weights" / "own.safetensors", None, None)
    assert own.to_dict() == {"model": str(own.model)}
    assert ModelFiles.from_dict(own.to_dict()) == own
    coco = ModelFiles(None, tmp_path / "crops.safetensors", "coco")
    assert ModelFiles.from_dict(coco.to_dict()) == coco
    link = tmp_path / "link"
    link.symlink_to(packages / "reid")
    assert noted(link / "weights" / "people.safetensors") == "shipped:reid/weights/people.safetensors"


@pytest.mark.parametrize("note", ["shipped:people", "shipped:datasets/weights/a", "shipped:a/reid/weights/b"])
def test_a_note_that_names_no_shipped_file_is_refused(note: str) -> None:
    with pytest.raises(ValueError, match="expected shipped:PACKAGE/weights/NAME"):
        noted_path(note)


def test_a_note_outlives_a_move_of_the_packages(
    packages: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_description(tmp_path, GalleryDescription(8, BY, files=pair(packages)))
    by_path = str(packages / "detection" / "weights" / "plaza.safetensors")  # as earlier versions noted it
    assert noted_path(by_path) == Path(by_path)
    packages.rename(tmp_path / "elsewhere")
    monkeypatch.setattr(noted_paths, "files", lambda package: tmp_path / "elsewhere" / package)
    assert read_description(tmp_path).files == pair(tmp_path / "elsewhere")
    assert noted_path(by_path) == tmp_path / "elsewhere" / "detection" / "weights" / "plaza.safetensors"
    gone = str(packages / "detection" / "weights" / "square.safetensors")
    assert noted_path(gone) == Path(gone)


def test_a_gallery_keeps_its_models_and_a_new_one_gets_the_shipped_ones(packages: Path, tmp_path: Path) -> None:
    own = [tmp_path / f"{name}.safetensors" for name in ("joint", "crops", "other")]
    for file in own:
        file.write_bytes(b"")
    joint, crops, other = own
    usual, people = pair(packages), tmp_path / "people"
    assert files_to_index(people, ModelFiles()) == usual
    assert files_to_index(people, ModelFiles(joint)) == ModelFiles(joint)
    people.mkdir()

    def made_with(files: ModelFiles, *, second: bool = False) -> None:
        by = EmbeddedBy(BY.model, "fedcba9876543210") if second else BY
        write_description(people, GalleryDescription(8, by, 4 if second else None, files))

    made_with(ModelFiles(joint, crops), second=True)
    assert files_to_index(people, ModelFiles()) == ModelFiles(joint, crops)
    assert files_to_index(people, ModelFiles(None, other)) == ModelFiles(joint, other)
    assert files_to_index(people, ModelFiles(other)) == ModelFiles(other)
    made_with(ModelFiles(None, crops, "coco"))
    assert files_to_index(people, ModelFiles()) == ModelFiles(None, crops, "coco")
    assert files_to_index(people, ModelFiles(None, other)) == ModelFiles(None, other, "coco")
    assert files_to_index(people, ModelFiles(None, None, str(joint))) == ModelFiles(None, crops, str(joint))
    assert files_to_index(people, ModelFiles(None, other, str(joint))) == ModelFiles(None, other, str(joint))
    made_with(usual)
    assert files_to_index(people, ModelFiles()) == usual
    made_with(ModelFiles())
    with pytest.raises(ValueError, match="does not say where its models are"):
        files_to_index(people, ModelFiles())
    made_with(ModelFiles(joint))
    joint.unlink()
    with pytest.raises(FileNotFoundError, match=r"joint\.safetensors, which is not there any more"):
        files_to_index(people, ModelFiles())


def test_other_weights_of_another_version_are_named_as_such(packages: Path, tmp_path: Path) -> None:
    files = pair(packages)
    own, given = (GalleryDescription(8, EmbeddedBy(name), files=files) for name in ("a" * 16, "b" * 16))
    with pytest.raises(ValueError, match=r"with people\.safetensors of another version of personsearch") as caught:
        require_same_models(tmp_path, own, given, reading=True)
    assert "\n" not in str(caught.value)
    moved = GalleryDescription(8, given.embedded_by, files=ModelFiles(tmp_path / "own.safetensors"))
    with pytest.raises(ValueError, match="indexed with another model than the one given"):
        require_same_models(tmp_path, own, moved, reading=True)


def test_a_copy_of_a_shipped_file_is_a_file_of_ones_own(tmp_path: Path) -> None:
    shipped = weights_folder("detection") / "plaza.safetensors"
    copy = tmp_path / shipped.name
    shutil.copy(shipped, copy)
    assert noted(copy) == str(copy)
    assert noted(shipped) == "shipped:detection/weights/plaza.safetensors"
