"""Which cameras filmed a gallery, whether it was rendered, and which calibrations say something about it."""

import json
from pathlib import Path

import numpy as np
import pytest
from blob_scenes import BlobModel, scene, write

from datasets.footage.cameras import CameraDescription
from datasets.layouts.custom_records import is_rendered
from datasets.samples import FrameSample
from search.gallery.description import GalleryDescription, note_cameras, read_description
from search.gallery.footage import UNKNOWN_CAMERA, Footage
from search.gallery.gallery import Gallery
from search.models.embedded_by import EmbeddedBy
from search.pipeline import PersonSearch

SQUARE = Footage(("1 at 160x120", "2 at 160x120"), rendered=True)
STREET = Footage(("1 at 160x120", "gate at 640x480"))


@pytest.mark.parametrize(
    ("gallery", "words"),
    [
        (STREET, ""),
        (Footage(("gate at 640x480",)), ""),
        (Footage(()), ""),
        (SQUARE, "on real footage, and this gallery holds rendered footage"),
        (Footage(STREET.cameras, None), "on real footage, and this gallery holds rendered and real footage together"),
        (Footage(("1 at 320x240",)), "on other cameras than 1 at 320x240, which filmed this gallery"),
        (Footage(("1 at 160x120", "2 at 160x120")), "on other cameras than 2 at 160x120, which filmed this gallery"),
        (
            Footage(tuple("abcdefg")),
            "on other cameras than a, b, c, d and 3 more, which filmed this gallery",
        ),
        (
            Footage((UNKNOWN_CAMERA, "gate at 640x480")),
            "on certain cameras, and this gallery holds frames of which the camera is unknown",
        ),
    ],
)
def test_in_which_way_a_gallery_is_of_other_footage(gallery: Footage, words: str) -> None:
    assert STREET.difference(gallery) == words


def test_what_is_partly_rendered_describes_nothing() -> None:
    both = Footage(STREET.cameras, None)
    assert both.difference(both) != ""
    assert not both.same_kind(both)
    assert SQUARE.same_kind(Footage(("9 at 1x1",), rendered=True))
    assert not SQUARE.same_kind(STREET)


def test_a_camera_is_known_by_name_and_size(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write(tmp_path / f"{name}.png", scene([0]))
    nobody = np.zeros((0, 4), np.float32), np.zeros(0, np.int64)
    stated = FrameSample("a", tmp_path / "nowhere.png", *nobody, camera=6, size=(720, 576))
    looked_at = FrameSample("b", tmp_path / "b.png", *nobody, camera="6")
    gate, unknown = FrameSample("c", tmp_path / "a.png", *nobody, "gate"), FrameSample("d", tmp_path / "b.png", *nobody)
    found = Footage.of_samples([gate, stated, looked_at, unknown], rendered=False)
    assert found == Footage((UNKNOWN_CAMERA, "6 at 720x576", "gate at 160x120"))
    assert Footage.from_dict(json.loads(json.dumps(vars(found)))) == found
    for wrong in (
        {"cameras": "gate", "rendered": True},
        {"cameras": [], "rendered": "no"},
        {"cameras": [1], "rendered": None},
    ):
        with pytest.raises(ValueError, match=r"expected (a list|true)"):
            Footage.from_dict(wrong)


def test_a_gallery_knows_what_was_rendered(tmp_path: Path) -> None:
    images = []
    for number, camera in enumerate((1, 2)):
        write(tmp_path / "square" / f"{number}.png", scene([number]))
        images.append({"id": number, "file_name": f"{number}.png", "camera_id": camera})
    file = tmp_path / "square" / "test.json"
    search = PersonSearch(BlobModel(), device="cpu")
    with search.open_gallery(tmp_path / "people", create=True) as gallery:
        assert gallery.footage() == Footage(())
        file.write_text(json.dumps({"info": {"synthetic": True}, "images": images}))
        assert is_rendered(file)
        made = json.loads((tmp_path / "people" / "gallery.json").read_text())["created"]
        search.index(file, gallery)
        assert gallery.footage() == SQUARE
        assert gallery.footage(["2"]) == Footage(("2 at 160x120",), rendered=True)
        write(tmp_path / "street" / "gate" / "a.png", scene([0]))
        search.index(tmp_path / "street", gallery)
        assert gallery.footage() == Footage(("1 at 160x120", "2 at 160x120", "gate at 160x120"), None)
        assert gallery.footage(["gate"]) == Footage(("gate at 160x120",))
    described = read_description(tmp_path / "people")
    assert described.rendered_sources == (str(tmp_path / "square"),)
    assert described.first_stage().rendered_sources == described.rendered_sources
    assert json.loads((tmp_path / "people" / "gallery.json").read_text())["created"] == made


@pytest.mark.parametrize("content", [[], {}, {"info": "synthetic"}, {"info": {"synthetic": "yes"}}, {"info": {}}])
def test_footage_is_real_where_nothing_says_otherwise(tmp_path: Path, content: object) -> None:
    (tmp_path / "test.json").write_text(json.dumps(content))
    assert not is_rendered(tmp_path / "test.json")


def test_what_is_known_of_cameras_is_kept(tmp_path: Path) -> None:
    gate = CameraDescription("gate", "North gate", (1.0, 2.5), "Europe/Berlin")
    first = GalleryDescription(4, EmbeddedBy("x", "y"), 3)
    gallery = Gallery.create(tmp_path / "g", first)
    described = note_cameras(gallery.path, first, [gate, CameraDescription("7", "Yard")])
    described = note_cameras(gallery.path, described, [CameraDescription("7", "Back yard")])
    again = Gallery.open(tmp_path / "g").description
    assert again == described
    assert again.cameras == (CameraDescription("7", "Back yard"), gate)
    assert again.camera("gate") == gate
    assert again.camera("8") == CameraDescription("8", "8")
    assert again.first_stage().cameras == again.cameras
